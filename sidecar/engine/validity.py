"""With what the moment is compared: between two such instants a decision stays what it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sidecar.diagram.nodes import Node, Test
from sidecar.diagram.questions import NOW, value_of
from sidecar.engine.frame import Frame, Read, constant
from sidecar.engine.paths import Reader
from sidecar.model import Window
from sidecar.schema import Kind

ALWAYS: Window = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class Moments:
    """The instants with which trees compare the moment, for one pair of types.

    Whatever else a tree asks depends on the request and the snapshot alone. So of two moments
    between the same two of these instants every test says the same.
    """

    def __init__(self, reader: Reader, tests: tuple[Test, ...], roots: Iterable[Node]) -> None:
        self._reads: list[Read] | None = []
        """None where a tree does something else with the moment than to compare it."""
        known: dict[object, Read] = {}
        for node in _nodes(roots):
            test = tests[node.test]
            if not _speaks_of_now(test.question):
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

    def window(self, frame: Frame) -> Window | None:
        """Return between which instants all is as it is now; None where that is not known."""
        if self._reads is None:
            return None
        now: Any = frame.context["now"]
        since, until = ALWAYS
        for read in self._reads:
            instant = read(frame)
            if instant is None:  # what is absent is compared with nothing
                continue
            if instant < now:
                since = max(since, instant)
            elif instant > now:
                until = min(until, instant)
            else:
                return None
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


def _speaks_of_now(part: Any) -> bool:  # noqa: ANN401  a question, or a part of one
    if not isinstance(part, tuple):
        return False
    return part == NOW or any(_speaks_of_now(each) for each in part)


def _compared(test: Test, node: Node) -> list[Any] | None:
    """Return the instants, and the paths of those, that a test compares the moment with."""
    question = test.question
    others = [part for part in question[1:] if isinstance(part, tuple) and part != NOW]
    if any(_speaks_of_now(part) or part[0] == "literal" for part in others):
        return None
    if question[0] in {"order", "same"}:
        return others
    if test.outcomes == "number" and test.kind is Kind.INSTANT:
        return [value_of(Kind.INSTANT, text) for text, _ in node.labels]
    return [] if question[0] == "present" else None
