"""Documents: what a layout consists of, and how it is divided into lines of a width.

A document is a word, or a sequence of documents with places where a line may end. A `Group` is
written in one line where it fits, and else ends a line at each of its own places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TypeAlias

from sidecar.polar.layout.words import Comment, Word

WIDTH = 100
"""Characters of a line that is not longer because it cannot be divided."""
INDENT = 2
COMMENT_GAP = 2
"""Blanks at least before a comment at the end of a line."""


@dataclass(frozen=True, slots=True)
class Blank:
    """One space inside a line."""


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the line ends if its group does not fit into one; else `flat`."""

    flat: str = ""


@dataclass(frozen=True, slots=True)
class LineEnd:
    """A place where the line ends."""


@dataclass(frozen=True, slots=True)
class TrailingComma:
    """A comma, if the group does not fit into one line."""


@dataclass(frozen=True)
class Nest:
    """Documents whose lines are indented by one level more."""

    items: tuple[Document, ...]


@dataclass(frozen=True)
class Group:
    """Documents in one line, if they fit and no comment ends the line between them."""

    items: tuple[Document, ...]

    @cached_property
    def is_divided(self) -> bool:
        """Whether a comment stands inside, so that it is never one line."""
        words = list(words_in(self.items))
        return any(word.above for word in words[1:]) or any(word.comment for word in words[:-1])

    @cached_property
    def width(self) -> int:
        """Characters in one line."""
        return sum(map(width_of, self.items))


@dataclass(frozen=True)
class Fill:
    """Items that share lines as far as they fit; the lines of the author are kept."""

    items: tuple[Group, ...]
    """With the comma after each."""
    begins_line: tuple[bool, ...]
    """Whether the author began a line with the item."""


Document: TypeAlias = Word | Blank | Break | LineEnd | TrailingComma | Nest | Group | Fill


def words_in(items: Sequence[Document]) -> Iterator[Word]:
    """Yield the words of documents, in their order."""
    for item in items:
        if isinstance(item, Word):
            yield item
        elif isinstance(item, Nest | Group | Fill):
            yield from words_in(item.items)


def width_of(item: Document) -> int:
    """Return the characters of a document in one line."""
    match item:
        case Word(text=text) | Break(flat=text):
            return len(text)
        case Blank():
            return 1
        case Group():
            return item.width
        case Nest(items):
            return sum(map(width_of, items))
        case Fill(items):
            return sum(map(width_of, items)) + len(items) - 1
        case TrailingComma() | LineEnd():
            return 0


class Page:
    """Lines of text, each with the comment at its end."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._code, self._comment = "", ""

    def text(self) -> str:
        """Return the lines; comments at the end of adjacent lines begin in one column."""
        written: list[str] = []
        for has_comment, lines in groupby(self._lines, key=lambda line: bool(line[1])):
            if has_comment:
                adjacent = list(lines)
                column = max(len(code) for code, _ in adjacent) + COMMENT_GAP
                written += (f"{code:{column}}{comment}" for code, comment in adjacent)
            else:
                written += (code for code, _ in lines)
        return "".join(f"{line}\n" for line in written)

    def end_line(self) -> None:
        """End the line, unless nothing stands in it."""
        if self._code.strip():
            self._lines.append((self._code.rstrip(), self._comment))
        self._code, self._comment = "", ""

    def blank_line(self) -> None:
        """End the line, and write a blank one, unless the one before is blank or the first."""
        self.end_line()
        if self._lines and self._lines[-1][0]:
            self._lines.append(("", ""))

    def pad(self, column: int) -> None:
        """Fill the line with blanks up to a column."""
        self._code = self._code.ljust(column)

    def begin(self, word: Word, indent: int) -> None:
        """Begin with a word: write the comments above it, and the blank lines."""
        self.write_comments(word.above, indent)
        if word.after_blank:
            self.blank_line()

    def write_comments(self, comments: Sequence[Comment], indent: int) -> None:
        """Write comments on lines of their own, with the blank lines before them."""
        for comment in comments:
            self.end_line()
            if comment.after_blank:
                self.blank_line()
            self._lines.append((" " * indent + comment.text, ""))

    def write(self, items: Sequence[Document], indent: int, tail: int = 0) -> None:
        """Write documents, with a line end at each `Break` among them.

        Args:
            items: The documents.
            indent: Blanks before the lines that begin inside.
            tail: Characters that follow in the last line.
        """
        for place, item in enumerate(items):
            match item:
                case Break() | LineEnd():
                    self.end_line()
                case Nest():
                    self.write(item.items, indent + INDENT, 0)
                case Group():
                    follows = _until_break(items[place + 1 :], tail)
                    is_long = len(self._code or " " * indent) + item.width + follows > WIDTH
                    if item.is_divided or is_long:
                        self.write(item.items, indent, follows)
                    else:
                        self._write_flat(item.items, indent)
                case Fill():
                    self._write_fill(item, indent)
                case TrailingComma():
                    self._code += ","
                case _:
                    self._write_flat([item], indent)

    def _write_flat(self, items: Sequence[Document], indent: int) -> None:
        """Write documents in one line."""
        for item in items:
            match item:
                case Word():
                    self._write_word(item, indent)
                case Blank() | Break(flat=" "):
                    self._code += " " if self._code and not self._comment else ""
                case Nest() | Group():
                    self._write_flat(item.items, indent)
                case Fill():
                    for place, each in enumerate(item.items):
                        self._write_flat([Blank(), each] if place else [each], indent)
                case _:
                    pass

    def _write_fill(self, fill: Fill, indent: int) -> None:
        for place, (item, begins_line) in enumerate(zip(fill.items, fill.begins_line, strict=True)):
            comma = place == len(fill.items) - 1
            is_long = len(self._code) + 1 + item.width + comma > WIDTH
            if begins_line or is_long or item.is_divided:
                self.end_line()
            self.write([Blank(), item] if place else [item], indent, 1)

    def _write_word(self, word: Word, indent: int) -> None:
        if self._comment or word.above:
            self.end_line()
        for comment in word.above:
            self._lines.append((" " * indent + comment.text, ""))
        self._code = (self._code or " " * indent) + word.text
        self._comment = word.comment


def _until_break(items: Sequence[Document], tail: int) -> int:
    """Return the characters up to the next place where the line ends."""
    width = 0
    for item in _unnested(items):
        if isinstance(item, Break | LineEnd):
            return width
        width += width_of(item)
    return width + tail


def _unnested(items: Sequence[Document]) -> Iterator[Document]:
    for item in items:
        if isinstance(item, Nest):
            yield from _unnested(item.items)
        else:
            yield item
