"""Whether a set of answers has a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sidecar.diagram.nodes import Test
from sidecar.diagram.questions import SETTINGS, Path, Question, value_of
from sidecar.review.states.answers import Answered
from sidecar.review.states.chase import Chase
from sidecar.review.states.examples import Example, example_of
from sidecar.review.states.laws import Laws
from sidecar.review.states.things import (
    HIGHEST,
    LOWEST,
    Bound,
    Contradiction,
    Fact,
    Slot,
    Thing,
    Unsettled,
    find,
    meet,
    settled,
)
from sidecar.review.states.valuing import Valuing
from sidecar.schema import EntityType, Kind, Schema, Value

_MOST_WAYS = 2_000
"""Ways to decide what is undecided; what has more is taken for possible."""


class States:
    """Tells which answers can be given together, for one type of subject and one of resource."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        types: tuple[EntityType, EntityType],
    ) -> None:
        self._schema = schema
        self._settings = settings
        self._types = types
        self._known: dict[frozenset[Answered], bool] = {}
        self._ranks: dict[Question, str] = {}
        self._refuted: dict[Question, list[tuple[Answered, tuple[Answered, ...]]]] = {}
        """Answers that cannot be given together, none of which can be left out; by each question
        that they answer, its own answer first."""

    def possible(self, answers: Iterable[Answered]) -> bool:
        """Tell whether there is a mount and a request with all these answers.

        What is called impossible is so. Where it cannot be settled the answer is yes.
        """
        key = frozenset(answers)
        if key not in self._known:
            by_question = {each.test.question: each for each in key}
            known = any(self.refuted(by_question, question) for question in by_question)
            self._known[key] = not known and self._is_possible(key)
        return self._known[key]

    def refuted(self, answers: Mapping[Question, Answered], question: Question) -> bool:
        """Tell whether it is known already that answers, `question` among them, cannot be.

        It costs much less than `possible`, which remembers here what it has found out.
        """
        own = answers[question]
        for first, others in self._refuted.get(question, ()):
            if not own.is_within(first):
                continue
            for each in others:
                given = answers.get(each.test.question)
                if given is None or not given.is_within(each):
                    break
            else:
                return True
        return False

    def _is_possible(self, answers: frozenset[Answered]) -> bool:
        if self._seek(answers, with_example=False) is not None:
            return True
        needed = set(answers)
        for each in sorted(answers, key=self._rank, reverse=True):
            if self._seek(frozenset(needed - {each}), with_example=False) is None:
                needed.discard(each)
        together = tuple(needed)
        for each in together:
            others = tuple(other for other in together if other is not each)
            self._refuted.setdefault(each.test.question, []).append((each, others))
        return False

    def example(self, answers: Iterable[Answered]) -> Example | None:
        """Return a mount and a request with all these answers; None where there is none."""
        found = self._seek(frozenset(answers), with_example=True)
        return found if isinstance(found, Example) else None

    def _seek(self, answers: frozenset[Answered], *, with_example: bool) -> Example | bool | None:
        ordered = sorted(answers, key=self._rank)
        stack: list[dict[tuple[object, ...], str]] = [{}]
        for _ in range(_MOST_WAYS):
            if not stack:
                return None
            before = stack.pop()
            chase = Chase(self._schema, self._settings, self._types, dict(before))
            try:
                self._say(chase, ordered)
                if with_example:
                    return example_of(chase)
                Valuing(chase).assign()
            except Contradiction:
                for key, (first, *others) in chase.taken:
                    stack += [{**before, key: other} for other in reversed(others)]
                    before = {**before, key: first}
            except Unsettled:
                return True
            else:
                return True
        return True

    def _rank(self, answered: Answered) -> str:
        question = answered.test.question
        rank = self._ranks.get(question)
        if rank is None:
            rank = self._ranks[question] = repr(question)
        return rank

    def _say(self, chase: Chase, answers: Iterable[Answered]) -> None:
        denied: dict[Path, str] = {}
        for answered in answers:
            _Saying(chase, answered, denied).say()
        Laws(chase).apply(denied)
        for left, right in chase.different:
            if settled(left) is settled(right):
                raise Contradiction


