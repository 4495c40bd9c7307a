"""A follower for the tests of sources: it keeps the rows of the last position in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sidecar.facts import Cells, MountFaults, Snapshot, Table, build
from sidecar.facts.row_parser import RowReader
from sidecar.facts.sources import LookState, Position, Source
from sidecar.schema import Key, Schema


class Follower:
    """The rows of a source by type and key, changed by what the source says has changed."""

    def __init__(self, source: Source, schema: Schema) -> None:
        self.source = source
        self.schema = schema
        self.position: Position | None = None
        self.rows: dict[str, dict[Key, list[Cells]]] = {}
        self.readings = 0
        self.whole: list[str] = []
        """The types of which a change has had all rows."""

    def look(self) -> LookState:
        """Look once, and take what is new."""
        position, state, _ = self.source.look(self.position)
        if state is LookState.UNCHANGED:
            self.position = position
        elif state is LookState.CHANGED and not (self.position and self._take_changes()):
            self.read()
        return state

    def read(self) -> None:
        """Read everything anew."""
        with self.source.read(MountFaults()) as reading:
            self.rows = {name: self._by_key(name, t) for name, t in reading.tables.items()}
            self.position = reading.position
        self.readings += 1

    def snapshot(self) -> Snapshot:
        """Return the snapshot of the rows."""
        tables: Mapping[str, Table] = {
            name: Table(name, [(0, cells) for key in sorted(rows, key=str) for cells in rows[key]])
            for name, rows in self.rows.items()
        }
        return build(self.schema, tables)

    def keys(self, name: str) -> set[Key]:
        """Return the keys of the rows of a type."""
        return set(self.rows[name])

    def _take_changes(self) -> bool:
        assert self.position is not None
        with self.source.changes(self.position, MountFaults()) as changes:
            if changes is None:
                return False
            for name, changed in changes.tables.items():
                rows = self.rows[name]
                if changed.whole:
                    rows.clear()
                    self.whole.append(name)
                for cells in changed.keys:
                    key = self._reader(name).read_key(cells)
                    if key is not None:
                        rows.pop(key, None)
                rows.update(self._by_key(name, changed.table))
            self.position = changes.position
        return True

    def _reader(self, name: str) -> RowReader:
        return RowReader(self.schema, self.schema.types[name], Table(name, ()), MountFaults())

    def _by_key(self, name: str, table: Table) -> dict[Key, list[Cells]]:
        reader, rows = self._reader(name), dict[Key, list[Cells]]()
        listed: Iterable[tuple[int, Cells]] = table.rows
        for _, cells in listed:
            key = reader.read_key(cells)
            assert key is not None
            rows.setdefault(key, []).append(cells)
        return rows
