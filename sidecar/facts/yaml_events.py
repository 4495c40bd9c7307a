"""Read the rows of a YAML file from parser events, so that a large file is never one tree."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from sidecar.facts.errors import MountFaults
from sidecar.facts.row_batches import Cell, Cells, Quoted, Refused
from sidecar.schema.messages import shown
from sidecar.schema.values import is_null
from sidecar.schema.yaml_document import MAX_DEPTH, feature_faults

EMPTY = "is empty, and may be half-written; write `[]` where there are no rows"

_OPENING = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_CLOSING = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


def check_end(content: bytes, file: str, faults: MountFaults) -> None:
    """Refuse a block list whose last line has no end: its writer may have been interrupted.

    A list in brackets needs no such check: a truncated one is not YAML.
    """
    if not content.endswith(b"\n"):
        line = content.count(b"\n") + 1
        faults.add(file, line, "the last line has no end, so the file may be half-written; end it")


class _TooDeepError(Exception):
    """The fault has been reported."""


class RowEvents:
    """The reader of a YAML list of flat maps."""

    def __init__(  # noqa: PLR0913  most are keywords
        self,
        content: bytes,
        file: str,
        faults: MountFaults,
        *,
        before: int = 0,
        first: int = 0,
        is_piece: bool = False,
    ) -> None:
        """Prepare to read.

        Args:
            content: The content of a file, or of a piece of it.
            file: The name of the file in faults.
            faults: Receives the faults.
            before: The number of lines before the piece.
            first: The first line of which rows and faults are new.
            is_piece: Whether the content is a piece, which may lack the end of its last line.
        """
        self._parser = yaml.CSafeLoader(content)
        self._file = file
        self._faults = faults
        self._before = before + 1
        self._first = first
        self._content = content
        self._is_piece = is_piece
        self._is_block = False

    def read(self) -> Iterator[tuple[int, Cells]]:
        """Yield each row with its line; add faults for other items.

        Raises:
            yaml.YAMLError: The content is not YAML.
        """
        try:
            self._next()  # the stream's start
            documents = 0
            while isinstance(event := self._next(), yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._lose(event, "holds a second document; remove the `---` before it")
                    return
                yield from self._root()
                self._next()  # the document's end
            if not documents:
                self._faults.lose(self._file, 0, EMPTY)
            elif self._is_block and not self._is_piece:
                check_end(self._content, self._file, self._faults)
        except _TooDeepError:
            return  # the rest of the file is not read
        finally:
            self._parser.dispose()

    def _next(self) -> yaml.Event:
        event = self._parser.get_event()
        if event is None:  # callers stop at the end event of the node that they read
            raise yaml.YAMLError("ends too early")
        return event

    def _line(self, event: yaml.Event) -> int:
        return event.start_mark.line + self._before if event.start_mark else 0

    def _fault(self, event: yaml.Event, message: str) -> None:
        if self._line(event) >= self._first:
            self._faults.add(self._file, self._line(event), message)

    def _lose(self, event: yaml.Event, message: str) -> None:
        self._faults.broken.add(self._file)
        self._fault(event, message)

    def _root(self) -> Iterator[tuple[int, Cells]]:
        event = self._next()
        self._refuse_features(event)
        if not isinstance(event, yaml.SequenceStartEvent):
            empty = isinstance(event, yaml.ScalarEvent) and not event.style and is_null(event.value)
            if empty:
                self._lose(event, EMPTY)
            else:
                self._lose(event, "is not a list of rows; begin each row with `- `, or write `[]`")
            self._skip(event)
            return
        self._is_block = not event.flow_style
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            self._refuse_features(event)
            if isinstance(event, yaml.MappingStartEvent):
                line, row = self._line(event), self._row()
                if line >= self._first:
                    yield line, row
            elif not isinstance(event, yaml.AliasEvent):
                self._lose(event, "this row is not a map; write it as `{column: value, ...}`")
                self._skip(event)

    def _row(self) -> dict[str, Cell]:
        cells: dict[str, Cell] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._refuse_features(event)
            name = event.value if isinstance(event, yaml.ScalarEvent) else None
            if name is None:
                self._fault(event, "the name of a column is no text; write `column: value`")
                self._skip(event)
            elif name in cells:
                self._fault(event, f"column {shown(name)} is repeated; remove one")
            value = self._next()
            if name is None or name in cells:
                self._skip(value)
            else:
                cells[name] = self._cell(value, name)
        return cells

    def _cell(self, event: yaml.Event, name: str) -> Cell:
        if not isinstance(event, yaml.SequenceStartEvent):
            return self._scalar(event, name)
        self._refuse_features(event)
        members = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            members.append(self._scalar(event, name))
        return Refused() if any(isinstance(member, Refused) for member in members) else members

    def _scalar(self, event: yaml.Event, name: str) -> str:
        self._refuse_features(event)
        if isinstance(event, yaml.ScalarEvent) and event.tag is not None:
            return Refused()  # its value without the tag is unknown
        if isinstance(event, yaml.ScalarEvent):
            return Quoted(event.value) if event.style else str(event.value)
        if not isinstance(event, yaml.AliasEvent):
            self._fault(event, f"column {shown(name)} is nested; write one value or a flat list")
        self._skip(event)
        return Refused()

    def _refuse_features(self, event: yaml.Event) -> None:
        for message in feature_faults(event):
            self._fault(event, message)

    def _skip(self, event: yaml.Event) -> None:
        """Skip the rest of a list or a map.

        Raises:
            _TooDeepError: It is nested too deep: the time of the parser for a token grows with the
                nesting.
        """
        depth = int(isinstance(event, _OPENING))
        while depth:
            event = self._next()
            depth += isinstance(event, _OPENING) - isinstance(event, _CLOSING)
            if depth > MAX_DEPTH:
                self._lose(event, f"is nested deeper than {MAX_DEPTH}; write flat rows")
                raise _TooDeepError
