"""An immutable reading of the facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from sidecar.facts.row_parser import Row, reader_of
from sidecar.schema import Key, Schema, Value, id_of

Asked: TypeAlias = tuple[Value, ...]
"""What a look-up is asked with: the key of the entity, then the arguments in their order."""


class Snapshot:
    """All rows of one moment, with the indexes that look-ups and searches need.

    Nothing changes after building; the mappings that it hands out are its own, and whoever asks
    only reads them. Equal texts are one object.
    """

    __slots__ = ("_found", "_holders", "_referring", "_rows", "_spellings", "revision", "schema")

    def __init__(  # noqa: PLR0913, PLR0917 - all that it is made of, by the one builder
        self,
        schema: Schema,
        revision: str,
        rows: Mapping[str, Mapping[Key, Row]],
        found: Mapping[tuple[str, str], Mapping[Asked, Row]],
        referring: Mapping[tuple[str, str], Mapping[Key, tuple[Key, ...]]],
        spellings: Mapping[str, Mapping[Key, str]] | None = None,
    ) -> None:
        self.schema = schema
        self.revision = revision
        """A hash of all rows, in the order of their files."""
        self._rows = rows
        self._found = found
        self._referring = referring
        self._spellings = spellings or {}
        self._holders: dict[tuple[str, str], Mapping[Value, tuple[Key, ...]]] = {}

    def rows(self, type_name: str) -> Mapping[Key, Row]:
        """Return the rows of a type by key: one for each key, the one that the id names.

        A key is a `str`, or a tuple of them where the type has several key columns. A row holds
        the values of `EntityType.attributes`, in their order. A type without a table has no rows.
        """
        return self._rows[type_name]

    def id_of(self, type_name: str, key: Key) -> str:
        """Return the id of an entity as the mount spells it; it need not have a row."""
        if not self._spellings:
            return id_of(key)
        spelled = self._spellings.get(type_name, {}).get(key)
        if spelled is not None or key in self._rows[type_name]:
            return spelled or id_of(key)
        declared = self.schema.types[type_name]
        parts = zip(declared.key, (key,) if isinstance(key, str) else key, strict=True)
        return "/".join(
            self.id_of(target, part)
            if (target := declared.attributes[column].type.target)
            else part
            for column, part in parts
        )

    def find(self, type_name: str, lookup_name: str) -> Mapping[Asked, Row]:
        """Return the rows that a look-up of a type finds.

        The mapping is asked with ``(key of the asked entity, *arguments)``, the arguments in the
        order of `Lookup.arguments`; what it does not hold does not exist. Look-ups see the rows
        that ids name, so a tombstone behind a current row is not found. Where a look-up matches
        exactly the key columns, the mapping is `rows` itself, or a thin view that puts the
        arguments into the order of the key.
        """
        return self._found[type_name, lookup_name]

    def referring(self, type_name: str, attribute: str) -> Mapping[Key, tuple[Key, ...]]:
        """Return, for each key that a reference attribute names, who names it.

        Args:
            type_name: The type that has the attribute.
            attribute: An attribute of kind reference.

        Returns:
            The keys of type `type_name`, in the order of their rows, by the key that they name.
        """
        return self._referring[type_name, attribute]

    def holders(self, type_name: str, attribute: str) -> Mapping[Value, tuple[Key, ...]]:
        """Return, for each value of an attribute, the keys of the rows that hold it, or default it.

        Of a set the values are its members. What `referring` does not know already is indexed
        when it is first asked for, and kept.
        """
        known = self._referring.get((type_name, attribute)) or self._holders.get(
            (type_name, attribute)
        )
        if known is None:
            declared = self.schema.types[type_name]
            read = reader_of(declared, attribute)
            held: dict[Value, list[Key]] = {}
            for key, row in self._rows[type_name].items():
                value = read(row)
                for each in value if isinstance(value, frozenset) else (value,):
                    if each is not None:
                        held.setdefault(each, []).append(key)
            known = {value: tuple(keys) for value, keys in held.items()}
            self._holders[type_name, attribute] = known
        return known  # type: ignore[return-value]  # keys are values too
