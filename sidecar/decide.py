"""The decision: granted, and not forbidden, from one policy and one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sidecar.errors import EvaluationError, InvalidRequestError
from sidecar.evaluation import FAULT, Evaluator, Frame, Tree
from sidecar.facts import Snapshot
from sidecar.model import NOTHING, Decision, Obligation, Reason, Reference, Request, Revisions
from sidecar.policy.compiled import Entry, Policy
from sidecar.policy.exploring import UNDECLARED_ACTION
from sidecar.policy.trees import FALSE, Node
from sidecar.requests import admit_action, admit_context, admit_entity, key_of_id
from sidecar.schema import EntityType, Schema, id_of


def decide(request: Request, policy: Policy, snapshot: Snapshot, now: datetime) -> Decision:
    """Answer a request from one policy and one snapshot: granted, and not forbidden (R20).

    Pure, and total over well-formed requests: what does not exist is denied with a reason. `now`
    is aware; it is the only clock that the policy sees.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    asked = _Asked.of(request.subject.type, request.resource.type, policy)
    frame = asked.frame(request, snapshot, now)
    if frame is None:
        return _denial(asked.unknown(request.action), policy, snapshot)
    question = asked.question(request.action)
    reasons: list[str] = []
    faults: list[str] = []
    granted = question.holds("allow", None, question.granted, frame, faults)
    for code, tree in question.forbids:
        if question.holds("forbid", code, tree, frame, faults):
            reasons.append(code)
    reasons += asked.standing(request.action, frame)
    obliged = [
        code
        for code, tree in question.obliges
        if granted and question.holds("oblige", code, tree, frame, faults)
    ]
    if faults:
        reasons.append("policy_error")
    # The one way to an allow.
    if granted and not reasons and not faults:
        obligations = tuple(
            Obligation(code, policy.sentences.obligations[code]) for code in obliged
        )
        return Decision(
            allowed=True,
            reasons=(),
            obligations=obligations,
            revisions=_revisions(policy, snapshot),
        )
    return _denial(reasons or ["not_granted"], policy, snapshot, tuple(faults))


