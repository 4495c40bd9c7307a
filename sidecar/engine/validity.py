"""With what the moment is compared: between two such instants a decision stays what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sidecar.diagram.nodes import Node, Test
from sidecar.diagram.paths import NOW, LookupPath, Member, Operand, parts_of, within
from sidecar.diagram.questions import NumberOf, Order, Present, Same, facts_of, value_of
from sidecar.engine.frame import Frame, Read, constant
from sidecar.engine.paths import Reader
from sidecar.model import Window
from sidecar.schema import Kind
from sidecar.schema.local_time import LocalPart

ALWAYS: Window = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class Moments:
    """The instants with which trees compare the moment, for one pair of types.

    Whatever else a tree asks depends on the request and the snapshot alone. So of two moments
    between the same two of these instants every test says the same.
    """

    def __init__(self, reader: Reader, tests: tuple[Test, ...], roots: Iterable[Node]) -> None:
        self._reads: list[Read] | None = []
        """None where a tree does something else with the moment than to compare it."""
        self._parts: list[LocalPart] = []
        """What is read of the moment itself."""
        self._rows: list[Callable[[Frame], Iterable[datetime]]] = []
        """Of the look-ups that find rows by the clock."""
        known: dict[object, Read] = {}
        timed: set[LookupPath] = set()
        parts: set[Member] = set()
        for node in _nodes(roots):
            test = tests[node.test]
            read = [*within(*facts_of(test.question))]
            timed.update(
                path
                for path in read
                if isinstance(path, LookupPath) and reader.lookup(path).reads_clock
            )
            parts.update(each for each in read if isinstance(each, Member) and each.base == NOW)
            if NOW not in _apart_from_parts(facts_of(test.question)):
                continue
            compared = _compared(test, node)
            if compared is None:
                self._reads = None
                return
            for each in compared:
                if each not in known:
                    instant = isinstance(each, datetime)
                    known[each] = constant(each) if instant else reader.value(each)
        self._reads = list(known.values())
        self._rows = [reader.instants(path) for path in timed]
        self._parts = [LocalPart.named(path.name) for path in parts]

    def window(self, frame: Frame) -> Window | None:
        """Return between which instants all is as it is now; None where that is not known."""
        if self._reads is None:
            return None
        now = frame.now
        since, until = ALWAYS
        compared: list[Any] = [read(frame) for read in self._reads]
        for rows in self._rows:
            compared += rows(frame)
        for part in self._parts:
            compared += part.period(now)
        for instant in compared:
            if instant is None:  # what is absent is compared with nothing
                continue
            if instant == now:
                return None
            if since < instant < now:
                since = instant
            elif now < instant < until:
                until = instant
        return since, until


def shared_window(windows: Iterable[Window | None]) -> Window | None:
    """Return between which instants all of several answers stay what they are; None if unknown."""
    since, until = ALWAYS
    for window in windows:
        if window is None:
            return None
        since, until = max(since, window[0]), min(until, window[1])
    return since, until


def _nodes(roots: Iterable[Node]) -> Iterator[Node]:
    seen: set[int] = set()
    open_nodes = list(roots)
    while open_nodes:
        node = open_nodes.pop()
        if node.number not in seen and node.branches:
            seen.add(node.number)
            open_nodes += node.branches
            yield node


def _apart_from_parts(operands: Iterable[Operand]) -> Iterator[Operand]:
    """Yield operands and what they are made of, but for the moment of whose parts they are made."""
    for operand in operands:
        yield operand
        if not (isinstance(operand, Member) and operand.base == NOW):
            yield from _apart_from_parts(parts_of(operand))


def _compared(test: Test, node: Node) -> list[Any] | None:
    """Return the instants, and the paths of those, that a test compares the moment with."""
    others = [path for path in facts_of(test.question) if path != NOW]
    if NOW in within(*others):
        return None
    match test.question:
        case Order() | Same():
            return others
        case NumberOf() if test.kind is Kind.INSTANT:
            return [value_of(Kind.INSTANT, text) for text, _ in node.labels]
        case Present():
            return []
        case _:
            return None
