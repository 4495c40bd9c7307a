"""Bad rows: rows with a readable key that break the schema, where `--bad-rows deny` takes them in.

Nothing of such a row may be read, so that whatever would read it is denied. It is found all the
same: it exists, and its entries in indexes are there. So the columns on which these depend must be
readable, or else the whole change is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sidecar.errors import BadRowError, Problem
from sidecar.facts.errors import MountFaults
from sidecar.facts.facts import K, RowMapping
from sidecar.facts.row_parser import Row, row_key
from sidecar.schema import EntityType, Key, Schema, id_of
from sidecar.schema.messages import shown

BAD_ROW = "what reads this row is denied `data_error`"

BadKeys: TypeAlias = Mapping[Key, tuple[Problem, ...]]
"""The keys of the bad rows of a type, with their faults."""


@dataclass(frozen=True, slots=True)
class IndexedColumns:
    """The columns on which it depends what is found."""

    needed: Mapping[str, frozenset[str]]
    """By type those that must be readable: of keys, of look-ups, of `current` and `implied`."""
    through: frozenset[tuple[str, str]]
    """Types with those of their references through which look-ups match: what these name must
    exist."""

    @classmethod
    def of(cls, schema: Schema) -> IndexedColumns:
        """Return those of a schema."""
        needed: dict[str, set[str]] = {
            name: {*declared.key, *declared.current} for name, declared in schema.types.items()
        }
        through: set[tuple[str, str]] = set()

        def match(declared: EntityType, path: tuple[str, ...]) -> None:
            needed[declared.name].add(path[0])
            if len(path) > 1:
                through.add((declared.name, path[0]))
                needed[declared.attributes[path[0]].type.target].add(path[1])

        for declared in schema.types.values():
            if declared.implied:
                (reference, step), _ = declared.implied
                needed[declared.attributes[reference].type.target].add(step)
            for lookup in declared.lookups.values():
                found = schema.types[lookup.finds]
                for path in lookup.match:
                    match(found, path)
                needed[found.name].update(lookup.where)
                if lookup.order:
                    needed[found.name].add(lookup.order)
                if lookup.through is not None:
                    for path, name in lookup.through.joins.items():
                        match(found, path)
                        needed[lookup.through.type].add(name)
                    needed[lookup.through.type].update(lookup.through.match)
        return cls({name: frozenset(each) for name, each in needed.items()}, frozenset(through))


class GuardedRows(RowMapping[K]):
    """Rows found by any key, of which the bad ones cannot be read."""

    __slots__ = ("_bad", "_declared", "_rows")

    def __init__(
        self, declared: EntityType, rows: Mapping[K, Row], bad: Mapping[Key, object]
    ) -> None:
        self._declared = declared
        self._rows = rows
        self._bad = bad

    def get(self, key: K, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        """Return the row of a key.

        Raises:
            BadRowError: It is a bad one.
        """
        row = self._rows.get(key, default)
        if row is not None and row_key(self._declared, row) in self._bad:
            raise bad_row(self._declared, row_key(self._declared, row))
        return row

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[K]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def reported(faults: Iterable[Problem], prefix: str = f"{BAD_ROW}: ") -> tuple[Problem, ...]:
    """Return the faults of bad rows as `/readyz` has them: the first ones, and how many follow."""
    problems = MountFaults()
    for each in faults:
        problems.add(each.file, each.line, prefix + each.message)
    return problems.problems()


def bad_row(declared: EntityType, key: Key) -> BadRowError:
    """Return the error of a request that would read a bad row; it names the key in any case."""
    return BadRowError(declared.name, declared.table, f"row {shown(id_of(key))}")
