"""The facts of a mount directory: rows, references, look-ups and what exists."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.reference.documents import read_document
from tests.reference.errors import OutsideDomainError, WorldError, WrongTypeError
from tests.reference.schema import LookUp, Schema, Second, Term, Type
from tests.reference.values import ABSENT, Entity, Value, equal, ordered

EXISTENCE = "existence"
"""The role of what a look-up of any row finds: nothing but its existence can be read."""
Tables = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its stored values, and its id as the table spells it."""

    values: Mapping[str, Value | Entity]
    spelling: str


@dataclass(frozen=True)
class Facts:
    """All facts of one snapshot. Nothing here depends on what a caller says."""

    schema: Schema
    rows: Mapping[str, Mapping[tuple[str, ...], Row]]
    """By type and key; of rows that repeat a key the one that the id names."""
    indexes: dict[tuple[str, str], dict[tuple[Term, ...], Entity]] = field(default_factory=dict)

    def row(self, entity: Entity) -> Row | None:
        """Return the row that an entity names."""
        return self.rows.get(entity.type, {}).get(entity.key)

    def exists(self, entity: Entity) -> bool:
        """Return whether an entity exists by a row, by `implied`, or because its type has none."""
        declared = self.schema.types.get(entity.type)
        if declared is None or not entity.key:
            return False
        if declared.table is None or self.row(entity) is not None:
            return True
        return any(
            equal(self.follow(entity, path), self.schema.key_value(entity, column))
            for path, column in declared.implied.items()
        )

    def stored(self, entity: Entity, name: str) -> Term:
        """Return a key column, a stored value or a default of an entity."""
        declared = self.schema.types[entity.type]
        if name in declared.key:
            return self.schema.key_value(entity, name)
        row = self.row(entity)
        if row is not None and name in row.values:
            return row.values[name]
        default = declared.attributes[name].default
        if default is not None and (row is not None or self.exists(entity)):
            return default
        return ABSENT

    def follow(self, entity: Entity, path: Sequence[str]) -> Term:
        """Return what a path leads to; each member of something absent is absent."""
        term: Term = entity
        for name in path:
            term = self.stored(term, name) if isinstance(term, Entity) else ABSENT
        return term

    def entities(self, type_name: str) -> Iterator[tuple[Entity, str]]:
        """Yield every entity of a type that can be listed, with its id as the mount spells it."""
        rows = self.rows.get(type_name, {})
        for key, row in rows.items():
            yield Entity(type_name, key), row.spelling
        declared = self.schema.types.get(type_name)
        seen = set(rows)
        for path, column in declared.implied.items() if declared else ():
            assert declared is not None
            # Only ids of two columns can be listed: the path begins at one, and gives the other.
            start = declared.attributes[path[0]].kind
            if set(declared.key) != {path[0], column} or start.base != "reference":
                continue
            for origin, spelling in self.entities(start.name):
                end = self.follow(origin, path[1:])
                if isinstance(end, Entity):
                    text, spelled = end.key[0], self.spelling(end)
                elif isinstance(end, Value):
                    text = spelled = str(end.raw)
                else:
                    continue
                parts = {path[0]: (origin.key[0], spelling), column: (text, spelled)}
                key = tuple(parts[each][0] for each in declared.key)
                if key not in seen:
                    seen.add(key)
                    yield Entity(type_name, key), "/".join(parts[each][1] for each in declared.key)

    def spelling(self, entity: Entity) -> str:
        """Return the id of an entity as the mount spells it, or its canonical id."""
        row = self.row(entity)
        return row.spelling if row else "/".join(entity.key)

    def find(self, type_name: str, name: str, this: Entity, arguments: Sequence[Term]) -> Term:
        """Return the row that a look-up finds, or ABSENT."""
        look_up = self.schema.types[type_name].look_ups[name]
        bound: dict[str, Term] = dict(zip(look_up.arguments, arguments, strict=True))
        bound["this"] = this
        wanted = tuple(bound[to] for _, to in look_up.match)
        if ABSENT in wanted or not this.key:
            return ABSENT
        index = self.indexes.get((type_name, name))
        if index is None:
            index = self.indexes[type_name, name] = self._index(look_up)
        return index.get(wanted) or self._implied(look_up, wanted)

    def any_row(
        self, look_up: LookUp, this: Entity, arguments: Sequence[Term], now: datetime
    ) -> Term:
        """Return a row that fits, of which only the existence can be read, or ABSENT."""
        bound: dict[str, Term] = dict(zip(look_up.arguments, arguments, strict=True))
        bound["this"] = this
        for found in self._of_table(look_up.finds):
            fits = all(equal(self.follow(found, path), bound[to]) for path, to in look_up.match)
            if not fits or not self._holds(found, look_up, now):
                continue
            if look_up.second is None or self._second(look_up.second, found, bound, now):
                return replace(found, role=EXISTENCE)
        return ABSENT

    def _second(
        self, second: Second, found: Entity, bound: Mapping[str, Term], now: datetime
    ) -> bool:
        """Return whether a row of the second type fits together with a found one."""
        return any(
            all(equal(self.stored(row, name), bound[to]) for name, to in second.match.items())
            and all(
                equal(self.follow(found, path), self.stored(row, name))
                for path, name in second.joins
            )
            and self._holds(row, second, now)
            for row in self._of_table(second.type)
        )

    def _holds(self, row: Entity, conditions: LookUp | Second, now: datetime) -> bool:
        """Return whether what `where` says is true of a row."""
        moment = Value("instant", now)
        return all(
            equal(self.stored(row, name), value) for name, value in conditions.where.items()
        ) and all(
            ordered(sign, self.stored(row, name), moment) for name, sign in conditions.clock.items()
        )

    def _of_table(self, type_name: str) -> Iterator[Entity]:
        return (Entity(type_name, key) for key in self.rows[type_name])

    def _implied(self, look_up: LookUp, wanted: Sequence[Term]) -> Term:
        """Return an entity without a row, if the look-up names its whole key and it exists."""
        declared = self.schema.types[look_up.finds]
        if not declared.implied:
            return ABSENT
        texts = {
            path[0]: term.key[0] if isinstance(term, Entity) else str(term.raw)
            for (path, _), term in zip(look_up.match, wanted, strict=True)
            if len(path) == 1 and isinstance(term, Entity | Value)
        }
        if not texts.keys() >= set(declared.key):
            return ABSENT
        entity = Entity(look_up.finds, tuple(texts[column] for column in declared.key))
        pairs = zip((self.follow(entity, path) for path, _ in look_up.match), wanted, strict=True)
        if self.exists(entity) and self._passes(entity, look_up) and all(a == b for a, b in pairs):
            return entity
        return ABSENT

    def _passes(self, entity: Entity, look_up: LookUp) -> bool:
        return all(equal(self.stored(entity, name), v) for name, v in look_up.where.items())

    def _index(self, look_up: LookUp) -> dict[tuple[Term, ...], Entity]:
        groups: dict[tuple[Term, ...], list[Entity]] = defaultdict(list)
        for key in sorted(self.rows[look_up.finds]):
            entity = Entity(look_up.finds, key)
            terms = tuple(self.follow(entity, path) for path, _ in look_up.match)
            if ABSENT not in terms and self._passes(entity, look_up):
                groups[terms].append(entity)
        return {terms: self._choose(look_up, found) for terms, found in groups.items()}

    def _choose(self, look_up: LookUp, found: Sequence[Entity]) -> Entity:
        if look_up.several == "refuse" and len(found) > 1:
            raise WorldError(f"{found[0]} and {found[1]} match one look-up")
        if look_up.several in {"refuse", "first"}:
            return found[0]

        def moment(entity: Entity) -> tuple[Any, ...]:
            term = self.stored(entity, look_up.by)
            # A row without the attribute is later than all others.
            return (0, term.raw) if isinstance(term, Value) else (1,)

        return (max if look_up.several == "latest" else min)(found, key=moment)


