"""Schemas: entity types, attributes, keys, look-ups, actions, context and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

Scalar: TypeAlias = str | bool | int | Decimal | datetime | tuple[str, ...]
Value: TypeAlias = Scalar | frozenset[Scalar] | None
Key: TypeAlias = str | tuple[str, ...]
"""The key of an entity: the text of its column, or a tuple for several columns."""

ABSENT = None
"""The absent value. In a policy it equals nothing, not even another absent value."""


class Kind(Enum):
    """The kinds of values."""

    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    INSTANT = "instant"
    EMAIL = "email"
    DOMAIN = "domain"
    ENUM = "enum"
    REFERENCE = "reference"
    SET = "set"

    # By identity, as members are compared: that of `Enum` hashes the name, in Python.
    __hash__ = object.__hash__


ORDERED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.INSTANT})
"""Kinds whose values `<` and `>=` compare."""

TEXTS = frozenset({Kind.STRING, Kind.EMAIL, Kind.DOMAIN, Kind.ENUM})
"""Kinds that a policy compares with a string literal."""


INDEXED = frozenset({Kind.REFERENCE, Kind.EMAIL, Kind.DOMAIN, Kind.STRING})
"""Kinds by whose values rows are found; too many rows have each value of another kind."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of an attribute, a property, a setting or the argument of a look-up."""

    kind: Kind
    name: str
    """As written in the schema: ``decimal``, ``role``, ``account``, ``set of domain``."""
    values: tuple[str, ...] = ()
    """Of an enum: every value, in the order of the schema."""
    target: str = ""
    """Of a reference: the entity type that it names."""
    element: ValueType | None = None
    """Of a set: the type of its members."""

    @property
    def single(self) -> ValueType:
        """The type of one value: of a set that of its members, else the type itself."""
        return self.element or self

    @property
    def is_flag(self) -> bool:
        """Whether it is yes or no, or a set of these: then nothing is outside its domain."""
        return self.single.kind is Kind.BOOLEAN


UNTYPED = ValueType(Kind.STRING, "")
"""What an attribute is taken for whose type is a fault: what follows of it is no other fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """An attribute of an entity, a property of an action, a member of the context, or a setting."""

    name: str
    type: ValueType
    optional: bool = False
    """Whether a row may lack it. Callers may always leave out their properties."""
    caller: bool = False
    """Whether a caller may send it; a stored value takes precedence."""
    may_dangle: bool = False
    """Whether a reference may name an entity that does not exist."""
    sensitive: bool = False
    """Whether logs hash it."""
    only: tuple[str, ...] = ()
    """Of an enum: the allowed values; all if empty."""
    default: Value = None
    """The value in place of an absent one; None if there is no default."""
    unit: str = ""
    description: str = ""
    depth: int = field(default=0, repr=False)
    """Of a reference to the own type: how many of them may follow each other; 0 if any number."""
    word: str = ""
    """Its name in Polar if it differs from `name`; otherwise empty."""

    @property
    def polar(self) -> str:
        """Its name in Polar."""
        return self.word or self.name


THIS = "this"
"""How `match` of a look-up calls the entity that has the look-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAttribute:
    """An attribute that is the hour, the weekday or the date of another one.

    Rules read it; rows and callers do not have it.
    """

    name: str
    of: str
    """The attribute whose instant is read, of the same type or of the context."""
    part: str
    """One of `local_time.PARTS`."""
    zone: str
    description: str = ""
    word: str = ""
    """As `Attribute.word`."""

    @property
    def polar(self) -> str:
        """Its name in Polar."""
        return self.word or self.name


