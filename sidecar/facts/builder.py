"""Build a snapshot from rows, and report the faults of all tables at once."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from sidecar.digests import Digest
from sidecar.errors import InvalidSnapshotError, Problem
from sidecar.facts.bad_rows import IndexedColumns
from sidecar.facts.errors import MountFaults
from sidecar.facts.indexes import (
    Rows,
    exists_without_row,
    index_lookup,
    index_references,
    matched_attributes,
    required_target,
)
from sidecar.facts.row_faults import (
    current_test,
    dangling_message,
    repeated_message,
    several_message,
    takes_place,
)
from sidecar.facts.row_parser import Row, RowReader, Table, row_key, row_name
from sidecar.facts.snapshot import Snapshot
from sidecar.facts.spelling import has_several_spellings
from sidecar.schema import Attribute, EntityType, Key, Kind, Lookup, Schema, id_of
from sidecar.schema.messages import MOST_COMPARED, nearest
from sidecar.schema.secrecy import is_secret


def build(
    schema: Schema,
    tables: Mapping[str, Table],
    faults: MountFaults | None = None,
    *,
    takes_bad_rows: bool = False,
) -> Snapshot:
    """Return a snapshot of the rows of each type.

    Args:
        schema: The schema of the rows.
        tables: The rows by the name of their type; a missing type has none.
        faults: The faults so far, which are reported too.
        takes_bad_rows: Whether rows that break the schema are taken, so that they cannot be read.

    Raises:
        InvalidSnapshotError: The rows are invalid; their faults.
    """
    columns = IndexedColumns.of(schema) if takes_bad_rows else None
    return _Builder(schema, tables, MountFaults() if faults is None else faults, columns).build()


@dataclass(slots=True)
class _TypeRows:
    """The rows of one type while a snapshot is built."""

    file: str
    keyed: bool = False
    rows: dict[Key, Row] = field(default_factory=dict)
    """The rows that ids name, one for each key."""
    all: list[Row] = field(default_factory=list)
    """All rows, with those whose key is repeated."""
    spellings: dict[Key, str] = field(default_factory=dict)
    """The ids of keys that the mount does not write in canonical form."""
    lines: array[int] = field(default_factory=lambda: array("L"))
    """The line of each row of `all`."""
    bad: dict[Key, tuple[Problem, ...]] = field(default_factory=dict)
    """The keys of bad rows."""

    def name_of(self, schema: Schema, declared: EntityType, row: Row) -> str:
        """Return a row as a fault names it beside another one."""
        if self.keyed:
            return row_name(schema, declared, row_key(declared, row))
        return f"line {self.line_of(row)}"

    def line_of(self, row: Row) -> int:
        return self.lines[next(index for index, other in enumerate(self.all) if other is row)]


class _Builder:
    def __init__(
        self,
        schema: Schema,
        tables: Mapping[str, Table],
        faults: MountFaults,
        columns: IndexedColumns | None,
    ) -> None:
        self._columns = columns
        """None if bad rows are refused."""
        self._schema = schema
        self._tables = tables
        self._faults = faults
        self._read: dict[str, _TypeRows] = {}

    def build(self) -> Snapshot:
        digest = Digest()
        for declared in self._schema.types.values():
            digest.add(declared.name)
            self._read[declared.name] = self._read_table(declared, digest)
        rows: Rows = {name: read.rows for name, read in self._read.items()}
        for declared in self._schema.types.values():
            for index, attribute in enumerate(declared.attributes.values()):
                self._check_references(declared, attribute, index, rows)
        lookups = {
            (declared.name, lookup.name): index_lookup(
                self._schema, lookup, rows, partial(self._refuse_several, declared, lookup)
            )
            for declared in self._schema.types.values()
            for lookup in declared.lookups.values()
            if not lookup.finds_any
        }
        if self._faults:
            raise InvalidSnapshotError(self._faults.problems())
        references = {
            (declared.name, attribute.name): index_references(declared, attribute.name, rows)
            for declared in self._schema.types.values()
            for attribute in declared.attributes.values()
            if attribute.type.kind is Kind.REFERENCE
        }
        spellings = {name: read.spellings for name, read in self._read.items() if read.spellings}
        bad = {name: read.bad for name, read in self._read.items() if read.bad}
        for name, keys in bad.items():  # a bad value is not read, and so not in the digest
            digest.add(("bad", name, *sorted(map(str, keys))))
        snapshot = Snapshot(
            self._schema, digest.revision(), rows, lookups, references, spellings, bad
        )
        for type_name, matched in matched_attributes(self._schema):
            snapshot.holders(type_name, matched)  # now, and not while a request waits
        return snapshot

    def _read_table(self, declared: EntityType, digest: Digest) -> _TypeRows:
        table = self._tables.get(declared.name)
        if table is None:
            return _TypeRows(declared.table)
        read = _TypeRows(table.file, table.keyed)
        reader = RowReader(self._schema, declared, table, self._faults)
        is_current = current_test(declared)
        has_spellings = has_several_spellings(self._schema, declared)
        has_sets = any(a.type.kind is Kind.SET for a in declared.attributes.values())
        # This loop runs for each row of a mount: its methods are local names.
        rows, append_row, append_line = read.rows, read.all.append, read.lines.append
        add_to_digest = digest.add_text  # the repr of a row shows all its values
        for line, row, id_text in reader.rows(with_ids=has_spellings):
            add_to_digest(repr(_ordered(row) if has_sets else row))
            key = reader.key(row)
            if key is None:
                self._faults.broken.add(read.file)
                continue
            if reader.has_faults and self._columns is not None:
                needed = self._columns.needed[declared.name]
                _add_bad(read, key, reader.withdraw_faults(needed))
            append_row(row)
            append_line(line)
            first = rows.setdefault(key, row)
            if first is row:
                if has_spellings:
                    _note_spelling(read, key, id_text, digest)
                continue
            replaces = takes_place(is_current, first, row)
            if replaces is None:
                self._refuse_repeated(declared, read, key, line, first)
            elif replaces:
                rows[key] = row
                if has_spellings:
                    _note_spelling(read, key, id_text, digest)
        return read

    def _refuse_repeated(
        self, declared: EntityType, read: _TypeRows, key: Key, line: int, first: Row
    ) -> None:
        message = ""
        if not self._faults.full:
            first_place = "" if read.keyed else f"line {read.line_of(first)}"
            message = repeated_message(self._schema, declared, key, first_place)
        self._faults.add(read.file, line, message)

    def _check_references(
        self, declared: EntityType, attribute: Attribute, index: int, rows: Rows
    ) -> None:
        name = required_target(self._schema, attribute)
        if not name or self._read[name].file in self._faults.broken:
            return
        target = self._schema.types[name]
        if target.implied and self._faults.broken:  # rows that imply an entity may be missing
            return
        read, targets = self._read[declared.name], rows[target.name]
        implied = exists_without_row(self._schema, target)
        for row, line in zip(read.all, read.lines, strict=True):
            value = row[index]
            for key in value if isinstance(value, frozenset) else (value,):
                if key is None or key in targets or (implied and implied(rows.__getitem__, key)):
                    continue
                message = ""
                if not self._faults.full:
                    prefix = f"{read.name_of(self._schema, declared, row)}: " if read.keyed else ""
                    message = prefix + self._dangling(attribute, target, key)  # type: ignore[arg-type]  # a reference holds keys
                if self._is_fatal(declared, attribute):
                    self._faults.add(read.file, line, message)
                else:
                    _add_bad(read, row_key(declared, row), (Problem(read.file, line, message),))

    def _is_fatal(self, declared: EntityType, attribute: Attribute) -> bool:
        """Return whether facts are refused if a reference names nothing."""
        columns = self._columns
        return columns is None or (declared.name, attribute.name) in columns.through

    def _dangling(self, attribute: Attribute, target: EntityType, key: Key) -> str:
        keys = self._read[target.name].rows
        few = len(keys) <= MOST_COMPARED and not is_secret(self._schema, attribute)
        mend = nearest(id_of(key), [id_of(other) for other in keys] if few else [])
        return dangling_message(self._schema, attribute, target, key, mend)

    def _refuse_several(self, declared: EntityType, lookup: Lookup, first: Row, row: Row) -> None:
        read, found = self._read[lookup.finds], self._schema.types[lookup.finds]
        message, line = "", 0
        if not self._faults.full:
            line = read.line_of(row)
            one, other = (read.name_of(self._schema, found, each) for each in (row, first))
            both = f"{one} and {other}" if read.keyed else f"this row and that of {other}"
            message = several_message(declared, lookup, both)
        self._faults.add(read.file, line, message)


def _add_bad(read: _TypeRows, key: Key, problems: tuple[Problem, ...]) -> None:
    """Take note of a bad row, if there are problems."""
    if problems:
        read.bad[key] = (*read.bad.get(key, ()), *problems)


def _note_spelling(read: _TypeRows, key: Key, text: str, digest: Digest) -> None:
    """Keep the id as its row writes it: searches return it in that form."""
    read.spellings.pop(key, None)
    if text != id_of(key):
        read.spellings[key] = text
        digest.add(("spelling", text))  # the text alone could equal that of another row


def _ordered(row: Row) -> tuple[object, ...]:
    return tuple(
        sorted(repr(member) for member in value) if isinstance(value, frozenset) else value
        for value in row
    )
