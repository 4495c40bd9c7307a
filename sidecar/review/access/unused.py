"""Entitlements that nobody used in the period of a log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sidecar.review.access.log_use import LogUse
from sidecar.review.access.report import AccessReport, AccessRow

Group = tuple[str, str]
"""A role, or the place of a rule that names none, and a type of resource."""


@dataclass(frozen=True, slots=True)
class UnusedRow:
    """What one subject may do on one resource, and did not."""

    row: AccessRow
    actions: tuple[str, ...]
    """Those that were not used."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the row was used."""
        return len(self.actions) == len(self.row.access.actions)


@dataclass(slots=True)
class GroupUse:
    """The use of what one role gives on one type of resource."""

    rows: int = 0
    used: set[str] = field(default_factory=set)
    """The actions that anybody used by it."""
    held: dict[str, None] = field(default_factory=dict)
    """The actions that anybody has by it."""

    @property
    def never(self) -> tuple[str, ...]:
        """The actions that nobody used."""
        return tuple(name for name in self.held if name not in self.used)


class UnusedReport:
    """Compares the rows of an access report with the use that a log tells of."""

    def __init__(self, access: AccessReport, use: LogUse) -> None:
        self.access, self.use = access, use
        self.groups: dict[Group, GroupUse] = {}
        self.entitlements = 0
        self.unused = 0
        """Of the entitlements."""
        self.rows_with_unused = 0
        self.whole_rows = 0
        """Rows of which nothing was used."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the report may list what was used, or not list all; known once rows are taken."""
        return (*self.use.doubts, *self.access.summary.unlisted)

    def rows(self) -> Iterator[UnusedRow]:
        """Yield the rows of which something was not used."""
        for row in self.access.rows():
            names = [
                None if key is None else self.use.name(reference.type, key)
                for reference, key in zip((row.subject, row.resource), row.keys, strict=True)
            ]
            used = self.use.used(*names)
            unused = tuple(each.name for each in row.access.actions if each.name not in used)
            self._count(row, used)
            self.entitlements += len(row.access.actions)
            self.unused += len(unused)
            if unused:
                found = UnusedRow(row, unused)
                self.rows_with_unused += 1
                self.whole_rows += found.is_whole
                yield found

    def _count(self, row: AccessRow, used: frozenset[str]) -> None:
        groups = set()
        for action in row.access.actions:
            for by in action.given_by:
                group = (by.role or f"{by.file}:{by.line}", row.resource.type)
                groups.add(group)
                use = self.groups.setdefault(group, GroupUse())
                use.held[action.name] = None
                if action.name in used:
                    use.used.add(action.name)
        for group in groups:
            self.groups[group].rows += 1
