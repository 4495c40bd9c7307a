"""Proofs in words: which rules hold and on what they rest, and at which condition others failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sidecar.compiler.proof import (
    Absent,
    Called,
    ClauseProof,
    Compare,
    Key,
    NoValue,
    Place,
    Proof,
    RuleProof,
    Side,
    Step,
    TruthOf,
)
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import Literal, Path
from sidecar.diagram.questions import Exists, Includes, RuleHolds
from sidecar.review.condition_text import YES, call, condition, is_fact, spelled
from sidecar.review.fact_readings import Readings

MOST_NEEDS = 3
"""Conditions of one hindrance that a text shows; a hierarchy has as many as it is deep."""
_WORDS = {"Lt": "less than", "Leq": "at most", "Gt": "more than", "Geq": "at least"}
_OPPOSITE = {"Lt": "Geq", "Leq": "Gt", "Gt": "Leq", "Geq": "Lt", "Neq": "Eq"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a proof; those that it rests on are deeper."""

    depth: int
    place: Place | None
    """Of a rule where it stands; None of a condition."""
    text: str

    def __str__(self) -> str:
        where = f"{self.place.file}:{self.place.line} " if self.place is not None else ""
        return f"{'  ' * self.depth}{where}{self.text}"


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Where a rule that could have held failed first."""

    place: Place
    needs: tuple[str, ...]
    """Conditions of which any one would have led on."""

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line} needs {self.shown()}"

    def shown(self) -> str:
        """Return the conditions in one line, the first few where there are many."""
        left = len(self.needs) - MOST_NEEDS
        more = [f"{left} more like these"] if left > 0 else []
        return "; or ".join([*self.needs[:MOST_NEEDS], *more])


class Proofs:
    """Puts one proof after another into words, with the values of one request."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def lines(self, proof: Proof) -> tuple[Line, ...]:
        """Return the clauses of the question that hold, each with all that it rests on."""
        told: set[Called] = set()
        return tuple(self._rule(proof.first, proof, 0, told))

    def hindrances(self, proof: Proof, rule: RuleProof) -> tuple[Hindrance, ...]:
        """Return for each rule that could have held where it failed first, in policy order."""
        grouped: dict[tuple[str, int], tuple[Place, list[Step]]] = {}
        for clause in _furthest(_failed(proof, rule, set())):
            steps = grouped.setdefault((clause.place.file, clause.place.line), (clause.place, []))[
                1
            ]
            for step in clause.steps:
                if step.decides and step not in steps and not _descends(step, proof):
                    steps.append(step)
        found = []
        for place, steps in (grouped[key] for key in sorted(grouped)):
            needs = tuple(self._needs(steps))
            if needs:
                found.append(Hindrance(place, needs))
        return tuple(found)

    def _rule(self, rule: RuleProof, proof: Proof, depth: int, told: set[Called]) -> Iterator[Line]:
        told.add(rule.called)
        for clause in rule.clauses:
            if clause.holds:
                yield Line(depth, clause.place, call(rule.called))
                yield from self._resting(clause, proof, depth + 1, told)

    def _resting(
        self, clause: ClauseProof, proof: Proof, depth: int, told: set[Called]
    ) -> Iterator[Line]:
        for place in clause.through:
            yield Line(depth, place, place.rule)
        for step in clause.steps:
            if not step.decides:
                continue
            rule = proof.rules.get(step.called) if step.called is not None else None
            if rule is None:
                yield Line(depth, None, condition(step.key, holds=step.holds))
            elif not step.holds:
                yield Line(depth, None, f"not {call(rule.called)}")
                for each in self.hindrances(proof, rule):
                    yield Line(depth + 1, each.place, f"fails: it needs {each.shown()}")
            elif rule.called in told:
                yield Line(depth, None, f"{call(rule.called)}, as above")
            else:
                yield from self._rule(rule, proof, depth, told)

    def _needs(self, steps: Sequence[Step]) -> Iterator[str]:
        """Yield what is needed in words; different values of one fact are told together."""
        values: dict[tuple[Path, bool], list[str]] = {}
        for step in steps:
            literal = _equals_literal(step.key)
            if literal is None:
                continue
            path, text = literal
            if not step.holds and not self._possible(path, text):
                continue
            values.setdefault((path, step.holds), []).append(text)
        for (path, holds), texts in values.items():
            negated = "not " if holds else ""
            yield f"{show(path)} {negated}to be {' or '.join(sorted(set(texts)))}; {self._is(path)}"
        for step in steps:
            if _equals_literal(step.key) is None:
                yield self._need(step)

    def _possible(self, path: Path, text: str) -> bool:
        declared = self._readings.attribute(path)
        known = (declared.only or declared.type.values) if declared is not None else ()
        return not known or text in known

    def _need(self, step: Step) -> str:
        match step.key:
            case NoValue(path):
                return f"{show(path)}, which is absent"
            case RuleHolds(name, operands):
                called = call((name, operands))
                return f"not {called}, which holds" if step.holds else called
            case Compare(_, Absent(path)):
                return f"{'a value' if path is None else show(path)}, which is absent"
            case Compare(_, TruthOf() as truth, right):
                return self._need_of_truth(truth, right, holds=step.holds)
            case Compare(operator, left, right):
                return self._need_of_values(operator, left, right, holds=step.holds)

    def _need_of_values(self, operator: str, left: Side, right: Side, *, holds: bool) -> str:
        negated = "not " if holds else ""
        if operator == "Eq":
            words = f"{negated}to be {spelled(right)}"
        elif operator in _WORDS:
            shown = _OPPOSITE[operator] if holds else operator
            words = f"to be {_WORDS[shown]} {spelled(right)}"
        else:
            words = f"{'' if holds else 'not '}to be {spelled(right)}"
        return f"{spelled(left)} {words}; {self._are(left, right)}"

    def _need_of_truth(self, truth: TruthOf, right: Side, *, holds: bool) -> str:
        wanted = (right == Literal(YES)) is not holds
        negated = "" if wanted else "not "
        match truth.question:
            case Includes(members, value):
                of_it = f", which is {self._text(value)}" if is_fact(value) else ""
                return f"{show(members)} {negated}to include {show(value)}{of_it}"
            case Exists(path):
                return f"{show(path)} {negated}to exist"
            case _ if truth.of is not None and is_fact(truth.of):
                return f"{show(truth.of)} {negated}to exist; {self._is(truth.of)}"
            case _:
                return "what can never be"

    def _are(self, left: Side, right: Side) -> str:
        """Tell what two that are compared are; of the first it is clear which is meant."""
        other = f", {show(right)} is {self._text(right)}" if is_fact(right) else ""
        return f"{self._is(left)}{other}" if is_fact(left) else f"it is not{other}"

    def _is(self, path: Path) -> str:
        return f"it is {self._text(path)}"

    def _text(self, path: Path) -> str:
        return self._readings.text(path) or "absent"


