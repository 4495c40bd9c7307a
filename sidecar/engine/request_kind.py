"""Kinds of request: what is the same for every request about one pair of types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from sidecar.bundle import UNDECLARED_ACTION, Entry
from sidecar.diagram.nodes import Node
from sidecar.diagram.questions import RESOURCE, SUBJECT, Path, Question, member
from sidecar.engine.admission import (
    NOTHING_ADMITTED,
    NOTHING_SAID,
    Admitted,
    Said,
    admit_action,
    admit_context,
    admit_entity,
    can_be_created,
    defaults_of,
    id_reader,
)
from sidecar.engine.always_on import always_on_reasons
from sidecar.engine.candidates import Candidates
from sidecar.engine.evaluator import FAULT, Evaluator, evaluate
from sidecar.engine.frame import Frame
from sidecar.engine.joint_diagram import Joint
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.engine.validity import Moments, Window
from sidecar.errors import EvaluationError
from sidecar.facts import Row, Snapshot
from sidecar.model import Request
from sidecar.schema import EntityType, Key, Value

Unadmitted = Mapping[str, object]
"""Properties or a context as the caller said them."""


def prepare_kinds(policy: Policy) -> None:
    """Bind all diagrams of a policy now, and not when a caller waits for an answer."""
    for subject, resource, _ in policy.entries:
        kind_of(subject, resource, policy)


def kind_of(subject: str, resource: str, policy: Policy) -> RequestKind | None:
    """Return what is kept for a pair of types; None where the schema does not know one of them."""
    kept: RequestKind | None = policy.derived.get((subject, resource))
    if kept is None and {(subject, resource, UNDECLARED_ACTION)} <= policy.entries.keys():
        types = policy.schema.types
        kept = policy.derived[subject, resource] = RequestKind(
            types[subject], types[resource], policy
        )
    return kept


Evaluate = Callable[[Frame], Any]
"""Returns True, False or `FAULT` for a frame; of a joint diagram the value of its leaf."""

Rule = tuple[str, str, Evaluate | None]
"""``allow``, ``forbid`` or ``oblige``; the reason or obligation, empty for ``allow``; and the
function of its tree, None where Oso has to be asked."""


@dataclass(frozen=True, slots=True)
class BoundEntry:
    """The rules of one action."""

    grant: Rule
    """Asked only where `RequestKind.always_on_reasons` has no reason against it."""
    forbids: tuple[Rule, ...]
    obliges: tuple[Rule, ...]
    allowed: Evaluate | None
    """Granted and not forbidden, in one; None where the rules are asked one by one. Asked only
    where `RequestKind.always_on_reasons` has no reason against it."""

    asks_oso: bool
    """Whether a rule was not compiled, so that its answer takes long."""
    ordinary: bool
    """Whether the action is declared, and of what exists."""


class Listed(NamedTuple):
    """Actions of one resource for one subject."""

    names: tuple[str, ...]
    """In the order of the schema; no other is allowed."""
    unsure: frozenset[str]
    """Those of them that have to be asked one by one."""


class RequestKind:
    """One type of subject and one type of resource under one policy."""

    def __init__(self, subject: EntityType, resource: EntityType, policy: Policy) -> None:
        self.subject = subject
        self.resource = resource
        self._policy = policy
        self._reader = Reader(policy.schema, policy.settings, subject, resource)
        self._evaluator = Evaluator(self._reader, policy.tests)
        self._subject_key = id_reader(policy.schema, subject)
        self._resource_key = id_reader(policy.schema, resource)
        self._exists = self._reader.exists(SUBJECT), self._reader.exists(RESOURCE)
        self._rows_tell = bool(subject.table and resource.table)
        """Whether what has a row exists, on both sides; some exists without one."""
        self._defaults = defaults_of(policy.schema.context)
        self._defaults_of = {
            name: defaults_of(action.properties) for name, action in resource.actions.items()
        }
        self._defaults_of_both = defaults_of(subject.attributes), defaults_of(resource.attributes)
        self._no_defaults = not any(self._defaults_of_both)
        self.particular = frozenset(
            name
            for name, action in resource.actions.items()
            if self._defaults_of[name] or (action.creates and self._defaults_of_both[1])
        )
        """Actions for which something is read that is not read for all: their own defaults."""
        self._candidates: dict[Path, Candidates] = {}
        entries = {
            name: policy.entries[subject.name, resource.name, name]
            for name in (*resource.actions, UNDECLARED_ACTION)
        }
        pair = (subject.name, resource.name)
        foreign = {key[2]: entry for key, entry in policy.foreign.items() if key[:2] == pair}
        self._entries = self._bound_entries({**entries, **foreign})
        self._asks_oso = any(entry.asks_oso for entry in self._entries.values())
        self._listing = self._joined(entries)
        self._moments = Moments(self._reader, policy.tests, _roots(entries.values()))

    def candidates(
        self, unknown: Path, request: Request, snapshot: Snapshot, now: datetime
    ) -> set[Key] | None:
        """Return keys that hold every `unknown` for which the request can be allowed.

        None where there is no bound, or Oso has to be asked.

        Args:
            unknown: `SUBJECT` or `RESOURCE`; what the request says of its id is not looked at.
            request: All the rest.
            snapshot: The facts.
            now: The moment.

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
        frame = self.frame(request, snapshot, now)
        return set() if frame.outside else self._candidates[unknown].of(entry.granted, frame)

    def frame(self, request: Request, snapshot: Snapshot, now: datetime) -> Frame:
        """Admit what the caller says and find the subject and the resource.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        said = (
            request.subject_properties,
            request.resource_properties,
            request.action_properties,
            request.context,
        )
        ids = (request.subject.id, request.resource.id)
        return self.framed(ids, request.action, said, snapshot, now)

    def framed(
        self,
        ids: tuple[str, str],
        action: str,
        said: tuple[Unadmitted, Unadmitted, Unadmitted, Unadmitted],
        snapshot: Snapshot,
        now: datetime,
    ) -> Frame:
        """Do the same for a request that is no object yet.

        Args:
            ids: Of the subject and the resource.
            action: Its name.
            said: Properties of subject, resource and action, and the context.
            snapshot: The facts.
            now: The moment.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        subject, resource = self.subject, self.resource
        keys = self._subject_key(ids[0]), self._resource_key(ids[1])
        rows = (
            snapshot.rows(subject.name).get(keys[0]),  # type: ignore[arg-type]  # None is no key
            snapshot.rows(resource.name).get(keys[1]),  # type: ignore[arg-type]
        )
        of_action = self._defaults_of.get(action, NOTHING_SAID)
        of_context: dict[str, Value] = {**self._defaults, "now": now}
        if not any(said):  # as in most requests
            beside: tuple[Said, Said] = (of_action, of_context)
            frame = self._bare(snapshot, keys, rows, beside)
            if not self._no_defaults:
                self._add_properties(frame, action, NOTHING_ADMITTED, NOTHING_ADMITTED)
            return frame
        schema = self._policy.schema
        admitted = (
            admit_entity(schema, subject, said[0], "subject.properties"),
            admit_entity(schema, resource, said[1], "resource.properties"),
            admit_action(schema, resource, action, said[2]),
            admit_context(schema, said[3]),
        )
        beside = admitted[2].over(of_action), admitted[3].over(of_context)
        frame = self._bare(snapshot, keys, rows, beside)
        frame.outside = (*chain.from_iterable(each.outside for each in admitted),)
        self._add_properties(frame, action, *admitted[:2])
        return frame

    def _bare(
        self,
        snapshot: Snapshot,
        keys: tuple[Key | None, Key | None],
        rows: tuple[Row | None, Row | None],
        beside: tuple[Said, Said],
    ) -> Frame:
        """Return a frame in which nothing is said of the subject and the resource."""
        said = (NOTHING_SAID, NOTHING_SAID, *beside)
        return Frame(snapshot, keys, rows, said, self._reader.slots)

    def _add_properties(
        self, frame: Frame, action: str, subject: Admitted, resource: Admitted
    ) -> None:
        """Add what a caller says of subject and resource, with the defaults of what is there.

        Whether something exists depends neither on what is said nor on a default.
        """
        of_subject, of_resource = self._defaults_of_both
        if frame.rows[0] is None and not self._exists[0](frame):
            of_subject = NOTHING_SAID
        if frame.rows[1] is None and not (self._creates(action) or self._exists[1](frame)):
            of_resource = NOTHING_SAID
        said = (subject.over(of_subject), resource.over(of_resource))
        frame.said = (*said, frame.action, frame.context)

    def _creates(self, action: str) -> bool:
        declared = self.resource.actions.get(action)
        return declared is not None and declared.creates

    def window(self, frame: Frame, action: str | None = None) -> Window | None:
        """Return between which instants the answers stay what they are now; None if nobody knows.

        Args:
            frame: The subject, the resource, what the caller said, and the moment.
            action: The action; None for all of them.
        """
        asks_oso = self._asks_oso if action is None else self.entry(action).asks_oso
        return None if asks_oso else self._moments.window(frame)

    def entry(self, action: str) -> BoundEntry:
        """Return the trees of an action; those of an undeclared one where it is not declared."""
        return self._entries.get(action) or self._entries[UNDECLARED_ACTION]

    def listed(self, frame: Frame) -> Listed:
        """Return which actions are allowed, as far as one walk can tell."""
        if self._listing is not None and self._rows_tell and None not in frame.rows:
            listed: Listed | str = self._listing(frame)
            # Where facts are not what the schema says, some actions may be allowed all the same.
            if isinstance(listed, Listed):
                return listed
        names = tuple(self.resource.actions)
        return Listed(names, frozenset(names))

    def holds(self, rule: Rule, action: str, frame: Frame, faults: list[str]) -> bool:
        """Tell whether a rule holds; one that fails is added to `faults`, and does not hold.

        Args:
            rule: One of the entry of the action.
            action: The action that was asked.
            frame: What is answered from.
            faults: Gets a line for each rule that fails.
        """
        name, code, tree = rule
        if tree is None:
            return self._ask_oso(name, code, action, frame, faults)
        leaf = tree(frame)
        if leaf is FAULT:
            said = f"`{name}` `{code}`" if code else f"`{name}`"
            pair = f"`{self.subject.name}` and `{self.resource.name}`"
            faults.append(f"{said} failed for `{action}` between {pair}")
        return leaf is True

    def always_on_reasons(self, action: str, frame: Frame) -> list[str]:
        """Return the reasons of a denial that needs no policy (R20, `always_on`)."""
        if None not in frame.rows and self._rows_tell and self.entry(action).ordinary:
            return []  # as in most requests
        return always_on_reasons(
            self.resource,
            self.resource.actions.get(action),
            subject_exists=self._exists[0](frame),
            resource_exists=self._exists[1](frame),
            can_be_created=lambda: can_be_created(self.resource, frame.keys[1]),
        )

    def _bound_entries(self, entries: Mapping[str, Entry]) -> dict[str, BoundEntry]:
        """Bind the diagrams of all entries; grants are asked only of what exists (`always_on`)."""
        roots: dict[frozenset[Question], list[Node | None]] = {frozenset(): []}
        for name, entry in entries.items():
            roots[frozenset()] += [*entry.forbids.values(), *entry.obliges.values()]
            granting = roots.setdefault(self._assumed(name), [])
            granting += [entry.granted, entry.allowed]
        functions = {
            assumed: self._functions([node for node in nodes if node is not None], assumed)
            for assumed, nodes in roots.items()
        }
        return {name: self._bound(name, entry, functions) for name, entry in entries.items()}

    def _joined(self, entries: Mapping[str, Entry]) -> Evaluate | None:
        """Bind one joint diagram for all actions that are allowed or denied by one diagram each."""
        actions = self.resource.actions
        trees = {
            name: entry.allowed
            for name, entry in entries.items()
            if entry.allowed is not None
            and self._entries[name].ordinary
            and name not in self.particular
        }
        trees = {name: trees[name] for name in self._of_one_vocabulary(trees)}
        joint = Joint(trees, self._policy.tests) if trees else None
        if joint is None or joint.root is None:
            return None
        leaves = {}
        for number, allowed in joint.leaves.items():
            # What stands there already cannot be made.
            names = [
                name
                for name, action in actions.items()
                if name in allowed or (name not in trees and not action.creates)
            ]
            unsure = [each for each in names if each not in trees or entries[each].obliges]
            leaves[number] = Listed(tuple(names), frozenset(unsure))
        assumed = self._assumed(next(iter(trees)))
        evaluator = Evaluator(self._reader, self._policy.tests, assumed, leaves)
        return partial(evaluate, evaluator.bind(joint.root))

    def _of_one_vocabulary(self, names: Iterable[str]) -> Iterator[str]:
        """Yield actions that declare each property as those before them do, with the same values.

        One tree asks one question about a property: it cannot go on in two ways.
        """
        known: dict[str, object] = {}
        for name in names:
            declared = {
                each.name: (each.type, each.only)
                for each in self.resource.actions[name].properties.values()
            }
            if all(known.get(key, value) == value for key, value in declared.items()):
                known.update(declared)
                yield name

    def _functions(
        self, roots: Sequence[Node], assumed: frozenset[Question]
    ) -> dict[int, Evaluate]:
        evaluator = Evaluator(self._reader, self._policy.tests, assumed)
        return {node.number: partial(evaluate, evaluator.bind(node)) for node in roots}

    def _assumed(self, name: str) -> frozenset[Question]:
        action = self.resource.actions.get(name)
        creates = action is not None and action.creates
        certain = {SUBJECT: self.subject, **({} if creates else {RESOURCE: self.resource})}
        exists = {("exists", path) for path in certain}
        # What exists has a key.
        keys = {
            ("present", member(path, column))
            for path, declared in certain.items()
            for column in declared.key
        }
        return frozenset(exists | keys)

    def _bound(
        self,
        name: str,
        entry: Entry,
        functions: Mapping[frozenset[Question], Mapping[int, Evaluate]],
    ) -> BoundEntry:
        action = self.resource.actions.get(name)
        granting, others = functions[self._assumed(name)], functions[frozenset()]

        def of(known: Mapping[int, Evaluate], node: Node | None) -> Evaluate | None:
            return None if node is None else known[node.number]

        grant = ("allow", "", of(granting, entry.granted))
        forbids = [("forbid", code, of(others, node)) for code, node in entry.forbids.items()]
        obliges = [("oblige", code, of(others, node)) for code, node in entry.obliges.items()]
        return BoundEntry(
            grant=grant,
            forbids=tuple(forbids),
            obliges=tuple(obliges),
            allowed=of(granting, entry.allowed),
            asks_oso=any(function is None for _, _, function in (grant, *forbids, *obliges)),
            ordinary=action is not None and not action.creates,
        )

    def _ask_oso(self, rule: str, code: str, action: str, frame: Frame, faults: list[str]) -> bool:
        asked = {
            "rule": rule,
            "code": code or None,
            "subject": self.subject.name,
            "resource": self.resource.name,
            "action": action if action in self._entries else UNDECLARED_ACTION,
        }
        try:
            return self._policy.interpreter.holds(
                asked, lambda each: self._evaluator.answer(each, frame)
            )
        except EvaluationError as error:
            faults.append(str(error))
            return False


def _roots(entries: Iterable[Entry]) -> Iterator[Node]:
    """Yield the trees of all rules; those that are joined ask nothing else."""
    for entry in entries:
        for node in (entry.granted, *entry.forbids.values(), *entry.obliges.values()):
            if node is not None:
                yield node
