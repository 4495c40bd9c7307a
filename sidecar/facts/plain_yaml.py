"""Rows of a large YAML file, quickly: rows of the plainest form are read without the parser.

The parser takes twenty seconds over a million rows. Nearly all rows of nearly all mounts are
one flow map on one line, or a block map of one line for each column, with cells of letters, digits
and a few signs; those mean what they show. A list in block style is cut where a line begins with
``- ``, and each piece that has another form goes to the parser by itself. Where a piece is no
YAML by itself, the parser reads the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper

import yaml

from sidecar.facts.errors import MountFaults
from sidecar.facts.row_parser import Cells, Quoted
from sidecar.facts.yaml_events import RowEvents, check_end
from sidecar.schema.characters import HiddenCharacter

MOST_SHAPES = 8
"""Shapes of rows (columns and quotes) that are remembered; optional columns make some."""

_NAME = r"[A-Za-z_][A-Za-z0-9_-]{0,60}"
_SIGNS = r"[A-Za-z0-9_.@+/-]"
_WORD = rf"[A-Za-z0-9]{_SIGNS}*(?::{_SIGNS}+)*"
_PLAIN = rf"{_WORD}(?: {_WORD})*"
_TEXT = r"[A-Za-z0-9_.@+/: -]*"
_CELL = rf"(?:{_PLAIN}|\"{_TEXT}\"|'{_TEXT}')"
_END = r"(?: +(?:#[ -~]*)?)?(?:\r?\n *(?:#[ -~]*)?)*"
_FLOW = re.compile(rf"- \{{ ?({_NAME}: {_CELL}(?:, {_NAME}: {_CELL})*) ?\}}{_END}")
_BLOCK = re.compile(rf"- ({_NAME}: {_CELL}(?:\r?\n  {_NAME}: {_CELL})*){_END}")
_PAIR = re.compile(rf"(?:^|, |\n  )({_NAME}): (?:({_PLAIN})|\"({_TEXT})\"|'({_TEXT})')")
_HEAD = re.compile(r"(?:#[ -~]*\r?\n|\r?\n)*(?:---\r?\n)?(?:#[ -~]*\r?\n|\r?\n)*")
# Signs of another document, and breaks of lines that only YAML counts, in UTF-8.
_NOT_PIECEWISE = re.compile("^(?:---|\\.\\.\\.)|\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]", re.MULTILINE)


_BREAK = re.compile(b"\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]")


class _NotPiecewiseError(Exception):
    """A piece has no meaning by itself; `line` is where it begins."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


def read_rows(content: bytes, file: str, faults: MountFaults) -> Iterator[tuple[int, Cells]]:
    """Yield each row of a file with its line; faults for whatever is no row.

    A writer that is interrupted leaves the beginning of a file. So a file without rows has to say
    `[]`, and a block list, which has no closing bracket, has to end with the end of a line.

    Raises:
        yaml.YAMLError: It is not YAML.
    """
    try:
        yield from _read_pieces(content, file, faults)
    except _NotPiecewiseError as error:
        if _refuse_breaks(content, file, faults):
            return
        yield from RowEvents(content, file, faults, first=error.line).read()
    else:
        check_end(content, file, faults)


def _refuse_breaks(content: bytes, file: str, faults: MountFaults) -> bool:
    """Refuse what ends a line for YAML 1.1 alone: a row can hide behind it in a comment.

    Other hidden characters are harmless in facts, and must not keep later facts from being seen.
    """
    found = False
    for number, line in enumerate(BytesIO(content), 1):
        for match in _BREAK.finditer(line):
            found = True
            text = line[: match.end()].decode("utf-8", "replace")
            hidden = HiddenCharacter(number, len(text), text[-1])
            faults.add(file, number, hidden.message)
            break
    if found:
        faults.broken.add(file)
    return found


def _read_pieces(content: bytes, file: str, faults: MountFaults) -> Iterator[tuple[int, Cells]]:
    shapes = _Shapes()
    # Latin-1 reads any bytes, and no sign beyond ASCII is plain.
    for line, piece in _pieces(TextIOWrapper(BytesIO(content), encoding="latin-1", newline="\n")):
        cells = shapes.read(piece)
        if cells is not None:
            yield line, cells
        else:
            yield from _read_piece(line, piece, file, faults)


def _pieces(text: TextIOWrapper) -> Iterator[tuple[int, str]]:
    """Yield what begins with ``- `` at a line's start, up to the next, with its line."""
    head: list[str] = []
    piece: list[str] = []
    start = 0
    for number, line in enumerate(text, 1):
        if not line.startswith("- "):
            (piece if start else head).append(line)
            continue
        if start:
            yield start, piece[0] if len(piece) == 1 else "".join(piece)
        elif not _HEAD.fullmatch("".join(head)):
            raise _NotPiecewiseError(1)
        piece, start = [line], number
    if not start:
        raise _NotPiecewiseError(1)
    yield start, "".join(piece)


def _read_piece(
    line: int, piece: str, file: str, faults: MountFaults
) -> Iterator[tuple[int, Cells]]:
    if _NOT_PIECEWISE.search(piece):
        raise _NotPiecewiseError(line)
    found = MountFaults()
    try:
        events = RowEvents(piece.encode("latin-1"), file, found, before=line - 1, is_piece=True)
        rows = list(events.read())
    except yaml.YAMLError:
        raise _NotPiecewiseError(line) from None
    faults.take(found)
    yield from rows


class _Shapes:
    """Patterns of rows that a file has shown, the last one that matched first."""

    def __init__(self) -> None:
        self._known: list[tuple[re.Pattern[str], tuple[str, ...], tuple[str, ...]]] = []

    def read(self, piece: str) -> Cells | None:
        """Return the cells of a row in plain form; None for any other."""
        known = self._known
        for place, (pattern, names, quoted) in enumerate(known):
            match = pattern.fullmatch(piece)
            if match:
                if place:
                    known[0], known[place] = known[place], known[0]
                cells = dict(zip(names, match.groups(), strict=True))
                for name in quoted:
                    cells[name] = Quoted(cells[name])
                return cells
        return self._learn(piece)

    def _learn(self, piece: str) -> Cells | None:
        flow = _FLOW.fullmatch(piece)
        row = flow or _BLOCK.fullmatch(piece)
        if row is None:
            return None
        cells: dict[str, str] = {}
        patterns = []
        for name, plain, double, single in _PAIR.findall(row[1]):
            if name in cells:
                return None
            if plain:
                cells[name] = plain
                patterns.append(rf"{name}: ({_PLAIN})")
            else:
                cells[name] = Quoted(double or single)
                quote = "'" if single else '"'
                patterns.append(rf"{name}: {quote}({_TEXT}){quote}")
        lines = r"\r?\n  ".join(patterns)
        pattern = rf"- \{{ ?{', '.join(patterns)} ?\}}{_END}" if flow else f"- {lines}{_END}"
        quoted = tuple(name for name, text in cells.items() if isinstance(text, Quoted))
        self._known.insert(0, (re.compile(pattern), tuple(cells), quoted))
        del self._known[MOST_SHAPES:]
        return cells
