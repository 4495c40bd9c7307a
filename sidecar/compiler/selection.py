"""Which clauses of a rule can hold for given operands, found without a query to Oso.

A large policy has thousands of clauses of `has_permission`, and Oso would only reject all but a
few. A clause is left out where its head names another string or another type of entity than the
operand is. It is kept wherever matching its head could fail before the difference is met, since a
failure is a problem of the policy that has to be reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sidecar.diagram.path_types import PathTypes
from sidecar.diagram.paths import Literal, Operand
from sidecar.polar import ast
from sidecar.polar.checks import CONSTANTS
from sidecar.polar.names import SCALARS

_NO_ENTITIES = frozenset({*SCALARS, "Action", "Actor", "Resource"})
"""Types of parameters that are no type of the schema: values, the action, and Oso's unions."""

Types = tuple[str | None, ...]
"""For each operand the entity type that it certainly has, by its Polar name; None for others."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What the head of a clause demands of one operand."""

    text: str | None = None
    """The string that it is; None for every other pattern."""
    type: str | None = None
    """The type of the schema that it has, by its Polar name; None where other operands fit too."""
    is_total: bool = False
    """Whether matching it never compares a value, and so cannot fail."""


class Headed(Protocol):
    """A clause, as far as it is selected by its head."""

    @property
    def number(self) -> int:
        """Its place in the order of the clauses."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its head."""


C = TypeVar("C", bound=Headed)


def read_head(parameters: Sequence[ast.Parameter]) -> tuple[Parameter, ...]:
    """Return what the head of a rule demands of its operands."""
    found: list[Parameter] = []
    earlier: set[str] = set()
    for parameter in parameters:
        found.append(_parameter(parameter, earlier))
        names = (node.name for node in ast.walk(parameter) if isinstance(node, ast.Variable))
        earlier.update(name for name in names if name != "_")
    return tuple(found)


def _parameter(parameter: ast.Parameter, earlier: set[str]) -> Parameter:
    """Read one parameter; `earlier` holds the variables that already have a value."""
    match parameter.term, parameter.specializer:
        case ast.Literal(value=str(text)), None:
            return Parameter(text=text)
        case ast.Variable(name=name), _ if name in CONSTANTS or name in earlier:
            return Parameter()
        case ast.Variable(), None:
            return Parameter(is_total=True)
        case ast.Variable(), ast.Instance(type=type_name, fields=fields):
            entity = None if type_name.text in _NO_ENTITIES else type_name.text
            # `Action{name: "…"}` compares names of actions, of which `names.py` refuses others.
            named = fields is not None and type_name.text == "Action" and _is_name(fields)
            return Parameter(type=entity, is_total=fields is None or named)
        case _:
            return Parameter()


def _is_name(fields: ast.Dictionary) -> bool:
    """Tell whether fields are a name alone, as in `Action{name: "read"}`."""
    return [(each.key.text, ast.text_of(each.value) is None) for each in fields.entries] == [
        ("name", False)
    ]


def operand_types(paths: PathTypes, operands: Sequence[Operand]) -> Types:
    """Return the types of the operands that are entities, by the types of a request."""
    found = map(paths.entity_at, operands)
    return tuple(None if each is None else each.polar for each in found)


@dataclass(slots=True)
class _Selected(Generic[C]):
    """Clauses that certain types allow, divided by the string of one parameter."""

    clauses: Sequence[C]
    position: int
    by_text: dict[str | None, list[C]]
    """Under None those that any string allows; they stand under each string too."""


@dataclass(slots=True)
class ClauseIndex(Generic[C]):
    """The clauses of one rule, in their order."""

    clauses: Sequence[C]
    _groups: dict[tuple[Parameter, ...], list[C]] = field(default_factory=dict)
    """By their heads without strings: there are few of these."""
    _selected: dict[tuple[Types, tuple[bool, ...]], _Selected[C]] = field(default_factory=dict)

    def select(self, operands: tuple[Operand, ...], types: Types) -> Sequence[C]:
        """Return the clauses whose heads allow these operands.

        Args:
            operands: What the rule is called with.
            types: Their types (`operand_types`).
        """
        texts = tuple(map(_text, operands))
        key = (types, tuple(text is not None for text in texts))
        if key not in self._selected:
            self._selected[key] = _divided(sorted(self._of_types(*key), key=lambda c: c.number))
        selected = self._selected[key]
        text = texts[selected.position] if texts else None
        found = selected.clauses
        if text is not None:
            found = selected.by_text.get(text, selected.by_text[None])
        return [clause for clause in found if _fits_texts(clause, operands)]

    def _of_types(self, types: Types, are_texts: tuple[bool, ...]) -> Iterator[C]:
        if not self._groups:
            for clause in self.clauses:
                self._groups.setdefault(_without_texts(clause.parameters), []).append(clause)
        for head, clauses in self._groups.items():
            if _fits_types(head, types, are_texts):
                yield from clauses


def _without_texts(head: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    return tuple(each if each.text is None else Parameter(text="") for each in head)


def _fits_types(head: Sequence[Parameter], types: Types, are_texts: tuple[bool, ...]) -> bool:
    """Tell whether the types allow a head, or matching could fail before they are compared.

    Oso matches from left to right. A string never fails to match another string.
    """
    for parameter, wanted, is_text in zip(head, types, are_texts, strict=True):
        if parameter.type is not None and wanted is not None and parameter.type != wanted:
            return False
        if not (parameter.is_total or (parameter.text is not None and is_text)):
            break
    return True


def _fits_texts(clause: Headed, operands: tuple[Operand, ...]) -> bool:
    return all(
        parameter.text is None
        or not isinstance(operand, Literal)
        or _text(operand) == parameter.text
        for parameter, operand in zip(clause.parameters, operands, strict=True)
    )


def _divided(clauses: Sequence[C]) -> _Selected[C]:
    """Divide clauses by the parameter that is most often a different string."""
    arity = len(clauses[0].parameters) if clauses else 0
    position = max(
        range(arity),
        key=lambda at: len({clause.parameters[at].text for clause in clauses}),
        default=0,
    )
    by_text: dict[str | None, list[C]] = {None: []}
    for clause in clauses if arity else ():
        by_text.setdefault(clause.parameters[position].text, [])
    for clause in clauses if arity else ():
        wanted = clause.parameters[position].text
        for each in by_text.values() if wanted is None else (by_text[wanted],):
            each.append(clause)
    return _Selected(clauses, position, by_text)


def _text(operand: Operand) -> str | None:
    """Return the string that a literal operand is; None for what is no literal string."""
    if not isinstance(operand, Literal):
        return None
    kind, _, text = operand.text.partition(" ")
    return text if kind in {"str", "name"} else None
