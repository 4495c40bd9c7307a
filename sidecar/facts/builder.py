"""Build a snapshot from rows, and report the faults of all tables at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from sidecar.digests import Digest
from sidecar.errors import InvalidSnapshotError
from sidecar.facts.errors import MountFaults
from sidecar.facts.indexes import Rows, exists_without_row, index_lookup, index_references
from sidecar.facts.row_parser import Row, RowReader, Table, reader_of, row_key, row_name
from sidecar.facts.snapshot import Snapshot
from sidecar.schema import Attribute, EntityType, Key, Kind, Lookup, Schema, Value, id_of
from sidecar.schema.messages import MOST_COMPARED, nearest, shown


def build(
    schema: Schema, tables: Mapping[str, Table], faults: MountFaults | None = None
) -> Snapshot:
    """Return a snapshot of the rows of each type.

    Args:
        schema: The schema of the rows.
        tables: The rows by the name of their type; a missing type has none.
        faults: The faults so far, which are reported too.

    Raises:
        InvalidSnapshotError: The rows are invalid; their faults.
    """
    return _Builder(schema, tables, MountFaults() if faults is None else faults).build()


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

    def name_of(self, declared: EntityType, row: Row) -> str:
        """Return a row as a fault names it beside another one."""
        if self.keyed:
            return row_name(declared, row_key(declared, row))
        return f"line {self.line_of(row)}"

    def line_of(self, row: Row) -> int:
        return self.lines[next(index for index, other in enumerate(self.all) if other is row)]


class _Builder:
    def __init__(self, schema: Schema, tables: Mapping[str, Table], faults: MountFaults) -> None:
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
        return Snapshot(self._schema, digest.revision(), rows, lookups, references, spellings)

    def _read_table(self, declared: EntityType, digest: Digest) -> _TypeRows:
        table = self._tables.get(declared.name)
        if table is None:
            return _TypeRows(declared.table)
        read = _TypeRows(table.file, table.keyed)
        reader = RowReader(self._schema, declared, table, self._faults)
        is_current = _current_test(declared)
        has_spellings = has_several_spellings(self._schema, declared)
        has_sets = any(a.type.kind is Kind.SET for a in declared.attributes.values())
        # This loop runs for each row of a mount: its methods are local names.
        rows, append_row, append_line = read.rows, read.all.append, read.lines.append
        add_to_digest = digest.add_text  # the repr of a row shows all its values
        for line, cells in table.rows:
            row = reader.read(line, cells)
            add_to_digest(repr(_ordered(row) if has_sets else row))
            key = reader.key(row)
            if key is None:
                self._faults.broken.add(read.file)
                continue
            append_row(row)
            append_line(line)
            first = rows.setdefault(key, row)
            if first is row:
                if has_spellings:
                    _note_spelling(read, key, reader.id_text(cells), digest)
                continue
            if is_current is None or (is_current(first) and is_current(row)):
                self._refuse_repeated(declared, read, key, line, first)
            elif not is_current(first):
                rows[key] = row
                if has_spellings:
                    _note_spelling(read, key, reader.id_text(cells), digest)
        return read

    def _refuse_repeated(
        self, declared: EntityType, read: _TypeRows, key: Key, line: int, first: Row
    ) -> None:
        message = ""
        if not self._faults.full:
            named = "of this id" if _hides_key(declared) else shown(id_of(key))
            current = " and ".join(f"{n} {_text(v)}" for n, v in declared.current.items())
            message = (
                f"{declared.name} {named} is repeated"
                f"{f' with {current}' if current else ''}"
                f"{'' if read.keyed else f' (first on line {read.line_of(first)})'}; remove one"
            )
        self._faults.add(read.file, line, message)

    def _check_references(
        self, declared: EntityType, attribute: Attribute, index: int, rows: Rows
    ) -> None:
        is_set = attribute.type.kind is Kind.SET
        value_type = attribute.type.element if is_set else attribute.type
        if value_type is None or value_type.kind is not Kind.REFERENCE or attribute.may_dangle:
            return
        target = self._schema.types[value_type.target]
        if not target.table or self._read[target.name].file in self._faults.broken:
            return
        if target.implied and self._faults.broken:  # rows that imply an entity may be missing
            return
        read, targets = self._read[declared.name], rows[target.name]
        implied = exists_without_row(self._schema, target, rows)
        for row, line in zip(read.all, read.lines, strict=True):
            value = row[index]
            for key in value if isinstance(value, frozenset) else (value,):
                if key is None or key in targets or (implied and implied(key)):
                    continue
                message = ""
                if not self._faults.full:
                    prefix = f"{read.name_of(declared, row)}: " if read.keyed else ""
                    message = prefix + self._dangling(attribute, target, key)
                self._faults.add(read.file, line, message)

    def _dangling(self, attribute: Attribute, target: EntityType, key: Value) -> str:
        text = id_of(key)  # type: ignore[arg-type]  # the value of a reference is a key
        is_hidden = attribute.sensitive or _hides_key(target)
        keys = self._read[target.name].rows
        few = len(keys) <= MOST_COMPARED and not is_hidden
        mend = nearest(text, [id_of(other) for other in keys] if few else [])
        mend = mend or "; add it, or correct the name"
        name = "its value" if is_hidden else shown(text)
        return f"column {shown(attribute.name)}: {target.name} {name} does not exist{mend}"

    def _refuse_several(self, declared: EntityType, lookup: Lookup, first: Row, row: Row) -> None:
        read, found = self._read[lookup.finds], self._schema.types[lookup.finds]
        message, line = "", 0
        if not self._faults.full:
            line = read.line_of(row)
            one, other = read.name_of(found, row), read.name_of(found, first)
            both = f"{one} and {other}" if read.keyed else f"this row and that of {other}"
            message = (
                f"{shown(f'{declared.name}.{lookup.name}')} finds {both};"
                " let it find one, or write `several: first` in the schema"
            )
        self._faults.add(read.file, line, message)


def has_several_spellings(schema: Schema, declared: EntityType) -> bool:
    """Return whether ids of a type can be written in other forms than the canonical one."""
    for column in declared.key:
        value_type = declared.attributes[column].type
        if value_type.kind in {Kind.EMAIL, Kind.DOMAIN}:
            return True
        if value_type.kind is Kind.REFERENCE:
            target = schema.types[value_type.target]
            if has_several_spellings(schema, target):
                return True
    return False


def _note_spelling(read: _TypeRows, key: Key, text: str, digest: Digest) -> None:
    """Keep the id as its row writes it: searches return it in that form."""
    read.spellings.pop(key, None)
    if text != id_of(key):
        read.spellings[key] = text
        digest.add(("spelling", text))  # the text alone could equal that of another row


def _hides_key(declared: EntityType) -> bool:
    return any(declared.attributes[column].sensitive for column in declared.key)


def _current_test(declared: EntityType) -> Callable[[Row], bool] | None:
    """Return a test for the current row of a key; None if keys are unique."""
    wanted = [(reader_of(declared, name), value) for name, value in declared.current.items()]
    return (lambda row: all(read(row) == value for read, value in wanted)) if wanted else None


def _ordered(row: Row) -> tuple[object, ...]:
    return tuple(
        sorted(repr(member) for member in value) if isinstance(value, frozenset) else value
        for value in row
    )


def _text(value: Value) -> str:
    return shown(str(value).lower() if isinstance(value, bool) else str(value))
