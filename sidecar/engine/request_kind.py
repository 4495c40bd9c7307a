"""Request kinds: the compiled form of every request about one pair of types."""

from __future__ import annotations

from datetime import datetime

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.diagram.paths import RESOURCE, SUBJECT, Path
from sidecar.diagram.questions import Answer, Question
from sidecar.engine.admission import can_be_created
from sidecar.engine.always_on import always_on_reasons
from sidecar.engine.bound_rules import BoundRule, BoundRules, RuleBinder
from sidecar.engine.candidates import Candidates
from sidecar.engine.evaluator import FAULT, Evaluator
from sidecar.engine.frame import Frame
from sidecar.engine.frame_builder import FrameBuilder
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy, Query
from sidecar.errors import BadRowError, DataError, EvaluationError
from sidecar.facts import Facts
from sidecar.model import Request
from sidecar.schema import EntityType, Key


def prepare_kinds(policy: Policy) -> None:
    """Bind all diagrams of a policy now, and not when a caller waits for an answer."""
    for subject, resource, _ in policy.entries:
        kind_of(subject, resource, policy)


def kind_of(subject: str, resource: str, policy: Policy) -> RequestKind | None:
    """Return the request kind of a pair of types, or None if the schema does not declare one."""
    kind: RequestKind | None = policy.derived.get((subject, resource))
    if kind is None and (subject, resource, UNDECLARED_ACTION) in policy.entries:
        types = policy.schema.types
        kind = RequestKind(types[subject], types[resource], policy)
        policy.derived[subject, resource] = kind
    return kind


class DataFault(str):
    """A line about a rule that fails because of the facts, and not of the policy."""

    __slots__ = ()


class RequestKind:
    """One type of subject and one type of resource under one policy."""

    def __init__(self, subject: EntityType, resource: EntityType, policy: Policy) -> None:
        self.subject = subject
        self.resource = resource
        self._policy = policy
        self._reader = Reader(policy.schema, policy.settings, subject, resource)
        self._evaluator = Evaluator(self._reader, policy.tests)
        self._exists = self._reader.exists(SUBJECT), self._reader.exists(RESOURCE)
        self._rows_tell = bool(subject.table and resource.table)
        """Whether an entity with a row exists, on both sides; some exist without one."""
        self._candidates: dict[Path, Candidates] = {}
        self._binder = RuleBinder(self._reader, policy.tests, subject, resource)
        entries = {
            name: policy.entries[subject.name, resource.name, name]
            for name in (*resource.actions, UNDECLARED_ACTION)
        }
        pair = (subject.name, resource.name)
        foreign = {key[2]: entry for key, entry in policy.foreign.items() if key[:2] == pair}
        self._rules = {
            name: self._binder.bind(entry, resource.actions.get(name))
            for name, entry in {**entries, **foreign}.items()
        }
        self._ordinary = {name for name, rules in self._rules.items() if rules.ordinary}
        # After the rules: a frame has room for the rows that they look for.
        self._frames = FrameBuilder(self._reader, subject, resource)

    def candidates(
        self, unknown: Path, request: Request, snapshot: Facts, now: datetime
    ) -> set[Key] | None:
        """Return keys that hold every `unknown` for which the request can be allowed.

        None where there is no bound, or where the interpreter decides.

        Args:
            unknown: `SUBJECT` or `RESOURCE`; its id in the request is not read.
            request: All the rest.
            snapshot: The facts.
            now: The time of the decision.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        names = (self.subject.name, self.resource.name)
        entry = self._policy.entry(*names, request.action)
        if entry.granted is None:
            return None
        if unknown not in self._candidates:
            self._candidates[unknown] = Candidates(
                self._reader, self._evaluator, self._policy.tests, unknown
            )
        try:
            frame = self.frame(request, snapshot, now)
        except BadRowError:  # the known side cannot be read
            return set()
        return set() if frame.outside else self._candidates[unknown].of(entry.granted, frame)

    def frame(self, request: Request, snapshot: Facts, now: datetime) -> Frame:
        """Admit the properties of a request and find its subject and its resource.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        return self._frames.build(request, snapshot, now)

    def entry(self, action: str) -> BoundRules:
        """Return the rules of an action, or those of an undeclared one."""
        return self._rules.get(action) or self._rules[UNDECLARED_ACTION]

    def holds(self, rule: BoundRule, action: str, frame: Frame, faults: list[str]) -> bool:
        """Tell whether a rule holds; a rule that fails does not hold.

        Args:
            rule: A rule of the action.
            action: The action of the request.
            frame: The frame of the request.
            faults: Gets a line for each rule that fails.
        """
        if rule.evaluate is None:
            return self._interpret(rule, action, frame, faults)
        leaf = rule.evaluate(frame)
        if leaf is FAULT:
            name = f"`{rule.kind}` `{rule.code}`" if rule.code else f"`{rule.kind}`"
            pair = f"`{self.subject.name}` and `{self.resource.name}`"
            # No diagram fails by itself: it fails where references go on behind their depth.
            what = f"{name} reads references that go on behind their depth, or go round"
            faults.append(DataFault(f"{what}, for `{action}` between {pair}"))
        return leaf is True

    def always_on_reasons(self, action: str, frame: Frame) -> list[str]:
        """Return the reasons of a denial that needs no policy (R20, `always_on`)."""
        subject, resource = frame.rows
        has_rows = self._rows_tell and subject is not None and resource is not None
        if has_rows and action in self._ordinary:
            return []  # as in most requests
        return always_on_reasons(
            self.resource,
            self.resource.actions.get(action),
            subject_exists=self._exists[0](frame),
            resource_exists=self._exists[1](frame),
            can_be_created=lambda: can_be_created(self.resource, frame.keys[1]),
        )

    def query(self, rule: str, code: str, action: str) -> Query:
        """Return the query to the interpreter for a rule of an action."""
        return {
            "rule": rule,
            "code": code or None,
            "subject": self.subject.name,
            "resource": self.resource.name,
            "action": action if action in self._rules else UNDECLARED_ACTION,
        }

    def _interpret(self, rule: BoundRule, action: str, frame: Frame, faults: list[str]) -> bool:
        unreadable: list[BadRowError] = []

        def answer(question: Question) -> Answer:
            try:
                return self._evaluator.answer(question, frame)
            except BadRowError as error:  # the conversation goes on, and comes to nothing
                unreadable.append(error)
                return False

        try:
            holds = self._policy.interpreter.holds(self.query(rule.kind, rule.code, action), answer)
        except DataError as error:
            faults.append(DataFault(error))
            return False
        except EvaluationError as error:
            faults.append(DataFault(unreadable[0]) if unreadable else str(error))
            return False
        if unreadable:
            faults.append(DataFault(unreadable[0]))
        return holds and not unreadable
