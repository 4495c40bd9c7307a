"""Answers the tests of compiled trees from a line: with the outcome, or with all that can be."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import partial
from typing import Any

from sidecar.decision_log.line import digest
from sidecar.decision_log.reader import LoggedValue
from sidecar.diagram.nodes import FAULT, Node, Test
from sidecar.diagram.path_text import show, worded
from sidecar.diagram.paths import SETTINGS, Literal, Member, Operand, Path
from sidecar.diagram.questions import (
    Above,
    Answer,
    AtLeast,
    Exists,
    Includes,
    NumberOf,
    Order,
    Present,
    RuleHolds,
    Same,
    TextOf,
    ValueOf,
    text_of,
    value_of,
)
from sidecar.errors import UnreadableLineError
from sidecar.review.line_facts import LineFacts
from sidecar.review.line_request import ABSENT
from sidecar.schema import Kind, ValueType

Possible = frozenset[Answer | None]
"""Answers that a question can have; None is that a fact is absent."""

_ABSENT: Possible = frozenset((None,))
Finite = Exists | Present | ValueOf | Order | Same | Includes
Cut = tuple[Any, bool]


class Answering:
    """Answers tests from one line."""

    def __init__(self, known: LineFacts) -> None:
        self._known = known
        self._bounds: dict[Path, tuple[list[Cut], list[Cut]]] = {}
        for question, answer in known.facts.answers.items():
            if isinstance(question, AtLeast | Above) and answer is not None:
                reached, not_reached = self._bounds.setdefault(question.path, ([], []))
                above = isinstance(question, Above)
                cut = _cut(question.kind, question.limit, above=above)
                (reached if answer else not_reached).append(cut)

    def branches(self, node: Node, test: Test) -> tuple[Node, ...]:
        """Return where a test can lead: one branch where the line knows its outcome."""
        match test.question:
            case TextOf(path):
                return tuple(self._of_text(node, path))
            case NumberOf(path):
                return self._of_number(node, path, test.kind or Kind.DECIMAL)
            case RuleHolds(name):
                raise LookupError(f"`{name}` is no question about facts")
            case question:
                return self._of_finite(node, question)

    def _of_finite(self, node: Node, question: Finite) -> tuple[Node, ...]:
        found = dict(zip(node.labels, node.branches, strict=True))
        possible = self.answers(question)
        if possible is None:
            return node.branches
        if not possible <= {None, *found}:
            raise UnreadableLineError(f"has a fact outside its domain: `{worded(question)}`")
        return tuple(FAULT if answer is None else found[answer] for answer in possible)

    def answers(self, question: Finite) -> Possible | None:
        """Return the answers that a question can have; None where it can have any."""
        match question:
            case Exists(path):
                return _certain(self._known.exists(path))
            case Present(path):
                return _certain(self._known.present(path))
            case ValueOf(path):
                return self._value(path)
            case Order(left, right):
                return self._recorded(question) or self._order(left, right)
            case Same(left, right):
                return self._recorded(question) or self._same(left, right)
            case Includes(members, value):
                return self._recorded(question) or self._includes(members, value)

    # What can be asked of one fact.

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

    def _of_number(self, node: Node, path: Path, kind: Kind) -> tuple[Node, ...]:
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
        left, right = self._known.comparable(first), self._known.comparable(second)
        if left == ABSENT:
            return _ABSENT
        if left is None or right is None:
            return None
        equal = right != ABSENT and self._equal(first, second)
        return None if equal is None else frozenset((equal,))

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

    def _includes(self, members: Path, member: Operand) -> Possible | None:
        declared = self._known.attribute(members).type
        element = declared.single
        among = self._known.comparable(members)
        sought = (
            LoggedValue(text_of(value_of(element.kind, member.text)))
            if isinstance(member, Literal)
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

    def _recorded(self, question: Order | Same | Includes) -> Possible | None:
        """Return the answer that the line has; of a setting if the set is still the same."""
        facts = self._known.facts
        if question not in facts.answers:
            return None
        match question:
            case Includes(Member(base, name)) if base == SETTINGS:
                if facts.sets.get(question) != digest(self._known.settings.get(name)):
                    return None
        return frozenset((facts.answers[question],))

    def _holds(
        self, where: tuple[Path, LoggedValue], what: tuple[Operand, LoggedValue], element: ValueType
    ) -> bool | None:
        """Tell whether a set holds a value, or of domains one that it lies in.

        Args:
            where: The set.
            what: The value; a literal is never hashed.
            element: What the set is of.
        """
        (members, among), (member, sought) = where, what
        hashed_at = member if sought.hashed and not isinstance(member, Literal) else None
        domains = element.kind is Kind.DOMAIN
        held, text = frozenset(among.text or ()), str(sought.text)
        if hashed_at is not None and among.hashed:
            if self._known.origin(members) != self._known.origin(hashed_at):
                return None  # their hashes do not compare
            return True if text in held else None if domains else False
        if self._known.hashing is None and (sought.hashed or among.hashed):
            return None
        if hashed_at is not None:
            if text in {self._known.hashed(hashed_at, each) for each in held}:
                return True
            return None if domains else False
        wanted = _suffixes(text) if domains else (text,)
        return any(
            (self._known.hashed(members, each) if among.hashed else each) in held for each in wanted
        )

    def _typed(self, declared: ValueType, text: str) -> Answer:
        answer = value_of(declared.kind, text)
        return answer if isinstance(answer, bool) else str(answer)


def _certain(answer: bool | None) -> Possible | None:  # noqa: FBT001 - an answer
    return None if answer is None else frozenset((answer,))


def _cut(kind: Kind, limit: str, *, above: bool) -> Cut:
    value = value_of(kind, limit)
    if kind is Kind.INTEGER and above and isinstance(value, int):
        return (value + 1, False)  # there is nothing between
    return (value, above)


def _suffixes(domain: str) -> Iterator[str]:
    while domain:
        yield domain
        domain = domain.partition(".")[2]
