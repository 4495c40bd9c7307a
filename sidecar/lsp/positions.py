"""Places in a text: as offsets here, as lines and characters in an editor."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from lsprotocol.types import Position, PositionEncodingKind, Range

_LINE_END = re.compile(r"\r\n|\n|\r")
_BYTES_OF_UTF_16 = 2


@dataclass(frozen=True)
class Text:
    """A text, and how the editor counts its characters."""

    text: str
    encoding: str = PositionEncodingKind.Utf16.value

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    @cached_property
    def _lines(self) -> list[int]:
        """Where the lines begin that faults count, which only line feeds end."""
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def position(self, offset: int) -> Position:
        """Return the place of an offset for the editor."""
        line = bisect_right(self._starts, offset) - 1
        return Position(line, self._units(self.text[self._starts[line] : offset]))

    def range(self, start: int, end: int) -> Range:
        """Return the range between two offsets for the editor."""
        return Range(self.position(start), self.position(end))

    def offset(self, position: Position) -> int:
        """Return the offset of a place of the editor; the nearest one if there is no such place."""
        if position.line >= len(self._starts):
            return len(self.text)
        start = self._starts[position.line]
        ends = [*self._starts[1:], len(self.text) + 1]
        line = self.text[start : ends[position.line]].rstrip("\r\n")
        units = 0
        for place, character in enumerate(line):
            if units >= position.character:
                return start + place
            units += self._units(character)
        return start + len(line)

    def line(self, number: int) -> tuple[int, str]:
        """Return where a line begins, and its text.

        Args:
            number: 1-based, as faults count them; the last line for one that is not there.
        """
        place = min(max(number, 1), len(self._lines)) - 1
        start = self._lines[place]
        end = self._lines[place + 1] if place + 1 < len(self._lines) else len(self.text)
        return start, self.text[start:end].rstrip("\r\n")

    def offset_of(self, line: int, column: int) -> int:
        """Return the offset of a line and a column, both 1-based."""
        return self.line(line)[0] + column - 1

    def _units(self, text: str) -> int:
        if self.encoding == PositionEncodingKind.Utf32.value:
            return len(text)
        if self.encoding == PositionEncodingKind.Utf8.value:
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text.encode("utf-16-le", "surrogatepass")) // _BYTES_OF_UTF_16
