"""The mapping of types to the tables of a database, as `sources.yaml` has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from sidecar.digests import digest_of
from sidecar.errors import InvalidPackError
from sidecar.facts.spelling import has_several_spellings
from sidecar.schema import EntityType, Schema
from sidecar.schema.messages import shown
from sidecar.schema.yaml_document import Faults, Members, Node, Text, read_document, shown_file

SOURCE_MEMBERS = ("table", "select", "columns", "without", "order", "follow")

ALL = "all"
"""In `follow`: a change of the table can change any row of the type."""


@dataclass(frozen=True, slots=True)
class TypeSource:
    """Where the rows of one type are."""

    type: str
    table: str
    """The table, perhaps with its schema: ``app.members``; empty if there is a SELECT."""
    select: str
    columns: Mapping[str, str]
    """The column of each attribute; attributes that have none are left out."""
    order: tuple[str, ...]
    """Columns that order the rows of one key, the last of which counts; empty for all columns."""
    follow: Mapping[str, tuple[str, ...]]
    """The tables whose changes are logged, each with its columns that make the key of the changed
    row; without columns, any row of the type may have changed."""
    is_default: bool
    """Whether the mapping says nothing about the type, so that its table is that of the schema."""

    @property
    def name(self) -> str:
        """The table, or the type, as faults name it."""
        return self.table or f"the SELECT of {self.type}"


def needs_all_rows(schema: Schema, source: TypeSource) -> bool:
    """Return whether a change can concern rows that the changed key, as it is written, misses.

    If a key can be spelled otherwise, a type with `current` may have its rows in several
    spellings, and a SELECT may spell it otherwise than the table whose changes are logged.
    """
    declared = schema.types[source.type]
    is_read_by_key = not declared.current and not source.select
    return not is_read_by_key and has_several_spellings(schema, declared)


SourceMapping: TypeAlias = Mapping[str, TypeSource]
"""By type, for all types that have a table."""


def mapping_digest(mapping: SourceMapping) -> str:
    """Return the digest of a mapping, for epochs: by another one, the same rows mean other facts.

    A store that is kept up from a position would otherwise keep the facts of the old mapping in all
    rows that have not changed since.
    """
    return digest_of(mapping).revision()


def default_mapping(schema: Schema) -> SourceMapping:
    """Return the mapping in which tables and columns are named as in the schema."""
    return _mapping(schema, Members({}, {}, 0), Faults(""))


@dataclass(frozen=True, slots=True)
class MappingFile:
    """The file of a mapping."""

    path: Path
    is_optional: bool = False
    """Whether it may be missing, so that tables and columns are named as in the schema."""

    def exists(self) -> bool:
        """Return whether there is a file to read, or one that must not be missing."""
        return not self.is_optional or self.path.exists()

    def read(self) -> Node | None:
        """Return the document of the file; None if it may be missing and is.

        Raises:
            InvalidPackError: The file is missing or no document; its faults.
        """
        faults = Faults(shown_file(self.path))
        document = read_document(self.path, faults) if self.exists() else None
        if faults.problems:
            raise InvalidPackError(faults.problems)
        return document

    def mapping(self, document: Node | None, schema: Schema) -> SourceMapping:
        """Return the mapping that a document of the file has for a schema.

        Raises:
            InvalidPackError: It is invalid; its faults.
        """
        faults = Faults(shown_file(self.path))
        types = [name for name, declared in schema.types.items() if declared.table]
        members = Members({}, {}, 0)
        if document is not None:
            members = faults.members(document, "the mapping", types)
        mapping = _mapping(schema, members, faults)
        if faults.problems:
            raise InvalidPackError(faults.problems)
        return mapping


def read_mapping(file: MappingFile, schema: Schema) -> SourceMapping:
    """Return the mapping of a file.

    Raises:
        InvalidPackError: The file is missing or invalid; its faults.
    """
    return file.mapping(file.read(), schema)


def _mapping(schema: Schema, members: Members, faults: Faults) -> SourceMapping:
    return {
        name: _Reader(declared, faults).read(members.members.get(name))
        for name, declared in schema.types.items()
        if declared.table
    }


class _Reader:
    """The reader of the mapping of one type."""

    def __init__(self, declared: EntityType, faults: Faults) -> None:
        self._declared = declared
        self._faults = faults
        self._what = f"type {shown(declared.name)}"

    def read(self, node: Node | None) -> TypeSource:
        declared, faults, what = self._declared, self._faults, self._what
        members = Members({}, {}, 0) if node is None else faults.members(node, what, SOURCE_MEMBERS)
        select = faults.member_text(members, "select", what).strip()
        table = faults.member_text(members, "table", what)
        if select and table:
            faults.add(members.line, f"{what} has a table and a SELECT; remove one")
        if ";" in select:
            faults.add(members.line, f"the SELECT of {what} has a `;`; write one SELECT without it")
        table = "" if select else table or declared.table
        columns = self._columns(members)
        order = tuple(text for text, _ in self._texts(members, "order"))
        keys = {table: tuple(columns.get(name, name) for name in declared.key)}
        follow = self._follow(members) if select else keys
        if select and not follow:
            faults.add(members.line, f"{what} has no `follow`; name the tables of its SELECT")
        if not select and "follow" in members.members:
            faults.add(members.lines["follow"], f"{what} has no SELECT; remove `follow`")
        return TypeSource(
            declared.name, table, select, columns, order, follow, is_default=node is None
        )

    def _columns(self, members: Members) -> Mapping[str, str]:
        declared, faults, what = self._declared, self._faults, self._what
        columns = {name: name for name in declared.attributes}
        if "columns" in members.members:
            node = faults.members(
                members.members["columns"], f"`columns` of {what}", declared.attributes
            )
            for name in node.members:
                if name in columns:
                    columns[name] = faults.member_text(node, name, f"`columns` of {what}")
        for name, line in self._texts(members, "without"):
            attribute = declared.attributes.get(name)
            if attribute is None:
                faults.add(line, f"{what} has no attribute {shown(name)}; correct the name")
            elif not attribute.optional and attribute.default is None:
                faults.add(line, f"{what} cannot be without {shown(name)}; make it optional")
            else:
                del columns[name]
        return columns

    def _follow(self, members: Members) -> Mapping[str, tuple[str, ...]]:
        declared, faults = self._declared, self._faults
        what = f"`follow` of {self._what}"
        if "follow" not in members.members:
            return {}
        node = faults.members(members.members["follow"], what)
        follow: dict[str, tuple[str, ...]] = {}
        for table, item in node.members.items():
            if isinstance(item, Text) and item.text == ALL:
                follow[table] = ()
                continue
            columns = tuple(text for text, _ in faults.texts(item, f"{shown(table)} in {what}"))
            if len(columns) != len(declared.key):
                mend = f"write {len(declared.key)} columns, in the order of the key, or `all`"
                faults.add(item.line, f"{shown(table)} in {what} does not name the key; {mend}")
            follow[table] = columns
        return follow

    def _texts(self, members: Members, name: str) -> list[tuple[str, int]]:
        if name not in members.members:
            return []
        return list(self._faults.texts(members.members[name], f"{shown(name)} of {self._what}"))