CLOCK_OPERATORS = ("<=", "<", ">=", ">")
"""How `where` of a look-up compares an instant with the time of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """The second row of a look-up of any row: one that fits together with the found row."""

    name: str
    """What `match` and `where` call it."""
    type: str
    match: Mapping[str, str]
    """Attributes of the second row to ``this`` or an argument; never empty."""
    joins: Mapping[tuple[str, ...], str]
    """Paths of the found type, as in `Lookup.match`, to the attribute of the second row that each
    equals; never empty."""
    where: Mapping[str, Value]
    clock: Mapping[str, str]
    """As `Lookup.clock`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A look-up, such as ``account.membership(user)``.

    It finds the row of type `finds` for which every attribute of `match` equals its source
    (``this`` or an argument) and every one of `where` its constant. `match` is keyed by
    attribute paths of the found type, at most two steps long: ``("user", "email")``.
    A look-up of ``any`` row only has existence: whether a row fits.
    """

    name: str
    finds: str
    arguments: Mapping[str, ValueType]
    match: Mapping[tuple[str, ...], str]
    where: Mapping[str, Value]
    several: str = "refuse"
    """If several rows match: ``refuse`` the snapshot, find the ``first`` by key, or the ``latest``
    or ``earliest`` by the attribute `order`; ``any`` tells only whether one matches."""
    order: str = ""
    """Of ``latest`` and ``earliest``: the attribute; a row without it is later than all others."""
    clock: Mapping[str, str] = field(default_factory=dict)
    """Of ``any``: instants of the row, each with one of `CLOCK_OPERATORS`, by which it must compare
    with the time of the request."""
    through: Through | None = None
    """Of ``any``: the second row, if there has to be one."""

    @property
    def sources(self) -> tuple[str, ...]:
        """What `match` names: the entity that has the look-up, then the arguments."""
        return (THIS, *self.arguments)

    @property
    def finds_any(self) -> bool:
        """Whether nothing but the existence of a row can be read."""
        return self.several == "any"

    @property
    def reads_clock(self) -> bool:
        """Whether a row can begin or cease to fit as time goes by."""
        return bool(self.clock or (self.through and self.through.clock))

    def reads(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the paths by which it finds rows, each behind the type that it begins at."""
        for path in self.match:
            yield self.finds, path
        for name in (*self.where, *self.clock, *([self.order] if self.order else ())):
            yield self.finds, (name,)
        if (through := self.through) is not None:
            for path in through.joins:
                yield self.finds, path
            for name in (*through.match, *through.joins.values(), *through.where, *through.clock):
                yield through.type, (name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action on the entities of one type."""

    name: str
    properties: Mapping[str, Attribute]
    creates: bool = False
    """Whether it creates the resource, which then must not exist yet (R20)."""
    nobody: bool = False
    """Whether it is intended that nobody is ever allowed; only reviewers' tools use this."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityType:
    """A type of subject or resource."""

    name: str
    polar: str
    """Its class in Polar: as the schema states, or `name` in capitalised words: ``PhoneNumber`` for
    ``phone_number``."""
    table: str
    """The table of its rows; empty if it has none: then every id exists."""
    key: tuple[str, ...]
    """The columns whose values, joined by ``/``, are the id."""
    attributes: Mapping[str, Attribute]
    """All attributes, with the key columns, in the order of the schema, which is that of rows."""
    lookups: Mapping[str, Lookup]
    actions: Mapping[str, Action]
    subject: bool = False
    current: Mapping[str, Value]
    """If not empty, several rows may have one key, and at most one of them these values: the id
    names that one, or else the last."""
    implied: tuple[tuple[str, ...], str] | None = None
    """If set to ``(path, key column)``: an id without a row exists if the value at the path equals
    that key column, as for ``(("account", "owner"), "user")``."""
    description: str = ""
    local: Mapping[str, LocalAttribute] = field(default_factory=dict)
    """By their names in Polar; none is among `attributes`."""

    @property
    def keeps_any_id(self) -> bool:
        """Whether every id is a key: the key is one string, and has no narrower domain."""
        return len(self.key) == 1 and self.attributes[self.key[0]].type.kind is Kind.STRING


@dataclass(frozen=True, slots=True)
class EnumValue:
    """A value of an enum, with its label and description for users."""

    name: str
    label: str = ""
    description: str = ""
    marks: Mapping[str, bool] | None = None
    """Further boolean members, such as ``assignable``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A schema. `revision` is a hash of all its declarations."""

    types: Mapping[str, EntityType]
    enums: Mapping[str, tuple[EnumValue, ...]]
    context: Mapping[str, Attribute]
    """Always with ``now``, the sidecar's clock, which callers cannot send."""
    settings: Mapping[str, Attribute]
    local_context: Mapping[str, LocalAttribute] = field(default_factory=dict)
    """Those of the context, as `EntityType.local`."""
    revision: str
    fingerprint: str
    """Equal for schemas that give every recorded fact the same meaning; see `fingerprint_of`."""

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the types of subjects, in the order of the schema."""
        return tuple(name for name, declared in self.types.items() if declared.subject)

    def value_type(self, name: str) -> ValueType | None:
        """Return the type with a name, such as ``set of domain``, or None."""
        if name.startswith("set of "):
            element = self.value_type(name.removeprefix("set of "))
            return element and ValueType(Kind.SET, name, element=element)
        if name in self.enums:
            return ValueType(Kind.ENUM, name, tuple(value.name for value in self.enums[name]))
        if name in self.types:
            return ValueType(Kind.REFERENCE, name, target=name)
        try:
            kind = Kind(name)
        except ValueError:
            return None
        return ValueType(kind, name) if kind not in COMPOUND else None


def by_polar_name(attributes: Mapping[str, Attribute], word: str) -> Attribute | None:
    """Return the attribute with a name in Polar, or None."""
    attribute = attributes.get(word)
    if attribute is not None and attribute.polar == word:
        return attribute
    return next((other for other in attributes.values() if other.word == word), None)


def polar_names(attributes: Mapping[str, Attribute]) -> frozenset[str]:
    """Return the names of attributes in Polar."""
    return frozenset(attribute.polar for attribute in attributes.values())


COMPOUND = frozenset({Kind.ENUM, Kind.REFERENCE, Kind.SET})
"""Kinds that a name alone does not define."""