def permissions(
    subject: Reference,
    resource: Reference,
    policy: Policy,
    snapshot: Snapshot,
    now: datetime,
    *,
    subject_properties: Mapping[str, object] = NOTHING,
    resource_properties: Mapping[str, object] = NOTHING,
    context: Mapping[str, object] = NOTHING,
) -> tuple[str, ...]:
    """Return the actions that `decide` would allow without properties, in the schema's order.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    request = Request(
        subject=subject,
        action=UNDECLARED_ACTION,
        resource=resource,
        subject_properties=subject_properties,
        resource_properties=resource_properties,
        context=context,
    )
    asked = _Asked.of(subject.type, resource.type, policy)
    frame = asked.frame(request, snapshot, now)
    if frame is None:
        return ()
    # Many actions share their trees, and no tree reads which action it is asked for.
    known: dict[int, bool] = {}
    return tuple(
        name
        for name in asked.actions()
        if asked.question(name).allowed(frame, known, asked.standing(name, frame))
    )


def search_subjects(
    subject_type: str,
    action: str,
    resource: Reference,
    policy: Policy,
    snapshot: Snapshot,
    now: datetime,
    *,
    subject_properties: Mapping[str, object] = NOTHING,
    action_properties: Mapping[str, object] = NOTHING,
    resource_properties: Mapping[str, object] = NOTHING,
    context: Mapping[str, object] = NOTHING,
) -> tuple[str, ...]:
    """Return the ids of all mounted subjects of a type for which `decide` allows, sorted.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, or nobody mounts the type.
    """

    def request(id_text: str) -> Request:
        return Request(
            subject=Reference(subject_type, id_text),
            action=action,
            resource=resource,
            subject_properties=subject_properties,
            action_properties=action_properties,
            resource_properties=resource_properties,
            context=context,
        )

    ids = _candidates(policy.schema, subject_type, snapshot, "subject.type")
    return tuple(each for each in ids if decide(request(each), policy, snapshot, now).allowed)


def search_resources(
    subject: Reference,
    action: str,
    resource_type: str,
    policy: Policy,
    snapshot: Snapshot,
    now: datetime,
    *,
    subject_properties: Mapping[str, object] = NOTHING,
    action_properties: Mapping[str, object] = NOTHING,
    resource_properties: Mapping[str, object] = NOTHING,
    context: Mapping[str, object] = NOTHING,
) -> tuple[str, ...]:
    """Return the ids of all mounted resources of a type for which `decide` allows, sorted.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, or nobody mounts the type.
    """

    def request(id_text: str) -> Request:
        return Request(
            subject=subject,
            action=action,
            resource=Reference(resource_type, id_text),
            subject_properties=subject_properties,
            action_properties=action_properties,
            resource_properties=resource_properties,
            context=context,
        )

    ids = _candidates(policy.schema, resource_type, snapshot, "resource.type")
    return tuple(each for each in ids if decide(request(each), policy, snapshot, now).allowed)


def _candidates(schema: Schema, type_name: str, snapshot: Snapshot, member: str) -> Iterator[str]:
    """Yield the ids of a type, sorted; those included that exist without a row."""
    declared = schema.types.get(type_name)
    if declared is None:
        return
    if not declared.table:
        raise InvalidRequestError(member, f"cannot be searched: nobody mounts `{type_name}`")
    yield from sorted(
        {
            id_of(key)
            for key in (*snapshot.rows(type_name), *_implied_keys(declared, schema, snapshot))
        }
    )


def _implied_keys(
    declared: EntityType, schema: Schema, snapshot: Snapshot
) -> Iterator[tuple[str, ...]]:
    """Yield the keys of entities that exist by implication: one column refers, a path from it names the other."""
    if declared.implied is None:
        return
    (reference, *steps), column = declared.implied
    start = declared.attributes[reference].type.target
    for key in snapshot.rows(start):
        current, value = start, key
        for step in steps:
            row = snapshot.rows(current).get(value)
            if row is None:
                break
            attribute = schema.types[current].attributes[step]
            value = row[list(schema.types[current].attributes).index(step)]
            current = attribute.type.target
        else:
            if value is not None:
                parts = {reference: key, column: value}
                yield tuple(parts[name] for name in declared.key)


@dataclass(frozen=True, slots=True)
class _Question:
    """The bound trees of one entry. None in place of a tree: Oso has to be asked."""

    policy: Policy
    evaluator: Evaluator
    names: tuple[str, str, str]
    granted: Tree | None
    forbids: tuple[tuple[str, Tree | None], ...]
    obliges: tuple[tuple[str, Tree | None], ...]

    @classmethod
    def of(
        cls, entry: Entry, policy: Policy, evaluator: Evaluator, names: tuple[str, str, str]
    ) -> _Question:
        """Bind the trees of an entry."""

        def bound(node: Node | None) -> Tree | None:
            return None if node is None else evaluator.tree(node)

        return cls(
            policy,
            evaluator,
            names,
            bound(entry.granted),
            tuple((code, bound(node)) for code, node in entry.forbids.items() if node is not FALSE),
            tuple((code, bound(node)) for code, node in entry.obliges.items() if node is not FALSE),
        )

    def holds(
        self, rule: str, code: str | None, tree: Tree | None, frame: Frame, faults: list[str]
    ) -> bool:
        """Tell whether a rule holds; one that fails is added to `faults` and does not."""
        if tree is None:
            return self._ask(rule, code, frame, faults)
        leaf = self.evaluator.walk(tree, frame)
        if leaf is FAULT:
            faults.append(f"`{rule}`{f' `{code}`' if code else ''} failed for {self.names}")
            return False
        return leaf is True

    def _ask(self, rule: str, code: str | None, frame: Frame, faults: list[str]) -> bool:
        subject, resource, action = self.names
        asked = {
            "rule": rule,
            "code": code,
            "subject": subject,
            "resource": resource,
            "action": action,
        }
        try:
            return self.policy.oso.holds(
                asked, lambda question: self.evaluator.answer(question, frame)
            )
        except EvaluationError as error:
            faults.append(str(error))
            return False

    def allowed(self, frame: Frame, known: dict[int, bool], standing: list[str]) -> bool:
        """Tell whether this is granted and not forbidden, with what is already known of the trees."""
        if standing:
            return False
        faults: list[str] = []
        for rule, code, tree in (
            ("allow", None, self.granted),
            *(("forbid", code, tree) for code, tree in self.forbids),
        ):
            holds = known.get(id(tree)) if tree is not None else None
            if holds is None:
                holds = self.holds(rule, code, tree, frame, faults)
                if tree is not None and not faults:
                    known[id(tree)] = holds
            if holds is not (rule == "allow") or faults:
                return False
        for code, tree in self.obliges:
            self.holds("oblige", code, tree, frame, faults)
        return not faults


class _Asked:
    """Everything about one pair of types; made once for a policy and kept with it."""

    def __init__(self, subject: str, resource: str, policy: Policy) -> None:
        self._policy = policy
        self._subject = policy.schema.types.get(subject)
        self._resource = policy.schema.types.get(resource)
        if self._subject is not None and not self._subject.subject:
            self._subject = None
        self._questions: dict[str, _Question] = {}
        if self._subject is not None and self._resource is not None:
            self._evaluator = Evaluator(policy, self._subject, self._resource)
            self._exists = tuple(
                self._evaluator.exists((root,)) for root in ("subject", "resource")
            )
            for name in (*self._resource.actions, UNDECLARED_ACTION):
                names = (subject, resource, name)
                self._questions[name] = _Question.of(
                    policy.entries[names], policy, self._evaluator, names
                )

    @classmethod
    def of(cls, subject: str, resource: str, policy: Policy) -> _Asked:
        """Return what is kept for a pair of types."""
        kept: _Asked | None = policy.derived.get((subject, resource))
        if kept is None:
            kept = cls(subject, resource, policy)
            if kept._subject is not None and kept._resource is not None:
                policy.derived[subject, resource] = kept
        return kept

    def actions(self) -> tuple[str, ...]:
        """Return the declared actions of the resource's type."""
        return tuple(self._resource.actions) if self._resource is not None else ()

    def question(self, action: str) -> _Question:
        """Return the trees for an action; those of an undeclared one where it is not declared."""
        return self._questions.get(action) or self._questions[UNDECLARED_ACTION]

    def frame(self, request: Request, snapshot: Snapshot, now: datetime) -> Frame | None:
        """Admit what the caller says; None where the schema has no such subject or resource."""
        schema = self._policy.schema
        context = admit_context(schema, request.context, now)
        said = (
            admit_entity(schema, self._subject, request.subject_properties, "subject.properties"),
            admit_entity(
                schema, self._resource, request.resource_properties, "resource.properties"
            ),
        )
        action = admit_action(schema, self._resource, request.action, request.action_properties)
        if self._subject is None or self._resource is None:
            return None
        keys = (
            key_of_id(self._subject, request.subject.id),
            key_of_id(self._resource, request.resource.id),
        )
        return Frame(snapshot, self._evaluator, keys, said, action, context)

    def unknown(self, action: str) -> list[str]:
        """Return the reasons where the schema does not know a type: the policy cannot be asked."""
        types = self._policy.schema.types.values()
        declared = (
            self._resource.actions
            if self._resource is not None
            else {name for each in types for name in each.actions}
        )
        missing = (self._subject is None, self._resource is None, action not in declared)
        return [
            code
            for code, holds in zip(
                ("unknown_subject", "unknown_resource", "unknown_action"), missing, strict=True
            )
            if holds
        ]

    def standing(self, action: str, frame: Frame) -> list[str]:
        """Return the reasons that need no policy: what does not exist, or must not exist yet (R20)."""
        assert self._resource is not None  # noqa: S101 - there is a frame
        reasons = []
        if not self._exists[0](frame):
            reasons.append("unknown_subject")
        exists = self._exists[1](frame)
        declared = self._resource.actions.get(action)
        if declared is None:
            reasons.append("unknown_action")
        if declared is not None and declared.creates:
            if exists and self._resource.table:
                reasons.append("already_exists")
        elif not exists:
            reasons.append("unknown_resource")
        return reasons


def _revisions(policy: Policy, snapshot: Snapshot) -> Revisions:
    return Revisions(policy.revision, snapshot.revision)


def _denial(
    codes: list[str], policy: Policy, snapshot: Snapshot, faults: tuple[str, ...] = ()
) -> Decision:
    reasons = tuple(
        Reason(code, policy.sentences.reasons.get(code, code)) for code in dict.fromkeys(codes)
    )
    return Decision(
        allowed=False,
        reasons=reasons,
        obligations=(),
        revisions=_revisions(policy, snapshot),
        faults=faults,
    )
