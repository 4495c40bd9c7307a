"""What a schema declares: types, attributes, keys, look-ups, actions, context and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

Scalar: TypeAlias = str | bool | int | Decimal | datetime | tuple[str, ...]
Value: TypeAlias = Scalar | frozenset[Scalar] | None
Key: TypeAlias = str | tuple[str, ...]
"""The key of an entity: the text of its column, or a tuple for several columns."""

ABSENT = None
"""The value of what is not there. It equals nothing, not even another absent value."""


class Kind(Enum):
    """The kinds of value that a policy can look at."""

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


ORDERED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.INSTANT})
"""Kinds whose values `<` and `>=` compare."""

TEXTS = frozenset({Kind.STRING, Kind.EMAIL, Kind.DOMAIN, Kind.ENUM})
"""Kinds that a policy compares with a string literal."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """The type of an attribute, a property, a setting or the argument of a look-up."""

    kind: Kind
    name: str
    """As written in the schema: ``decimal``, ``role``, ``account``, ``set of domain``."""
    values: tuple[str, ...] = ()
    """Of an enum: every value, in the order of the schema."""
    target: str = ""
    """Of a reference: the type of entity that it names."""
    element: ValueType | None = None
    """Of a set: the type of its members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One named fact of an entity, of an action, of the context or of the settings."""

    name: str
    type: ValueType
    optional: bool = False
    """Whether a row may lack it. What a caller says may always be lacking."""
    caller: bool = False
    """Whether a caller may say it where the mount does not hold it."""
    may_dangle: bool = False
    """Whether a reference may name an entity that does not exist (any more)."""
    sensitive: bool = False
    """Whether logs hash it."""
    only: tuple[str, ...] = ()
    """Of an enum: the values that may stand here; all when empty."""
    default: Value = None
    """What an absent value counts as; None when it has no default."""
    unit: str = ""
    description: str = ""
    word: str = ""
    """Its name in Polar where that is another one; empty where it is `name`."""

    @property
    def polar(self) -> str:
        """Its name in Polar."""
        return self.word or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A question an entity can be asked, such as ``account.membership(user)``.

    It finds the row of type `finds` for which every attribute of `match` equals its source
    (``this`` or an argument) and every one of `where` its constant. `match` is keyed by
    attribute paths of the found type, at most two steps long: ``("user", "email")``.
    """

    name: str
    finds: str
    arguments: Mapping[str, ValueType]
    match: Mapping[tuple[str, ...], str]
    where: Mapping[str, Value]
    several: str = "refuse"
    """When more than one row matches: ``refuse`` the snapshot, take the ``first`` by key, or the
    ``latest`` or ``earliest`` by the attribute `order`."""
    order: str = ""
    """Of ``latest`` and ``earliest``: the attribute; a row without it is later than all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a subject can ask to do with an entity of one type."""

    name: str
    properties: Mapping[str, Attribute]
    creates: bool = False
    """Whether it makes the resource: then the resource must not exist yet (R20)."""
    nobody: bool = False
    """Whether it is meant that nobody can ever do it; only reviewers' tools look at this."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityType:
    """A type of subject or resource."""

    name: str
    polar: str
    """Its class in Polar: `name` in capitalised words, ``phone_number`` as ``PhoneNumber``, or
    what the schema says."""
    table: str
    """The file or table that holds its rows; empty when nobody mounts it: then every id exists."""
    key: tuple[str, ...]
    """The columns that make the id, joined by ``/``."""
    attributes: Mapping[str, Attribute]
    """All of them, key columns included, in the order of the schema; rows have this order."""
    lookups: Mapping[str, Lookup]
    actions: Mapping[str, Action]
    subject: bool = False
    current: Mapping[str, Value]
    """When not empty, rows may repeat a key: at most one of them has these values, and the id
    names it; else the id names the last row."""
    implied: tuple[tuple[str, ...], str] | None = None
    """When set to ``(path, key column)``: an id without a row exists all the same when the value
    at `path` equals that key column (``(("account", "owner"), "user")``)."""
    description: str = ""

    @property
    def keeps_any_id(self) -> bool:
        """Whether every id is a key, since it is one string; other ids can lie outside a domain."""
        return len(self.key) == 1 and self.attributes[self.key[0]].type.kind is Kind.STRING


@dataclass(frozen=True, slots=True)
class EnumValue:
    """One value of an enum, with what people and forms are told about it."""

    name: str
    label: str = ""
    description: str = ""
    marks: Mapping[str, bool] | None = None
    """Further yes/no members of the value, such as ``assignable``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All nouns of one domain. `revision` is a hash of what it declares."""

    types: Mapping[str, EntityType]
    enums: Mapping[str, tuple[EnumValue, ...]]
    context: Mapping[str, Attribute]
    """Always holds ``now``, the sidecar's clock, which no caller can say."""
    settings: Mapping[str, Attribute]
    revision: str
    meaning: str
    """A hash of what decides how facts are read: two schemas with the same one read them alike."""

    def subjects(self) -> tuple[str, ...]:
        """Return the types that can be subjects, in the order of the schema."""
        return tuple(name for name, declared in self.types.items() if declared.subject)

    def value_type(self, name: str) -> ValueType | None:
        """Return the type that `name` names in a schema, or None."""
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


def by_word(attributes: Mapping[str, Attribute], word: str) -> Attribute | None:
    """Return the attribute that Polar calls `word`, or None."""
    attribute = attributes.get(word)
    if attribute is not None and attribute.polar == word:
        return attribute
    return next((each for each in attributes.values() if each.word == word), None)


def words_of(attributes: Mapping[str, Attribute]) -> frozenset[str]:
    """Return what Polar calls attributes."""
    return frozenset(each.polar for each in attributes.values())


COMPOUND = frozenset({Kind.ENUM, Kind.REFERENCE, Kind.SET})
"""Kinds that need more than their name."""
