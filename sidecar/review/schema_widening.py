"""Schemas made as wide as another: what one declares allows all that the other allows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from sidecar.schema import Attribute, EntityType, Kind, Lookup, Schema, ValueType
from sidecar.schema.model import Action

T = TypeVar("T")

OLD = " (old)"
"""Behind the name of a look-up or a set of the old pack that the new one declares differently."""

Touched = tuple[str, ...]
"""Something that a question looks at: ``type`` and its name; ``attribute``, type and name;
``context`` and a name; ``property``, type of resource, action and name."""


def widened(own: Schema, other: Schema) -> Schema:
    """Return a schema that allows, of its own facts, all that another allows of them too.

    A pack that is compiled by it says what its rules say of a value that only the other knows:
    nothing that they compare with is equal to it.
    """
    values = {
        name: tuple(
            dict.fromkeys(
                value.name for schema in (own, other) for value in schema.enums.get(name, ())
            )
        )
        for name in own.enums
    }
    widening = Widening(values, {})

    def attributes(
        mine: Mapping[str, Attribute], theirs: Mapping[str, Attribute]
    ) -> dict[str, Attribute]:
        both = widening.attributes((), theirs, mine)
        return {name: both[name] for name in mine}

    def actions(declared: EntityType, beside: EntityType | None) -> dict[str, Action]:
        known = beside.actions if beside is not None else {}
        return {
            name: replace(
                action,
                properties=attributes(
                    action.properties, known[name].properties if name in known else {}
                ),
            )
            for name, action in declared.actions.items()
        }

    return replace(
        own,
        types={
            name: replace(
                declared,
                attributes=attributes(
                    declared.attributes, other.types[name].attributes if name in other.types else {}
                ),
                lookups={each: widening.lookup(of) for each, of in declared.lookups.items()},
                actions=actions(declared, other.types.get(name)),
            )
            for name, declared in own.types.items()
        },
        context=attributes(own.context, other.context),
        enums={
            name: (
                *given,
                *(
                    value
                    for value in other.enums.get(name, ())
                    if value.name not in {each.name for each in given}
                ),
            )
            for name, given in own.enums.items()
        },
    )


class Widening:
    """Widens what one schema declares by what another does, and keeps what means something else."""

    def __init__(self, values: Mapping[str, tuple[str, ...]], changed: dict[Touched, str]) -> None:
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
        self, owner: Touched, old: Mapping[str, Attribute], new: Mapping[str, Attribute]
    ) -> dict[str, Attribute]:
        """Return attributes, each as wide as the wider of the two; `owner` begins their keys."""
        return {name: self._attribute(owner, one, other) for name, (one, other) in _pairs(new, old)}

    def _attribute(self, owner: Touched, one: Attribute, other: Attribute | None) -> Attribute:
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

    def _change(self, owner: Touched, name: str, what: str) -> None:
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
