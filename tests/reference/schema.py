"""The schema of a pack: types, attributes, look-ups, actions, context and settings."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference.documents import Document
from tests.reference.errors import OutsideDomainError, PackError, WrongTypeError
from tests.reference.local_time import part_of, zone_of
from tests.reference.values import (
    ABSENT,
    Absent,
    Entity,
    Kind,
    Value,
    has_invisible_end,
    read_text,
    read_value,
)

Term = Value | Entity | Absent

BASES = frozenset(["string", "boolean", "integer", "decimal", "instant", "email", "domain"])


@dataclass(frozen=True, slots=True)
class Attribute:
    """A declared member of an entity, an action, the context or the settings."""

    name: str
    polar: str
    """What rules call it."""
    kind: Kind
    is_optional: bool = False
    default: Value | None = None
    only: frozenset[str] | None = None
    from_caller: bool = False
    may_dangle: bool = False
    depth: int = 0
    """Of a reference to the own type: how many may follow each other; 0 for any number."""


@dataclass(frozen=True, slots=True)
class Part:
    """A declared member that is the hour, the weekday or the date of an instant."""

    polar: str
    """What rules call it."""
    part: str
    of: Attribute
    zone: ZoneInfo

    def value(self, instant: Term) -> Term:
        """Return the part of an instant; of an absent one it is absent."""
        if not isinstance(instant, Value):
            return ABSENT
        assert isinstance(instant.raw, datetime)
        return part_of(self.part, instant.raw, self.zone)


@dataclass(frozen=True, slots=True)
class LookUp:
    """A question that finds one row of a type."""

    finds: str
    arguments: Mapping[str, Kind]
    match: tuple[tuple[tuple[str, ...], str], ...]
    """Paths of the found type, each with `this` or the name of the argument it equals."""
    where: Mapping[str, Value | Entity]
    several: str
    """refuse, first, latest, earliest or any."""
    by: str = ""
    """The attribute that orders the rows."""
    clock: Mapping[str, str] = field(default_factory=dict)
    """Instants of the row, each with how it compares with the clock."""
    second: "Second | None" = None
    """The row that has to fit too."""


@dataclass(frozen=True, slots=True)
class Second:
    """The row of `through`."""

    type: str
    match: Mapping[str, str]
    """Attributes, each with `this` or the name of the argument it equals."""
    joins: tuple[tuple[tuple[str, ...], str], ...]
    """Paths of the found type, each with the attribute of this row that it equals."""
    where: Mapping[str, Value | Entity]
    clock: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Action:
    """What a subject can ask to do with an entity."""

    properties: Mapping[str, Attribute]
    creates: bool = False


@dataclass(frozen=True, slots=True)
class Type:
    """A type of entities."""

    name: str
    polar: str
    """What rules call it."""
    is_subject: bool
    table: str | None
    key: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    members: Mapping[str, Attribute]
    """The attributes by what rules call them."""
    parts: Mapping[str, Part]
    """Parts of its instants, by what rules call them. They are no columns, and nobody says them."""
    actions: Mapping[str, Action]
    look_ups: dict[str, LookUp] = field(default_factory=dict)
    current: dict[str, Value | Entity] = field(default_factory=dict)
    implied: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Paths, each with the key column that it equals."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything that `schema.yaml` declares."""

    types: Mapping[str, Type]
    context: Mapping[str, Attribute]
    context_parts: Mapping[str, Part]
    settings: Mapping[str, Attribute]

    def key_text(self, kind: Kind, text: str) -> str:
        """Return the canonical text of one key column."""
        if kind.base == "reference":
            target = self.types[kind.name]
            return self.key_text(target.attributes[target.key[0]].kind, text)
        if has_invisible_end(text):
            raise OutsideDomainError(f"{text!r} has invisible characters at an end")
        return read_text(kind, text)

    def entity(self, type_name: str, identifier: str, role: str = "") -> Entity:
        """Return the entity that an id names; its key is empty if the type has no such id."""
        nothing = Entity(type_name, (), role, identifier)
        declared = self.types.get(type_name)
        if declared is None:
            return nothing
        parts = identifier.split("/", len(declared.key) - 1) if declared.key[1:] else [identifier]
        if len(parts) != len(declared.key):
            return nothing
        kinds = [declared.attributes[column].kind for column in declared.key]
        try:
            texts = [self.key_text(*pair) for pair in zip(kinds, parts, strict=True)]
        except OutsideDomainError:
            return nothing
        return replace(nothing, key=tuple(texts))

    def path(self, declared: Type, text: str) -> tuple[str, ...]:
        """Return the attributes that a path with dots names."""
        readings = list(self._readings(declared, text))
        if len(readings) != 1:
            raise PackError(
                f"schema.yaml: {text} names no attribute of {declared.name}, or several"
            )
        return readings[0]

    def _readings(self, declared: Type, text: str) -> Iterator[tuple[str, ...]]:
        """Yield what a path can mean; an attribute may have dots in its name."""
        if text in declared.attributes:
            yield (text,)
        for name, attribute in declared.attributes.items():
            if attribute.kind.base == "reference" and text.startswith(f"{name}."):
                target = self.types[attribute.kind.name]
                for rest in self._readings(target, text.removeprefix(f"{name}.")):
                    yield (name, *rest)

    def key_value(self, entity: Entity, column: str) -> Term:
        """Return a key column of an entity.

        It is absent if the type has no such id, but for a key that is one string.
        """
        declared = self.types[entity.type]
        kind = declared.attributes[column].kind
        if not entity.key:
            is_one_string = len(declared.key) == 1 and kind.base == "string"
            return Value("string", entity.sent) if is_one_string else ABSENT
        text = entity.key[declared.key.index(column)]
        if kind.base == "reference":
            return Entity(kind.name, (text,))
        return Value(str(kind), text)

    def read(self, attribute: Attribute, raw: object, *, is_proposed: bool) -> Value | Entity:
        """Return a raw value as a value of an attribute."""
        value = self._read_kind(attribute.kind, raw, is_proposed=is_proposed)
        if attribute.only is not None:
            members = value.raw if isinstance(value, Value) else ()
            texts = members if isinstance(members, frozenset) else [value]
            if any(isinstance(each, Value) and each.raw not in attribute.only for each in texts):
                raise OutsideDomainError(f"{raw!r} is not allowed here")
        return value

    def _read_kind(self, kind: Kind, raw: object, *, is_proposed: bool) -> Value | Entity:
        if kind.member is not None:
            if not isinstance(raw, list | tuple):
                raise WrongTypeError(f"{raw!r} is not a list")
            items, fault = [], None
            for item in raw:
                try:
                    items.append(self._read_kind(kind.member, item, is_proposed=is_proposed))
                except OutsideDomainError as error:
                    # A wrong type further on counts more.
                    fault = error
            if fault is not None:
                raise fault
            return Value(str(kind), frozenset(items))
        if kind.base == "reference":
            if not isinstance(raw, str):
                raise WrongTypeError(f"{raw!r} is not an id")
            entity = self.entity(kind.name, raw)
            if not entity.key:
                raise OutsideDomainError(f"{raw!r} is no id of a {kind.name}")
            return entity
        return read_value(kind, raw, is_proposed=is_proposed)


