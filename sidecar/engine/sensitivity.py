"""Which facts logs may only hold as hashes: what the schema marks, and what gives it away."""

from __future__ import annotations

from sidecar.diagram.path_types import PathTypes
from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    SETTINGS,
    Literal,
    Member,
    Operand,
    Path,
    as_member,
)
from sidecar.schema import Attribute, EntityType, Schema
from sidecar.schema.secrecy import is_secret, names_secret

Origin = tuple[str, ...]
"""Where a value belongs: hashes of values compare within one origin, and not between two."""


def origin_of_key(schema: Schema, declared: EntityType) -> Origin:
    """Return the origin of the ids of a type, wherever they stand: in requests and references.

    A key of one column is the value of that column, so that it has the same origin.
    """
    if len(declared.key) == 1:
        return origin_of_attribute(schema, declared, declared.attributes[declared.key[0]])
    return ("key", declared.name, *declared.key)


def origin_of_attribute(schema: Schema, declared: EntityType, attribute: Attribute) -> Origin:
    """Return the origin of an attribute's values; of a reference that of the ids it refers to."""
    return _origin(schema, attribute, ("attribute", declared.name, attribute.name))


def origin_of_property(schema: Schema, resource: EntityType, attribute: Attribute) -> Origin:
    """Return the origin of a property of the actions of a type of resource."""
    return _origin(schema, attribute, ("action", resource.name, attribute.name))


def origin_of_context(schema: Schema, attribute: Attribute) -> Origin:
    """Return the origin of a member of the context."""
    return _origin(schema, attribute, ("context", attribute.name))


def origin_of_path(reader: PathTypes, resource: EntityType, path: Path) -> Origin:
    """Return the origin of the value at a path, or of the key of the entity there.

    Args:
        reader: For the types of the subject and the resource.
        resource: The type of the resource, whose actions have properties.
        path: What the schema declares.

    Raises:
        LookupError: The schema declares no such path.
    """
    schema = reader.schema
    if reader.is_entity(path):
        return origin_of_key(schema, reader.type_of(path))
    base, attribute = as_member(path).base, reader.attribute(path)
    if base == ACTION:
        return origin_of_property(schema, resource, attribute)
    if base == CONTEXT:
        return origin_of_context(schema, attribute)
    if base == SETTINGS:
        return ("setting", attribute.name)
    if not reader.is_entity(base):  # the domain of an address, or a part of an instant
        return (attribute.name, *origin_of_path(reader, resource, base))
    return origin_of_attribute(schema, reader.type_of(base), attribute)


def _origin(schema: Schema, attribute: Attribute, otherwise: Origin) -> Origin:
    target = attribute.type.single.target
    return origin_of_key(schema, schema.types[target]) if target else otherwise


class Secrecy:
    """Tells it of paths, for one type of subject and one type of resource."""

    def __init__(self, reader: PathTypes, schema: Schema, resource: EntityType) -> None:
        self._reader = reader
        self._schema = schema
        self._resource = resource
        self._known: dict[Path, bool] = {}

    def of(self, path: Operand) -> bool:
        """Tell whether the value at `path`, or the key of the entity there, is sensitive."""
        if isinstance(path, Literal):
            return False
        if path not in self._known:
            self._known[path] = self._of(path)
        return self._known[path]

    def _of(self, path: Path) -> bool:
        if self._reader.is_entity(path) and names_secret(self._schema, self._reader.type_of(path)):
            return True
        if not isinstance(path, Member):
            return False
        base, name = path.base, path.name
        if base == ACTION:  # a path does not say of which action
            declared = (action.properties.get(name) for action in self._resource.actions.values())
            return any(each is not None and is_secret(self._schema, each) for each in declared)
        if is_secret(self._schema, self._reader.attribute(path)):
            return True
        # The domain of an address is as sensitive as the address, a part of an instant as that.
        roots = (CONTEXT, SETTINGS)
        return base not in roots and not self._reader.is_entity(base) and self.of(base)
