"""Two schemas as one, so that two packs can be compared in the states of both.

What only one of them declares stands in the union, and what one allows the other allows there too:
a pack then denies what it does not know. A look-up that both declare differently is two look-ups.
A fact that means something else in one than in the other has no place in the union: what looks at
it is not compared (`sidecar.review.union_paths`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from sidecar.schema import Attribute, EntityType, Kind, Lookup, Schema, Value, ValueType
from sidecar.schema.model import Action

T = TypeVar("T")

Scope = tuple[str, str]
"""The types of subject and resource."""
OLD = " (old)"
"""Behind the name of a look-up or a set of the old pack that the new one declares differently."""

Declared = tuple[str, ...]
"""Something that a schema declares: ``type`` and its name; ``attribute``, type and name;
``context`` and a name; ``property``, type of resource, action and name."""


@dataclass(frozen=True, slots=True)
class Union:
    """The union of two schemas, and of their settings."""

    schema: Schema
    settings: Mapping[str, Value]
    renamed: Mapping[tuple[str, str], str]
    """(type, look-up), or ("", setting), of the old pack, to its name in the union."""
    changed: Mapping[Declared, str]
    """What means something else in one pack than in the other, and a sentence that says so."""


def unite(
    old: Schema, new: Schema, old_settings: Mapping[str, Value], new_settings: Mapping[str, Value]
) -> Union:
    """Return the union of two schemas."""
    changed: dict[Declared, str] = {}
    renamed: dict[tuple[str, str], str] = {}
    settings: dict[str, Value] = {**old_settings, **new_settings}
    declared = {**old.settings, **new.settings}
    for name in old_settings.keys() & new_settings.keys():
        if isinstance(old_settings[name], frozenset) and old_settings[name] != new_settings[name]:
            renamed["", name] = name + OLD
            settings[name + OLD] = old_settings[name]
            declared[name + OLD] = replace(old.settings[name], name=name + OLD)
    enums = {**old.enums, **new.enums}
    for name in old.enums.keys() & new.enums.keys():
        known = {value.name for value in new.enums[name]}
        enums[name] = (
            *new.enums[name],
            *(value for value in old.enums[name] if value.name not in known),
        )
    widening = _Widening(
        {name: tuple(value.name for value in values) for name, values in enums.items()}, changed
    )
    types = {
        name: widening.type(old.types.get(name), new.types.get(name), renamed)
        for name in dict.fromkeys((*new.types, *old.types))
    }
    context = widening.attributes(("context",), old.context, new.context)
    declared = widening.attributes((), {}, declared)
    schema = replace(
        new, types=types, enums=enums, context=context, settings=declared, revision=new.revision
    )
    return Union(schema, settings, renamed, changed)


def widened(own: Schema, other: Schema) -> Schema:
    """Return a schema that allows, of its own facts, all that another allows of them too.

    A pack that is compiled by it says what its rules say of a value that only the other knows:
    nothing that they compare with is equal to it.
    """
    union = unite(other, own, {}, {}).schema
    return replace(
        own,
        types={name: _only(declared, union.types[name]) for name, declared in own.types.items()},
        context={name: union.context[name] for name in own.context},
        enums={name: union.enums[name] for name in own.enums},
        settings={name: union.settings[name] for name in own.settings},
    )


def _only(own: EntityType, union: EntityType) -> EntityType:
    """Return a type with what it declares itself, each as wide as in the union."""
    actions = {}
    for name, action in own.actions.items():
        properties = union.actions[name].properties
        actions[name] = replace(action, properties={n: properties[n] for n in action.properties})
    return replace(
        own,
        attributes={name: union.attributes[name] for name in own.attributes},
        lookups={name: union.lookups[name] for name in own.lookups},
        actions=actions,
    )


class _Widening:
    """Widens what one schema declares by what another does, and keeps what means something else."""

    def __init__(self, values: Mapping[str, tuple[str, ...]], changed: dict[Declared, str]) -> None:
        self._values = values
        self._changed = changed

    def type(
        self, old: EntityType | None, new: EntityType | None, renamed: dict[tuple[str, str], str]
    ) -> EntityType:
        """Return a type as both declare it."""
        one = new or old
        assert one is not None  # noqa: S101 - one of them declares it
        if old is None or new is None:
            return replace(
                one,
                attributes=self.attributes((), one.attributes, {}),
                lookups={name: self.lookup(each) for name, each in one.lookups.items()},
                actions={
                    name: self._action(one.name, each, None) for name, each in one.actions.items()
                },
            )
        for what in ("key", "implied", "current"):
            if getattr(old, what) != getattr(new, what):
                self._changed["type", one.name] = f"`{what}` of `{one.name}` changes"
        if bool(old.table) is not bool(new.table):
            self._changed["type", one.name] = f"`{one.name}` is mounted in one pack only"
        lookups = {name: self.lookup(each) for name, each in new.lookups.items()}
        for name, each in old.lookups.items():
            widened = self.lookup(each)
            if name in lookups and lookups[name] != widened:
                renamed[one.name, name] = name + OLD
                lookups[name + OLD] = replace(widened, name=name + OLD)
            else:
                lookups[name] = widened
        return replace(
            new,
            subject=old.subject or new.subject,
            attributes=self.attributes(("attribute", one.name), old.attributes, new.attributes),
            lookups=lookups,
            actions={
                name: self._action(one.name, *each)
                for name, each in _pairs(new.actions, old.actions)
            },
        )

    def attributes(
        self, owner: Declared, old: Mapping[str, Attribute], new: Mapping[str, Attribute]
    ) -> dict[str, Attribute]:
        """Return attributes, each as wide as the wider of the two; `owner` begins their keys."""
        return {name: self._attribute(owner, one, other) for name, (one, other) in _pairs(new, old)}

    def _attribute(self, owner: Declared, one: Attribute, other: Attribute | None) -> Attribute:
        if other is None:
            return replace(one, type=self._value_type(one.type))
        for member in ("caller", "default"):
            if getattr(one, member) != getattr(other, member):
                self._change(owner, one.name, f"`{member}`")
        if (one.type.kind, one.type.name) != (other.type.kind, other.type.name):
            self._change(owner, one.name, "the type")
        elif one.type.kind is Kind.SET and owner[:1] != ("attribute",):
            # What a caller says beyond its domain is not granted, which no tree says of a set.
            values = [each.type.element.values for each in (one, other) if each.type.element]
            if values[:1] != values[1:]:
                self._change(owner, one.name, "the values")
        return replace(
            one,
            type=self._value_type(one.type),
            optional=one.optional or other.optional,
            may_dangle=one.may_dangle or other.may_dangle,
            sensitive=one.sensitive or other.sensitive,
            only=tuple(dict.fromkeys((*one.only, *other.only))) if one.only and other.only else (),
        )

    def _change(self, owner: Declared, name: str, what: str) -> None:
        if owner:
            place = {
                "attribute": f"`{name}` of `{owner[-1]}`",
                "context": f"`context.{name}`",
                "property": f"`action.{name}` of `{owner[-1]}`",
            }[owner[0]]
            self._changed[*owner, name] = f"{what} of {place} changes"

    def _action(self, resource: str, one: Action, other: Action | None) -> Action:
        said = other.properties if other is not None else {}
        owner = ("property", resource, one.name)
        return replace(one, properties=self.attributes(owner, said, one.properties))

    def lookup(self, lookup: Lookup) -> Lookup:
        """Return a look-up whose arguments are as wide as both declare them."""
        return replace(
            lookup,
            arguments={n: self._value_type(each) for n, each in lookup.arguments.items()},
        )

    def _value_type(self, declared: ValueType) -> ValueType:
        if declared.element is not None:
            return replace(declared, element=self._value_type(declared.element))
        values = self._values.get(declared.name, declared.values)
        return replace(declared, values=values) if declared.values else declared


def _pairs(
    one: Mapping[str, T], other: Mapping[str, T]
) -> Iterator[tuple[str, tuple[T, T | None]]]:
    for name, each in one.items():
        yield name, (each, other.get(name))
    for name, each in other.items():
        if name not in one:
            yield name, (each, None)
