"""Records what a decision read: the trees walked again, and every fact on the way kept.

A walk of its own, so that the normal one keeps nothing and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sidecar.errors import EvaluationError
from sidecar.evaluation.binding import Binder
from sidecar.evaluation.frames import UNREAD, Frame, Read
from sidecar.evaluation.kinds import RequestKind, kind_of
from sidecar.evaluation.reading import Reader
from sidecar.evaluation.secrecy import Secrecy
from sidecar.facts import Snapshot
from sidecar.model import Request
from sidecar.policy.compiled import Entry, Policy
from sidecar.policy.exploring import UNDECLARED_ACTION
from sidecar.policy.nodes import FAULT, Node, Test
from sidecar.policy.questions import RESOURCE, SETTINGS, SUBJECT, Answer, Path, Question, facts_of
from sidecar.schema import Value


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was read.

    `question` is ``("exists", path)``, or ``("value", path)`` for an attribute, a property, or the
    key of an entity. About a sensitive value also ``least``, ``above``, ``order`` and ``includes``,
    whose answers cannot be found again from its hash.
    """

    question: Question
    answer: Value
    """None for what is absent."""
    type: str = ""
    """Of a value, as the schema writes it: ``decimal``, ``set of domain``, or a type of entity."""
    sensitive: bool = False


def facts_read(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> tuple[Fact, ...]:
    """Return every fact that the rules of a decision look at, in the order in which they do.

    Obligations are looked at too where the answer is a denial: another policy may allow it.
    Settings are no facts; they belong to the policy. Empty where the schema does not know a type.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return ()
    entry = policy.entries[kind.subject.name, kind.resource.name, _declared(kind, request.action)]
    recorder = Recorder(kind, policy) if _asks_oso(entry) else _kept(kind, policy)
    return recorder.facts(entry, request, snapshot, now)


class Recorder:
    """Walks the trees for one type of subject and one type of resource under one policy.

    All is bound when it is made, so that threads can share it; but what Oso asks is bound when it
    is asked, and takes a recorder that nobody shares.
    """

    def __init__(self, kind: RequestKind, policy: Policy) -> None:
        self._kind = kind
        self._policy = policy
        self._reader = Reader(policy.schema, policy.settings, kind.subject, kind.resource)
        self._binder = Binder(self._reader, policy.tests)
        self._secrecy = Secrecy(self._reader, policy.schema, kind.resource)
        self._reads: dict[Question, Read] = {}
        self._read(("exists", SUBJECT))
        self._read(("exists", RESOURCE))
        seen: set[int] = set()
        for name in (*kind.resource.actions, UNDECLARED_ACTION):
            for _, _, root in _rules(policy.entries[kind.subject.name, kind.resource.name, name]):
                if root is not None:
                    self._bind(root, seen)

    def facts(
        self, entry: Entry, request: Request, snapshot: Snapshot, now: datetime
    ) -> tuple[Fact, ...]:
        """Return what the rules of an entry read for a request.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        frame = self._kind.frame(request, snapshot, now)
        frame.cache = [UNREAD] * self._reader.slots
        found: dict[Question, Fact] = {}
        for path in (SUBJECT, RESOURCE):
            self._keep(("exists", path), frame, found)
        for rule, code, root in _rules(entry):
            if root is None:
                self._ask_oso((rule, code), request.action, frame, found)
            else:
                self._walk(root, frame, found)
        return tuple(found.values())

    def _walk(self, node: Node, frame: Frame, found: dict[Question, Fact]) -> None:
        """Follow a tree as the normal walk does, by the same reading of each test."""
        while node.branches:
            test = self._policy.tests[node.test]
            self._keep_test(test, node, frame, found)
            taken = self._binder.step(node, frame)
            ways = (branch for branch in node.branches if self._binder.tree(branch) is taken)
            node = next(ways, FAULT)

    def _keep_test(self, test: Test, node: Node, frame: Frame, found: dict[Question, Fact]) -> None:
        if test.outcomes == "number" and test.kind is not None:
            for limit, above in node.labels:
                kind = "above" if above else "least"
                self._note((kind, test.question[1], limit, test.kind.value), frame, found)
        else:
            self._note(test.question, frame, found)

    def _note(self, question: Question, frame: Frame, found: dict[Question, Fact]) -> None:
        """Keep the facts that a question is about."""
        if question[0] == "exists":
            self._keep(question, frame, found)
            return
        paths = [path for path in facts_of(question) if path[:2] != ("member", SETTINGS)]
        for path in paths:
            self._keep(("value", path), frame, found)
        if question[0] in _NOT_OF_A_HASH and any(map(self._secrecy.of, paths)):
            answer: Answer | None = self._binder.answer(question, frame)
            found[question] = Fact(question, answer)

    def _keep(self, question: Question, frame: Frame, found: dict[Question, Fact]) -> None:
        if question in found:
            return
        kind, path = question
        read = self._read(question)
        frame.cache.extend([UNREAD] * (self._reader.slots - len(frame.cache)))
        if kind == "exists":
            found[question] = Fact(question, read(frame))
            return
        found[question] = Fact(question, read(frame), self._type(path), self._secrecy.of(path))

    def _type(self, path: Path) -> str:
        if self._reader.is_entity(path):
            return self._reader.type_of(path).name
        return self._reader.attribute(path).type.name

    def _read(self, question: Question) -> Read:
        if question not in self._reads:
            kind, path = question
            how = self._reader.exists if kind == "exists" else self._reader.comparable
            self._reads[question] = how(path)
        return self._reads[question]

    def _bind(self, root: Node, seen: set[int]) -> None:
        self._binder.tree(root)
        below = [root]
        while below:
            node = below.pop()
            if not node.branches or node.number in seen:
                continue
            seen.add(node.number)
            below += node.branches
            question = self._policy.tests[node.test].question
            for path in facts_of(question):
                self._read(("exists" if question[0] == "exists" else "value", path))

    def _ask_oso(
        self, rule: tuple[str, str], action: str, frame: Frame, found: dict[Question, Fact]
    ) -> None:
        def answer(question: Question) -> Answer:
            self._note(question, frame, found)
            return self._binder.answer(question, frame)

        asked = {
            "rule": rule[0],
            "code": rule[1] or None,
            "subject": self._kind.subject.name,
            "resource": self._kind.resource.name,
            "action": _declared(self._kind, action),
        }
        try:
            self._policy.oso.holds(asked, answer)
        except EvaluationError:  # the decision says so; what was read until then is kept
            return


_NOT_OF_A_HASH = frozenset({"least", "above", "order", "includes"})
"""Questions that equal hashes do not answer."""


def _declared(kind: RequestKind, action: str) -> str:
    return action if action in kind.resource.actions else UNDECLARED_ACTION


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