class KnownStates:
    """What was found to be possible, for packs that are compared one after another.

    What can be is a matter of the schema and the settings alone, and most edits leave both.
    """

    def __init__(self) -> None:
        self._of: tuple[Schema, Mapping[str, Value]] | None = None
        self._states: dict[tuple[str, str], States] = {}

    def of(self, schema: Schema, settings: Mapping[str, Value], scope: tuple[str, str]) -> States:
        """Return what can be for a pair of types; another schema or other settings begin anew."""
        if self._of != (schema, settings):
            self._of = (schema, settings)
            self._states.clear()
        if scope not in self._states:
            pair = (schema.types[scope[0]], schema.types[scope[1]])
            self._states[scope] = States(schema, settings, pair)
        return self._states[scope]


class _Saying:
    """Says one answer of a state that is sought."""

    def __init__(self, chase: Chase, answered: Answered, denied: dict[Path, str]) -> None:
        self._chase = chase
        self._answered = answered
        self._denied = denied

    def say(self) -> None:
        test, question = self._answered.test, self._answered.test.question
        kind = question[0]
        if test.outcomes == "text":
            self._text(self._fact(question[1]))
        elif test.outcomes == "number":
            self._number(test, self._fact(question[1]))
        elif kind == "value":
            fact = self._fact(question[1])
            allowed = frozenset(_as_text(label) for label in self._answered.labelled)
            fact.domain = allowed if fact.domain is None else fact.domain & allowed
        elif kind == "order":
            self._order(self._fact(question[1]), self._fact(question[2]))
        elif len(self._answered.outcomes) == 1:
            self._yes_no(question, self._answered.labelled[0] is True)

    def _yes_no(self, question: Question, holds: bool) -> None:  # noqa: FBT001 - the answer
        chase, kind = self._chase, question[0]
        if kind in {"exists", "present"}:
            if not holds:
                self._denied[question[1]] = str(kind)
                return
            slot = chase.slot(question[1], present=True)
            if kind == "exists" and isinstance(slot, Thing):
                chase.needs_to_exist(slot)
        elif kind == "same":
            left, right = (self._slot(path) for path in question[1:])
            if holds:
                chase.store.join(left, right)
            else:
                chase.different.append((left, right))
        else:
            self._includes(question[1], question[2], holds)

    def _slot(self, path: Path) -> Slot:
        slot = self._chase.slot(path, present=True)
        assert slot is not None  # noqa: S101 - it is present
        return slot

    def _fact(self, path: Path) -> Fact:
        slot = self._slot(path)
        if not isinstance(slot, Fact):
            raise Contradiction
        return slot

    def _text(self, fact: Fact) -> None:
        answered = self._answered
        if answered.is_other:
            left = answered.labelled
            fact.excluded |= {label for label in answered.labels if label not in left}
            return
        literals = answered.labelled
        chosen = literals[0]
        if len(literals) > 1:
            key = ("literal", repr(answered.test.question))
            chosen = self._chase.decide(key, tuple(map(str, literals)))
        self._chase.store.fix(fact, value_of(fact.type.kind, str(chosen)))

    def _number(self, test: Test, fact: Fact) -> None:
        kind = test.kind or Kind.DECIMAL
        cuts = [Bound(0, value_of(kind, text), int(above)) for text, above in self._answered.labels]
        edges = [LOWEST, *cuts, HIGHEST]
        allowed = [(edges[at], edges[at + 1]) for at in sorted(self._answered.outcomes)]
        fact.intervals = meet(fact.intervals, allowed)

    def _order(self, left: Fact, right: Fact) -> None:
        allowed = frozenset(map(str, self._answered.labelled))
        if allowed == {"lt", "gt"}:
            key = ("order", repr(self._answered.test.question))
            allowed = frozenset({self._chase.decide(key, ("lt", "gt"))})
        if allowed == {"eq"}:
            self._chase.store.join(left, right)
        elif "gt" in allowed:
            self._chase.orders.add((right, left, "eq" not in allowed))
        else:
            self._chase.orders.add((left, right, "eq" not in allowed))

    def _includes(self, members: Path, operand: Path, holds: bool) -> None:  # noqa: FBT001
        chase = self._chase
        declared = chase.attribute(members)
        assert declared.element is not None  # noqa: S101 - only sets include something
        member = chase.operand(operand, declared.element, present=True)
        if members[1] != SETTINGS:
            self._fact(members).members.append((member or self._slot(operand), holds))
            return
        held = chase.settings[members[2]]
        if isinstance(member, Thing):
            member = chase.stored(find(member), member.type.key[0])
        if isinstance(member, Fact) and isinstance(held, frozenset):
            find(member).within.append((held, holds))


def _as_text(label: object) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)
