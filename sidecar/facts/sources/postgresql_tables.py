"""The tables of a PostgreSQL database as a mapping names them, and the SELECTs of their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sidecar.facts.row_batches import Batch, Cell
from sidecar.facts.row_parser import Table
from sidecar.facts.sources.mapping import SourceMapping, TypeSource, needs_all_rows
from sidecar.facts.sources.postgresql_cells import (
    Fields,
    batches,
    cell_reader,
    copied_rows,
    row_reader,
    selected,
)
from sidecar.facts.sources.postgresql_session import READ_SECONDS, Session
from sidecar.facts.sources.source import TableChanges
from sidecar.facts.sources.sql import column, joined, order_by, rows_from, table_name
from sidecar.schema import EntityType, Schema

LoggedKeys = Sequence[Sequence[str] | None]
"""The logged keys of a type; None if any row may have changed."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of one type in the database."""

    types: Sequence[str]
    """The type of each column of the mapping, without a modifier."""
    readers: Sequence[Callable[[str], Cell]]
    read_key: Callable[[Fields], dict[str, Cell]]


class Tables:
    """The rows of all types. The types of columns are kept while the tables keep their shape."""

    def __init__(self, session: Session, schema: Schema, mapping: SourceMapping) -> None:
        self._session = session
        self._schema = schema
        self._mapping = mapping
        self._shape = ""
        self._columns: dict[str, _Columns] = {}

    def lock(self, names: Iterable[str]) -> None:
        """Lock the tables of types against TRUNCATE and changes of their shape.

        It must precede the snapshot: to a snapshot from before a TRUNCATE the table is empty.
        """
        tables = sorted({table for name in names for table in self._mapping[name].follow})
        if tables:
            self._session.execute(
                f"LOCK TABLE {', '.join(map(table_name, tables))} IN ACCESS SHARE MODE"
            )

    def use_shape(self, shape: str) -> None:
        """Forget the types of columns if the tables have another shape than before."""
        if shape != self._shape:
            self._columns.clear()
            self._shape = shape

    def table(self, name: str) -> Table:
        """Return all rows of a type, which are read while they are iterated."""
        source = self._mapping[name]
        return Table.of(source.name, self._all_rows(name, source), keyed=True)

    def changes(self, name: str, keys: LoggedKeys) -> TableChanges:
        """Return the rows of the logged keys of a type."""
        given = [key for key in keys if key is not None]
        if len(given) < len(keys) or needs_all_rows(self._schema, self._mapping[name]):
            return TableChanges(self.table(name), (), whole=True)
        source, columns = self._mapping[name], self._columns_of(name)
        rows = self._rows_of_keys(name, source, given)
        cells = [columns.read_key(key) for key in given]
        return TableChanges(Table.of(source.name, rows, keyed=True), cells, whole=False)

    def _all_rows(self, name: str, source: TypeSource) -> Iterator[Batch]:
        columns = self._columns_of(name)
        with self._session.watched(READ_SECONDS, source.name):
            rows = copied_rows(self._session.copy(self._select(name, columns, "")))
            yield from batches(list(source.columns), columns.readers, rows)

    def _rows_of_keys(
        self, name: str, source: TypeSource, keys: Sequence[Sequence[str]]
    ) -> Iterator[Batch]:
        declared, columns = self._schema.types[name], self._columns_of(name)
        names = list(source.columns)
        key_columns = ", ".join(column(source.columns[part]) for part in declared.key)
        parts = [f"part{index}" for index in range(len(declared.key))]
        typed = ", ".join(
            f"{part}::{columns.types[names.index(attribute)]}"
            for part, attribute in zip(parts, declared.key, strict=True)
        )
        arrays = ", ".join("%s::text[]" for _ in parts)
        where = (
            f"WHERE ({key_columns}) IN (SELECT {typed}"  # noqa: S608 - the names are quoted
            f" FROM unnest({arrays}) AS changed({', '.join(parts)}))"
        )
        statement = self._select(name, columns, where)
        texts = tuple(list(part) for part in zip(*keys, strict=True))
        with self._session.watched(READ_SECONDS, source.name):
            rows = self._session.execute(statement, texts)
        yield from batches(names, columns.readers, rows)

    def _select(self, name: str, columns: _Columns, where: str) -> str:
        source = self._mapping[name]
        texts = ", ".join(
            selected(column(each), type_name)
            for each, type_name in zip(source.columns.values(), columns.types, strict=True)
        )
        if where:  # the driver reads a lone percent sign as a parameter
            texts, rows = texts.replace("%", "%%"), rows_from(source).replace("%", "%%")
        else:
            rows = rows_from(source)
        return joined(f"SELECT {texts}", rows, where, order_by(self._schema.types[name], source))

    def _columns_of(self, name: str) -> _Columns:
        known = self._columns.get(name)
        if known is None:
            known = self._columns[name] = self._read_columns(name, self._mapping[name])
        return known

    def _read_columns(self, name: str, source: TypeSource) -> _Columns:
        declared, session = self._schema.types[name], self._session
        texts = ", ".join(map(column, source.columns.values()))
        with session.watched(READ_SECONDS, source.name):
            types = session.columns(joined(f"SELECT {texts}", rows_from(source), "LIMIT 0"))
            names = dict(
                session.execute(
                    "SELECT id, format_type(id, NULL) FROM unnest(%s::oid[]) AS types(id)", (types,)
                )
            )
        type_names = [names[each] for each in types]
        return _columns(declared, source, type_names)


def _columns(declared: EntityType, source: TypeSource, type_names: Sequence[str]) -> _Columns:
    readers = {
        name: cell_reader(declared.attributes[name], type_name)
        for name, type_name in zip(source.columns, type_names, strict=True)
    }
    key_readers = [readers[name] for name in declared.key]
    return _Columns(
        type_names,
        list(readers.values()),
        row_reader(declared.key, key_readers),
    )
