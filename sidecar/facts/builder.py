"""Building of a snapshot from rows, with every fault of every table at once."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from sidecar.digests import Digest
from sidecar.errors import InvalidSnapshotError
from sidecar.facts.errors import MountFaults
from sidecar.facts.indexes import Rows, found_by, referring_by, without_row
from sidecar.facts.row_parser import Row, RowReader, Table, reader_of
from sidecar.facts.snapshot import Snapshot
from sidecar.schema import Attribute, EntityType, Key, Kind, Lookup, Schema, Value, id_of
from sidecar.schema.messages import MOST_COMPARED, nearest, shown


def build(
    schema: Schema, tables: Mapping[str, Table], faults: MountFaults | None = None
) -> Snapshot:
    """Build a snapshot from the rows of each type.

    Args:
        schema: What the rows are checked against.
        tables: The rows by the name of their type; a type that is left out has none.
        faults: What is known to be wrong already.

    Raises:
        InvalidSnapshotError: The rows cannot be used; what is wrong with them.
    """
    return _Building(schema, tables, MountFaults() if faults is None else faults).build()


@dataclass(slots=True)
class _Read:
    """The rows of one type while a snapshot is built."""

    file: str
    rows: dict[Key, Row] = field(default_factory=dict)
    """The rows that ids name."""
    all: list[Row] = field(default_factory=list)
    """Those, and the ones that share a key with them."""
    spellings: dict[Key, str] = field(default_factory=dict)
    """The ids of keys that stand in the mount in another form than the canonical one."""
    lines: array[int] = field(default_factory=lambda: array("L"))
    """The line of each of `all`."""

    def line_of(self, row: Row) -> int:
        return self.lines[next(place for place, held in enumerate(self.all) if held is row)]


class _Building:
    def __init__(self, schema: Schema, tables: Mapping[str, Table], faults: MountFaults) -> None:
        self._schema = schema
        self._tables = tables
        self._faults = faults
        self._read: dict[str, _Read] = {}

    def build(self) -> Snapshot:
        digest = Digest()
        for declared in self._schema.types.values():
            digest.add(declared.name)
            self._read[declared.name] = self._read_table(declared, digest)
        rows: Rows = {name: read.rows for name, read in self._read.items()}
        for declared in self._schema.types.values():
            for place, attribute in enumerate(declared.attributes.values()):
                self._check_references(declared, attribute, place, rows)
        found = {
            (declared.name, lookup.name): found_by(
                self._schema, lookup, rows, partial(self._refuse_several, declared, lookup)
            )
            for declared in self._schema.types.values()
            for lookup in declared.lookups.values()
        }
        if self._faults:
            raise InvalidSnapshotError(self._faults.problems())
        referring = {
            (declared.name, attribute.name): referring_by(declared, attribute.name, rows)
            for declared in self._schema.types.values()
            for attribute in declared.attributes.values()
            if attribute.type.kind is Kind.REFERENCE
        }
        spellings = {name: read.spellings for name, read in self._read.items() if read.spellings}
        return Snapshot(self._schema, digest.revision(), rows, found, referring, spellings)

    def _read_table(self, declared: EntityType, digest: Digest) -> _Read:
        table = self._tables.get(declared.name)
        read = _Read(table.file if table else declared.table)
        if table is None:
            return read
        reader = RowReader(self._schema, declared, table.file, self._faults)
        is_current = _currency(declared)
        respelled = can_be_respelled(self._schema, declared)
        has_sets = any(a.type.kind is Kind.SET for a in declared.attributes.values())
        rows, remember, note_line = read.rows, read.all.append, read.lines.append
        note_row = digest.add_text  # the repr of its values shows all of them
        for line, cells in table.rows:
            row = reader.read(line, cells)
            note_row(repr(_ordered(row) if has_sets else row))
            key = reader.key(row)
            if key is None:
                self._faults.broken.add(read.file)
                continue
            remember(row)
            note_line(line)
            held = rows.setdefault(key, row)
            if held is row:
                if respelled:
                    _note_spelling(read, key, reader.id_text(cells), digest)
                continue
            if is_current is None or (is_current(held) and is_current(row)):
                self._refuse_repeated(declared, read, key, line, held)
            elif not is_current(held):
                rows[key] = row
                if respelled:
                    _note_spelling(read, key, reader.id_text(cells), digest)
        return read

    def _refuse_repeated(
        self, declared: EntityType, read: _Read, key: Key, line: int, held: Row
    ) -> None:
        message = ""
        if not self._faults.full:
            named = "of this id" if _hides_key(declared) else shown(id_of(key))
            current = " and ".join(f"{n} {_text(v)}" for n, v in declared.current.items())
            message = (
                f"{declared.name} {named} stands here again"
                f"{f' with {current}' if current else ''}"
                f" (first on line {read.line_of(held)}); remove one"
            )
        self._faults.add(read.file, line, message)

    def _check_references(
        self, declared: EntityType, attribute: Attribute, place: int, rows: Rows
    ) -> None:
        many = attribute.type.kind is Kind.SET
        value_type = attribute.type.element if many else attribute.type
        if value_type is None or value_type.kind is not Kind.REFERENCE or attribute.may_dangle:
            return
        target = self._schema.types[value_type.target]
        if not target.table or self._read[target.name].file in self._faults.broken:
            return
        if target.implied and self._faults.broken:  # by rows of other tables, which may be missing
            return
        read, targets = self._read[declared.name], rows[target.name]
        implied = without_row(self._schema, target, rows)
        for index, row in enumerate(read.all):
            value = row[place]
            for key in value if isinstance(value, frozenset) else (value,):
                if key is None or key in targets or (implied and implied(key)):
                    continue
                self._refuse_dangling(read, read.lines[index], attribute, target, key)

    def _refuse_dangling(
        self, read: _Read, line: int, attribute: Attribute, target: EntityType, key: Value
    ) -> None:
        message = ""
        if not self._faults.full:
            text = id_of(key)  # type: ignore[arg-type]  # the value of a reference is a key
            is_hidden = attribute.sensitive or _hides_key(target)
            keys = self._read[target.name].rows
            few = len(keys) <= MOST_COMPARED and not is_hidden
            mend = nearest(text, [id_of(other) for other in keys] if few else [])
            mend = mend or "; add it, or correct the name"
            said = "its value" if is_hidden else shown(text)
            message = f"column {shown(attribute.name)}: {target.name} {said} does not exist{mend}"
        self._faults.add(read.file, line, message)

    def _refuse_several(self, asked: EntityType, lookup: Lookup, held: Row, row: Row) -> None:
        read = self._read[lookup.finds]
        message, line = "", 0
        if not self._faults.full:
            line = read.line_of(row)
            message = (
                f"{shown(f'{asked.name}.{lookup.name}')} finds this row and that of line"
                f" {read.line_of(held)}; let it find one, or write `several: first` in the schema"
            )
        self._faults.add(read.file, line, message)


def can_be_respelled(schema: Schema, declared: EntityType) -> bool:
    """Tell whether ids of a type can be written in another form than the canonical one."""
    kinds = [declared.attributes[column].type for column in declared.key]
    return any(
        each.kind in {Kind.EMAIL, Kind.DOMAIN}
        or (each.kind is Kind.REFERENCE and can_be_respelled(schema, schema.types[each.target]))
        for each in kinds
    )


def _note_spelling(read: _Read, key: Key, text: str, digest: Digest) -> None:
    """Keep how the row that an id names spells it: searches return ids so."""
    read.spellings.pop(key, None)
    if text != id_of(key):
        read.spellings[key] = text
        digest.add(("spelling", text))  # a bare text could pass for that of another row


def _hides_key(declared: EntityType) -> bool:
    return any(declared.attributes[column].sensitive for column in declared.key)


def _currency(declared: EntityType) -> Callable[[Row], bool] | None:
    """Return what tells whether a row is the current one of its key; None where keys are unique."""
    wanted = [(reader_of(declared, name), value) for name, value in declared.current.items()]
    return (lambda row: all(read(row) == value for read, value in wanted)) if wanted else None


def _ordered(row: Row) -> tuple[object, ...]:
    return tuple(
        sorted(repr(member) for member in value) if isinstance(value, frozenset) else value
        for value in row
    )


def _text(value: Value) -> str:
    return shown(str(value).lower() if isinstance(value, bool) else str(value))
