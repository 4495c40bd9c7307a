"""Single facts of one request: which one a question asks about, and which answers hang on it.

A fact is a cell of a row, whether there is a row, or something that is sent with the request.
Several paths can lead to one fact: the subject may be the owner too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Path,
    Root,
    within,
)
from sidecar.diagram.questions import Exists, Question, facts_of
from sidecar.engine.fact_sources import Sources
from sidecar.engine.paths import Reader
from sidecar.review.conditions import RowOf
from sidecar.schema import Lookup, Value

_ROOTS = (SUBJECT, RESOURCE)
_NO_ENTITIES = (ACTION, CONTEXT, SETTINGS)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that the row of an entity holds."""

    type: str
    key: Value
    name: str

    @property
    def place(self) -> object:
        """The row that it is of."""
        return self.type, self.key


@dataclass(frozen=True, slots=True)
class EntityRow:
    """Whether an entity has a row."""

    type: str
    key: Value | Path
    """A path where nothing is known of an entity that is looked for."""

    @property
    def place(self) -> object:
        """The row; of an entity of which nothing is known the path, as of what is sent there."""
        is_known = not isinstance(self.key, Root | Member | LookupPath)
        return self.type if is_known else None, self.key


@dataclass(frozen=True, slots=True)
class Sent:
    """A value that the caller sends, or could send."""

    path: Member

    @property
    def place(self) -> object:
        """The row that an entity has which is sent: none is known."""
        return None, self.path

    @property
    def name(self) -> str:
        """The name of the attribute or the property."""
        return self.path.name


Slot = Cell | EntityRow | Sent


class Slots:
    """Finds the facts of one request."""

    def __init__(self, reader: Reader, sources: Sources) -> None:
        self._reader = reader
        self._sources = sources

    def of(self, question: Question) -> list[tuple[Slot, Path]]:
        """Return the facts by which an answer can be changed, each with its path.

        What names the subject and the resource is none: another one is another question.
        """
        if isinstance(question, Exists):
            path = question.path
            return [(self._row(path), path)] if self._reader.type_of(path).table else []
        found = [(self._cell(path), path) for path in facts_of(question)]
        return [(slot, self._of_value(path)) for slot, path in found if slot is not None]

    def can_change(self, question: Question, changed: Collection[Slot]) -> bool:
        """Tell whether an answer can be another when these facts have changed."""
        if isinstance(question, Exists) and (
            self._row(question.path) in changed or self._is_implied_by(question.path, changed)
        ):
            return True
        return any(self._is_another(path, changed) for path in facts_of(question))

    def only_implies(self, question: Question, changed: Collection[Slot]) -> bool:
        """Tell whether a question is for an entity that these facts make exist without a row."""
        if not isinstance(question, Exists) or self._is_another(question.path, changed):
            return False
        return self._row(question.path) not in changed and self.can_change(question, changed)

    def rowless(self, question: Question) -> Iterator[Path]:
        """Yield the entities of a question that may exist without a row."""
        for path in within(*facts_of(question)):
            declared = self._reader.entity_at(path)
            if not isinstance(path, Literal) and declared and declared.implied is not None:
                yield path

    def row(self, path: Path, changed: Collection[Slot]) -> RowOf | None:
        """Return whether an entity has a row when these facts have changed, and no others.

        None where the facts decide which entity stands at the path.
        """
        has = self._sources.has_row(path)
        if self._row(path) in changed:
            return RowOf(path, not has)
        return None if self._is_another(path, changed) else RowOf(path, has)

    def is_entity(self, path: Path) -> bool:
        """Tell whether an entity stands at a path, and not a value."""
        return path not in _NO_ENTITIES and self._reader.is_entity(path)

    def _is_another(self, path: Path, changed: Collection[Slot]) -> bool:
        """Tell whether something else can stand at a path when these facts have changed."""
        steps = (part for part in within(path) if isinstance(part, Member | LookupPath))
        return any(self._is_touched(step, changed) for step in steps)

    def _is_touched(self, path: Member | LookupPath, changed: Collection[Slot]) -> bool:
        if isinstance(path, LookupPath):
            if self._row(path) in changed:
                return True
            lookup = self._reader.lookup(path)
            return not self._reader.names_key(path) and self._finds_others(lookup, changed)
        if self._is_known_without_row(path):
            return False
        if self._cell(path) in changed:
            return True
        base = path.base
        if not self.is_entity(base):
            return False
        return self._row(base) in changed or self._takes_default(path, changed)

    def _takes_default(self, path: Member, changed: Collection[Slot]) -> bool:
        """Tell whether these facts decide if an entity without a row exists and has a default."""
        if self._reader.attribute(path).default is None or self._sources.has_row(path.base):
            return False
        return self._is_implied_by(path.base, changed)

    def _is_known_without_row(self, path: Member) -> bool:
        """Tell whether something is part of an id by which an entity is asked for."""
        base = path.base
        if not self.is_entity(base) or path.name not in self._reader.type_of(base).key:
            return False
        return not isinstance(base, LookupPath) or self._reader.names_key(base)

    def _finds_others(self, lookup: Lookup, changed: Collection[Slot]) -> bool:
        """Tell whether a look-up that searches can find something else."""
        columns = set(self._columns(lookup))
        types = {type_name for type_name, _ in columns}
        return any(
            (isinstance(slot, EntityRow) and slot.type in types)
            or (isinstance(slot, Cell) and (slot.type, slot.name) in columns)
            for slot in changed
        )

    def _columns(self, lookup: Lookup) -> Iterator[tuple[str, str]]:
        """Yield the columns by which a look-up finds rows, each with its type."""
        for type_name, steps in lookup.reads():
            owner = type_name
            for step in steps:
                yield owner, step
                owner = self._reader.schema.types[owner].attributes[step].type.target

    def _is_implied_by(self, path: Path, changed: Collection[Slot]) -> bool:
        implied = self._reader.type_of(path).implied
        return implied is not None and any(
            isinstance(slot, Cell | Sent) and slot.name in implied[0] for slot in changed
        )

    def _row(self, path: Path) -> EntityRow:
        key = self._sources.value(path)
        return EntityRow(self._reader.type_of(path).name, path if key is None else key)

    def _cell(self, path: Path) -> Slot | None:
        """Return the fact at a path; None for what cannot be changed, or only with its row."""
        if not isinstance(path, Member) or path.base == SETTINGS:
            return None
        base, name = path.base, path.name
        if base in _NO_ENTITIES:
            return Sent(path)
        if not self.is_entity(base):
            return self._cell(base)
        declared = self._reader.type_of(base)
        if name in declared.key:
            return None
        if base in _ROOTS and self._can_be_sent(base, name):
            return Sent(path)
        if not self._sources.has_row(base):
            return None
        return Cell(declared.name, self._sources.value(base), name)

    def _can_be_sent(self, base: Path, name: str) -> bool:
        attribute = self._reader.type_of(base).attributes[name]
        return attribute.caller and self._sources.stored(base, name) is None

    def _of_value(self, path: Path) -> Path:
        """Return the path of the address where it is of the domain of one."""
        if isinstance(path, Root) or path.base in _NO_ENTITIES or self.is_entity(path.base):
            return path
        return path.base
