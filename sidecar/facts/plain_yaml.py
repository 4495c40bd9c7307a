"""Read the rows of large YAML files fast: rows in plain form need no YAML parser.

The parser needs twenty seconds for a million rows. Nearly all rows of mounts are a flow map on one
line, or a block map with a line for each column, whose cells have letters, digits and a few signs.
Regular expressions read such rows. A block list is divided at each line that begins with ``- ``;
each piece in another form goes to the parser. If a piece is not YAML by itself, the parser reads
the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper

import yaml

from sidecar.facts.errors import MountFaults
from sidecar.facts.row_batches import Cells, Quoted
from sidecar.facts.yaml_events import RowEvents, check_end
from sidecar.schema.characters import HiddenCharacter

MAX_SHAPES = 8
"""Shapes of rows (columns and quotes) whose patterns are kept; optional columns make several."""

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
# Signs of another document, and line ends of YAML 1.1 alone, in UTF-8.
_NOT_PIECEWISE = re.compile("^(?:---|\\.\\.\\.)|\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]", re.MULTILINE)


_YAML_LINE_END = re.compile(b"\r(?!\n)|\xc2\x85|\xe2\x80[\xa8\xa9]")


class _NotPiecewiseError(Exception):
    """A piece, which begins at `line`, is not YAML by itself."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(line)


def read_rows(content: bytes, file: str, faults: MountFaults) -> Iterator[tuple[int, Cells]]:
    """Yield each row of a file with its line; add faults for other items.

    An interrupted writer leaves a truncated file. So a file without rows must contain `[]`, and a
    block list, which has no closing bracket, must end with a line end.

    Raises:
        yaml.YAMLError: The content is not YAML.
    """
    try:
        yield from _read_pieces(content, file, faults)
    except _NotPiecewiseError as error:
        if _refuse_line_ends(content, file, faults):
            return
        yield from RowEvents(content, file, faults, first=error.line).read()
    else:
        check_end(content, file, faults)


def _refuse_line_ends(content: bytes, file: str, faults: MountFaults) -> bool:
    """Refuse the line ends of YAML 1.1 alone: a row can hide behind one in a comment.

    Other hidden characters are harmless in facts, and must not keep new facts from being served.
    """
    refused = False
    for number, line in enumerate(BytesIO(content), 1):
        for match in _YAML_LINE_END.finditer(line):
            refused = True
            text = line[: match.end()].decode("utf-8", "replace")
            hidden = HiddenCharacter(number, len(text), text[-1])
            faults.add(file, number, hidden.message)
            break
    if refused:
        faults.broken.add(file)
    return refused


def _read_pieces(content: bytes, file: str, faults: MountFaults) -> Iterator[tuple[int, Cells]]:
    shapes = _Shapes()
    # Latin-1 decodes any bytes; plain rows are ASCII.
    for line, piece in _pieces(TextIOWrapper(BytesIO(content), encoding="latin-1", newline="\n")):
        cells = shapes.read(piece)
        if cells is not None:
            yield line, cells
        else:
            yield from _read_piece(line, piece, file, faults)


def _pieces(text: TextIOWrapper) -> Iterator[tuple[int, str]]:
    """Yield each piece that begins with a line of ``- ``, with the number of that line."""
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
    piece_faults = MountFaults()
    try:
        events = RowEvents(
            piece.encode("latin-1"), file, piece_faults, before=line - 1, is_piece=True
        )
        rows = list(events.read())
    except yaml.YAMLError:
        raise _NotPiecewiseError(line) from None
    faults.extend(piece_faults)
    yield from rows


class _Shapes:
    """Patterns for the rows of a file, beginning with the one that matched last."""

    def __init__(self) -> None:
        self._known: list[tuple[re.Pattern[str], tuple[str, ...], tuple[str, ...]]] = []

    def read(self, piece: str) -> Cells | None:
        """Return the cells of a row in plain form; None if it has another form."""
        known = self._known
        for index, (pattern, names, quoted) in enumerate(known):
            match = pattern.fullmatch(piece)
            if match:
                if index:
                    known[0], known[index] = known[index], known[0]
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
        del self._known[MAX_SHAPES:]
        return cells
