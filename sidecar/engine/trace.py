"""Records what a decision read: the trees walked again, and every fact on the way kept.

A walk of its own, so that the normal one keeps nothing and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple, TypeAlias

from sidecar.bundle import UNDECLARED_ACTION, Entry
from sidecar.diagram.fingerprints import Fingerprints
from sidecar.diagram.nodes import FALSE, TRUE, Node, Test
from sidecar.diagram.paths import RESOURCE, SETTINGS, SUBJECT, Member, Path
from sidecar.diagram.questions import (
    Above,
    Answer,
    AtLeast,
    Exists,
    Includes,
    NumberOf,
    Order,
    Present,
    Question,
    Same,
    ValueOf,
    facts_of,
)
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.frame import Frame, Read
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.engine.request_kind import RequestKind, kind_of
from sidecar.engine.sensitivity import Origin, Secrecy, origin_of_path
from sidecar.errors import BadRowError, EvaluationError
from sidecar.facts import Facts
from sidecar.model import Request
from sidecar.schema import Value

_NOT_OF_A_HASH = (AtLeast, Above, Order, Same, Includes)
"""Questions about facts that their hashes do not answer; those of two attributes never compare."""
TracedQuestion: TypeAlias = Exists | ValueOf | AtLeast | Above | Order | Same | Includes


class Fact(NamedTuple):
    """One thing that was read."""

    question: TracedQuestion
    """`ValueOf` is about an attribute, a property, or the key of an entity. Those whose answers
    cannot be found again from a hash are asked about sensitive values only."""
    answer: Value
    """None for what is absent."""
    type: str = ""
    """Of a value, as the schema writes it: ``decimal``, ``set of domain``, or a type of entity."""
    sensitive: bool = False
    origin: Origin = ()
    """Of a sensitive value."""


RuleAnswer = bool | str
"""What a rule came to: whether it holds, or that it failed (`FAILED`)."""

FAILED = "failed"


class Record(NamedTuple):
    """What a decision was made from."""

    facts: tuple[Fact, ...] = ()
    rules: Mapping[str, RuleAnswer] = {}
    """What each rule came to that read a sensitive value, by the fingerprint of its tree. The hash
    of a value does not tell what it was compared with, and this does."""


def facts_read(
    request: Request, policy: Policy, snapshot: Facts, now: datetime
) -> tuple[Fact, ...]:
    """Return the facts of `record_of`."""
    return record_of(request, policy, snapshot, now).facts


def record_of(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> Record:
    """Return every fact that the rules of a decision look at, in the order in which they do.

    Obligations are looked at too where the answer is a denial: another policy may allow it.
    Settings are no facts; they belong to the policy. Empty where the schema does not know a type.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return Record()
    entry = policy.entry(kind.subject.name, kind.resource.name, request.action)
    recorder = Recorder(kind, policy) if _asks_oso(entry) else _kept(kind, policy)
    try:
        return recorder.record(entry, request, snapshot, now)
    except BadRowError:  # the decision says so
        return Record()


class _Note(NamedTuple):
    """How one fact is read."""

    question: TracedQuestion
    read: Read
    type: str = ""
    sensitive: bool = False
    origin: Origin = ()


class _Step(NamedTuple):
    """What a walk does at a node."""

    notes: Sequence[_Note]
    """Of what its test looks at."""
    sensitive: bool
    """Whether its test looks at something sensitive."""


