"""Names in the files of a pack: what each place names, and where it is declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TYPE, ATTRIBUTE, ACTION, ROLE, RELATION = "type", "attribute", "action", "role", "relation"
RULE, SETTING, CONTEXT, REASON, OBLIGATION = "rule", "setting", "context", "reason", "obligation"
VALUE, ENUM = "value", "enum"
OF_ACTION = "action"
"""The owner of attributes that are properties of actions."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """What is named."""

    kind: str
    name: str
    owner: str = ""
    """The type that has it; empty if it is not known, or if it has none."""

    def means(self, other: Symbol) -> bool:
        """Tell whether two names can be of the same thing."""
        if self.name != other.name:
            return False
        if {self.kind, other.kind} == {ROLE, VALUE}:
            return True  # roles of memberships are values of an enum
        owners = {self.owner, other.owner} - {""}
        return self.kind == other.kind and len(owners) < 2  # noqa: PLR2004  not two different ones


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name at a place of a file."""

    symbol: Symbol
    start: int
    end: int
    declares: bool = False
    """Whether it is declared here."""


@dataclass(frozen=True, slots=True)
class Found:
    """An occurrence, and its file."""

    path: Path
    occurrence: Occurrence


def at(occurrences: Iterable[Occurrence], offset: int) -> Occurrence | None:
    """Return the name at an offset, the shortest where several stand there."""
    here = [each for each in occurrences if each.start <= offset <= each.end]
    return min(here, key=lambda each: (each.end - each.start, not each.declares), default=None)


def naming(files: Iterable[tuple[Path, Iterable[Occurrence]]], symbol: Symbol) -> Iterator[Found]:
    """Yield every place that names something."""
    for path, occurrences in files:
        for each in occurrences:
            if each.symbol.means(symbol):
                yield Found(path, each)
