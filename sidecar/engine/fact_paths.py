"""What a fact path means: the one definition, whatever facts are read from.

A path leads from the subject, the resource, the action, the context or the settings to a value or
an entity. Its meaning is fixed here (docs/packs.md, "The value of an attribute"):

* A stored value wins over the value that the caller sent; a default applies where there is neither,
  if the entity exists or is to be created.
* A key is known without a row where the request, a reference or a look-up by the whole key names
  it.
* An entity exists if it has a row, or without a row where the schema says that it is implied; an
  entity of a type without a table exists if it has a key.
* An absent value equals nothing.

A subclass says how single facts are read: `sidecar.engine.paths` from a snapshot,
`sidecar.review.line_facts` from a line of the decision log, and `sidecar.review.symbolic_facts` as
terms of a solver, for all facts that there can be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from sidecar.diagram.path_types import PathTypes
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
    as_member,
    parts_of,
)
from sidecar.diagram.questions import value_of
from sidecar.schema import Attribute, EntityType, Kind, Lookup, Schema, Value, ValueType, key_of
from sidecar.schema.local_time import LocalPart

V = TypeVar("V")
"""A value, or that it is absent, as the backend has it."""
T = TypeVar("T")
"""Whether something holds, as the backend has it."""

ROOTS = (SUBJECT, RESOURCE)


class FactPaths(PathTypes, ABC, Generic[V, T]):
    """The meaning of paths for one type of subject and one type of resource."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        subject: EntityType,
        resource: EntityType,
    ) -> None:
        super().__init__(schema, subject, resource)
        self.settings = settings

    def comparable(self, path: Path) -> V:
        """Return what two things have in common if they are the same: key or value."""
        return self.key(path) if self.is_entity(path) else self.value(path)

    def value(self, path: Path) -> V:
        """Return an attribute, a property, a setting, or the domain of an address.

        Raises:
            LookupError: The path leads to none of these.
        """
        member = as_member(path)
        base, name = member.base, member.name
        if base in (ACTION, CONTEXT):
            return self.sent(base, name)
        if base == SETTINGS:
            return self.constant(self.settings.get(name), self.attribute(path).type)
        if not self.is_entity(base):  # the domain of an address, or a part of an instant
            return self._of_value(base, name)
        declared = self.type_of(base)
        if name in declared.key:
            return self.part(self.comparable(base), declared, name)
        attribute = declared.attributes[name]
        stored = self.column(base, attribute)
        if base in ROOTS:
            can_be_sent = attribute.caller or attribute.default is not None
            return self.first(stored, self.sent(base, name)) if can_be_sent else stored
        if attribute.default is None:
            return stored
        default = self.constant(attribute.default, attribute.type)
        return self.first(stored, self.given(self.exists(base), default))

    def _of_value(self, base: Path, name: str) -> V:
        value = self.comparable(base)
        if self.attribute(base).type.kind is Kind.EMAIL:
            return self.domain(value)
        return self.local(value, LocalPart.named(name))

    def key(self, path: Path) -> V:
        """Return the key of an entity, whether it exists or not."""
        if path in ROOTS:
            return self.key_sent(path)
        if not isinstance(path, LookupPath):
            return self.value(path)
        if self.names_key(path):
            arguments = self.arguments(path)
            return self.whole([arguments[at] for at in self.order_of_key(path)])
        return self.key_of_row(path)

    def exists(self, path: Path) -> T:
        """Return whether there is such an entity."""
        declared = self.type_of(path)
        if not declared.table:
            key = self.comparable(path)
            # Of such a type the id of a request is a key as it was sent, whatever it is.
            return self.is_id(key) if self.keeps_any_id(path) else self.is_present(key)
        has_row = self.has_row(path)
        if declared.implied is None or (isinstance(path, LookupPath) and not self.names_key(path)):
            return has_row
        reach, asked = self._implied_paths(path, *declared.implied)
        return self.either(has_row, self.same(self.comparable(reach), self.comparable(asked)))

    def arguments(self, path: LookupPath) -> list[V]:
        """Return with what a look-up is asked: the entity that is asked, then the arguments."""
        declared = self.argument_types(path)
        return [
            self.comparable(path.base),
            *map(self.operand, path.operands, declared),
        ]

    def operand(self, operand: Operand, declared: ValueType) -> V:
        """Return the value of an operand: of a literal by its declared type, or of a path."""
        if isinstance(operand, Literal):
            return self.constant(self.literal(declared, operand.text), declared)
        return self.comparable(operand)

    def literal(self, declared: ValueType, text: str) -> Value:
        """Return the value of a literal operand: of a text, a number, or the id of an entity."""
        if declared.kind is Kind.REFERENCE:
            return key_of(self.schema, declared.target, text)
        return value_of(declared.kind, text)

    def keeps_any_id(self, path: Path) -> bool:
        """Tell whether the key of an entity is an id as it was sent, whatever that is."""
        return path in ROOTS and self.type_of(path).keeps_any_id

    def names_key(self, path: LookupPath) -> bool:
        """Tell whether a look-up is by the whole key, so that the key is known without a row."""
        return is_by_key(self.lookup(path), self.type_of(path))

    def order_of_key(self, path: LookupPath) -> Sequence[int]:
        """Return for each key column its index among the arguments of a look-up by the key."""
        lookup = self.lookup(path)
        names = lookup.sources
        return [names.index(lookup.match[column,]) for column in self.type_of(path).key]

    def _implied_paths(self, path: Path, steps: tuple[str, ...], column: str) -> tuple[Path, Path]:
        """Return the paths of two keys that are the same where an entity exists without a row."""
        reach = self._asked_column(path, steps[0])
        for step in steps[1:]:
            if self.type_of(reach).attributes[step].caller:  # what is only sent implies nothing
                reach = Member(path, steps[0])
            reach = Member(reach, step)
        return reach, self._asked_column(path, column)

    def _asked_column(self, path: Path, column: str) -> Path:
        """Return the path of what a key column names.

        A look-up by the whole key was asked with it, so that there is nothing to look for.
        """
        if isinstance(path, LookupPath):
            lookup = self.lookup(path)
            operands = dict(zip(lookup.sources, parts_of(path), strict=True))
            asked = operands[lookup.match[column,]]
            if not isinstance(asked, Literal):
                return asked
        return Member(path, column)

    # How a backend reads single facts.

    @abstractmethod
    def constant(self, value: Value, declared: ValueType) -> V:
        """Return a value of a type that is always the same; None stands for an absent one."""

    @abstractmethod
    def key_sent(self, root: Path) -> V:
        """Return the key that the id of the subject or the resource names."""

    @abstractmethod
    def sent(self, base: Path, name: str) -> V:
        """Return what the caller sent as an attribute or a property, or else its default.

        A value outside its domain is absent and takes no default; an attribute has a default only
        if its entity exists or is to be created.
        """

    @abstractmethod
    def column(self, path: Path, attribute: Attribute) -> V:
        """Return a value of the row of an entity; absent where it has no row."""

    @abstractmethod
    def key_of_row(self, path: LookupPath) -> V:
        """Return the key of the row that a look-up finds."""

    @abstractmethod
    def has_row(self, path: Path) -> T:
        """Tell whether an entity has a row."""

    @abstractmethod
    def first(self, preferred: V, other: V) -> V:
        """Return a value, or another one where it is absent."""

    @abstractmethod
    def given(self, condition: T, value: V) -> V:
        """Return a value where a condition holds, and absent elsewhere."""

    @abstractmethod
    def part(self, key: V, declared: EntityType, name: str) -> V:
        """Return one column of a key."""

    @abstractmethod
    def whole(self, parts: Sequence[V]) -> V:
        """Return the key of these columns; absent where one of them is."""

    @abstractmethod
    def domain(self, address: V) -> V:
        """Return the domain of an address."""

    @abstractmethod
    def local(self, instant: V, part: LocalPart) -> V:
        """Return the hour, the weekday or the date of an instant."""

    @abstractmethod
    def is_present(self, value: V) -> T:
        """Tell whether a value is there."""

    @abstractmethod
    def is_id(self, value: V) -> T:
        """Tell whether a text can be an id (`sidecar.schema.is_id`)."""

    @abstractmethod
    def same(self, left: V, right: V) -> T:
        """Tell whether two values are there and equal."""

    @abstractmethod
    def either(self, left: T, right: T) -> T:
        """Tell whether one of two conditions holds."""


def is_by_key(lookup: Lookup, found: EntityType) -> bool:
    """Tell whether a look-up of a type is by its whole key, and by nothing else."""
    columns = {steps[0] for steps in lookup.match if len(steps) == 1}
    whole = len(lookup.match) == len(columns) and columns == set(found.key)
    return whole and not lookup.where and not lookup.finds_any
