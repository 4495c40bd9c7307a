"""Oso itself, on whole policies and guarded values: what compiled answers are compared with.

Written apart from `sidecar.compiler.semantics`, `sidecar.compiler.comparison` and the snapshot's indexes,
so that a slip there is a difference here: rows are plain dictionaries and look-ups scan them. The
intended differences from plain Oso are those of the design: what is absent equals nothing (nor
itself), a fault is an answer of its own, and values of different types do not compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from polar import Polar
from polar.exceptions import OsoError
from polar.ffi import PolarSource
from polar.predicate import Predicate
from polar.query import Query

from sidecar.schema import EntityType, Kind, Schema, ValueType

Row = Mapping[str, Any]
NAN = float("nan")


class GuardError(Exception):
    """The policy looked at what it may not, or the values do not compare."""


@dataclass(frozen=True)
class World:
    """Rows by type, as plain dictionaries; references are keys."""

    rows: Mapping[str, Sequence[Row]]


class Entity:
    """A thing with its key, its row if it has one, and what the caller said of it."""

    declared: EntityType

    def __init__(self, key: Any, row: Row | None, said: Row | None = None) -> None:
        self.key = key
        self.row = row
        self.said = said or {}
        self.looked_up = False
        self.created = False
        """Whether the action makes it, so that it has its defaults already."""


@dataclass(frozen=True)
class Scalar:
    """A value with its declared type."""

    value: Any
    type: ValueType


class Bag:
    """The action, the context or the settings."""

    def __init__(self, members: Mapping[str, tuple[ValueType, Any]], known: set[str]) -> None:
        self.members = members
        self.known = known


class ActionBag(Bag):
    """Registered as `Action`."""


class Oracle:
    """One policy in one Oso."""

    def __init__(
        self, schema: Schema, settings: Mapping[str, Any], texts: Mapping[str, str]
    ) -> None:
        self.schema = schema
        self.classes: dict[str, type[Entity]] = {
            name: type(declared.polar, (Entity,), {"declared": declared})
            for name, declared in schema.types.items()
        }
        self.polar = Polar()
        vars(self.polar.ffi_polar)["process_messages"] = lambda: None
        for cls in self.classes.values():
            self.polar.register_class(cls)
        self.polar.register_class(ActionBag, name="Action")
        self.context = Bag({}, set())
        bag = Bag({n: (a.type, settings.get(n)) for n, a in schema.settings.items()}, set())
        self.polar.register_constant(bag, "settings")
        self.polar.register_constant(self.context, "context")
        self.polar.ffi_polar.load([PolarSource(text, file) for file, text in texts.items()])

    def ask(self, rule: str, asked: Asked, code: str | None) -> bool | None:
        """Answer True or False; None where the policy fails."""
        declared = self.schema.types[asked.resource[0]].actions.get(asked.action)
        properties = declared.properties if declared else {}
        every = {
            name
            for each in self.schema.types.values()
            for action in each.actions.values()
            for name in action.properties
        }
        action = ActionBag(
            {n: (a.type, asked.action_said.get(n, a.default)) for n, a in properties.items()},
            every,
        )
        action.name = asked.action  # type: ignore[attr-defined]
        self.context.members = {
            n: (a.type, asked.now if n == "now" else asked.context.get(n, a.default))
            for n, a in self.schema.context.items()
        }
        subject = self.entity(asked.world, *asked.subject, asked.subject_said)
        resource = self.entity(asked.world, *asked.resource, asked.resource_said)
        resource.created = declared is not None and declared.creates
        arguments = [subject, action, resource, *([code] if code is not None else [])]
        host = self.polar.host.copy()
        term = host.to_polar(Predicate(rule, arguments))
        query = _Query(self.polar.ffi_polar.new_query_from_term(term), host=host)  # type: ignore[no-untyped-call]  # polar's
        query.oracle = self
        query.world = asked.world
        vars(query.ffi_query)["process_messages"] = lambda: None
        try:
            return next(query.run(), None) is not None
        except (GuardError, OsoError):
            return None

    def entity(self, world: World, name: str, key: Any, said: Row | None = None) -> Entity:
        """Return the thing with this key."""
        declared = self.schema.types[name]
        rows = [r for r in world.rows.get(name, []) if _key(declared, r) == key]
        current = [
            r for r in rows if all(_held(declared, r, c) == v for c, v in declared.current.items())
        ]
        row = (current or rows)[-1] if rows else None
        return self.classes[name](key, row, said)

    def read(self, world: World, thing: object, name: str, arguments: list[Any] | None) -> object:
        """Read a member, as the schema declares it."""
        if isinstance(thing, float) and thing != thing:
            if name == "exists":
                return Scalar(False, _FLAG)  # noqa: FBT003
            return Scalar(False, _FLAG) if name == "includes" else NAN  # noqa: FBT003
        if isinstance(thing, Bag):
            if name == "name" and isinstance(thing, ActionBag):
                return thing.name  # type: ignore[attr-defined]
            if name not in thing.members:
                if name in thing.known:
                    return NAN
                raise GuardError(name)
            declared, value = thing.members[name]
            return self.wrap(world, declared, value)
        if isinstance(thing, Scalar):
            if name == "exists":
                return Scalar(True, _FLAG)  # noqa: FBT003
            if name == "domain" and thing.type.kind is Kind.EMAIL:
                return Scalar(thing.value.split("@")[-1], ValueType(Kind.DOMAIN, "domain"))
            if name == "includes" and thing.type.kind is Kind.SET and arguments:
                given = arguments[0]
                if isinstance(given, Entity) and not self.has_key(world, given):
                    return Scalar(False, _FLAG)  # noqa: FBT003
                return Scalar(_includes(thing, given), _FLAG)
            raise GuardError(name)
        if isinstance(thing, Entity):
            return self.member(world, thing, name, arguments)
        raise GuardError(name)

    def member(self, world: World, thing: Entity, name: str, arguments: list[Any] | None) -> object:
        """Read a member of a thing."""
        declared = thing.declared
        if name == "exists":
            return Scalar(self.exists(world, thing), _FLAG)
        if name in declared.lookups:
            return self.look_up(world, thing, name, arguments or [])
        if name not in declared.attributes or arguments is not None:
            raise GuardError(name)
        attribute = declared.attributes[name]
        if name in declared.key:
            if not self.has_key(world, thing):
                return NAN
            parts = thing.key if isinstance(thing.key, tuple) else (thing.key,)
            value = None if thing.key is None else parts[declared.key.index(name)]
            return self.wrap(world, attribute.type, value)
        value = None if thing.row is None else thing.row.get(name)
        if value is None and attribute.caller:
            value = thing.said.get(name)
        there = thing.created or (thing.key is not None and self.exists(world, thing))
        if value is None and attribute.default is not None and there:
            value = attribute.default
        return self.wrap(world, attribute.type, value)

    def has_key(self, world: World, thing: Entity) -> bool:
        """Tell whether a thing has a key: what a look-up did not find has none."""
        return thing.key is not None and (not thing.looked_up or self.exists(world, thing))

    def exists(self, world: World, thing: Entity) -> bool:
        """Tell whether there is such a thing."""
        if not thing.declared.table or thing.row is not None:
            return True
        if thing.declared.implied is None or thing.key is None:
            return False
        path, column = thing.declared.implied
        reached: object = self.classes[thing.declared.name](thing.key, None)
        for step in path:
            reached = self.read(world, reached, step, None)
        if not isinstance(reached, Entity):
            return False
        return bool(reached.key == thing.key[thing.declared.key.index(column)])

    def look_up(self, world: World, thing: Entity, name: str, arguments: list[Any]) -> Entity:
        """Find what a look-up names."""
        found = self.scan(world, thing, name, arguments)
        found.looked_up = True
        return found

    def scan(self, world: World, thing: Entity, name: str, arguments: list[Any]) -> Entity:
        """Scan all rows for those that a look-up finds, and choose one."""
        lookup = thing.declared.lookups[name]
        found = self.schema.types[lookup.finds]
        values: dict[str, Any] = {"this": thing.key if self.has_key(world, thing) else None}
        for argument, given in zip(lookup.arguments, arguments, strict=True):
            if isinstance(given, float) or (
                isinstance(given, Entity) and not self.has_key(world, given)
            ):
                return self.classes[found.name](None, None)
            values[argument] = (
                given.key if isinstance(given, Entity) else getattr(given, "value", given)
            )
        if any(value is None for value in values.values()):
            return self.classes[found.name](None, None)
        named = {}
        for row in world.rows.get(found.name, []):
            key = _key(found, row)
            named[key] = self.entity(world, found.name, key)
        rows = [
            (key, each.row or {})
            for key, each in named.items()
            if all(_held(found, each.row or {}, c) == v for c, v in lookup.where.items())
            and all(
                self.reach(world, each, path) == values[source]
                for path, source in lookup.match.items()
            )
        ]
        if lookup.several == "any":
            fits = any(
                self.fits(world, lookup, self.classes[found.name](*row), values) for row in rows
            )
            return self.classes[found.name](None, {} if fits else None)
        if not rows:
            return self.classes[found.name](_asked_key(found, lookup, values), None)
        if lookup.several == "first":
            key, row = min(rows, key=lambda pair: pair[0])
        elif lookup.several in {"latest", "earliest"}:
            late = datetime.max.replace(
                tzinfo=next(
                    (v.tzinfo for _, r in rows if isinstance(v := r.get(lookup.order), datetime)),
                    None,
                )
            )
            first = (min if lookup.several == "earliest" else max)(
                (row.get(lookup.order) or late) for _, row in rows
            )
            key, row = min(
                (p for p in rows if (p[1].get(lookup.order) or late) == first), key=lambda p: p[0]
            )
        else:
            key, row = rows[0]
        return self.classes[found.name](key, row)

    def fits(self, world: World, lookup: Any, row: Entity, values: Mapping[str, Any]) -> bool:
        """Tell whether a row fits by the clock, together with a second one if it needs one."""
        if not self.is_timely(row, lookup.clock):
            return False
        through = lookup.through
        if through is None:
            return True
        declared = self.schema.types[through.type]
        keys = {_key(declared, each) for each in world.rows.get(through.type, [])}
        return any(
            all(
                _held(declared, second.row or {}, name) == values[source]
                for name, source in through.match.items()
            )
            and all(
                (joined := self.reach(world, row, path)) is not None
                and joined == _held(declared, second.row or {}, name)
                for path, name in through.joins.items()
            )
            and all(
                _held(declared, second.row or {}, name) == wanted
                for name, wanted in through.where.items()
            )
            and self.is_timely(second, through.clock)
            for second in (self.entity(world, through.type, key) for key in keys)
        )

    def is_timely(self, row: Entity, clock: Mapping[str, str]) -> bool:
        """Tell whether the instants of a row compare with the clock as a look-up demands."""
        now = self.context.members["now"][1]
        held = [(_held(row.declared, row.row or {}, name), sign) for name, sign in clock.items()]
        return all(
            at is not None
            and {"<=": at <= now, "<": at < now, ">=": at >= now, ">": at > now}[sign]
            for at, sign in held
        )

    def reach(self, world: World, thing: Entity, path: tuple[str, ...]) -> Any:
        """Follow an attribute path of a look-up."""
        reached: Any = thing
        for step in path:
            reached = self.member(world, reached, step, None)
            if isinstance(reached, float):
                return None
        return reached.key if isinstance(reached, Entity) else reached.value

    def wrap(self, world: World, declared: ValueType, value: Any) -> object:
        """Give a value its type; what is absent is nothing at all."""
        if value is None:
            return NAN
        if declared.kind is Kind.REFERENCE:
            return self.entity(world, declared.target, value)
        return Scalar(value, declared)


@dataclass(frozen=True)
class Asked:
    """One request, in values."""

    world: World
    subject: tuple[str, Any]
    action: str
    resource: tuple[str, Any]
    now: datetime
    context: Row
    subject_said: Row
    action_said: Row
    resource_said: Row


_FLAG = ValueType(Kind.BOOLEAN, "boolean")


def _key(declared: EntityType, row: Row) -> Any:
    return row[declared.key[0]] if len(declared.key) == 1 else tuple(row[c] for c in declared.key)


def _held(declared: EntityType, row: Row, name: str) -> Any:
    """Return what look-ups see of a row: what it holds, or the default."""
    value = row.get(name)
    return declared.attributes[name].default if value is None else value


def _asked_key(found: EntityType, lookup: Any, values: Mapping[str, Any]) -> Any:
    """Return the key that was looked for, where the whole key was."""
    sources = {path[0]: source for path, source in lookup.match.items() if len(path) == 1}
    if lookup.where or set(sources) != set(found.key) or len(sources) != len(lookup.match):
        return None
    parts = tuple(values[sources[column]] for column in found.key)
    return parts[0] if len(parts) == 1 else parts


def _includes(members: Scalar, given: Any) -> bool:
    value = given.key if isinstance(given, Entity) else getattr(given, "value", given)
    if isinstance(value, float):
        return False
    element = members.type.element
    if element is not None and element.kind is Kind.DOMAIN:
        return any(value == each or value.endswith(f".{each}") for each in members.value)
    return value in members.value


def _same_thing(world: World, oracle: Oracle, left: Entity, right: Entity) -> bool:
    if type(left) is not type(right):
        return False
    both = oracle.has_key(world, left) and oracle.has_key(world, right)
    return both and bool(left.key == right.key)


class _Query(Query):
    oracle: Oracle
    world: World

    def handle_external_call(self, data: dict[str, Any]) -> None:
        thing = self.host.to_python(data["instance"])
        arguments = data["args"]
        if arguments is not None:
            arguments = [self.host.to_python(each) for each in arguments]
        read = self.oracle.read(self.world, thing, data["attribute"], arguments)
        term = self.host.to_polar(read)
        if isinstance(read, Entity) and read.looked_up:
            # Oso would tell its type without asking, and it may be absent.
            term["value"]["ExternalInstance"]["class_id"] = None
        self.ffi_query.call_result(data["call_id"], term)

    def handle_external_op(self, data: dict[str, Any]) -> None:
        left, right = (self.host.to_python(each) for each in data["args"])
        operator = data["operator"]
        if operator == "Neq":
            answer = not self.compare("Eq", left, right)
        else:
            answer = self.compare(operator, left, right)
        self.ffi_query.question_result(data["call_id"], answer)

    def compare(self, operator: str, left: Any, right: Any) -> bool:
        absent = [isinstance(side, float) and side != side for side in (left, right)]
        if any(absent):
            return False
        if isinstance(left, Entity) and isinstance(right, Entity):
            if operator != "Eq":
                raise GuardError
            return _same_thing(self.world, self.oracle, left, right)
        first, second = self.value(left, right), self.value(right, left)
        if operator == "Eq":
            return bool(first == second)
        if not isinstance(first, int | Decimal | datetime) or isinstance(first, bool):
            raise GuardError
        less, more = first < second, first > second
        answers: dict[str, bool] = {"Lt": less, "Gt": more, "Leq": not more, "Geq": not less}
        return answers[operator]

    def value(self, side: Any, other: Any) -> Any:
        """Return the value of a side, which has to be of the other's type."""
        if isinstance(side, Scalar):
            if isinstance(other, Scalar) and other.type != side.type:
                raise GuardError
            return side.value
        if not isinstance(other, Scalar):
            raise GuardError
        kind = other.type.kind
        if isinstance(side, bool) or kind is Kind.BOOLEAN:
            if not (isinstance(side, bool) and kind is Kind.BOOLEAN):
                raise GuardError
            return side
        if isinstance(side, int | float) and kind in {Kind.INTEGER, Kind.DECIMAL}:
            return Decimal(repr(side))
        if isinstance(side, str) and kind in {Kind.STRING, Kind.ENUM, Kind.EMAIL, Kind.DOMAIN}:
            if kind is Kind.ENUM and side not in other.type.values:
                raise GuardError
            return side.lower() if kind in {Kind.EMAIL, Kind.DOMAIN} else side
        raise GuardError

    def handle_external_isa(self, data: dict[str, Any]) -> None:
        value, tag = self.host.to_python(data["instance"]), data["class_tag"]
        names = {
            Kind.BOOLEAN: "Boolean",
            Kind.INTEGER: "Integer",
            Kind.DECIMAL: "Decimal",
            Kind.INSTANT: "Instant",
        }
        if isinstance(value, Scalar):
            answer = names.get(value.type.kind, "String") == tag and value.type.kind is not Kind.SET
        elif isinstance(value, str):
            answer = tag == "String"
        else:
            answer = (
                isinstance(value, Entity)
                and value.declared.polar == tag
                and (not value.looked_up or self.oracle.has_key(self.world, value))
            )
        self.ffi_query.question_result(data["call_id"], answer)

    def handle_external_is_subspecializer(self, data: dict[str, Any]) -> None:
        self.ffi_query.question_result(data["call_id"], answer=False)

    def handle_external_is_subclass(self, data: dict[str, Any]) -> None:
        self.ffi_query.question_result(
            data["call_id"], data["left_class_tag"] == data["right_class_tag"]
        )

    def handle_make_external(self, _data: dict[str, Any]) -> None:
        raise GuardError

    handle_external_isa_with_path = handle_next_external = handle_debug = handle_make_external
