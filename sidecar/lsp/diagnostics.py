"""Faults and findings as an editor shows them, each with the words that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsprotocol.types import Diagnostic, DiagnosticSeverity

from sidecar.lsp.positions import Text

SOURCE = "sidecar check"
_COLUMN = re.compile(r"column (\d+)")
_NAMED = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Remark:
    """A fault or a finding of one file."""

    line: int
    """1-based; 0 for the file as a whole."""
    column: int
    """1-based; 0 if it is not known."""
    message: str
    severity: DiagnosticSeverity = DiagnosticSeverity.Error


def diagnostic(remark: Remark, text: Text) -> Diagnostic:
    """Return a remark about a text."""
    start, line = text.line(remark.line)
    begin, end = _place(remark, line)
    return Diagnostic(
        text.range(start + begin, start + end),
        remark.message,
        severity=remark.severity,
        source=SOURCE,
    )


def moved(remarks: Sequence[Remark], old: str, new: str) -> Iterator[Remark]:
    """Yield remarks about an older text, without those of the lines that were edited since."""
    before, after = old.split("\n"), new.split("\n")
    shorter = min(len(before), len(after))
    head = _common(before, after, shorter)
    tail = _common(before[::-1], after[::-1], shorter - head)
    for each in remarks:
        if each.line <= head:
            yield each
        elif each.line > len(before) - tail:
            line = each.line + len(after) - len(before)
            yield Remark(line, each.column, each.message, each.severity)


def _common(before: Sequence[str], after: Sequence[str], most: int) -> int:
    """Return how many lines two texts begin with alike."""
    pairs = enumerate(zip(before[:most], after[:most], strict=True))
    return next((place for place, (old, new) in pairs if old != new), most)


def _place(remark: Remark, line: str) -> tuple[int, int]:
    """Return where the words in a line begin and end that a remark is about."""
    blanks = len(line) - len(line.lstrip())
    column = remark.column
    if not column and (named := _COLUMN.search(remark.message)):
        column = int(named[1])
    if 0 < column <= len(line):
        word = re.compile(r'"[^"]*"|[\w.]+|\S').match(line, column - 1)
        return column - 1, word.end() if word is not None else column
    for name in _NAMED.findall(remark.message):
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line)
        if found is not None:
            return found.start(), found.end()
    return (blanks, len(line.rstrip())) if line.strip() else (0, len(line))
