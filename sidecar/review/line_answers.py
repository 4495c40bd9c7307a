"""Answers the tests of compiled trees from a line: with the outcome, or with all that can be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sidecar.decision_log.line import digest
from sidecar.decision_log.reader import Told
from sidecar.diagram.nodes import FAULT, Node, Test
from sidecar.diagram.questions import (
    SETTINGS,
    Answer,
    Path,
    Question,
    show,
    text_of,
    value_of,
    worded,
)
from sidecar.errors import UnreadableLineError
from sidecar.review.line_facts import ABSENT, LineFacts
from sidecar.schema import Kind, ValueType

Possible = frozenset[Answer | None]
"""Answers that a question can have; None is that a fact is absent."""

_ABSENT: Possible = frozenset((None,))
Cut = tuple[Any, bool]


class Answering:
    """Answers tests from one line."""

    def __init__(self, known: LineFacts) -> None:
        self._known = known
        self._bounds: dict[Path, tuple[list[Cut], list[Cut]]] = {}
        for question, answer in known.facts.answers.items():
            if question[0] in {"least", "above"} and answer is not None:
                _, path, limit, kind = question
                reached, not_reached = self._bounds.setdefault(path, ([], []))
                cut = _cut(Kind(kind), limit, above=question[0] == "above")
                (reached if answer else not_reached).append(cut)

    def branches(self, node: Node, test: Test) -> tuple[Node, ...]:
        """Return where a test can lead: one branch where the line knows its outcome."""
        if test.outcomes == "text":
            return tuple(self._of_text(node, test.question[1]))
        if test.outcomes == "number":
            return self._of_number(node, test)
        found = dict(zip(node.labels, node.branches, strict=True))
        possible = self.answers(test.question)
        if possible is None:
            return node.branches
        if not possible <= {None, *found}:
            raise UnreadableLineError(f"has a fact outside its domain: `{worded(test.question)}`")
        return tuple(FAULT if answer is None else found[answer] for answer in possible)

    def answers(self, question: Question) -> Possible | None:
        """Return the answers that a question can have; None where it can have any."""
        kind, *paths = question
        ways: Mapping[str, Callable[..., Possible | None]] = {
            "exists": self._exists,
            "present": self._present,
            "value": self._value,
            "order": self._order,
            "same": self._same,
            "includes": self._includes,
        }
        return ways[kind](*paths)

    # What can be asked of one fact.

    def _exists(self, path: Path) -> Possible | None:
        found = self._known.exists(path)
        return None if found is None else frozenset((found,))

    def _present(self, path: Path) -> Possible | None:
        found = self._known.present(path)
        return None if found is None else frozenset((found,))

    def _value(self, path: Path) -> Possible | None:
        found = self._known.comparable(path)
        if found is None:
            return None
        if found.text is None:
            return _ABSENT
        declared = self._known.attribute(path).type
        if not found.hashed:
            return frozenset((self._typed(declared, str(found.text)),))
        values = ("true", "false") if declared.kind is Kind.BOOLEAN else declared.values
        meant = [text for text in values if self._known.hashed(path, text) == found.text]
        return frozenset(self._typed(declared, text) for text in meant) or None

    def _of_text(self, node: Node, path: Path) -> Iterator[Node]:
        found = self._known.comparable(path)
        labels = dict(zip(node.labels, node.branches, strict=False))
        if found is None or (found.hashed and self._known.hashing is None):
            yield from node.branches
            return
        text = found.text
        if found.hashed:
            text = next(
                (label for label in labels if self._known.hashed(path, label) == text), None
            )
        yield labels.get(text, node.branches[-1])

    def _of_number(self, node: Node, test: Test) -> tuple[Node, ...]:
        path, kind = test.question[1], test.kind or Kind.DECIMAL
        found = self._known.comparable(path)
        if found is not None and found.text is None:
            return (FAULT,)
        cuts = [_cut(kind, limit, above=above) for limit, above in node.labels]
        text = None if found is None or found.hashed else str(found.text)
        if found is not None and found.hashed:
            hashed = partial(self._known.hashed, path)
            text = next((each for each, _ in node.labels if hashed(each) == found.text), None)
        if text is not None:
            return (node.branches[bisect_right(cuts, _cut(kind, text, above=False))],)
        reached, not_reached = self._bounds.get(path, ((), ()))
        least = bisect_right(cuts, max(reached)) if reached else 0
        most = sum(cut < min(not_reached) for cut in cuts) if not_reached else len(cuts)
        if least > most:
            raise UnreadableLineError(f"contradicts itself about `{show(path)}`")
        return node.branches[least : most + 1]

    # What can be asked of two.

    def _order(self, first: Path, second: Path) -> Possible | None:
        if (found := self._recorded_of_two("order", first, second)) is not None:
            return found
        left, right = self._known.comparable(first), self._known.comparable(second)
        if ABSENT in (left, right):
            return _ABSENT
        if left is None or right is None:
            return None
        if not left.hashed and not right.hashed:
            kind = self._known.attribute(first).type.kind
            one: Any = value_of(kind, str(left.text))
            other: Any = value_of(kind, str(right.text))
            return frozenset(("lt" if one < other else "gt" if one > other else "eq",))
        equal = self._equal(first, second)
        return None if equal is None else frozenset(("eq",) if equal else ("lt", "gt"))

    def _same(self, first: Path, second: Path) -> Possible | None:
        if (found := self._recorded_of_two("same", first, second)) is not None:
            return found
        left, right = self._known.comparable(first), self._known.comparable(second)
        if left == ABSENT:
            return _ABSENT
        if left is None or right is None:
            return None
        equal = right != ABSENT and self._equal(first, second)
        return None if equal is None else frozenset((equal,))

    def _recorded_of_two(self, kind: str, first: Path, second: Path) -> Possible | None:
        answers = self._known.facts.answers
        question = (kind, first, second)
        return frozenset((answers[question],)) if question in answers else None

    def _equal(self, first: Path, second: Path) -> bool | None:
        """Tell whether two values that are there are equal; None where hashes cannot tell."""
        left, right = (
            self._known.comparable(first) or ABSENT,
            self._known.comparable(second) or ABSENT,
        )
        if not left.hashed and not right.hashed:
            return left.text == right.text
        if left.hashed and right.hashed:
            # Hashes of two attributes differ whatever the values are.
            same_origin = self._known.origin(first) == self._known.origin(second)
            return left.text == right.text if same_origin else None
        where, hashed, plain = (first, left, right) if left.hashed else (second, right, left)
        found = self._known.hashed(where, str(plain.text))
        return None if found is None else found == hashed.text

    def _includes(self, members: Path, member: Path) -> Possible | None:
        found = self._recorded(members, member)
        if found is not None:
            return found
        declared = self._known.attribute(members).type
        element = declared.element or declared
        among = self._known.comparable(members)
        sought = (
            Told(text_of(value_of(element.kind, member[1])))
            if member[0] == "literal"
            else self._known.comparable(member)
        )
        if among == ABSENT:
            return _ABSENT
        if sought == ABSENT:
            return _ABSENT if element.kind is Kind.DOMAIN else frozenset((False,))
        if among is None or sought is None:
            return None
        holds = self._holds((members, among), (member, sought), element)
        return None if holds is None else frozenset((holds,))

    def _recorded(self, members: Path, member: Path) -> Possible | None:
        """Return the answer that the line tells, if it was asked of the same set."""
        question, facts = ("includes", members, member), self._known.facts
        if question not in facts.answers:
            return None
        if members[:2] == ("member", SETTINGS):
            setting = self._known.settings.get(members[2])
            if facts.sets.get(question) != digest(setting):
                return None
        return frozenset((facts.answers[question],))

    def _holds(
        self, where: tuple[Path, Told], what: tuple[Path, Told], element: ValueType
    ) -> bool | None:
        """Tell whether a set holds a value, or of domains one that it lies in.

        Args:
            where: The set.
            what: The value; a literal is never hashed.
            element: What the set is of.
        """
        (members, among), (member, sought) = where, what
        domains = element.kind is Kind.DOMAIN
        held, text = frozenset(among.text or ()), str(sought.text)
        if sought.hashed and among.hashed:
            if self._known.origin(members) != self._known.origin(member):
                return None  # their hashes do not compare
            return True if text in held else None if domains else False
        if self._known.hashing is None and (sought.hashed or among.hashed):
            return None
        if sought.hashed:
            if text in {self._known.hashed(member, each) for each in held}:
                return True
            return None if domains else False
        wanted = _suffixes(text) if domains else (text,)
        return any(
            (self._known.hashed(members, each) if among.hashed else each) in held for each in wanted
        )

    def _typed(self, declared: ValueType, text: str) -> Answer:
        answer = value_of(declared.kind, text)
        return answer if isinstance(answer, bool) else str(answer)


def _cut(kind: Kind, limit: str, *, above: bool) -> Cut:
    value = value_of(kind, limit)
    if kind is Kind.INTEGER and above and isinstance(value, int):
        return (value + 1, False)  # there is nothing between
    return (value, above)


def _suffixes(domain: str) -> Iterator[str]:
    while domain:
        yield domain
        domain = domain.partition(".")[2]
