"""Single facts of one request: which one a question asks about, and which answers hang on it.

A fact is a cell of a row, whether there is a row, or something that is said with the request.
Several paths can lead to one fact: the subject may be the owner too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sidecar.diagram.questions import (
    ACTION,
    CONTEXT,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Path,
    Question,
    facts_of,
)
from sidecar.engine.fact_sources import Sources
from sidecar.engine.paths import Reader
from sidecar.schema import Lookup

Slot = tuple[Any, ...]
"""``("cell", type, key, attribute)``, ``("row", type, key)``, ``("said", path)``; where nothing
is known of an entity that is looked for, its path stands in place of type and key."""
_ROOTS = (SUBJECT, RESOURCE)


class Slots:
    """Finds the facts of one request."""

    def __init__(self, reader: Reader, sources: Sources) -> None:
        self._reader = reader
        self._sources = sources

    def asked(self, question: Question) -> list[tuple[Slot, Path]]:
        """Return the facts by which an answer can be changed, each with its path.

        What names the subject and the resource is none: another one is another question.
        """
        if question[0] == "exists":
            path = question[1]
            return [(self._row(path), path)] if self._reader.type_of(path).table else []
        found = [(self._cell(path), path) for path in facts_of(question)]
        return [(slot, _of_value(path, self._reader)) for slot, path in found if slot is not None]

    def hang(self, question: Question, changed: Collection[Slot]) -> bool:
        """Tell whether an answer can be another when these facts have changed."""
        if question[0] == "exists" and (
            self._row(question[1]) in changed or self._is_implied_by(question[1], changed)
        ):
            return True
        return any(
            self._is_touched(path, changed)
            for asked in facts_of(question)
            for path in _steps(asked)
        )

    def wanted(self, question: Question, changed: Collection[Slot]) -> bool | None:
        """Return the answer that a row which comes or goes must give; None where it need not.

        A row that is there goes: what exists by implication still may. One that is not comes.
        """
        kind, path = question[:2]
        if kind == "exists" and self._row(path) in changed:
            if not self._sources.has_row(path):
                return True
            return None if self._reader.type_of(path).implied else False
        if kind == "present" and path[0] == "member" and self.is_entity(path[1]):
            base = path[1]
            held = self._row(base) in changed and self._sources.has_row(base)
            if held and path[2] not in self._reader.type_of(base).key:
                attribute = self._reader.type_of(base).attributes[path[2]]
                return None if base in _ROOTS and attribute.caller else False
        return None

    def is_entity(self, path: Path) -> bool:
        """Tell whether an entity stands at a path, and not a value."""
        apart = path in {ACTION, CONTEXT, SETTINGS}
        return not apart and self._reader.is_entity(path)

    def _is_touched(self, path: Path, changed: Collection[Slot]) -> bool:
        if path[0] == "lookup":
            if self._row(path) in changed:
                return True
            lookup = self._reader.type_of(path[1]).lookups[path[2]]
            return not self._reader.names_key(path) and self._finds_others(lookup, changed)
        if self._is_known_without_row(path):
            return False
        row_changes = self.is_entity(path[1]) and self._row(path[1]) in changed
        return row_changes or self._cell(path) in changed

    def _is_known_without_row(self, path: Path) -> bool:
        """Tell whether something is part of an id by which an entity is asked for."""
        base = path[1]
        if not self.is_entity(base) or path[2] not in self._reader.type_of(base).key:
            return False
        return base[0] != "lookup" or self._reader.names_key(base)

    def _finds_others(self, lookup: Lookup, changed: Collection[Slot]) -> bool:
        """Tell whether a look-up that searches can find something else."""
        finds, columns = lookup.finds, {lookup.order, *lookup.where}
        columns |= {step for steps in lookup.match for step in steps}
        return any(
            (slot[0] == "row" and (slot[1] == finds or isinstance(slot[1], tuple)))
            or (slot[0] == "cell" and slot[-1] in columns)
            for slot in changed
        )

    def _is_implied_by(self, path: Path, changed: Collection[Slot]) -> bool:
        implied = self._reader.type_of(path).implied
        return implied is not None and any(
            slot[0] in {"cell", "said"} and _name(slot) in implied[0] for slot in changed
        )

    def _row(self, path: Path) -> Slot:
        key = self._sources.value(path)
        return ("row", path) if key is None else ("row", self._reader.type_of(path).name, key)

    def _cell(self, path: Path) -> Slot | None:
        """Return the fact at a path; None for what cannot be changed, or only with its row."""
        if path[0] != "member" or path[1] == SETTINGS:
            return None
        base, name = path[1], path[2]
        if base in {ACTION, CONTEXT}:
            return ("said", path)
        if not self.is_entity(base):
            return self._cell(base)
        declared = self._reader.type_of(base)
        if name in declared.key:
            return None
        if base in _ROOTS and self._can_be_said(base, name):
            return ("said", path)
        if not self._sources.has_row(base):
            return None
        return ("cell", declared.name, self._sources.value(base), name)

    def _can_be_said(self, base: Path, name: str) -> bool:
        attribute = self._reader.type_of(base).attributes[name]
        return attribute.caller and self._sources.stored(base, name) is None


def _of_value(path: Path, reader: Reader) -> Path:
    """Return the path of the address where it is of the domain of one."""
    base: Path = path[1]
    whole = base in {ACTION, CONTEXT} or reader.is_entity(base)
    return path if whole else base


def _name(slot: Slot) -> str:
    return str(slot[-1][2] if slot[0] == "said" else slot[-1])


def _steps(path: Path) -> Iterator[Path]:
    """Yield all that is read on the way to what is at a path, and that."""
    if path[0] not in {"member", "lookup"}:
        return
    yield from _steps(path[1])
    for operand in path[3] if path[0] == "lookup" else ():
        yield from _steps(operand)
    yield path
