"""The interface of sources of facts: positions, looks, readings and changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeAlias

from sidecar.errors import Problem
from sidecar.facts.errors import MountFaults
from sidecar.facts.row_batches import Cells
from sidecar.facts.row_parser import Table
from sidecar.facts.sources.tokens import reached


@dataclass(frozen=True, slots=True)
class Position:
    """A moment in the history of a source: all that was committed until then, and nothing else.

    Only the source orders positions. Positions of different epochs cannot be compared: after a
    failover or a replaced file an equal mark may stand for other facts.
    """

    kind: str
    """``directory``, ``sqlite`` or ``postgresql``."""
    epoch: str
    mark: str

    def text(self) -> str:
        """Return the position as one line of ASCII, which `parse` reads."""
        return json.dumps([self.kind, self.epoch, self.mark], separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return the position of a text.

        Raises:
            ValueError: It is not the text of a position.
        """
        parts: Any = json.loads(text)
        if not isinstance(parts, list) or list(map(type, parts)) != [str, str, str]:
            raise ValueError("not the text of a position")
        return cls(*parts)

    def reached(self, token: str) -> bool:
        """Return whether the position contains the transaction of a writer's token.

        False for a token of another epoch, since its transaction may have been lost.
        """
        return reached(self.kind, self.epoch, self.mark, token)


class LookState(Enum):
    """The result of a look."""

    UNCHANGED = "unchanged"
    """The facts are those of the last position."""
    CHANGED = "changed"
    """They are not: read the changes."""
    UNSETTLED = "unsettled"
    """They are being changed, and cannot be read yet: the look confirms nothing."""


class Look(NamedTuple):
    """A completed check of a source."""

    position: Position
    """The position of the look. If it is UNCHANGED, it replaces the last one: a writer's token can
    be reached though no fact has changed."""
    state: LookState
    lag: float = 0.0
    """For how many seconds a replica may have missed what was committed elsewhere."""


Contains: TypeAlias = Callable[[Position], bool]
"""Return whether a position holds all that an earlier one held, so that nothing was lost between.

To be called while the position is being read. False in doubt: after a failover, a crash or a
restored backup the last transactions may be lost."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All rows of a source at one position."""

    position: Position
    tables: Mapping[str, Table]
    """By type, for all types that have a table. The rows of one table can be iterated once, before
    those of another are."""
    contains: Contains
    lag: float = 0.0
    """As of a look."""


@dataclass(frozen=True, slots=True)
class TableChanges:
    """The changes of one type."""

    table: Table
    """The present rows of the changed keys; of a type with `current`, all rows of each key. They
    can be iterated once, before those of another table are."""
    keys: Sequence[Cells]
    """The key columns of the changed keys. A key without a row has been deleted."""
    whole: bool
    """Whether all rows may have changed: `table` has all of them, and `keys` is empty."""


@dataclass(frozen=True, slots=True)
class Changes:
    """All that became visible between two positions, as one revision."""

    position: Position
    tables: Mapping[str, TableChanges]
    """By type, for the types that have changed."""
    contains: Contains
    lag: float = 0.0
    """As of a look."""


class HasFileno(Protocol):
    """A file that a process can wait for."""

    def fileno(self) -> int:
        """Return its descriptor."""


class Source(Protocol):
    """A source of facts. It is used by one thread, connects when needed, and reconnects."""

    @property
    def name(self) -> str:
        """The source in problems and logs, without a password."""

    def look(self, since: Position | None) -> Look:
        """Check once whether there is anything new since a position.

        Raises:
            SourceError: The check was not completed.
        """

    def read(self, faults: MountFaults) -> AbstractContextManager[Reading]:
        """Read all rows; they are valid inside the context, and faults of rows are added.

        Raises:
            SourceError: The source cannot be read. It is raised on entry, by the iterators of rows,
                or on exit, if the rows were not those of one position after all.
        """

    def changes(
        self, since: Position, faults: MountFaults
    ) -> AbstractContextManager[Changes | None]:
        """Read what has changed since a position; None if everything must be read anew.

        Raises:
            SourceError: As for `read`.
        """

    def check(self) -> Sequence[Problem]:
        """Return what the source lacks, by table and column.

        Raises:
            SourceError: It cannot be reached.
        """

    def remarks(self) -> Sequence[Problem]:
        """Return what makes changes slow to follow, though none is missed.

        Raises:
            SourceError: It cannot be reached.
        """

    def wait(self, seconds: float, wakeup: HasFileno) -> None:
        """Wait until the next look is due, or the source says that it has changed, or a wake-up.

        Args:
            seconds: Until the next look.
            wakeup: A file that can be read once somebody wants a look at once.
        """

    def close(self) -> None:
        """Close the connection."""