def _descends(step: Step, proof: Proof) -> bool:
    """Tell whether a step failed since a rule did, whose own clauses say at what."""
    return not step.holds and step.called in proof.rules


def _failed(
    proof: Proof, rule: RuleProof, seen: set[Called]
) -> Iterator[tuple[Called, ClauseProof]]:
    """Yield the clauses that failed, of a rule and of those for want of which they did."""
    seen.add(rule.called)
    for clause in rule.clauses:
        if clause.holds is False:
            yield rule.called, clause
            for step in clause.steps:
                if step.decides and step.called not in seen and _descends(step, proof):
                    yield from _failed(proof, proof.rules[step.called], seen)  # type: ignore[index]  # a call


def _furthest(failed: Iterable[tuple[Called, ClauseProof]]) -> list[ClauseProof]:
    """Leave out a clause where it came further when asked for another name, as for another role."""
    found: dict[tuple[object, ...], tuple[int, list[ClauseProof]]] = {}
    for (_, operands), clause in failed:
        came = max((at for at, step in enumerate(clause.steps) if step.decides), default=-1)
        entities = [operand for operand in operands if not isinstance(operand, Literal)]
        key = (clause.number, *entities)
        before, clauses = found.get(key, (-1, []))
        if came > before:
            found[key] = (came, [clause])
        elif came == before >= 0:
            clauses.append(clause)
    return [clause for _, clauses in found.values() for clause in clauses]


def _equals_literal(key: Key) -> tuple[Path, str] | None:
    match key:
        case Compare("Eq", path, Literal(text)) if is_fact(path):
            return path, text.partition(" ")[2]
    return None
