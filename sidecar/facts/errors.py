"""What is wrong with a mount, gathered across its files."""

from __future__ import annotations

from sidecar.errors import Problem

MOST_TOLD = 100
"""A table exported with a wrong column is wrong in every row; nobody reads more of them."""


class MountFaults:
    """Faults of all tables of one mount: the first ones in full, the others counted."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._count = 0
        self.broken: set[str] = set()
        """Files of which rows are missing, so that references into them cannot be judged."""

    def __bool__(self) -> bool:
        return self._count > 0

    @property
    def full(self) -> bool:
        """Whether further faults are only counted, so that their words need no thought."""
        return self._count >= MOST_TOLD

    def add(self, file: str, line: int, message: str) -> None:
        """Note one fault; `line` 0 is the file as a whole."""
        if not self.full:
            self._problems.append(Problem(file, line, message))
        self._count += 1

    def lose(self, file: str, line: int, message: str) -> None:
        """Note a fault by which rows of a file are missing: no reference into it can be judged."""
        self.broken.add(file)
        self.add(file, line, message)

    def take(self, other: MountFaults) -> None:
        """Note all that another has noted."""
        for problem in other._problems:
            self.add(problem.file, problem.line, problem.message)
        self._count += other._count - len(other._problems)
        self.broken |= other.broken

    def problems(self) -> tuple[Problem, ...]:
        """Return the faults that are told, and how many more there are."""
        rest = self._count - len(self._problems)
        # The ellipsis sorts after the names of files.
        return (*self._problems, *([Problem("…", 0, f"and {rest} more")] if rest else []))
