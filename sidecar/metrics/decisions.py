"""Decision classes: decisions of one class are counted in one cell.

A class is all that the metrics say of a decision. Each process numbers the classes that it has met
and writes them into its block, behind each other, where the collector reads them. Nothing is ever
changed or removed there, and the next process of the block goes on with the same numbers.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from threading import Lock
from typing import NamedTuple
from zlib import crc32

from sidecar.engine.authorizer import STALE_DATA
from sidecar.metrics.catalog import OTHER
from sidecar.metrics.memory import MAX_CLASSES, NAME_BYTES, Block
from sidecar.model import Decision, Reason, Request
from sidecar.schema import Schema

COMPILED, INTERPRETER, NONE = "compiled", "interpreter", "none"
"""What makes a decision, the cache aside."""

_HEAD = struct.Struct("<II")
"""The length and the checksum of a name."""


class DecisionClass(NamedTuple):
    """What the metrics say of a decision."""

    type: str
    action: str
    allowed: bool
    reasons: tuple[str, ...]
    source: str

    @classmethod
    def remaining(cls, source: str, *, allowed: bool) -> DecisionClass:
        """Return the class of decisions for which there is no other."""
        return cls(OTHER, OTHER, allowed, () if allowed else (OTHER,), source)


class DecisionClasses:
    """The cells of the classes of one process. Any number of its threads may ask."""

    def __init__(self, block: Block, first: int) -> None:
        """Go on with the classes of a block.

        Args:
            block: Of this process.
            first: The cell of its first class.
        """
        self.first = first
        """The cell of the first class."""
        self._names = block.names
        self._lock = Lock()
        self._end = 0
        self._cells: dict[DecisionClass, int] = {}
        self._known: dict[tuple[str, str, bool, tuple[Reason, ...], str], int] = {}
        """The cells of decisions that have come before, by what is at hand."""
        for each, end in read_classes(block):
            self._cells[each] = self._next()
            self._end = end
        for source in (COMPILED, INTERPRETER, NONE):
            for allowed in (True, False):
                self._number(DecisionClass.remaining(source, allowed=allowed))

    @property
    def end(self) -> int:
        """The cell behind those of the last class."""
        return self.first + 2 * len(self._cells)

    def cell(self, request: Request, decision: Decision, schema: Schema, source: str) -> int:
        """Return the cell of a decision for when it comes from the cache.

        The one before is for when it has just been made.

        Args:
            request: It names type and action.
            decision: The decision.
            schema: What it does not declare counts as `other`.
            source: What made the decision, unless the facts were stale.
        """
        type_name, action = request.resource.type, request.action
        key = (type_name, action, decision.allowed, decision.reasons, source)
        cell = self._known.get(key)
        if cell is not None:
            return cell
        declared = schema.types.get(type_name)
        is_declared = declared is not None and action in declared.actions
        codes = tuple(reason.code for reason in decision.reasons)
        cell = self._number(
            DecisionClass(
                type_name if declared is not None else OTHER,
                action if is_declared else OTHER,
                decision.allowed,
                codes,
                NONE if STALE_DATA in codes else source,
            )
        )
        if is_declared:  # else a caller could fill our memory
            if len(self._known) >= MAX_CLASSES:
                self._known.clear()
            self._known[key] = cell
        return cell

    def denial_cell(self, reason: str) -> int:
        """Return the cell of a denial that names neither a type nor an action, as `cell` does."""
        denial = DecisionClass.remaining(NONE, allowed=False)
        return self._number(denial._replace(reasons=(reason,)))

    def _number(self, wanted: DecisionClass) -> int:
        with self._lock:
            cell = self._cells.get(wanted)
            if cell is None:
                cell = self._add(wanted)
            return cell

    def _add(self, new: DecisionClass) -> int:
        name = json.dumps(new).encode()
        end = self._end + _HEAD.size + len(name)
        if len(self._cells) >= MAX_CLASSES or end > NAME_BYTES:
            return self._cells[DecisionClass.remaining(new.source, allowed=new.allowed)]
        self._names[self._end : end] = _HEAD.pack(len(name), crc32(name)) + name
        self._end = end
        cell = self._cells[new] = self._next()
        return cell

    def _next(self) -> int:
        return self.end + 1


def read_classes(block: Block, start: int = 0) -> Iterator[tuple[DecisionClass, int]]:
    """Yield the classes of a block, and where each ends.

    A name that a process has not finished to write, or never will, has another checksum.

    Args:
        block: Of any process.
        start: Where a class ends: those behind it are yielded.
    """
    while start + _HEAD.size <= NAME_BYTES:
        length, checksum = _HEAD.unpack_from(block.names, start)
        end = start + _HEAD.size + length
        name = bytes(block.names[start + _HEAD.size : end])
        if not length or len(name) != length or crc32(name) != checksum:
            return
        type_name, action, allowed, reasons, source = json.loads(name)
        yield DecisionClass(type_name, action, allowed, tuple(reasons), source), end
        start = end
