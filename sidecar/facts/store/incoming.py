"""The rows of a source as a store keeps them: those of one key together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from sidecar.errors import Problem
from sidecar.facts.errors import MountFaults
from sidecar.facts.row_faults import current_test, repeated_message, takes_place
from sidecar.facts.row_parser import Row, RowReader, Table
from sidecar.facts.store.encoding import BAD, MAX_ID_BYTES
from sidecar.facts.store.layout import Entry, Layout, TypeLayout, link_entries
from sidecar.facts.store.transactions import Transaction
from sidecar.schema import Key, id_of


@dataclass(slots=True)
class KeyRows:
    """All rows of one key."""

    named: Row
    """The row that the id names."""
    spelling: str = ""
    """The id as that row writes it, if that is not the canonical form."""
    hidden: list[Row] = field(default_factory=list)
    """The others, of a type with `current`."""
    faults: tuple[Problem, ...] = ()
    """Those of the rows by themselves, if they are taken although they are bad."""


class IncomingRow(NamedTuple):
    """A row of a source with a valid key."""

    line: int
    key: Key
    encoded_key: bytes
    row: Row
    spelling: str
    """As in `KeyRows`."""
    faults: tuple[Problem, ...]
    """As in `KeyRows`."""

    def alone(self) -> KeyRows:
        """Return it as the only row of its key."""
        return KeyRows(self.row, self.spelling, faults=self.faults)


class Incoming:
    """The reader of the rows of one type."""

    def __init__(
        self, whole: Layout, layout: TypeLayout, table: Table, faults: MountFaults
    ) -> None:
        self.layout = layout
        self._columns = whole.columns
        self._schema = whole.schema
        self.table = table
        self._faults = faults
        self._reader = RowReader(whole.schema, layout.declared, table, faults)
        self._is_current = current_test(layout.declared)

    def rows(self) -> Iterator[IncomingRow]:
        """Yield the rows with a valid key; add faults for the others."""
        key_of, encode = self._reader.key, self.layout.encode_key
        make = IncomingRow._make
        for line, row, id_text in self._reader.rows(with_ids=self.layout.has_spellings):
            key = key_of(row)
            if key is None:
                self._faults.broken.add(self.table.file)
                continue
            encoded_key = encode(key)
            if encoded_key is None:
                message = f"the id is longer than {MAX_ID_BYTES} bytes; shorten it"
                self._faults.lose(self.table.file, line, message)
                continue
            problems: tuple[Problem, ...] = ()
            if self._reader.has_faults and self._columns is not None:
                needed = self._columns.needed[self.layout.declared.name]
                problems = self._reader.withdraw_faults(needed)
            spelling = ""
            if id_text and id_text != id_of(key):
                spelling = id_text
            yield make((line, key, encoded_key, row, spelling, problems))

    def add(self, known: KeyRows, incoming: IncomingRow) -> None:
        """Add a further row of a key, or the fault that there may be only one."""
        known.faults += incoming.faults
        replaces = takes_place(self._is_current, known.named, incoming.row)
        if replaces is None:
            self.refuse_repeated(incoming.key, incoming.line)
        elif replaces:
            known.hidden.append(known.named)
            known.named, known.spelling = incoming.row, incoming.spelling
        else:
            known.hidden.append(incoming.row)

    def refuse_repeated(self, key: Key, line: int) -> None:
        """Add the fault of a repeated key; line 0 is one that is not known."""
        message = (
            "" if self._faults.full else repeated_message(self._schema, self.layout.declared, key)
        )
        self._faults.add(self.table.file, line, message)


def encode_hidden(layout: TypeLayout, rows: list[Row]) -> bytes:
    """Return the bytes of the hidden rows of a key."""
    return msgspec.msgpack.encode([layout.codec.encode(row) for row in rows])


def stored_key_rows(
    transaction: Transaction, layout: TypeLayout, key: Key, encoded_key: bytes
) -> KeyRows | None:
    """Return the stored rows of a key; None if there are none."""
    encoded = transaction.get(layout.rows + encoded_key)
    if encoded is None:
        return None
    known = KeyRows(layout.codec.decode_any(key, encoded))
    if encoded.startswith(BAD):
        known.faults = decode_problems(transaction.get(layout.faults + encoded_key))
    if layout.has_spellings:
        known.spelling = (transaction.get(layout.spellings + encoded_key) or b"").decode()
    if layout.declared.current:
        hidden = transaction.get(layout.hidden + encoded_key)
        rows = msgspec.msgpack.decode(hidden, type=list[bytes]) if hidden else []
        known.hidden = [layout.codec.decode(key, row) for row in rows]
    return known


def encode_problems(problems: tuple[Problem, ...]) -> bytes:
    """Return the bytes of problems."""
    return msgspec.msgpack.encode([(each.file, each.line, each.message) for each in problems])


def decode_problems(encoded: bytes | None) -> tuple[Problem, ...]:
    """Return the problems of bytes."""
    if encoded is None:
        return ()
    found = msgspec.msgpack.decode(encoded, type=list[tuple[str, int, str]])
    return tuple(Problem(*each) for each in found)


def row_items(
    layout: TypeLayout, encoded_key: bytes, known: KeyRows, dangling: tuple[Problem, ...] = ()
) -> Iterator[tuple[bytes, bytes]]:
    """Yield what the database `main` has of the rows of a key.

    Args:
        layout: The layout of their type.
        encoded_key: The key.
        known: The rows.
        dangling: The faults of their references, if they are taken in spite of them.
    """
    codec = layout.codec
    encode = codec.encode_bad if known.faults or dangling else codec.encode
    yield layout.rows + encoded_key, encode(known.named)
    if known.faults:
        yield layout.faults + encoded_key, encode_problems(known.faults)
    if dangling:
        yield layout.dangling + encoded_key, encode_problems(dangling)
    if known.spelling:
        yield layout.spellings + encoded_key, known.spelling.encode()
    if known.hidden:
        yield layout.hidden + encoded_key, encode_hidden(layout, known.hidden)


def row_entries(layout: TypeLayout, encoded_key: bytes, known: KeyRows) -> list[Entry]:
    """Return the entries of the rows of a key that depend on no other rows."""
    entries = link_entries(layout.links, known.named, encoded_key)
    for row in known.hidden:
        entries += link_entries(layout.hidden_links, row, encoded_key)
    return entries
