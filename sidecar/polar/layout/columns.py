"""The columns of a role matrix: rules of one permission in one line, a column for each role.

Lines of a block that stand together are rows of a matrix where one of them has several rules of
the same permission. A rule stands in the column of its role, behind all rules that stand before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sidecar.polar.layout.documents import INDENT, Group, Page
from sidecar.polar.layout.expressions import layout
from sidecar.polar.layout.words import Comment, Word

GAP = 2
"""Blanks at least between two columns."""
_HEADING = re.compile(r"\S+(?: \S+)*")
_CLEARLY_DIVIDED = re.compile(r" {3}")


@dataclass(frozen=True, slots=True)
class BlockLine:
    """The words of one line of a block, up to its `;`."""

    words: tuple[Word, ...]
    begins_line: bool
    """Whether nothing stood before it in its line of the text."""

    @property
    def is_rule(self) -> bool:
        """Whether it is a rule, and no declaration."""
        return self.first.kind == "STRING"

    @property
    def first(self) -> Word:
        """The word that begins it."""
        return self.words[0]

    @property
    def granted(self) -> str | None:
        """The permission or role that a rule grants; None for what is no rule, or has comments."""
        has_comment = any(word.comment for word in self.words[:-1])
        has_comment |= any(word.above for word in self.words[1:])
        return self.first.text if self.is_rule and not has_comment else None

    @property
    def begins_paragraph(self) -> bool:
        """Whether a blank line stands before it, or before a comment above it."""
        blank = any(comment.after_blank for comment in self.first.above)
        return blank or self.first.after_blank

    @property
    def role(self) -> str:
        """What its column is found by: all that stands behind the permission."""
        return " ".join(word.text for word in self.words[1:])

    def document(self) -> Group:
        """Return its layout, without the comments above it."""
        return Group(tuple(layout([replace(self.first, above=[]), *self.words[1:]])))


Row = Sequence[BlockLine]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the rules of the matrix of one block stand."""

    of_role: Mapping[str, int]
    """The column of each role, 0-based."""
    start: Sequence[int]
    """Where each column begins."""
    written: Sequence[frozenset[int]]
    """Where rules of each column began before."""

    def rows(self, paragraph: Sequence[BlockLine]) -> Iterator[Row]:
        """Yield the rows of a part of the matrix."""
        for row in rows_of(paragraph):
            divided: list[BlockLine] = []
            for line in row:
                is_behind = divided and self._column(line) <= self._column(divided[-1])
                if is_behind:
                    yield divided
                    divided = []
                divided.append(line)
            yield divided

    def write(self, page: Page, row: Row) -> None:
        """Write the rules of a row, each in its column."""
        first = row[0].first
        page.begin(replace(first, above=list(map(self._heading, first.above))), INDENT)
        for line in row:
            page.pad(self.start[self._column(line)])
            page.write([line.document()], INDENT)
        page.end_line()

    def _column(self, line: BlockLine) -> int:
        return self.of_role.get(line.role, 0)

    def _heading(self, comment: Comment) -> Comment:
        """Return a comment that names the columns, with each name above its column."""
        names = list(_HEADING.finditer(comment.text))
        places = [comment.column + name.start() for name in names]
        if len(names) != len(self.start) or len(names) == 1:
            return comment
        fits = all(at in known for at, known in zip(places[1:], self.written[1:], strict=True))
        if not fits and len(_CLEARLY_DIVIDED.findall(comment.text)) < len(names) - 1:
            return comment
        text = ""
        for name, start in zip(names, self.start, strict=True):
            text = f"{text:{max(start - INDENT, len(text) and len(text) + GAP)}}{name[0]}"
        return Comment(text, comment.after_blank, INDENT)


def rows_of(lines: Sequence[BlockLine]) -> Iterator[Row]:
    """Yield lines of a block, with those of one permission together that stand in one line."""
    row: list[BlockLine] = []
    for line in lines:
        is_beside = row and line.first.line == row[-1].words[-1].line
        if row and not (is_beside and line.granted and line.granted == row[-1].granted):
            yield row
            row = []
        row.append(line)
    if row:
        yield row


def find_columns(paragraphs: Sequence[Sequence[BlockLine]]) -> tuple[Columns | None, list[bool]]:
    """Return the columns of the matrix of a block, and which of its paragraphs belong to it."""
    rows = [list(rows_of(paragraph)) for paragraph in paragraphs]
    if all(len(row) == 1 for part in rows for row in part):
        return None, [False] * len(paragraphs)
    begins = [row[0].first.column for part in rows for row in part if row[0].begins_line]
    margin = min(begins, default=0)
    belongs = [
        all(line.granted for row in part for line in row)
        and any(
            len(row) > 1 or (row[0].begins_line and row[0].first.column > margin) for row in part
        )
        for part in rows
    ]
    table = [row for part, is_row in zip(rows, belongs, strict=True) if is_row for row in part]
    return (_columns(table) if table else None), belongs


def _columns(table: Sequence[Row]) -> Columns:
    written: dict[str, set[int]] = {}
    for row in table:
        for line in row:
            written.setdefault(line.role, set()).add(line.first.column)
    together = [frozenset(line.role for line in row) for row in table]
    columns: list[list[str]] = []
    for role in _ordered(table, written):
        beside = [role, *(columns[-1] if columns else ())]
        starts = {max(written[each]) for each in beside}
        shares = len(starts) == 1 and not any(len(row & {*beside}) > 1 for row in together)
        if columns and shares:
            columns[-1].append(role)
        else:
            columns.append([role])
    of_role = {role: place for place, roles in enumerate(columns) for role in roles}
    start = [INDENT]
    for place in range(len(columns) - 1):
        widths = [
            line.document().width for row in table for line in row if of_role[line.role] == place
        ]
        start.append(start[-1] + max(widths) + GAP)
    places = [frozenset().union(*(written[role] for role in roles)) for roles in columns]
    return Columns(of_role, start, places)


def _ordered(table: Sequence[Row], written: Mapping[str, set[int]]) -> Iterator[str]:
    """Yield the roles, each behind those that stand before it in a row, then by their places."""
    behind: dict[str, set[str]] = {role: set() for role in written}
    for row in table:
        for before, line in pairwise(row):
            behind[line.role].add(before.role)
    left = set(written)
    while left:
        free = [role for role in left if not behind[role] & left - {role}]
        role = min(free or left, key=lambda each: (max(written[each]), each))
        left.remove(role)
        yield role
