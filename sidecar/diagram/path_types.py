"""What a path leads to by the schema: an attribute, or an entity of a type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

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
    root_of,
)
from sidecar.schema.local_time import LocalPart
from sidecar.schema.model import Attribute, EntityType, Kind, Lookup, Schema, ValueType


def paths_of(schema: Schema, subject: str, resource: str) -> PathTypes:
    """Return the types of paths for the names of a type of subject and one of resource."""
    return PathTypes(schema, schema.types[subject], schema.types[resource])


class PathTypes:
    """The types of paths, for one type of subject and one type of resource.

    Every method raises LookupError for a path that the schema does not declare.
    """

    def __init__(
        self,
        schema: Schema,
        subject: EntityType,
        resource: EntityType,
        properties: Mapping[str, Attribute] = MappingProxyType({}),
    ) -> None:
        """Prepare to resolve paths.

        Args:
            schema: What declares everything.
            subject: The type of the subject.
            resource: The type of the resource.
            properties: Those of the action, where it is known: two actions may call different
                things alike.
        """
        self.schema = schema
        self._root_types: dict[Path, EntityType] = {SUBJECT: subject, RESOURCE: resource}
        self._properties = properties
        self._attributes: dict[Path, Attribute] = {}

    def is_entity(self, path: Path) -> bool:
        """Return whether an entity stands at `path`, and not a value."""
        if path in self._root_types or isinstance(path, LookupPath):
            return True
        return self.attribute(path).type.kind is Kind.REFERENCE

    def type_of(self, path: Path) -> EntityType:
        """Return the type of the entity at `path`."""
        if path in self._root_types:
            return self._root_types[path]
        if isinstance(path, LookupPath):
            return self.schema.types[self.lookup(path).finds]
        return self.schema.types[self.attribute(path).type.target]

    def entity_at(self, path: Operand) -> EntityType | None:
        """Return the type of the entity at a path or an operand; None for anything else.

        None as well where it may differ from action to action, and where the path is undeclared.
        """
        if isinstance(path, Literal) or root_of(path) not in self._root_types:
            return None
        try:
            return self.type_of(path) if self.is_entity(path) else None
        except LookupError:
            return None

    def attribute(self, path: Path) -> Attribute:
        """Return what the schema declares of the member at `path`."""
        # Kept, because each step of a path is needed twice: what it is, and of which type.
        known = self._attributes.get(path)
        if known is None:
            known = self._attributes[path] = self._declared(path)
        return known

    def lookup(self, path: LookupPath) -> Lookup:
        """Return what the schema declares of the look-up at `path`."""
        return self.type_of(path.base).lookups[path.name]

    def argument_types(self, path: LookupPath) -> list[ValueType]:
        """Return the types of the arguments of a look-up."""
        return list(self.lookup(path).arguments.values())

    def _declared(self, path: Path) -> Attribute:
        member = as_member(path)
        base, name = member.base, member.name
        if base == ACTION:
            return self._property(name)
        if base == CONTEXT:
            return self.schema.context[name]
        if base == SETTINGS:
            return self.schema.settings[name]
        if not self.is_entity(base):
            kind = self.attribute(base).type.kind
            if kind is Kind.INSTANT:
                return Attribute(name=name, type=LocalPart.named(name).type)
            if name != "domain" or kind is not Kind.EMAIL:
                raise LookupError(name)
            return Attribute(name=name, type=ValueType(Kind.DOMAIN, "domain"))
        return self.type_of(base).attributes[name]

    def _property(self, name: str) -> Attribute:
        if name in self._properties:
            return self._properties[name]
        # A rule may name a property that only actions of other types have: absent here.
        for declared in (self._root_types[RESOURCE], *self.schema.types.values()):
            for action in declared.actions.values():
                if name in action.properties:
                    return action.properties[name]
        raise LookupError(name)


def with_default(schema: Schema, scope: tuple[str, str], action: str) -> Iterator[Path]:
    """Yield the facts that have a value wherever an action is granted, because of their default.

    Nothing is granted while a value of the request is outside its domain, nor where subject or
    resource are not what they must be. So there a fact with a default is stored, sent or default.

    Args:
        schema: What declares them.
        scope: The types of subject and resource.
        action: Its name; one that is not declared has no properties.
    """
    subject, resource = (schema.types[name] for name in scope)
    declared = resource.actions.get(action)
    for base, attributes in (
        (SUBJECT, subject.attributes),
        (RESOURCE, resource.attributes),
        (ACTION, declared.properties if declared is not None else {}),
        (CONTEXT, schema.context),
    ):
        for name, attribute in attributes.items():
            if attribute.default is not None:
                yield Member(base, name)