def read_schema(document: Document) -> Schema:
    """Return the schema that a document declares."""
    try:
        return _Reader(document).schema()
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise PackError(f"schema.yaml: {type(error).__name__}: {error}") from error


NOW = Attribute("now", "now", Kind("instant"))
"""The clock, of which the context can have parts."""


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.bodies: Mapping[str, Document] = document["types"]
        self.enums = {
            str(name): frozenset(str(value) for value in values)
            for name, values in (document.get("enums") or {}).items()
        }

    def schema(self) -> Schema:
        context = self.attributes(self.document.get("context"))
        schema = Schema(
            {name: self.type(name, body) for name, body in self.bodies.items()},
            context,
            self.parts(self.document.get("context"), {**context, "now": NOW}),
            self.attributes(self.document.get("settings")),
        )
        # What refers to other types is read when all of them are known.
        for declared in schema.types.values():
            body = self.bodies[declared.name]
            declared.current.update(constants(schema, declared, body.get("current")))
            for path, column in (body.get("implied") or {}).items():
                declared.implied[schema.path(declared, path)] = column
            for name, look_up in (body.get("lookups") or {}).items():
                declared.look_ups[name] = self.look_up(look_up, schema)
        return schema

    def kind(self, text: str) -> Kind:
        if text.startswith("set of "):
            return Kind("set", member=self.kind(text.removeprefix("set of ")))
        if text in BASES:
            return Kind(text)
        if text in self.enums:
            return Kind("enum", text, values=self.enums[text])
        if text in self.bodies:
            return Kind("reference", text)
        raise PackError(f"schema.yaml: nothing is called {text}")

    def attributes(self, bodies: Document) -> dict[str, Attribute]:
        return {
            name: self.attribute(name, body)
            for name, body in (bodies or {}).items()
            if not is_part(body)
        }

    def parts(self, bodies: Document, attributes: Mapping[str, Attribute]) -> dict[str, Part]:
        parts = [
            self.part(name, body, attributes)
            for name, body in (bodies or {}).items()
            if is_part(body)
        ]
        return {part.polar: part for part in parts}

    def part(self, name: str, body: Document, attributes: Mapping[str, Attribute]) -> Part:
        of = attributes[body["of"]]
        if body["part"] not in {"hour", "weekday", "date"} or of.kind.base != "instant":
            raise PackError(f"schema.yaml: {name} is no part of an instant")
        if body.keys() - {"part", "of", "zone", "polar", "description"}:
            raise PackError(f"schema.yaml: {name} has members that a part has not")
        return Part(body.get("polar") or member_name(name), body["part"], of, zone_of(body["zone"]))

    def attribute(self, name: str, body: Document) -> Attribute:
        if isinstance(body, str):
            body = {"type": body}
        kind = self.kind(body["type"])
        default = body.get("default")
        only = body.get("only")
        return Attribute(
            name=name,
            polar=body.get("polar") or member_name(name),
            kind=kind,
            is_optional=body.get("optional", False) or default is not None,
            default=None if default is None else read_default(kind, default),
            only=None if only is None else frozenset(str(value) for value in only),
            from_caller=body.get("caller", False),
            may_dangle=body.get("may_dangle", False),
            depth=body.get("depth", 0),
        )

    def type(self, name: str, body: Document) -> Type:
        key = body["key"]
        attributes = self.attributes(body["attributes"])
        actions = body.get("actions") or {}
        if isinstance(actions, list):
            actions = {action: {} for action in actions}
        return Type(
            name=name,
            polar=body.get("polar") or class_name(name),
            is_subject=body.get("subject", False),
            table=body.get("table"),
            key=(key,) if isinstance(key, str) else tuple(key),
            attributes=attributes,
            members={attribute.polar: attribute for attribute in attributes.values()},
            parts=self.parts(body["attributes"], attributes),
            actions={
                action: Action(self.attributes(each.get("properties")), each.get("creates", False))
                for action, each in actions.items()
            },
        )

    def look_up(self, body: Document, schema: Schema) -> LookUp:
        found = schema.types[body["finds"]]
        several, _, by = (body.get("several") or "refuse").partition(" ")
        arguments = {name: self.kind(text) for name, text in (body.get("arguments") or {}).items()}
        name, second = next(iter((body.get("through") or {"": None}).items()))
        match, where = body["match"], body.get("where") or {}
        plain, clock = conditions(schema, found, without(where, name))
        return LookUp(
            finds=found.name,
            arguments=arguments,
            match=tuple(
                (schema.path(found, path), to)
                for path, to in without(match, name).items()
                if not (name and to.startswith(f"{name}."))
            ),
            where=plain,
            several=several,
            by=by,
            clock=clock,
            second=None if second is None else second_row(schema, found, name, second, body),
        )