class Recorder:
    """Walks the trees for one type of subject and one type of resource under one policy.

    All is bound when it is made, so that threads can share it; but what Oso asks is bound when it
    is asked, and takes a recorder that nobody shares.
    """

    def __init__(self, kind: RequestKind, policy: Policy) -> None:
        self._kind = kind
        self._policy = policy
        self._reader = Reader(policy.schema, policy.settings, kind.subject, kind.resource)
        self._evaluator = Evaluator(self._reader, policy.tests)
        self._secrecy = Secrecy(self._reader, policy.schema, kind.resource)
        self._fingerprints = Fingerprints(policy.tests, policy.settings)
        self._notes: dict[Question, _Note] = {}
        self._steps: dict[int, _Step] = {}
        self._first = [self._note_of(Exists(path)) for path in (SUBJECT, RESOURCE)]
        pair = (kind.subject.name, kind.resource.name)
        foreign = [name for *other, name in policy.foreign if tuple(other) == pair]
        for name in (*kind.resource.actions, UNDECLARED_ACTION, *foreign):
            for _, _, root in _rules(policy.entry(*pair, name)):
                if root is not None:
                    self._bind(root)

    def record(self, entry: Entry, request: Request, snapshot: Facts, now: datetime) -> Record:
        """Return what the rules of an entry read for a request, and what they came to.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        frame = self._kind.frame(request, snapshot, now)
        frame.cache = []  # its places are those of the reader of the kind
        self._reader.make_room(frame)
        found: dict[TracedQuestion, Fact] = {}
        rules: dict[str, RuleAnswer] = {}
        _keep(self._first, frame, found)
        for rule, code, root in _rules(entry):
            if root is None:
                self._ask_oso((rule, code), request.action, frame, found)
            else:
                leaf, sensitive = self._walk(root, frame, found)
                if sensitive:
                    rules[self._fingerprints.of(root)] = _ANSWERS.get(leaf, FAILED)
        return Record(tuple(found.values()), rules)

    def _walk(
        self, node: Node, frame: Frame, found: dict[TracedQuestion, Fact]
    ) -> tuple[Node, bool]:
        """Follow a tree as the normal walk does, by the same reading of each test.

        Return its leaf, and whether something sensitive was read on the way.
        """
        sensitive = False
        *nodes, leaf = self._evaluator.walk(node, frame)
        for each in nodes:
            notes, secret = self._steps[each.number]
            _keep(notes, frame, found)
            sensitive = sensitive or secret
        return leaf, sensitive

    def _bind(self, root: Node) -> None:
        """Prepare a tree to be walked."""
        self._evaluator.bind(root)
        below = [root]
        while below:
            node = below.pop()
            if node.branches and node.number not in self._steps:
                below += node.branches
                test = self._policy.tests[node.test]
                self._steps[node.number] = _Step(
                    notes=self._notes_of_test(test, node),
                    # Whether something is there is told of sensitive facts too.
                    sensitive=not isinstance(test.question, Exists | Present)
                    and any(map(self._secrecy.of, self._paths_of(test.question))),
                )

    def _notes_of_test(self, test: Test, node: Node) -> list[_Note]:
        if not isinstance(test.question, NumberOf) or test.kind is None:
            return self._notes_of(test.question)
        notes = []
        for limit, above in node.labels:
            question = Above if above else AtLeast
            notes += self._notes_of(question(test.question.path, limit, test.kind))
        return notes

    def _notes_of(self, question: Question) -> list[_Note]:
        """Return how the facts are read that a question is about."""
        if isinstance(question, Exists):
            return [self._note_of(question)]
        paths = self._paths_of(question)
        notes = [self._note_of(ValueOf(path)) for path in paths]
        if isinstance(question, _NOT_OF_A_HASH) and any(map(self._secrecy.of, paths)):
            notes.append(_Note(question, partial(self._evaluator.answer, question)))
        return notes

    def _paths_of(self, question: Question) -> list[Path]:
        """Return the paths to facts that a question is about; settings are none."""
        return [
            path
            for path in facts_of(question)
            if not (isinstance(path, Member) and path.base == SETTINGS)
        ]

    def _note_of(self, question: Exists | ValueOf) -> _Note:
        if question not in self._notes:
            path = question.path
            self._notes[question] = (
                _Note(question, self._reader.exists(path))
                if isinstance(question, Exists)
                else _Note(
                    question,
                    self._reader.comparable(path),
                    self._type(path),
                    sensitive := self._secrecy.of(path),
                    origin_of_path(self._reader, self._kind.resource, path) if sensitive else (),
                )
            )
        return self._notes[question]

    def _type(self, path: Path) -> str:
        if self._reader.is_entity(path):
            return self._reader.type_of(path).name
        return self._reader.attribute(path).type.name

    def _ask_oso(
        self, rule: tuple[str, str], action: str, frame: Frame, found: dict[TracedQuestion, Fact]
    ) -> None:
        def answer(question: Question) -> Answer:
            notes = self._notes_of(question)
            self._reader.make_room(frame)
            _keep(notes, frame, found)
            return self._evaluator.answer(question, frame)

        try:
            self._policy.interpreter.holds(self._kind.query(*rule, action), answer)
        except EvaluationError:  # the decision says so; what was read until then is kept
            return


def _keep(notes: Iterable[_Note], frame: Frame, found: dict[TracedQuestion, Fact]) -> None:
    """Read facts that were not read yet."""
    for question, read, type_name, sensitive, origin in notes:
        if question not in found:
            found[question] = Fact(question, read(frame), type_name, sensitive, origin)


_ANSWERS: Mapping[Node, RuleAnswer] = {TRUE: True, FALSE: False}


def _rules(entry: Entry) -> Iterator[tuple[str, str, Node | None]]:
    yield "allow", "", entry.granted
    for code, node in entry.forbids.items():
        yield "forbid", code, node
    for code, node in entry.obliges.items():
        yield "oblige", code, node


def _asks_oso(entry: Entry) -> bool:
    return any(node is None for _, _, node in _rules(entry))


def _kept(kind: RequestKind, policy: Policy) -> Recorder:
    # Beside what `kind_of` keeps; no type has a name with a space.
    key = ("recorder of", f"{kind.subject.name} {kind.resource.name}")
    recorder: Recorder | None = policy.derived.get(key)
    if recorder is None:
        recorder = policy.derived[key] = Recorder(kind, policy)
    return recorder
