"""Reads facts from a snapshot: turns the paths of a policy into functions of one request.

A `Frame` is one subject and one resource on one snapshot; a `Reader` knows, for one pair of their
types, how each path is read from it. What a path means is defined in `fact_paths`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from sidecar.diagram.paths import ACTION, NOW, RESOURCE, SUBJECT, LookupPath, Member, Path
from sidecar.engine.any_row import AnyRow
from sidecar.engine.fact_paths import ROOTS, FactPaths
from sidecar.engine.frame import UNREAD, Frame, Read, constant
from sidecar.facts import Row
from sidecar.schema import Attribute, EntityType, Schema, Value, ValueType, is_id
from sidecar.schema.local_time import LocalPart

_INDEX: Mapping[Path, int] = {SUBJECT: 0, RESOURCE: 1}


class Reader(FactPaths[Read, Read]):
    """Reads paths of one type of subject and one type of resource from frames."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        subject: EntityType,
        resource: EntityType,
    ) -> None:
        super().__init__(schema, settings, subject, resource)
        self.slots = 0
        """How many rows besides those of the subject and the resource are looked for."""
        self._slots: dict[Path, tuple[Read, int]] = {}
        """How each of these rows is found, and its slot."""

    def make_room(self, frame: Frame) -> None:
        """Make room for rows that were not known to be looked for when the frame was made."""
        frame.cache.extend([UNREAD] * (self.slots - len(frame.cache)))

    def row(self, path: Path) -> Read:
        """Return how to read the row of an entity; None where it has none. Each is read once."""
        if path in ROOTS:
            root = _INDEX[path]
            return lambda frame: frame.rows[root]
        find, slot = self._slot(path)

        def read(frame: Frame) -> Row | None:
            row: Row | None = frame.cache[slot]
            if row is UNREAD:
                row = frame.cache[slot] = find(frame)
            return row

        return read

    def _slot(self, path: Path) -> tuple[Read, int]:
        if path not in self._slots:
            find, slot = self._find(path), self.slots
            self.slots += 1
            self._slots[path] = find, slot
        return self._slots[path]

    def constant(self, value: Value, _declared: ValueType) -> Read:
        """Return a value that is the same for all requests."""
        return constant(value)

    def key_sent(self, root: Path) -> Read:
        """Return the key that the id of the subject or the resource names."""
        index = _INDEX[root]
        return lambda frame: frame.keys[index]

    def sent(self, base: Path, name: str) -> Read:
        """Return what the caller sent; the frame holds defaults in place of what is not sent."""
        if base in ROOTS:
            root = _INDEX[base]
            return lambda frame: frame.sent[root].get(name)
        if base == ACTION:
            return lambda frame: frame.action.get(name)
        if Member(base, name) == NOW:
            return lambda frame: frame.now
        return lambda frame: frame.context.get(name)

    def column(self, path: Path, attribute: Attribute) -> Read:
        """Return a value of the row of an entity."""
        index = list(self.type_of(path).attributes).index(attribute.name)
        if path in ROOTS:
            root = _INDEX[path]
            return lambda frame: None if (row := frame.rows[root]) is None else row[index]
        find, slot = self._slot(path)

        def read(frame: Frame) -> Value:  # as `row`, which it does not call: that costs as much
            row = frame.cache[slot]
            if row is UNREAD:
                row = frame.cache[slot] = find(frame)
            return None if row is None else row[index]

        return read

    def key_of_row(self, path: LookupPath) -> Read:
        """Return the key of the row that a look-up finds."""
        declared = self.type_of(path)
        return self.whole([self.column(path, declared.attributes[name]) for name in declared.key])

    def has_row(self, path: Path) -> Read:
        """Tell whether an entity has a row."""
        return self.is_present(self.row(path))

    def first(self, preferred: Read, other: Read) -> Read:
        """Return a value, or another one where it is absent."""
        return lambda frame: other(frame) if (value := preferred(frame)) is None else value

    def given(self, condition: Read, value: Read) -> Read:
        """Return a value where a condition holds."""
        return lambda frame: value(frame) if condition(frame) else None

    def part(self, key: Read, declared: EntityType, name: str) -> Read:
        """Return one column of a key."""
        if len(declared.key) == 1:
            return key
        at = declared.key.index(name)
        return lambda frame: None if (found := key(frame)) is None else found[at]

    def whole(self, parts: Sequence[Read]) -> Read:
        """Return the key of these columns."""
        return parts[0] if len(parts) == 1 else _together(parts)

    def domain(self, address: Read) -> Read:
        """Return the domain of an address."""
        return lambda frame: domain_of(address(frame))

    def local(self, instant: Read, part: LocalPart) -> Read:
        """Return the hour, the weekday or the date of an instant."""
        read = part.reader()
        return lambda frame: None if (found := instant(frame)) is None else read(found)

    def is_present(self, value: Read) -> Read:
        """Tell whether a value is there."""
        return lambda frame: value(frame) is not None

    def is_id(self, value: Read) -> Read:
        """Tell whether a text can be an id."""
        return lambda frame: is_id(value(frame))

    def same(self, left: Read, right: Read) -> Read:
        """Tell whether two values are there and equal."""
        return lambda frame: (found := left(frame)) is not None and found == right(frame)

    def either(self, left: Read, right: Read) -> Read:
        """Tell whether one of two conditions holds."""
        return lambda frame: left(frame) or right(frame)

    def instants(self, path: LookupPath) -> Callable[[Frame], Iterable[datetime]]:
        """Return how to read the instants at which a row may begin or cease to fit.

        Args:
            path: Of a look-up of any row.
        """
        any_row, sources = AnyRow(self.schema, self.lookup(path)), _together(self.arguments(path))

        def instants(frame: Frame) -> Iterable[datetime]:
            given = sources(frame)
            return () if given is None else any_row.instants(frame.snapshot, given)

        return instants

    def _find_any(self, path: LookupPath) -> Read:
        any_row, sources = AnyRow(self.schema, self.lookup(path)), _together(self.arguments(path))

        def find(frame: Frame) -> Row | None:
            given = sources(frame)
            if given is None:
                return None
            return any_row.find(frame.snapshot, given, frame.now)

        return find

    def _find(self, path: Path) -> Read:
        """Return how to find a row: in the table by its key, or in the index of a look-up."""
        declared = self.type_of(path)
        if isinstance(path, LookupPath) and self.lookup(path).finds_any:
            return self._find_any(path)
        if isinstance(path, LookupPath):
            start, name = self.type_of(path.base).name, path.name
            asked = _together(self.arguments(path))

            def find(frame: Frame) -> Row | None:
                sought = asked(frame)
                return None if sought is None else frame.snapshot.find(start, name).get(sought)

            return find
        if not declared.table:
            return constant(None)
        key, name = self.comparable(path), declared.name
        return lambda frame: frame.snapshot.rows(name).get(key(frame))


def domain_of(address: str | None) -> str | None:
    """Return the part of an address behind its last `@`."""
    return None if address is None else address.rpartition("@")[2]


def _together(parts: Sequence[Read]) -> Read:
    """Return how to read several values as a tuple; None where one of them is absent."""
    if len(parts) == 2:  # noqa: PLR2004  as in most look-ups: a generator costs twice as much
        first, second = parts

        def pair(frame: Frame) -> tuple[Value, Value] | None:
            left, right = first(frame), second(frame)
            return None if left is None or right is None else (left, right)

        return pair
    return lambda frame: None if None in (values := [part(frame) for part in parts]) else (*values,)