def is_part(body: Document) -> bool:
    """Return whether a member is declared as a part of an instant."""
    return isinstance(body, dict) and "part" in body


def second_row(schema: Schema, found: Type, name: str, type_name: str, body: Document) -> Second:
    """Return the row of `through`; in `match` and `where` its attributes begin with its name."""
    declared = schema.types[type_name]
    plain, clock = conditions(schema, declared, within(body.get("where") or {}, name))
    joins = {path: to for path, to in body["match"].items() if to.startswith(f"{name}.")}
    return Second(
        type=type_name,
        match=within(body["match"], name),
        joins=tuple(
            (schema.path(found, path), to.removeprefix(f"{name}.")) for path, to in joins.items()
        ),
        where=plain,
        clock=clock,
    )


def within(body: Document, name: str) -> dict[str, Any]:
    """Return the members that begin with a name and a point, without these."""
    return {
        key.removeprefix(f"{name}."): each
        for key, each in body.items()
        if key.startswith(f"{name}.")
    }


def without(body: Document, name: str) -> dict[str, Any]:
    """Return the other members."""
    return {k: each for k, each in body.items() if not name or not k.startswith(f"{name}.")}


def conditions(
    schema: Schema, declared: Type, body: Document
) -> tuple[dict[str, Value | Entity], dict[str, str]]:
    """Return the constants of `where`, and what it compares with the clock."""
    clock = {
        name: raw.removesuffix("now").strip()
        for name, raw in body.items()
        if declared.attributes[name].kind.base == "instant" and str(raw).endswith("now")
    }
    plain = {name: raw for name, raw in body.items() if name not in clock}
    return constants(schema, declared, plain), clock


def read_default(kind: Kind, raw: Document) -> Value:
    """Return a default; one of references is an empty set."""
    if kind.member is None:
        return read_value(kind, raw, is_proposed=False)
    member = kind.member
    return Value(str(kind), frozenset(read_value(member, each, is_proposed=False) for each in raw))


def class_name(name: str) -> str:
    """Return what rules call a type: `todo-item` is `TodoItem`."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def member_name(name: str) -> str:
    """Return what rules call an attribute or a property: `$ref` is `ref`."""
    return name if re.fullmatch(r"\w+", name) else re.sub(r"[^A-Za-z0-9_]", "_", name).strip("_")


def constants(schema: Schema, declared: Type, body: Document) -> dict[str, Value | Entity]:
    """Return constants by attribute, as `where` and `current` write them."""
    return {
        name: schema.read(declared.attributes[name], raw, is_proposed=False)
        for name, raw in (body or {}).items()
    }
