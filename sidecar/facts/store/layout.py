"""What a store holds for a schema: its sections, and the index entries of each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeAlias

from sidecar.digests import digest_of
from sidecar.facts.bad_rows import IndexedColumns
from sidecar.facts.indexes import (
    Rows,
    lookup_key_reader,
    matched_attributes,
    order_of_key,
    required_target,
)
from sidecar.facts.row_parser import Row, reader_of
from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.spelling import has_several_spellings, implied_key
from sidecar.facts.store.encoding import (
    RowCodec,
    decode_key,
    encode_key,
    encode_lookup_key,
    encode_values,
    key_behind_preference,
    preference_of,
)
from sidecar.schema import Attribute, EntityType, Key, Kind, Lookup, Schema, Value
from sidecar.schema.model import INDEXED

FORMAT = 3
"""Raised with every change of the layout."""


Entry: TypeAlias = tuple[bytes, bytes]
"""An entry of an index: a key of the database `links`, and one of its values."""


@dataclass(frozen=True, slots=True)
class Link:
    """The index from the values of an attribute to the rows that have them."""

    attribute: Attribute
    section: bytes
    read: Callable[[Row], Value]
    target: str
    """The type whose entities the values name, if these must exist; empty otherwise."""


@dataclass(frozen=True, slots=True)
class LookupIndex:
    """The index of one look-up: by its key the rows that match, the preferred one first."""

    base: EntityType
    lookup: Lookup
    section: bytes
    preference: Callable[[Row], bytes]
    key_of: Callable[[bytes], Key]
    through: tuple[str, ...]
    """The references through which it matches attributes of other types."""


@dataclass(frozen=True, slots=True)
class TypeLayout:
    """The sections of one type with a table."""

    declared: EntityType
    rows: bytes
    """Section of the rows that ids name."""
    hidden: bytes
    """Section of the other rows of the same keys, of types with `current`."""
    spellings: bytes
    """Section of the ids that are not written in canonical form."""
    ids: bytes
    """Section of ids: of all entities, if their ids are not in the order of their rows; of those
    without a row, if only these exist; empty if there are neither."""
    codec: RowCodec
    encode_key: Callable[[object], bytes | None]
    decode_key: Callable[[bytes], Key]
    links: tuple[Link, ...]
    hidden_links: tuple[Link, ...]
    """Those of hidden rows to what must exist."""
    lookups: tuple[LookupIndex, ...]
    """Look-ups that find this type."""
    references: tuple[Link, ...]
    """Those of `links` to what must exist."""
    leading: str
    """The first of several key columns: its holders are found by their keys; else empty."""
    leading_target: str
    """The type whose entities it must name, or empty."""
    has_spellings: bool
    """Whether ids may be written in other forms, and so have another order than keys."""
    implied: Callable[[Key, Row], Key | None] | None
    """From a row of the type that implies entities of this type."""
    implier: str
    """The name of that type, or empty."""
    faults: bytes
    """Section of the faults of bad rows by themselves."""
    dangling: bytes
    """Section of their references to what does not exist."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The sections of a store, which follow from the schema alone, and its digest."""

    schema: Schema
    types: Mapping[str, TypeLayout]
    """By name: those with a table."""
    digest: str = field(default="")
    """Names schema, tables and format: a store of another one holds other facts."""
    columns: IndexedColumns | None = None
    """Of a store that takes bad rows: those that must be readable."""

    @classmethod
    def of(
        cls, schema: Schema, *, takes_bad_rows: bool = False, tables: SourceMapping | None = None
    ) -> Layout:
        """Return the layout of a schema.

        Args:
            schema: The schema.
            takes_bad_rows: Whether the store takes bad rows, so that they cannot be read.
            tables: The tables of the rows, for the digest alone: those of others are other facts.
        """
        maker = _Maker(schema)
        types = {
            declared.name: maker.type_layout(declared)
            for declared in schema.types.values()
            if declared.table
        }
        digest = digest_of(FORMAT, schema.revision, takes_bad_rows, tables or {}).revision()
        columns = IndexedColumns.of(schema) if takes_bad_rows else None
        return cls(schema, types, digest, columns)

    def is_fatal(self, type_name: str, attribute: Attribute) -> bool:
        """Return whether facts are refused if a reference names nothing."""
        columns = self.columns
        return columns is None or (type_name, attribute.name) in columns.through


