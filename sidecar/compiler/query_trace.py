"""What one query to Oso looks at, step by step; and the same again with one step turned round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.compiler.comparison import Comparison
from sidecar.compiler.operands import is_absent, operand_of
from sidecar.compiler.proof import Absent, Compare, Key, NoValue, Side, TruthOf
from sidecar.compiler.semantics import Look
from sidecar.compiler.symbols import (
    ActionName,
    ActionObject,
    Constant,
    ContextObject,
    Fact,
    SettingsObject,
    Thing,
    Truth,
)
from sidecar.diagram.paths import (
    ACTION,
    ACTION_NAME,
    CONTEXT,
    SETTINGS,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
    json_form,
)
from sidecar.schema.model import Attribute, EntityType, LocalAttribute, by_polar_name

_MIRRORED = {"Lt": "Gt", "Gt": "Lt", "Leq": "Geq", "Geq": "Leq"}
_SYMMETRIC = {"Eq", "Neq"}


@dataclass(slots=True)
class Run:
    """One query: what it looked at, in this order, and what is turned round in it."""

    turned: Mapping[Key, bool] = field(default_factory=dict)
    steps: dict[Key, bool] = field(default_factory=dict)
    last: Key | None = None
    absent: Path | None = None
    """What was last found to be absent."""
    absent_type: EntityType | None = None
    """Of which type that would be; None for a value."""

    def answer(self, step: Key, ask: Callable[[], bool]) -> bool:
        """Keep a step with its answer: the one turned round, or what `ask` says."""
        held = self.turned[step] if step in self.turned else ask()
        self.steps.setdefault(step, held)
        self.last = step
        return held


class WatchedLook(Look):
    """Reads as `Look` does, and keeps what is absent."""

    def __init__(self, run: Run, *symbols: Any) -> None:  # noqa: ANN401 - those of `Look`
        super().__init__(*symbols)
        self._run = run

    def member(self, instance: object, name: str, arguments: Sequence[object] | None) -> object:
        """Return what `Look.member` does; what is absent, and a look-up by it, are steps."""
        found = super().member(instance, name, arguments)
        if name == "exists" and found == Truth(question=False):
            return Truth(question=False, of=self._run.absent)
        if not is_absent(found) and not (isinstance(found, Thing) and found.path is None):
            return found
        base = _base(instance)
        if base is None:
            self._go_beyond(name, arguments or ())
        elif isinstance(found, Thing):
            self._found_absent(_look_up(base, name, arguments or ()), found.type.name)
        else:
            attribute = self._attribute_of(instance, name)
            path = Member(base, name if attribute is None else attribute.name)
            entity = attribute is not None and isinstance(instance, Thing)
            self._found_absent(path, attribute.type.target if attribute and entity else "")
            self._run.answer(NoValue(path), lambda: False)
        return found

    def _attribute_of(self, instance: object, name: str) -> Attribute | None:
        """Return an attribute by its name in Polar; of a part of an instant that of the instant."""
        attributes = self._attributes_of(instance)
        local: Mapping[str, LocalAttribute] = {}
        if isinstance(instance, Thing):
            local = instance.type.local
        elif isinstance(instance, ContextObject):
            local = self._names.schema.local_context
        return attributes[local[name].of] if name in local else by_polar_name(attributes, name)

    def _attributes_of(self, instance: object) -> Mapping[str, Attribute]:
        """Return what the schema declares of a thing, the action, the context or the settings."""
        schema = self._names.schema
        if isinstance(instance, ContextObject | SettingsObject):
            return schema.context if isinstance(instance, ContextObject) else schema.settings
        return instance.type.attributes if isinstance(instance, Thing) else self._names.properties

    def _go_beyond(self, name: str, arguments: Sequence[object]) -> None:
        """Read on from what is absent, if what was last found to be so declares such a member."""
        base, declared = self._run.absent, self._run.absent_type
        if base is None or declared is None:
            return
        attribute = by_polar_name(declared.attributes, name)
        if name in declared.local:
            attribute = declared.attributes[declared.local[name].of]
        if attribute is not None:
            self._found_absent(Member(base, attribute.name), attribute.type.target)
        elif name in declared.lookups:
            found = _look_up(base, name, arguments)
            self._found_absent(found, declared.lookups[name].finds)

    def _found_absent(self, path: Path, type_name: str) -> None:
        self._run.absent = path
        self._run.absent_type = self._names.schema.types.get(type_name)


class WatchedComparison(Comparison):
    """Compares as another does, and keeps what was compared."""

    def __init__(self, run: Run, inner: Comparison) -> None:
        self._run = run
        self._inner = inner

    def holds(self, operator: str, left: object, right: object) -> bool:
        """Answer as the inner comparison does; what Oso asks from both sides is one step."""
        sides = [self._side(left), self._side(right)]
        said = operator
        if operator in _SYMMETRIC:
            sides.sort(key=lambda side: (isinstance(side, Literal), json_form(side)))
        elif isinstance(sides[0], Literal) and not isinstance(sides[1], Literal):
            operator, sides = _MIRRORED[operator], sides[::-1]
        step = Compare(operator, *sides)
        return self._run.answer(step, lambda: self._inner.holds(said, left, right))

    def _side(self, value: object) -> Side:
        if is_absent(value) or (isinstance(value, Thing) and value.path is None):
            return Absent(self._run.absent)
        return TruthOf(value.question, value.of) if isinstance(value, Truth) else _operand(value)


def _operand(value: object) -> Operand:
    if isinstance(value, ActionName):
        return ACTION_NAME
    operand = operand_of(value)
    return Literal(f"str {value}") if operand is None else operand


def _look_up(base: Path, name: str, arguments: Sequence[object]) -> LookupPath:
    return LookupPath(base, name, tuple(map(_operand, arguments)))


def _base(instance: object) -> Path | None:
    """Return the path of what a member was read of; None where that is absent itself."""
    if isinstance(instance, ActionObject):
        return ACTION
    if isinstance(instance, ContextObject):
        return CONTEXT
    if isinstance(instance, SettingsObject):
        return SETTINGS
    return instance.path if isinstance(instance, Thing | Fact | Constant) else None
