"""An immutable snapshot of the facts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from sidecar.errors import Problem
from sidecar.facts.bad_rows import BadKeys, GuardedRows, reported
from sidecar.facts.facts import LookupKey
from sidecar.facts.row_parser import Row, reader_of
from sidecar.facts.spelling import implied_key, spelled_id
from sidecar.schema import Key, Schema, Value, id_of


class Snapshot:
    """All rows at one time, with the indexes that look-ups and searches need.

    It is immutable. The mappings that it returns are its own, and must only be read. Equal texts
    are one object.
    """

    __slots__ = (
        "_bad",
        "_guarded",
        "_holders",
        "_ids",
        "_lookups",
        "_referring",
        "_rows",
        "_spellings",
        "revision",
        "schema",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - called by the builder alone
        self,
        schema: Schema,
        revision: str,
        rows: Mapping[str, Mapping[Key, Row]],
        lookups: Mapping[tuple[str, str], Mapping[LookupKey, Row]],
        referring: Mapping[tuple[str, str], Mapping[Key, tuple[Key, ...]]],
        spellings: Mapping[str, Mapping[Key, str]] | None = None,
        bad: Mapping[str, BadKeys] | None = None,
    ) -> None:
        self.schema = schema
        self.revision = revision
        """A hash of all rows, in the order of their files."""
        self._rows = rows
        self._bad = bad or {}
        self._guarded: dict[str, Mapping[Key, Row]] = {
            name: GuardedRows(schema.types[name], each, self._bad[name])
            if name in self._bad
            else each
            for name, each in rows.items()
        }
        self._lookups = {
            name: GuardedRows(schema.types[finds], each, self._bad[finds])
            if (finds := schema.types[name[0]].lookups[name[1]].finds) in self._bad
            else each
            for name, each in lookups.items()
        }
        self._referring = referring
        self._spellings = spellings or {}
        self._holders: dict[tuple[str, str], Mapping[Value, tuple[Key, ...]]] = {}
        self._ids: dict[str, Sequence[str]] = {}

    def rows(self, type_name: str) -> Mapping[Key, Row]:
        """Return the rows of a type by key: for each key the row that the id names.

        A key is a `str`, or a tuple of them if the type has several key columns. A row holds
        the values of `EntityType.attributes`, in their order. A type without a table has no rows.
        """
        return self._guarded[type_name]

    def problems(self) -> tuple[Problem, ...]:
        """Return the faults of the bad rows, the first of them in full."""
        return reported(self._faults())

    def refused_for(self, other: Snapshot) -> tuple[Problem, ...]:
        """Return the faults of the bad rows if one of them is none in the other snapshot."""
        if {(name, key) for name, keys in self._bad.items() for key in keys} <= {
            (name, key) for name, keys in other._bad.items() for key in keys
        }:
            return ()
        return reported(self._faults(), prefix="")

    def _faults(self) -> Iterator[Problem]:
        return (each for keys in self._bad.values() for found in keys.values() for each in found)

    def id_of(self, type_name: str, key: Key) -> str:
        """Return the id of an entity as the mount writes it; the entity need not have a row."""
        if not self._spellings:
            return id_of(key)
        return spelled_id(self.schema, type_name, key, self._spelling_of)

    def _spelling_of(self, type_name: str, key: Key) -> str | None:
        spelling = self._spellings.get(type_name, {}).get(key)
        return spelling or (id_of(key) if key in self._rows[type_name] else None)

    def find(self, type_name: str, lookup_name: str) -> Mapping[LookupKey, Row]:
        """Return the rows that a look-up of a type finds.

        Its keys are ``(key of the entity that has the look-up, *arguments)``, the arguments in the
        order of `Lookup.arguments`. Look-ups find the rows that ids name, so a tombstone behind a
        current row is not found. If a look-up matches exactly the key columns, the mapping is
        `rows` itself, or a view that puts the arguments into the order of the key.
        """
        return self._lookups[type_name, lookup_name]

    def referring(self, type_name: str, attribute: str) -> Mapping[Key, tuple[Key, ...]]:
        """Return, for each key that a reference attribute names, the keys of the rows that do.

        Args:
            type_name: The type that has the attribute.
            attribute: An attribute of kind reference.

        Returns:
            The keys of type `type_name`, in the order of their rows, by the key that they name.
        """
        return self._referring[type_name, attribute]

    def holders(self, type_name: str, attribute: str) -> Mapping[Value, tuple[Key, ...]]:
        """Return, for each value of an attribute, the keys of the rows that have it.

        Defaults count as values; the values of a set are its members. The index of an attribute
        that is not a reference is built on first use, and kept.
        """
        known = self._referring.get((type_name, attribute)) or self._holders.get(
            (type_name, attribute)
        )
        if known is None:
            declared = self.schema.types[type_name]
            read = reader_of(declared, attribute)
            holders: dict[Value, list[Key]] = {}
            for key, row in self._rows[type_name].items():
                value = read(row)
                for member in value if isinstance(value, frozenset) else (value,):
                    if member is not None:
                        holders.setdefault(member, []).append(key)
            known = {value: tuple(keys) for value, keys in holders.items()}
            self._holders[type_name, attribute] = known
        return known  # type: ignore[return-value]  # keys are values too

    def ids(self, type_name: str, after: str = "") -> Iterator[str]:
        """Yield the ids of all entities of a type behind an id, sorted.

        Entities that exist by implication are among them. The sorted ids are kept: sorting a large
        table for each page of a search would cost more than the page.
        """
        known = self._ids.get(type_name)
        if known is None:
            keys = {*self._rows[type_name], *self._implied_keys(type_name)}
            known = self._ids[type_name] = sorted(self.id_of(type_name, key) for key in keys)
        return map(known.__getitem__, range(bisect_right(known, after), len(known)))

    def _implied_keys(self, type_name: str) -> Iterator[Key]:
        """Yield the keys of the entities that exist by implication."""
        declared = self.schema.types[type_name]
        if declared.implied is None:
            return
        start = declared.attributes[declared.implied[0][0]].type.target
        implied = implied_key(self.schema, declared)
        for key, row in self._rows[start].items():
            if (named := implied(key, row)) is not None:
                yield named