class _Maker:
    """Numbers the sections in the order of the schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._number = 0
        self._matched = matched_attributes(schema)

    def _section(self) -> bytes:
        self._number += 1
        return self._number.to_bytes(2, "big")

    def type_layout(self, declared: EntityType) -> TypeLayout:
        schema = self._schema
        implied = declared.implied
        links = self._links(declared)
        has_spellings = has_several_spellings(schema, declared)
        return TypeLayout(
            declared=declared,
            rows=self._section(),
            hidden=self._section(),
            spellings=self._section(),
            ids=self._section() if implied or has_spellings else b"",
            codec=RowCodec(declared),
            encode_key=encode_key(declared),
            decode_key=decode_key(declared),
            links=links,
            references=tuple(link for link in links if link.target),
            hidden_links=self._hidden_links(declared) if declared.current else (),
            lookups=tuple(self._lookups(declared)),
            leading=declared.key[0] if len(declared.key) > 1 else "",
            leading_target=required_target(schema, declared.attributes[declared.key[0]]),
            has_spellings=has_spellings,
            implied=implied_key(schema, declared) if implied else None,
            implier=declared.attributes[implied[0][0]].type.target if implied else "",
            faults=self._section(),
            dangling=self._section(),
        )

    def _links(self, declared: EntityType) -> tuple[Link, ...]:
        links = []
        for attribute in declared.attributes.values():
            is_matched = (declared.name, attribute.name) in self._matched
            if attribute.name == declared.key[0] and not (is_matched and len(declared.key) > 1):
                continue  # found by the keys of the rows, of which it is the beginning
            if attribute.type.single.kind in INDEXED:
                links.append(self._link(declared, attribute))
        return tuple(links)

    def _hidden_links(self, declared: EntityType) -> tuple[Link, ...]:
        links = (self._link(declared, each) for each in declared.attributes.values())
        return tuple(link for link in links if link.target)

    def _link(self, declared: EntityType, attribute: Attribute) -> Link:
        return Link(
            attribute,
            self._section(),
            itemgetter(list(declared.attributes).index(attribute.name))
            if attribute.type.kind is Kind.REFERENCE
            else reader_of(declared, attribute.name),
            required_target(self._schema, attribute),
        )

    def _lookups(self, declared: EntityType) -> Iterator[LookupIndex]:
        for base in self._schema.types.values():
            for lookup in base.lookups.values():
                if lookup.finds_any or lookup.finds != declared.name:
                    continue
                if order_of_key(declared, lookup) is None:
                    yield LookupIndex(
                        base,
                        lookup,
                        self._section(),
                        preference_of(declared, lookup),
                        key_behind_preference(lookup),
                        tuple({path[0]: None for path in lookup.match if len(path) > 1}),
                    )


def needs_id(layout: TypeLayout, *, has_row: bool) -> bool:
    """Return whether the section of ids has the id of an entity that exists."""
    return bool(layout.ids) and (layout.has_spellings or not has_row)


def named_by(layout: TypeLayout, row: Row) -> Iterator[tuple[Attribute, str, Value]]:
    """Yield each attribute whose values must exist, with their type and the values of a row."""
    declared = layout.declared
    if layout.leading_target:
        attribute = declared.attributes[declared.key[0]]
        yield attribute, layout.leading_target, row[list(declared.attributes).index(attribute.name)]
    for link in layout.references:
        yield link.attribute, link.target, link.read(row)


def link_entries(links: tuple[Link, ...], row: Row, encoded_key: bytes) -> list[Entry]:
    """Return the entries of a row in the indexes of attributes."""
    entries = []
    for link in links:
        value = link.read(row)
        if value.__class__ is frozenset:
            section = link.section
            entries += [(section + encode_values((each,)), encoded_key) for each in value]
        elif value is not None:
            entries.append((link.section + encode_values((value,)), encoded_key))
    return entries


def lookup_entries(layout: Layout, type_name: str, rows: Rows) -> Callable[[Row], list[Entry]]:
    """Return a function from a row to its entries in the indexes of look-ups.

    Args:
        layout: The layout of the store.
        type_name: The type of the row.
        rows: All rows by type and key: the entries may depend on the rows that it refers to.
    """
    readers = [
        (index.section, lookup_key_reader(layout.schema, index.lookup, rows), index.preference)
        for index in layout.types[type_name].lookups
    ]

    def entries(row: Row) -> list[Entry]:
        return [
            (section + encode_lookup_key(lookup_key), preference(row))
            for section, read, preference in readers
            if (lookup_key := read(row)) is not None
        ]

    return entries
