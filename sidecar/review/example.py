"""A mount and a request that show a state: a small model of a solver, in words that people read.

Of all models the one is taken in which most entities differ, the fewest have rows, and the least
is sent. What is open besides gets a plain value: the first of an enum, the next number or text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations, product

from msgspec.structs import replace

from sidecar.diagram.paths import ACTION, CONTEXT, NOW, RESOURCE, SUBJECT, Path
from sidecar.diagram.questions import text_of
from sidecar.engine.fact_paths import ROOTS
from sidecar.facts import Cells, Quoted, Snapshot, Table, build
from sidecar.model import Reference, Request
from sidecar.review.formulas import Term, Terms, all_of, any_of, equal, negated
from sidecar.review.model_values import ModelValues
from sidecar.review.row_terms import Entity
from sidecar.review.solver import Solver, UnsettledError
from sidecar.review.solver_model import Model
from sidecar.review.symbolic_facts import CallerValue, SymbolicFacts
from sidecar.review.terms import EPOCH
from sidecar.schema import Attribute, Kind, Schema, Value, ValueType
from sidecar.schema.values import LARGEST

_DEEPEST = 3
"""Steps from what was asked about to entities that only others need; then they refer to known
ones. One step is enough, unless rows that refer to one entity are refused together."""
_MALFORMED = " nothing"
"""An id that no entity has whose key has two columns, or a domain, or that nobody mounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Facts in the format of a mount, and what is asked of them; the action is still open."""

    rows: Mapping[str, tuple[Cells, ...]]
    """By type; types without rows are left out."""
    request: Request
    now: datetime

    def snapshot(self, schema: Schema) -> Snapshot:
        """Build the facts.

        Raises:
            InvalidSnapshotError: No mount can hold them.
        """
        tables = {
            name: Table(schema.types[name].table, list(enumerate(rows, 1)))
            for name, rows in self.rows.items()
            if name in schema.types
        }
        return build(schema, tables)

    def asking(self, action: str) -> Request:
        """Return the request with an action."""
        return replace(self.request, action=action)


def smallest_example(facts: SymbolicFacts, formulas: Sequence[Term]) -> Example | None:
    """Return a mount and a request of which formulas hold; None where there is none.

    Raises:
        UnsettledError: The solver gives up.
    """
    solver = Solver(facts.terms)
    for root in ROOTS:
        facts.comparable(root)
    for formula in formulas:
        facts.terms.say(formula)
    if not solver.is_satisfiable():
        return None
    for depth in range(1, _DEEPEST + 1):
        closed = facts.terms.name(all_of(_closed(facts, depth)))
        if solver.is_satisfiable([closed]):
            facts.terms.say(closed)
            return _Writing(facts, _preferred(facts, solver)).example()
    return None


def _closed(facts: SymbolicFacts, depth: int) -> Iterator[Term]:
    """Complete all rows; yield that what lies deeper is something that is known already."""
    depths = dict.fromkeys(facts.mount.rows, 0)
    waiting = list(facts.mount.rows)
    deeper: list[Entity] = []
    for number in waiting:
        entity = facts.mount.rows[number]
        of_type = [each for each in facts.mount.entities.values() if each.type is entity.type]
        if depths[number] > depth and of_type:
            deeper.append(entity)
            continue
        facts.mount.note(entity)
        for name, attribute in entity.type.attributes.items():
            if not attribute.optional:
                facts.mount.cell(entity, name)
        new = [each for each in facts.mount.rows if each not in depths]
        depths |= dict.fromkeys(new, depths[number] + 1)
        waiting += new
    for entity in deeper:
        known = [each.key for each in facts.mount.entities.values() if each.type is entity.type]
        is_known = any_of(equal(entity.key, key) for key in known)
        yield any_of([negated(facts.mount.row(entity)), is_known])


def _preferred(facts: SymbolicFacts, solver: Solver) -> Model:
    """Return the model that keeps most of what is preferred, the first things first."""
    for text in facts.terms.open_texts:
        # A text of which nothing is known would be equal to anything.
        facts.terms.say(facts.terms.flag("is_there", (text,)))
    wishes = list(_preferences(facts))
    solver.is_satisfiable()
    model = solver.model()
    model.load(wishes)
    for at, wish in enumerate(wishes):
        if model.holds(wish):
            facts.terms.say(wish)
        elif solver.is_satisfiable([facts.terms.name(wish)]):
            facts.terms.say(wish)
            model = solver.model()
            model.load(wishes[at:])
    solver.is_satisfiable()
    model = solver.model()
    if any(facts.calendar.broken(model)):
        raise UnsettledError(
            "nobody knows whether a state can be: it hangs on when the clocks of a zone change,"
            " which they do too often to try; simplify the rules that are compared"
        )
    return model


def _preferences(facts: SymbolicFacts) -> Iterator[Term]:
    """Yield what a mount should be like that is small and plain, the most wanted first."""
    yield from facts.calendar.preferences()
    for root in ROOTS:
        reading = facts.comparable(root)
        yield reading.present
        yield all_of(map(facts.terms.is_proper, reading.value))
    entities = list(facts.mount.entities.values())
    pairs = [pair for pair in combinations(entities, 2) if pair[0].type is pair[1].type]
    for one, other in pairs:
        yield negated(equal(one.key, other.key))
    for entity in reversed(entities):
        yield negated(facts.mount.row(entity))
    for sent in facts.caller_values.values():
        # A default says the same as a caller would, where nobody knows which action it is of.
        beside = sent.base in {ACTION, CONTEXT} and sent.attribute.default is not None
        yield sent.is_sent if beside else negated(sent.is_sent)
        yield negated(sent.is_refused)
        yield from _plain(facts, sent.attribute, sent.value)
    for _, attribute, column in facts.mount.stored():
        if attribute.optional:
            yield negated(column.present)
        yield from _plain(facts, attribute, column.value)
    for of in facts.mount.sets.of.values():
        for held, member in product(of.sets, of.members):
            yield negated(facts.terms.flag(of.name, (*held, *member)))
    for one, other in pairs if facts.terms.is_ordered else ():
        yield facts.terms.comes_first(one.key, other.key)


def _plain(facts: SymbolicFacts, attribute: Attribute, value: Terms) -> Iterator[Term]:
    """Yield that a value is its default, or one of the first of its enum; a flag is not set."""

    def differs(other: Value) -> Term:
        return negated(equal(value, (facts.terms.literal(attribute.type.kind, other),)))

    if isinstance(attribute.default, frozenset):
        return
    if attribute.default is not None:
        yield negated(differs(attribute.default))
    elif attribute.type.kind is Kind.BOOLEAN:
        yield differs(True)  # noqa: FBT003
    else:
        yield from map(differs, reversed((attribute.only or attribute.type.values)[1:]))


class _Writing:
    """Writes a model as rows and a request."""

    def __init__(self, facts: SymbolicFacts, model: Model) -> None:
        self._facts = facts
        self._values = ModelValues(facts, model)

    def example(self) -> Example:
        facts, values = self._facts, self._values
        rows: dict[str, dict[str, dict[str, str | list[str]]]] = {}
        for entity in facts.mount.entities.values():
            if values.holds(facts.mount.row(entity)):
                cells = rows.setdefault(entity.type.name, {}).setdefault(values.id(entity), {})
                cells |= self._cells(entity)
        subject, resource = (self._root(root) for root in ROOTS)
        request = Request(
            subject=subject,
            action="",
            resource=resource,
            subject_properties=self._properties(SUBJECT),
            action_properties=self._properties(ACTION),
            resource_properties=self._properties(RESOURCE),
            context=self._properties(CONTEXT),
        )
        clock = facts.caller_values.get(NOW)
        now = EPOCH if clock is None else values.value(clock.attribute.type, clock.value)
        assert isinstance(now, datetime)  # noqa: S101 - it is an instant
        return Example(
            rows={
                name: tuple(
                    sorted((self._in_order(name, each) for each in rows[name].values()), key=str)
                )
                for name in facts.schema.types
                if name in rows
            },
            request=request,
            now=now,
        )

    def _root(self, path: Path) -> Reference:
        key, of = self._facts.comparable(path), self._facts.type_of(path)
        proper = all_of(map(self._facts.terms.is_proper, key.value))
        known = self._values.holds(key.present) and self._values.holds(proper)
        return Reference(of.name, self._values.id(Entity(of, key.value)) if known else _MALFORMED)

    def _cells(self, entity: Entity) -> Iterator[tuple[str, str | list[str]]]:
        """Yield what the row of an entity holds, as far as it was read of it."""
        for name, attribute in entity.type.attributes.items():
            column = self._facts.mount.known_cell(entity, name)
            if column is not None and self._values.holds(column.present):
                yield name, self._cell(attribute.type, column.value)

    def _in_order(self, type_name: str, cells: Mapping[str, str | list[str]]) -> Cells:
        return {
            name: cells[name]
            for name in self._facts.schema.types[type_name].attributes
            if name in cells
        }

    def _cell(self, declared: ValueType, value: Terms) -> str | list[str]:
        if declared.kind is Kind.SET and declared.element is not None:
            element = declared.element
            members = self._values.members(element, value)
            return sorted(_quoted(element, self._text(element, member)) for member in members)
        return _quoted(declared, self._text(declared, value))

    def _text(self, declared: ValueType, value: Terms) -> str:
        return text_of(self._values.value(declared, value))

    def _properties(self, base: Path) -> dict[str, object]:
        """Return what a caller says of a part of the request."""
        return {
            path.name: self._as_sent(sent)
            for path, sent in self._facts.caller_values.items()
            if path.base == base and path != NOW and self._is_sent(sent)
        }

    def _is_sent(self, sent: CallerValue) -> bool:
        default = sent.attribute.default
        if self._values.holds(sent.is_sent):
            if sent.base != CONTEXT or default is None or isinstance(default, frozenset):
                return True
            return self._values.value(sent.attribute.type, sent.value) != default
        # Only what is outside its domain is absent in spite of a default.
        beside = sent.base in {ACTION, CONTEXT} and default is not None
        return beside or self._values.holds(sent.is_refused)

    def _as_sent(self, sent: CallerValue) -> object:
        declared = sent.attribute.type
        if not self._values.holds(sent.is_sent):
            outside = LARGEST + 1 if declared.single.kind is Kind.INTEGER else ""
            return [outside] if declared.kind is Kind.SET else outside
        if declared.kind is Kind.SET:
            return [str(each) for each in self._cell(declared, sent.value)]
        value: Value = self._values.value(declared, sent.value)
        return value if isinstance(value, bool | int) else text_of(value)


def _quoted(declared: ValueType, text: str) -> str:
    return Quoted(text) if declared.kind in {Kind.STRING, Kind.REFERENCE} else text
