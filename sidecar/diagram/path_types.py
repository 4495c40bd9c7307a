"""What a path leads to by the schema: an attribute, or an entity of a type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.diagram.questions import ACTION, CONTEXT, RESOURCE, SETTINGS, SUBJECT, Path
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
        self._root_types = {SUBJECT: subject, RESOURCE: resource}
        self._properties = properties
        self._attributes: dict[Path, Attribute] = {}

    def is_entity(self, path: Path) -> bool:
        """Return whether an entity stands at `path`, and not a value."""
        if path in self._root_types or path[0] == "lookup":
            return True
        return self.attribute(path).type.kind is Kind.REFERENCE

    def type_of(self, path: Path) -> EntityType:
        """Return the type of the entity at `path`."""
        if path in self._root_types:
            return self._root_types[path]
        if path[0] == "lookup":
            return self.schema.types[self.lookup(path).finds]
        return self.schema.types[self.attribute(path).type.target]

    def entity_at(self, path: Path) -> EntityType | None:
        """Return the type of the entity at a path or an operand; None for anything else.

        None as well where it may differ from action to action, and where the path is undeclared.
        """
        root = path
        while root[0] in {"member", "lookup"}:
            root = root[1]
        try:
            certain = root in self._root_types and self.is_entity(path)
            return self.type_of(path) if certain else None
        except LookupError:
            return None

    def attribute(self, path: Path) -> Attribute:
        """Return what the schema declares of the member at `path`."""
        # Kept, because each step of a path is needed twice: what it is, and of which type.
        known = self._attributes.get(path)
        if known is None:
            known = self._attributes[path] = self._declared(path)
        return known

    def lookup(self, path: Path) -> Lookup:
        """Return what the schema declares of the look-up at `path`."""
        return self.type_of(path[1]).lookups[path[2]]

    def argument_types(self, path: Path) -> list[ValueType]:
        """Return the types of the arguments of a look-up."""
        return list(self.lookup(path).arguments.values())

    def _declared(self, path: Path) -> Attribute:
        base, name = path[1], path[2]
        if base == ACTION:
            if name in self._properties:
                return self._properties[name]
            # A rule may name a property that only actions of other types have: absent here.
            for declared in (self._root_types[RESOURCE], *self.schema.types.values()):
                for action in declared.actions.values():
                    if name in action.properties:
                        return action.properties[name]
            raise LookupError(name)
        if base == CONTEXT:
            return self.schema.context[name]
        if base == SETTINGS:
            return self.schema.settings[name]
        if not self.is_entity(base):
            if name != "domain" or self.attribute(base).type.kind is not Kind.EMAIL:
                raise LookupError(name)
            return Attribute(name=name, type=ValueType(Kind.DOMAIN, "domain"))
        return self.type_of(base).attributes[name]
