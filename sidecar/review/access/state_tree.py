"""Results that depend on facts by the outcomes of tests alone, kept for equal outcomes.

A million requests have few distinct states: what a diagram does with a membership depends on its
role and not on its user. A result is made once for the outcomes of the tests that were read for
it, and found again by reading the same tests, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Generic, NamedTuple, TypeVar

from sidecar.diagram.nodes import Node, Test
from sidecar.diagram.questions import Question, facts_of
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.frame import Frame, Read
from sidecar.engine.paths import Reader
from sidecar.review.access.sent_facts import SentFacts

OPEN = -1
"""The outcome of a test that a caller decides by what it sends."""
FAULT = -2
"""The outcome of a test whose fact is not what the schema declares."""
MOST_STATES = 100_000
"""Results that are kept at a time, so that memory is bounded."""
_MOST_KNOWN = 100
"""Outcomes of one test that are kept beside its branches."""

R = TypeVar("R")
Ask = Callable[[Node], int]
"""Returns the index of the branch that the test of a node takes, `OPEN` or `FAULT`."""


class Probe(NamedTuple):
    """How a test is read, and what its outcomes mean."""

    read: Read
    """Returns the outcome; `_SENT` where a caller decides it."""
    places: Mapping[Any, int]
    """Outcomes to branches."""
    other: int
    """The branch of every other outcome, or `FAULT`."""

    def place(self, outcome: object) -> int:
        """Return the branch of an outcome, `OPEN` or `FAULT`."""
        return OPEN if outcome is _SENT else self.places.get(outcome, self.other)


_SENT = object()


class Probes:
    """How the tests of one pair of types are read; equal tests are one probe."""

    def __init__(
        self,
        reader: Reader,
        evaluator: Evaluator,
        tests: tuple[Test, ...],
        assumed: frozenset[Question] = frozenset(),
    ) -> None:
        """Prepare to read.

        Args:
            reader: How facts are read.
            evaluator: Binds tests to it.
            tests: Of the policy.
            assumed: Questions whose answer is yes wherever these tests are read.
        """
        self._assumed = assumed
        self._evaluator = evaluator
        self._tests = tests
        self.sent = SentFacts(reader)
        self._known: dict[tuple[int, tuple[Any, ...]], Probe | None] = {}

    def known(self, node: Node) -> int | None:
        """Return the branch of a test that is not read; None for one that is."""
        question = self._tests[node.test].question
        return node.labels.index(True) if question in self._assumed else None

    def question(self, node: Node) -> Question:
        """Return what the test of a node asks."""
        return self._tests[node.test].question

    def of(self, node: Node) -> Probe | None:
        """Return how the test of a node is read; None for one that callers always decide."""
        key = (node.test, node.labels)
        if key not in self._known:
            self._known[key] = self._probe(node)
        return self._known[key]

    def _probe(self, node: Node) -> Probe | None:
        paths = facts_of(self._tests[node.test].question)
        if self.sent.always(*paths):
            return None
        read, outcomes, _ = self._evaluator.bind_test(node)
        places = {outcome: place for place, outcome in enumerate(outcomes)}
        # A text has one more branch than literals; elsewhere another outcome is a fault.
        is_text = self._tests[node.test].outcomes == "text"
        other = len(node.branches) - 1 if is_text else FAULT
        columns = self.sent.columns(*paths)
        if not columns:
            return Probe(read, places, other)

        def read_stored(frame: Frame) -> object:
            return _SENT if any(column(frame) is None for column in columns) else read(frame)

        return Probe(read_stored, places, other)


class _Step(Generic[R]):
    """A test, and what follows from each outcome that was met."""

    __slots__ = ("is_shared", "known", "next", "probe", "read")

    def __init__(self, probe: Probe, *, is_shared: bool) -> None:
        self.probe = probe
        self.is_shared = is_shared
        """Whether its outcome is the same for all of a group."""
        self.read = probe.read
        self.next: dict[int, _Step[R] | _Result[R]] = {}
        """By branches."""
        self.known: dict[Any, _Step[R] | _Result[R]] = {}
        """By outcomes, as many as are worth the memory."""


class _Result(Generic[R]):
    __slots__ = ("value",)

    def __init__(self, value: R) -> None:
        self.value = value


def is_result(mark: Mark[R], value: R) -> bool:
    """Tell whether all frames of a group have this very result."""
    return isinstance(mark, _Result) and mark.value is value


Mark = _Step[R] | _Result[R]
"""Where the walk goes on for all frames of a group."""


class StateTree(Generic[R]):
    """The results of one function of frames, by the outcomes of the tests that it asks."""

    def __init__(
        self,
        probes: Probes,
        reader: Reader,
        make: Callable[[Ask], R],
        is_shared: Callable[[Question], bool] = lambda _: False,
    ) -> None:
        """Prepare to find results.

        Args:
            probes: How tests are read.
            reader: By which they are bound, so that frames have room for what they look up.
            make: Makes a result from nothing but the outcomes of tests.
            is_shared: Tells whether a test has one outcome for all frames of a group.
        """
        self._is_shared = is_shared
        self._probes = probes
        self._reader = reader
        self._make = make
        self._root: _Step[R] | _Result[R] | None = None
        self._kept = 0

    def result(self, frame: Frame) -> R:
        """Return the result for the facts of a frame.

        Raises:
            BadRowError: A row would have to be read that does not fit the schema.
        """
        return self.walk(frame, None)[0]

    def walk(self, frame: Frame, mark: Mark[R] | None) -> tuple[R, Mark[R] | None]:
        """Return the result for the facts of a frame, and where others of its group go on.

        Args:
            frame: The facts.
            mark: Where the group of the frame goes on, if another frame of it was met.

        Raises:
            BadRowError: A row would have to be read that does not fit the schema.
        """
        step = self._root if mark is None else mark
        own = mark
        while step.__class__ is _Step:
            if own is None and not step.is_shared:
                own = step
            outcome = step.read(frame)
            step = step.known.get(outcome) or _next(step, outcome)
        if step is None:
            return self._made(frame), None
        return step.value, own or step  # type: ignore[union-attr]  # it is no step

    def _made(self, frame: Frame) -> R:
        """Make a result, and keep it behind the tests that were asked for it."""
        asked: dict[tuple[int, tuple[Any, ...]], tuple[Node, Probe, int]] = {}

        def ask(node: Node) -> int:
            known = self._probes.known(node)
            if known is not None:
                return known
            probe, key = self._probes.of(node), (node.test, node.labels)
            if probe is None:
                return OPEN
            if key not in asked:
                self._reader.make_room(frame)
                asked[key] = node, probe, probe.place(probe.read(frame))
            return asked[key][2]

        value = self._make(ask)
        if self._kept == MOST_STATES:
            self._root, self._kept = None, 0
        self._kept += 1
        self._keep(list(asked.values()), _Result(value))
        return value

    def _keep(self, asked: list[tuple[Node, Probe, int]], result: _Result[R]) -> None:
        if not asked:
            self._root = result
            return
        if self._root is None:
            self._root = self._step(*asked[0][:2])
        step = self._root
        for (_, _, place), (node, probe, _) in pairwise(asked):
            # The same outcomes so far lead to the same test.
            if place not in step.next:  # type: ignore[union-attr]  # it is no result yet
                step.next[place] = self._step(node, probe)  # type: ignore[union-attr]
            step = step.next[place]  # type: ignore[union-attr]
        step.next[asked[-1][2]] = result  # type: ignore[union-attr]

    def _step(self, node: Node, probe: Probe) -> _Step[R]:
        return _Step(probe, is_shared=self._is_shared(self._probes.question(node)))


def _next(step: _Step[R], outcome: object) -> _Step[R] | _Result[R] | None:
    """Return what follows from an outcome that was not met as this value yet."""
    found = step.next.get(step.probe.place(outcome))
    if found is not None and len(step.known) < _MOST_KNOWN:
        step.known[outcome] = found
    return found
