"""What the engine reads: the facts of one revision."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from typing import Protocol, TypeAlias, TypeVar

from sidecar.facts.row_parser import Row
from sidecar.schema import Key, Schema, Value

LookupKey: TypeAlias = tuple[Value, ...]
"""The key of the entity that has the look-up, then the arguments in their order."""

K = TypeVar("K")


class RowMapping(Mapping[K, Row]):
    """Rows by key, whose `get` is the one way to a row: rows are never None."""

    __slots__ = ()

    @abstractmethod
    def get(self, key: K, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        """Return the row of a key."""

    def __getitem__(self, key: K) -> Row:
        row = self.get(key)
        if row is None:
            raise KeyError(key)
        return row


class Facts(Protocol):
    """The facts of one revision, by every index that decisions and searches need.

    They are immutable: the same call returns the same facts as long as the object is in use.
    `Snapshot` holds them in dictionaries.
    """

    @property
    def schema(self) -> Schema:
        """The schema by which the rows were read."""

    @property
    def revision(self) -> str:
        """The revision, equal in all processes of a sidecar."""

    def rows(self, type_name: str) -> Mapping[Key, Row]:
        """Return the rows of a type by key: for each key the row that the id names.

        A key is a `str`, or a tuple of them if the type has several key columns. A row holds
        the values of `EntityType.attributes`, in their order. A type without a table has no rows.
        To get a bad row, from here or by a look-up, raises `BadRowError`.
        """

    def id_of(self, type_name: str, key: Key) -> str:
        """Return the id of an entity as the mount writes it; the entity need not have a row."""

    def find(self, type_name: str, lookup_name: str) -> Mapping[LookupKey, Row]:
        """Return the rows that a look-up of a type finds.

        Its keys are ``(key of the entity that has the look-up, *arguments)``, the arguments in the
        order of `Lookup.arguments`. Look-ups find the rows that ids name, so a tombstone behind a
        current row is not found. Look-ups of any row have no index of their own: those rows are
        found by `holders` of `sidecar.facts.indexes.matched_attributes`.
        """

    def holders(self, type_name: str, attribute: str) -> Mapping[Value, Collection[Key]]:
        """Return, for each value of an attribute, the keys of the rows that have it.

        Defaults count as values; the values of a set are its members.
        """

    def ids(self, type_name: str, after: str = "") -> Iterator[str]:
        """Yield the ids of all entities of a type behind an id, sorted.

        Entities that exist by implication are among them.
        """
