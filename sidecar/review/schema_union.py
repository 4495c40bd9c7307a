"""Two schemas as one, so that two packs can be compared in the states of both.

What only one of them declares stands in the union, and what one allows the other allows there too:
a pack then denies what it does not know. A look-up that both declare differently is two look-ups.
A fact that means something else in one than in the other has no place in the union: what looks at
it is not compared (`Union.reasons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from msgspec.structs import replace as replace_fields

from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
    Root,
)
from sidecar.diagram.questions import Includes, Order, Question, Same, Tested, facts_of
from sidecar.schema import Attribute, EntityType, Kind, Lookup, Schema, Value, ValueType
from sidecar.schema.model import Action

T = TypeVar("T")

OLD = " (old)"
"""Behind the name of a look-up or a set of the old pack that the new one declares differently."""


Touched = tuple[str, ...]
"""Something that a question looks at: ``type`` and its name; ``attribute``, type and name;
``context`` and a name; ``property``, type of resource, action and name."""


@dataclass(frozen=True, slots=True)
class Union:
    """The union of two schemas, and of their settings."""

    schema: Schema
    settings: Mapping[str, Value]
    renamed: Mapping[tuple[str, str], str]
    """(type, look-up), or ("", setting), of the old pack, to its name in the union."""
    changed: Mapping[Touched, str]
    """What means something else in one pack than in the other, and a sentence that says so."""

    def rename(self, question: Tested, owners: Mapping[Path, EntityType]) -> Tested:
        """Return a question of the old pack with the names of the union.

        Args:
            question: The question.
            owners: The old types of the subject and the resource.
        """
        return _Renaming(self, owners).question(question)

    def reasons(
        self, own: Schema, scope: tuple[str, str], action: str | None, questions: Iterable[Question]
    ) -> tuple[str, ...]:
        """Return why what asks these questions cannot be compared; nothing where it can.

        Args:
            own: The schema of the pack that asks them.
            scope: The types of subject and resource, both of which are looked at anyway.
            action: The name of the action; None where its properties are of any action.
            questions: The questions.
        """
        if not self.changed:
            return ()
        touching = _Touching(own, scope)
        met: set[Touched] = {("type", name) for name in scope}
        for question in questions:
            for path in facts_of(question):
                touching.visit(path, met)
        return tuple(
            dict.fromkeys(
                sentence
                for changed, sentence in self.changed.items()
                if changed in met
                or (
                    changed[0] == "property"
                    and changed[1] == scope[1]
                    and action in {None, changed[2]}
                    and ("property", changed[3]) in met
                )
            )
        )


class _Touching:
    """Finds what the paths of one pack look at."""

    def __init__(self, schema: Schema, scope: tuple[str, str]) -> None:
        self._types = schema.types
        self._roots = dict(zip((SUBJECT, RESOURCE), scope, strict=True))

    def visit(self, path: Operand, met: set[Touched]) -> EntityType | None:
        """Add all that leads to what is at a path; return its type where it is an entity."""
        match path:
            case Member(base, name) if base in {ACTION, CONTEXT}:
                met.add(("property" if base == ACTION else "context", name))
                return None
            case Member(base, name):
                return self._steps(self.visit(base, met), (name,), met)
            case LookupPath(base, name, operands):
                owner = self.visit(base, met)
                for operand in operands:
                    self.visit(operand, met)
                return self._found(owner, name, met)
            case _:
                return self._entity(self._roots[path], met) if path in self._roots else None

    def _found(self, owner: EntityType | None, name: str, met: set[Touched]) -> EntityType | None:
        if owner is None or name not in owner.lookups:
            return None
        lookup = owner.lookups[name]
        for type_name, steps in lookup.reads():
            self._steps(self._entity(type_name, met), steps, met)
        return self._entity(lookup.finds, met)

    def _entity(self, name: str, met: set[Touched]) -> EntityType | None:
        if name not in self._types:
            return None
        new = ("type", name) not in met
        met.add(("type", name))
        declared = self._types[name]
        if declared.implied is not None and new:
            self._steps(declared, declared.implied[0], met)
        return declared

    def _steps(
        self, owner: EntityType | None, steps: Sequence[str], met: set[Touched]
    ) -> EntityType | None:
        for name in steps:
            if owner is None or name not in owner.attributes:
                return None
            met.add(("attribute", owner.name, name))
            declared = owner.attributes[name].type
            owner = self._entity(declared.target, met) if declared.target else None
        return owner


class _Renaming:
    def __init__(self, union: Union, owners: Mapping[Path, EntityType]) -> None:
        self._union = union
        self._owners = owners

    def question(self, question: Tested) -> Tested:
        match question:
            case Order(left, right) | Same(left, right):
                return type(question)(self.path(left), self.path(right))
            case Includes(members, value):
                return Includes(self.path(members), self.operand(value))
            case _:
                return replace_fields(question, path=self.path(question.path))

    def operand(self, operand: Operand) -> Operand:
        return operand if isinstance(operand, Literal) else self.path(operand)

    def path(self, path: Path) -> Path:
        match path:
            case Member(base, name) if base == SETTINGS:
                return Member(SETTINGS, self._union.renamed.get(("", name), name))
            case Member(base, name):
                return Member(self.path(base), name)
            case LookupPath(base, name, operands):
                name = self._union.renamed.get((self._type_of(base), name), name)
                return LookupPath(self.path(base), name, tuple(map(self.operand, operands)))
            case _:
                return path

    def _type_of(self, path: Path) -> str:
        if isinstance(path, Root):
            return self._owners[path].name
        owner = self._union.schema.types[self._type_of(path.base)]
        if isinstance(path, LookupPath):
            return owner.lookups[path.name].finds
        return owner.attributes[path.name].type.target


def unite(
    old: Schema, new: Schema, old_settings: Mapping[str, Value], new_settings: Mapping[str, Value]
) -> Union:
    """Return the union of two schemas."""
    changed: dict[Touched, str] = {}
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
    schema = replace(
        new, types=types, enums=enums, context=context, settings=declared, revision=new.revision
    )
    return Union(schema, settings, renamed, changed)


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
    widening = _Widening(values, {})

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


class _Widening:
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