def read_tables(schema: Schema, directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the raw rows of a directory by table."""
    tables = {}
    for declared in schema.types.values():
        if declared.table is None:
            continue
        try:
            rows = read_document(directory / f"{declared.table}.yaml")
        except ValueError as error:
            raise WorldError(str(error)) from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise WorldError(f"{declared.table}.yaml is not a list of maps")
        tables[declared.table] = rows
    return tables


def build(schema: Schema, tables: Tables) -> Facts:
    """Return the facts of raw rows, with every look-up and reference checked."""
    rows: dict[str, dict[tuple[str, ...], Row]] = {}
    facts = Facts(schema, rows)
    for declared in schema.types.values():
        if declared.table is not None:
            read = [read_row(schema, declared, row) for row in tables.get(declared.table, ())]
            rows[declared.name] = _by_key(declared, read)
    for declared in schema.types.values():
        for key, row in rows.get(declared.name, {}).items():
            _check_references(facts, Entity(declared.name, key), row)
        for name, look_up in declared.look_ups.items():
            if look_up.several == "any":
                continue
            facts.indexes[declared.name, name] = facts._index(look_up)  # noqa: SLF001
    return facts


def read_row(schema: Schema, declared: Type, raw: Mapping[str, Any]) -> tuple[tuple[str, ...], Row]:
    """Return the key and the values of a raw row."""
    if unknown := set(raw) - set(declared.attributes):
        raise WorldError(f"{declared.table} has no column {sorted(unknown)}")
    values: dict[str, Value | Entity] = {}
    key: dict[str, str] = {}
    for name, attribute in declared.attributes.items():
        text = raw.get(name)
        if text is None:
            if not attribute.is_optional:
                raise WorldError(f"{declared.table}: a row has no {name}: {dict(raw)}")
            continue
        try:
            values[name] = schema.read(attribute, text, is_proposed=False)
            if name in declared.key:
                key[name] = schema.key_text(attribute.kind, text)
        except (OutsideDomainError, WrongTypeError) as error:
            raise WorldError(f"{declared.table}.{name}: {error}") from error
    try:
        spelling = "/".join(raw[column] for column in declared.key)
        return tuple(key[column] for column in declared.key), Row(values, spelling)
    except KeyError as error:
        raise WorldError(f"{declared.table}: a row has no {error}") from error


def _by_key(
    declared: Type, read: Sequence[tuple[tuple[str, ...], Row]]
) -> dict[tuple[str, ...], Row]:
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for key, row in read:
        groups[key].append(row)
    chosen = {}
    for key, group in groups.items():
        if not declared.current:
            if len(group) > 1:
                raise WorldError(f"{declared.table} repeats {'/'.join(key)}")
            chosen[key] = group[0]
            continue
        current = [row for row in group if _is_current(declared, row)]
        if len(current) > 1:
            raise WorldError(f"{declared.table} has two current rows {'/'.join(key)}")
        chosen[key] = current[0] if current else group[-1]
    return chosen


def _is_current(declared: Type, row: Row) -> bool:
    def value(name: str) -> Term:
        return row.values.get(name) or declared.attributes[name].default or ABSENT

    return all(equal(value(name), each) for name, each in declared.current.items())


def _check_references(facts: Facts, entity: Entity, row: Row) -> None:
    for name, attribute in facts.schema.types[entity.type].attributes.items():
        value = row.values.get(name)
        members = value.raw if isinstance(value, Value) else [value]
        for member in members if isinstance(members, frozenset | list) else ():
            dangles = isinstance(member, Entity) and not facts.exists(member)
            if dangles and not attribute.may_dangle:
                raise WorldError(f"{entity} refers by {name} to {member}, which does not exist")
