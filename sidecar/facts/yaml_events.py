"""Rows of a mounted YAML file, event by event, so that a large file is never one tree."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from sidecar.facts.errors import MountFaults
from sidecar.facts.row_parser import Cell, Cells, Quoted, Refused
from sidecar.schema.messages import shown
from sidecar.schema.values import is_null
from sidecar.schema.yaml_document import MAX_DEPTH, tag_fault

EMPTY = "is empty, and may be half-written; write `[]` where there are no rows"

_OPENING = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_CLOSING = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


def check_end(content: bytes, file: str, faults: MountFaults) -> None:
    """Refuse a block list whose last line has no end: its writer may have been interrupted.

    A list in brackets needs no such sign: it is complete when it is closed.
    """
    if not content.endswith(b"\n"):
        line = content.count(b"\n") + 1
        faults.add(file, line, "the last line has no end, so the file may be half-written; end it")


class _TooDeepError(Exception):
    """What is wrong is among the faults already."""


class RowEvents:
    """Reads one YAML list of flat maps."""

    def __init__(  # noqa: PLR0913  each has its name
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
            content: What is read.
            file: How faults name it.
            faults: Where they go.
            before: How many lines of the file stand before it.
            first: The line before which rows and faults are known already.
            is_piece: Whether it is one row of a file, so that it may lack its end.
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
        """Yield each row with its line; faults for whatever is no row.

        Raises:
            yaml.YAMLError: It is not YAML.
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
        if event is None:  # the callers stop at the event that ends what they read
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
        self._refuse_signs(event)
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
            self._refuse_signs(event)
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
            self._refuse_signs(event)
            name = event.value if isinstance(event, yaml.ScalarEvent) else None
            if name is None:
                self._fault(event, "the name of a column is no text; write `column: value`")
                self._skip(event)
            elif name in cells:
                self._fault(event, f"column {shown(name)} stands here again; remove one")
            value = self._next()
            if name is None or name in cells:
                self._skip(value)
            else:
                cells[name] = self._cell(value, name)
        return cells

    def _cell(self, event: yaml.Event, name: str) -> Cell:
        if not isinstance(event, yaml.SequenceStartEvent):
            return self._scalar(event, name)
        self._refuse_signs(event)
        members = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            members.append(self._scalar(event, name))
        return Refused() if any(isinstance(member, Refused) for member in members) else members

    def _scalar(self, event: yaml.Event, name: str) -> str:
        self._refuse_signs(event)
        if isinstance(event, yaml.ScalarEvent) and event.tag is not None:
            return Refused()  # how it would be read without its tag is another question
        if isinstance(event, yaml.ScalarEvent):
            return Quoted(event.value) if event.style else str(event.value)
        if not isinstance(event, yaml.AliasEvent):
            self._fault(event, f"column {shown(name)} is nested; write one value or a flat list")
        self._skip(event)
        return Refused()

    def _refuse_signs(self, event: yaml.Event) -> None:
        """Refuse what makes YAML say more than it shows."""
        if isinstance(event, yaml.AliasEvent):
            self._fault(event, f"alias {shown(event.anchor or '')} is not allowed; write it out")
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._fault(event, f"anchor {shown(event.anchor)} is not allowed; remove it")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._fault(event, tag_fault(event, tag))

    def _skip(self, event: yaml.Event) -> None:
        """Pass over what an event opens.

        Raises:
            _TooDeepError: It is nested so deep that the parser, whose time for each token grows
                with the nesting, would take long.
        """
        depth = int(isinstance(event, _OPENING))
        while depth:
            event = self._next()
            depth += isinstance(event, _OPENING) - isinstance(event, _CLOSING)
            if depth > MAX_DEPTH:
                self._lose(event, f"is nested deeper than {MAX_DEPTH}; write flat rows")
                raise _TooDeepError
