"""Which facts logs may only hold as hashes: what the schema marks, and what gives it away."""

from __future__ import annotations

from sidecar.evaluation.reading import Reader
from sidecar.policy.questions import ACTION, CONTEXT, SETTINGS, Path
from sidecar.schema import Attribute, EntityType, Schema


def names_secret(schema: Schema, declared: EntityType) -> bool:
    """Tell whether the ids of a type hold something sensitive: its key, or a key that it names."""
    return any(is_secret(schema, declared.attributes[column]) for column in declared.key)


def is_secret(schema: Schema, attribute: Attribute) -> bool:
    """Tell whether the values of an attribute are sensitive, or the ids that it refers to."""
    target = (attribute.type.element or attribute.type).target
    return attribute.sensitive or (bool(target) and names_secret(schema, schema.types[target]))


class Secrecy:
    """Tells it of paths, for one type of subject and one type of resource."""

    def __init__(self, reader: Reader, schema: Schema, resource: EntityType) -> None:
        self._reader = reader
        self._schema = schema
        self._resource = resource
        self._known: dict[Path, bool] = {}

    def of(self, path: Path) -> bool:
        """Tell whether the value at `path`, or the key of the entity there, is sensitive."""
        if path[0] == "literal":
            return False
        if path not in self._known:
            self._known[path] = self._of(path)
        return self._known[path]

    def _of(self, path: Path) -> bool:
        if self._reader.is_entity(path) and names_secret(self._schema, self._reader.type_of(path)):
            return True
        if path[0] != "member":
            return False
        base, name = path[1], path[2]
        if base == ACTION:  # a path does not say of which action
            declared = (action.properties.get(name) for action in self._resource.actions.values())
            return any(each is not None and is_secret(self._schema, each) for each in declared)
        if is_secret(self._schema, self._reader.attribute(path)):
            return True
        # The domain of an address is as sensitive as the address.
        roots = (CONTEXT, SETTINGS)
        return base not in roots and not self._reader.is_entity(base) and self.of(base)
