"""Reads facts: turns the paths of a policy into functions of one request.

A `Frame` is one subject and one resource on one snapshot; a `Reader` knows, for one pair of their
types, how each path is read from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.diagram.path_types import PathTypes
from sidecar.diagram.questions import ACTION, CONTEXT, RESOURCE, SETTINGS, SUBJECT, Path, value_of
from sidecar.engine.frame import UNREAD, Frame, Read, constant
from sidecar.facts import Row
from sidecar.schema import (
    Attribute,
    EntityType,
    Kind,
    Schema,
    Value,
    ValueType,
    is_id,
    key_of,
)


class Reader(PathTypes):
    """How paths are read for one type of subject and one type of resource."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        subject: EntityType,
        resource: EntityType,
    ) -> None:
        super().__init__(schema, subject, resource)
        self.settings = settings
        self._roots = {SUBJECT: (0, subject), RESOURCE: (1, resource)}
        self.slots = 0
        """How many rows besides those of the subject and the resource are looked for."""
        self._rows: dict[Path, Read] = {}
        self._slots: dict[Path, tuple[int, Read]] = {}
        """Where each of them is kept, and how it is found: to read it without one more call."""

    def value(self, path: Path) -> Read:
        """Return how to read an attribute, a property or the context; None where it is absent."""
        base, name = path[1], path[2]
        if base == ACTION:
            return lambda frame: frame.action.get(name)
        if base == CONTEXT:
            return lambda frame: frame.context.get(name)
        if base == SETTINGS:
            return constant(self.settings.get(name))
        if not self.is_entity(base):
            address = self.value(base)  # the only member that a value has is an address' domain
            return lambda frame: domain_of(address(frame))
        declared = self.type_of(base)
        if name in declared.key:
            return _part(self.key(base), declared, name)
        return self._stored(base, declared, declared.attributes[name])

    def comparable(self, path: Path) -> Read:
        """Return how to read what two things have in common if they are the same: key or text."""
        return self.key(path) if self.is_entity(path) else self.value(path)

    def exists(self, path: Path) -> Read:
        """Return how to tell whether there is such an entity."""
        declared = self.type_of(path)
        if not declared.table:
            key = self.key(path)  # an id that no entity can have is nobody's
            if self.keeps_any_id(path):
                return lambda frame: is_id(key(frame))
            return lambda frame: key(frame) is not None
        row = self.row(path)
        if declared.implied is None or (path[0] == "lookup" and not self.names_key(path)):
            if path in self._roots:  # the most frequent test of all
                root = self._roots[path][0]
                return lambda frame: frame.rows[root] is not None
            slot, find = self._slots[path]

            def has_row(frame: Frame) -> bool:
                found = frame.cache[slot]
                if found is UNREAD:
                    found = frame.cache[slot] = find(frame)
                return found is not None

            return has_row
        implied = self._implied(path, *declared.implied)
        return lambda frame: row(frame) is not None or implied(frame)

    def row(self, path: Path) -> Read:
        """Return how to read the row of an entity; None where it has none. Each is read once."""
        if path in self._roots:
            root = self._roots[path][0]
            return lambda frame: frame.rows[root]
        if path not in self._rows:
            find = self._find(path)
            slot = self.slots
            self.slots += 1

            def read(frame: Frame) -> Row | None:
                found: Row | None = frame.cache[slot]
                if found is UNREAD:
                    found = frame.cache[slot] = find(frame)
                return found

            self._rows[path] = read
            self._slots[path] = (slot, find)
        return self._rows[path]

    def key(self, path: Path) -> Read:
        """Return how to read the key of an entity, whether it exists or not."""
        if path in self._roots:
            root = self._roots[path][0]
            return lambda frame: frame.keys[root]
        if path[0] == "member":
            return self.value(path)
        declared = self.type_of(path)
        if self.names_key(path):
            return self._key_asked(path)
        row = self.row(path)
        columns = [list(declared.attributes).index(column) for column in declared.key]
        if len(columns) == 1:
            column = columns[0]
            return lambda frame: None if (found := row(frame)) is None else found[column]
        return lambda frame: (
            None if (found := row(frame)) is None else tuple(found[column] for column in columns)
        )

    def keeps_any_id(self, path: Path) -> bool:
        """Tell whether the key of an entity is an id as it was sent, whatever that is."""
        return path in self._roots and self._roots[path][1].keeps_any_id

    def _stored(self, base: Path, declared: EntityType, attribute: Attribute) -> Read:
        row, name, default = self.row(base), attribute.name, attribute.default
        column = list(declared.attributes).index(name)
        if base in self._roots:
            root = self._roots[base][0]
            if not attribute.caller and default is None:
                return lambda frame: None if (found := frame.rows[root]) is None else found[column]

            def stored_or_said(frame: Frame) -> Value:
                found = frame.rows[root]
                value = None if found is None else found[column]
                return frame.said[root].get(name) if value is None else value

            return stored_or_said
        if default is not None:
            exists = self.exists(base)

            def stored_or_default(frame: Frame) -> Value:
                found = row(frame)
                value = None if found is None else found[column]
                return default if value is None and exists(frame) else value

            return stored_or_default
        slot, find = self._slots[base]

        def column_of_row(frame: Frame) -> Value:
            found = frame.cache[slot]
            if found is UNREAD:
                found = frame.cache[slot] = find(frame)
            return None if found is None else found[column]

        return column_of_row

    def _implied(self, path: Path, steps: tuple[str, ...], column: str) -> Read:
        """Return how to tell that an entity exists though it has no row."""
        reach, asked = self.implied_paths(path, steps, column)
        left, right = self.value(reach), self.key(asked)
        return lambda frame: (found := left(frame)) is not None and found == right(frame)

    def implied_paths(self, path: Path, steps: tuple[str, ...], column: str) -> tuple[Path, Path]:
        """Return the paths of two keys that are the same where an entity exists without a row."""
        reach = self._asked_column(path, steps[0])
        for step in steps[1:]:
            if self.type_of(reach).attributes[step].caller:  # what is only said implies nothing
                reach = ("member", path, steps[0])
            reach = ("member", reach, step)
        return reach, self._asked_column(path, column)

    def _asked_column(self, path: Path, column: str) -> Path:
        """Return the path of what a key column names.

        A look-up by the whole key was asked with it, so that there is nothing to look for.
        """
        if path[0] == "lookup":
            lookup = self.lookup(path)
            operands = dict(zip(lookup.arguments, path[3], strict=True), this=path[1])
            asked: Path = operands[lookup.match[column,]]
            if asked[0] != "literal":
                return asked
        return ("member", path, column)

    def _find(self, path: Path) -> Read:
        declared = self.type_of(path)
        if path[0] == "lookup":
            start, name, asked = self.type_of(path[1]).name, path[2], self._asked_with(path)
            return lambda frame: (
                None if None in (key := asked(frame)) else frame.snapshot.find(start, name).get(key)
            )
        key, name = self.value(path), declared.name
        if not declared.table:
            return constant(None)
        return lambda frame: frame.snapshot.rows(name).get(key(frame))

    def _asked_with(self, path: Path) -> Read:
        """Return the key with which an index is asked: the entity's own, then the arguments."""
        own = self.key(path[1])
        parts = [
            constant(self.literal(declared, operand[1]))
            if operand[0] == "literal"
            else self.comparable(operand)
            for operand, declared in zip(path[3], self.lookup(path).arguments.values(), strict=True)
        ]
        if len(parts) == 1 and path[1] in self._roots and path[3][0] in self._roots:
            first, second = self._roots[path[1]][0], self._roots[path[3][0]][0]
            return lambda frame: ((keys := frame.keys)[first], keys[second])
        if len(parts) == 1:
            argument = parts[0]
            return lambda frame: (own(frame), argument(frame))
        return lambda frame: (own(frame), *(part(frame) for part in parts))

    def literal(self, declared: ValueType, text: str) -> Value:
        """Return the value of a literal operand: of a text, a number, or the id of an entity."""
        if declared.kind is Kind.REFERENCE:
            return key_of(self.schema, declared.target, text)
        return value_of(declared.kind, text)

    def names_key(self, path: Path) -> bool:
        """Tell whether a look-up is by the whole key, so that the key is known without a row."""
        lookup = self.lookup(path)
        columns = {match[0] for match in lookup.match if len(match) == 1}
        whole = len(lookup.match) == len(columns) and columns == set(self.type_of(path).key)
        return whole and not lookup.where

    def _key_asked(self, path: Path) -> Read:
        asked, order = self._asked_with(path), self.order_asked(path)
        if len(order) == 1:
            only = order[0]
            return lambda frame: asked(frame)[only]
        return lambda frame: (
            None if None in (parts := asked(frame)) else tuple(parts[at] for at in order)
        )

    def order_asked(self, path: Path) -> list[int]:
        """Return for each key column where it stands in what a look-up by the key is asked with."""
        lookup = self.lookup(path)
        names = ["this", *lookup.arguments]
        return [names.index(lookup.match[column,]) for column in self.type_of(path).key]

    def slot(self, path: Path) -> int:
        """Return where the row at a path is kept in the cache of a frame."""
        self.row(path)
        return self._slots[path][0]


def domain_of(address: str | None) -> str | None:
    """Return the part of an address behind its last `@`."""
    return None if address is None else address.rpartition("@")[2]


def _part(key: Read, declared: EntityType, name: str) -> Read:
    """Return how to read one column of a key."""
    if len(declared.key) == 1:
        return key
    at = declared.key.index(name)
    return lambda frame: None if (found := key(frame)) is None else found[at]
