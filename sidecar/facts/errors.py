"""The faults of a mount."""

from __future__ import annotations

from sidecar.errors import Problem

MAX_REPORTED = 100
"""Faults that are reported: a wrong column is a fault in every row of a table."""


class MountFaults:
    """The faults of all tables of one mount: the first ones in full, the others counted."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._count = 0
        self.broken: set[str] = set()
        """Files with missing rows, so that references to them cannot be checked."""

    def __bool__(self) -> bool:
        return self._count > 0

    @property
    def full(self) -> bool:
        """Whether further faults are only counted, so that their messages need not be composed."""
        return self._count >= MAX_REPORTED

    def add(self, file: str, line: int, message: str) -> None:
        """Add a fault; `line` 0 is the file as a whole."""
        if not self.full:
            self._problems.append(Problem(file, line, message))
        self._count += 1

    @property
    def count(self) -> int:
        """How many faults there are."""
        return self._count

    def withdraw(self, count: int) -> tuple[Problem, ...]:
        """Remove the faults behind the first ones and return them; none if they are not in full."""
        withdrawn = tuple(self._problems[count:])
        if count + len(withdrawn) < self._count:
            return ()
        del self._problems[count:]
        self._count = count
        return withdrawn

    def lose(self, file: str, line: int, message: str) -> None:
        """Add a fault that leaves rows out, so that references to the file are not checked."""
        self.broken.add(file)
        self.add(file, line, message)

    def extend(self, other: MountFaults) -> None:
        """Add all faults of another object."""
        for problem in other._problems:
            self.add(problem.file, problem.line, problem.message)
        self._count += other._count - len(other._problems)
        self.broken |= other.broken

    def problems(self) -> tuple[Problem, ...]:
        """Return the reported faults, and the number of the others."""
        rest = self._count - len(self._problems)
        # The ellipsis sorts after the names of files.
        return (*self._problems, *([Problem("…", 0, f"and {rest} more")] if rest else []))
