"""Changes that turn a decision, in words, and who may be told of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sidecar.diagram.path_text import show
from sidecar.diagram.paths import NOW, Operand, Path
from sidecar.diagram.questions import Exists, Order, facts_of
from sidecar.review.conditions import Outcomes
from sidecar.review.counterfactual import Changes, Turn
from sidecar.review.fact_readings import Readings
from sidecar.review.fact_slots import EntityRow, Sent, Slot
from sidecar.review.phrases import Wording

USER, ADMINISTRATOR = "user", "administrator"
MOST_WAYS_TOLD = 3
"""Ways to change the same facts that a text shows."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as it is now."""

    path: str
    value: str | None
    """None where it is absent."""
    is_row: bool
    """Whether it is that the mount has a row of such an entity, and not a value."""

    def __str__(self) -> str:
        if self.is_row:
            return f"{self.path} has {'a' if self.value else 'no'} row"
        return f"{self.path} is {'absent' if self.value is None else self.value}"


@dataclass(frozen=True, slots=True)
class Turning:
    """Facts that turn the decision together."""

    facts: tuple[Fact, ...]
    ways: tuple[tuple[str, ...], ...]
    """What has to hold of them; each way is enough."""
    audience: str
    """`user`: what the request says, or waiting; `administrator`: facts of the mount."""

    def line(self, answer: str) -> str:
        """Return it in one line, with the answer that it leads to."""
        ways = [" and ".join(way) for way in self.ways[:MOST_WAYS_TOLD]]
        left = len(self.ways) - MOST_WAYS_TOLD
        more = [f"in {left} ways more"] if left > 0 else []
        return f"{', '.join(map(str, self.facts))}; {answer} if {', or '.join([*ways, *more])}"


class Words(Wording):
    """Words with the paths as proofs and facts have them."""

    def path(self, path: Operand) -> str:
        """Return a path as a policy would write it; the clock is `now`."""
        return "now" if path == NOW else show(path)


class Turnings:
    """Puts the changes for one request into words."""

    def __init__(self, changes: Changes, readings: Readings, words: Words) -> None:
        self._changes = changes
        self._readings = readings
        self._words = words

    def denying(self) -> tuple[Turning, ...]:
        """Return the single facts by which what is allowed is denied."""
        return tuple(self._told(turn, turn.ways) for turn in self._changes.denying())

    def allowing(self) -> tuple[Turning, ...]:
        """Return the nearest changes that allow what is denied; the clock only goes on."""
        return tuple(self._achievable())

    def _achievable(self) -> Iterator[Turning]:
        for turn in self._changes.allowing():
            ways = turn.ways
            if NOW in turn.facts.values():
                ways = tuple(way for way in ways if all(map(self._is_later, way)))
            if ways:
                yield self._told(turn, ways)

    def _told(self, turn: Turn, ways: tuple[tuple[Outcomes, ...], ...]) -> Turning:
        facts = tuple(self._fact(slot, path) for slot, path in turn.facts.items())
        told = dict.fromkeys(tuple(self._way(turn, way)) for way in ways)
        least = (way for way in told if not any(set(other) < set(way) for other in told))
        return Turning(facts, tuple(least), self._audience(turn, ways))

    def _way(self, turn: Turn, way: tuple[Outcomes, ...]) -> Iterator[str]:
        """Yield the conditions of one way; of a reference to another entity nothing more."""
        for slot, path in turn.facts.items():
            if isinstance(slot, EntityRow):
                has = self._readings.sources.has_row(path)
                yield f"{show(path)} has {'none' if has else 'one'}"
            elif self._is_led_elsewhere(slot, path, way):
                yield f"{show(path)} is another"
        rows = {Exists(path) for slot, path in turn.facts.items() if isinstance(slot, EntityRow)}
        for answered in way:
            if answered.test.question not in rows:  # as the row says already
                yield self._words.answered(answered)

    def _is_led_elsewhere(self, slot: Slot, path: Path, way: tuple[Outcomes, ...]) -> bool:
        return (
            not isinstance(slot, EntityRow)
            and all(path not in facts_of(answered.test.question) for answered in way)
            and self._readings.is_entity(path)
        )

    def _fact(self, slot: Slot, path: Path) -> Fact:
        if isinstance(slot, EntityRow):
            row = "row" if self._readings.sources.has_row(path) else None
            return Fact(show(path), row, is_row=True)
        return Fact(self._words.path(path), self._readings.text(path), is_row=False)

    def _audience(self, turn: Turn, ways: tuple[tuple[Outcomes, ...], ...]) -> str:
        said = all(isinstance(slot, Sent) for slot in turn.facts)
        timely = [each for way in ways for each in way if NOW in facts_of(each.test.question)]
        if not said or any(map(self._tells_of_the_mount, timely)):
            return ADMINISTRATOR
        return USER

    def _tells_of_the_mount(self, answered: Outcomes) -> bool:
        """Tell whether waiting for it would tell when something of the mount ends."""
        paths = facts_of(answered.test.question)
        return any(self._readings.reading(path).source == "mount" for path in paths)

    def _is_later(self, answered: Outcomes) -> bool:
        """Tell whether an answer can be given by waiting; what is not of the clock always can."""
        question, now = answered.test.question, self._changes.now(answered)
        if NOW not in facts_of(question) or now is None:
            return True
        if isinstance(question, Order) and question.left != NOW:
            return any(outcome < now for outcome in answered.outcomes)
        return any(outcome > now for outcome in answered.outcomes)
