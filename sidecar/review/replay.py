"""Replays a decision log under another policy: what changes, and what cannot be judged.

Lines are read one by one, and equal outcomes are kept as one with their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sidecar.bundle import UNDECLARED_ACTION, Entry
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.reader import (
    DecisionLine,
    GatewayLine,
    PermissionsLine,
    SearchLine,
    read_line,
)
from sidecar.diagram.fingerprints import Fingerprints
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.errors import UnreadableLineError
from sidecar.facts import Snapshot
from sidecar.review.line_decision import Effect, Judgement, LineDecision, unchanged
from sidecar.review.line_facts import LineFacts
from sidecar.review.supplied_facts import Supply

STALE = ["stale_data"]
"""The only reasons of a denial for which no policy was evaluated."""
BAD_ROW = ["data_error"]
"""The only reasons of a denial because of a row that cannot be read; its line holds no facts."""


FIRST = 5
"""How many line numbers are kept of equal lines."""
MOST_ERRORS = 1_000
"""How many lines that cannot be read are named; all are counted."""


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """The decision of a policy, with its reasons or obligations."""

    allowed: bool
    codes: tuple[str, ...] | None
    """Reasons of a denial, obligations of an allow, sorted; None where not all are known."""


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """What the requests of several lines have in common: types and action, not the entities."""

    subject: str
    """The type of the subject."""
    action: str
    """Empty for every action that the schema does not declare."""
    resource: str
    """The type of the resource."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the decision for lines of one group with one outcome."""

    group: RequestGroup
    before: Outcome
    after: Outcome
    supplied: tuple[str, ...] = ()
    """Facts that the lines do not hold, and that were taken from a mount."""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """Why lines of one group cannot be judged, or not in full."""

    group: RequestGroup
    decided: bool
    """Whether the decision is known, and the same; only its reasons or obligations are not."""
    missing: tuple[str, ...]
    """Facts that the lines do not record, in words."""


@dataclass(slots=True)
class Lines:
    """How many lines, and which."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, number: int) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(number)


@dataclass(slots=True)
class Replay:
    """What became of a whole log."""

    counts: Counter[Effect] = field(default_factory=Counter)
    changes: dict[Change, Lines] = field(default_factory=dict)
    unjudged: dict[Unjudged, Lines] = field(default_factory=dict)
    supplied: dict[tuple[str, ...], Lines] = field(default_factory=dict)
    """Lines whose decision stays as it is by facts that they do not hold, by these facts."""
    another_schema: Lines = field(default_factory=Lines)
    stale: Lines = field(default_factory=Lines)
    """Denied because the facts were too old, before the policy was evaluated."""
    bad_rows: Lines = field(default_factory=Lines)
    """Denied because of a row that breaks the schema: what the rules read then is not known."""
    searches: Lines = field(default_factory=Lines)
    permissions: Lines = field(default_factory=Lines)
    gateway: Lines = field(default_factory=Lines)
    """Denied at a gateway before the policy was evaluated."""
    unreadable: Lines = field(default_factory=Lines)
    errors: list[tuple[int, str]] = field(default_factory=list)
    """The first of the lines that cannot be read, and why."""

    @property
    def readable(self) -> int:
        """How many lines could be read, judged or not."""
        beside = (
            *(self.another_schema, self.stale, self.bad_rows),
            *(self.searches, self.permissions, self.gateway),
        )
        return self.counts.total() + sum(lines.count for lines in beside)

    @property
    def judged(self) -> int:
        """How many decisions were judged, all of what they say."""
        return self.counts[Effect.SAME] + self.counts[Effect.CHANGED]

    @property
    def not_judged(self) -> int:
        """How many lines could not be judged, or not in full.

        A denial as stale, or at a gateway before the policy was evaluated, is not one of them:
        every policy leaves it as it is. Nor is one because
        of a bad row, since the facts are at fault, and no policy is to allow what would read it.
        """
        beside = (self.another_schema, self.searches, self.permissions, self.unreadable)
        open_ones = self.counts[Effect.UNKNOWN] + self.counts[Effect.PARTLY]
        return open_ones + sum(lines.count for lines in beside)


def replay(
    lines: Iterable[bytes],
    policy: Policy,
    hashing: Hashing | None = None,
    snapshot: Snapshot | None = None,
) -> Replay:
    """Judge every decision of a log by another policy.

    Args:
        lines: Of the log.
        policy: The other policy.
        hashing: By the key of the log, if it is known.
        snapshot: Facts for what lines do not hold, if any are given.
    """
    result = Replay()
    judge = Judge(policy, hashing, snapshot)
    others: Mapping[type, Lines] = {
        GatewayLine: result.gateway,
        SearchLine: result.searches,
        PermissionsLine: result.permissions,
    }
    for number, text in enumerate(lines, 1):
        try:
            line = read_line(text)
            if isinstance(line, DecisionLine):
                _add(result, number, line, judge.judge(line), policy)
            elif type(line) in others:  # the rest is about chains
                others[type(line)].add(number)
        except AnotherSchemaError:
            result.another_schema.add(number)
        except StaleDenialError:
            result.stale.add(number)
        except BadRowDenialError:
            result.bad_rows.add(number)
        except UnreadableLineError as error:
            result.unreadable.add(number)
            if len(result.errors) < MOST_ERRORS:
                result.errors.append((number, str(error)))
    return result


def _add(
    result: Replay, number: int, line: DecisionLine, judgement: Judgement, policy: Policy
) -> None:
    result.counts[judgement.effect] += 1
    if judgement.effect is Effect.SAME:
        if judgement.supplied:
            result.supplied.setdefault(judgement.supplied, Lines()).add(number)
        return
    actions = policy.schema.types[line.resource.type].actions
    action = line.action.name if line.action.name in actions else ""
    group = RequestGroup(line.subject.type, action, line.resource.type)
    if judgement.effect is Effect.CHANGED:
        codes = line.obligations if line.decision else line.reasons
        before = Outcome(line.decision, tuple(sorted(codes)))
        change = Change(group, before, _outcome(judgement), judgement.supplied)
        result.changes.setdefault(change, Lines()).add(number)
    else:
        decided = judgement.effect is Effect.PARTLY
        unjudged = Unjudged(group, decided, judgement.missing)
        result.unjudged.setdefault(unjudged, Lines()).add(number)


def _outcome(judgement: Judgement) -> Outcome:
    codes = judgement.obligations if judgement.decision else judgement.reasons
    return Outcome(bool(judgement.decision), None if codes is None else tuple(sorted(codes)))


class AnotherSchemaError(Exception):
    """The facts of a line need not mean what they mean here."""


class StaleDenialError(Exception):
    """The request was denied as stale before the policy was evaluated."""


class BadRowDenialError(Exception):
    """The request was denied because a row could not be read."""


class Judge:
    """Judges lines by one policy."""

    def __init__(
        self, policy: Policy, hashing: Hashing | None = None, snapshot: Snapshot | None = None
    ) -> None:
        """Prepare to judge.

        Args:
            policy: The other policy.
            hashing: By the key of the log, if it is known.
            snapshot: Facts for what lines do not hold, if any are given.
        """
        self._policy = policy
        self._snapshot = snapshot
        self._hashing = hashing
        self._readers: dict[tuple[str, str], Reader] = {}
        self._fingerprints = Fingerprints(policy.tests, policy.settings)

    def judge(self, line: DecisionLine) -> Judgement:
        """Judge a line.

        Raises:
            UnreadableLineError: Its facts cannot be.
            AnotherSchemaError: It was written under a schema by which facts mean something else.
            StaleDenialError: It was denied as stale before the policy was evaluated.
            BadRowDenialError: It was denied because a row could not be read.
        """
        if line.revisions.schema != self._policy.schema.fingerprint:
            raise AnotherSchemaError
        if line.reasons == STALE:
            raise StaleDenialError
        if line.reasons == BAD_ROW and not line.facts:
            raise BadRowDenialError
        names = (line.subject.type, line.resource.type)
        action = line.action.name
        if (*names, UNDECLARED_ACTION) not in self._policy.entries:
            # For an undeclared type no policy is evaluated: the schema decides, and it is the same.
            return unchanged(line)
        entry = self._policy.entry(*names, action)
        try:
            judgement = self._judged(line, entry, None)
            if self._snapshot is None or judgement.effect in {Effect.SAME, Effect.CHANGED}:
                return judgement
            supply = Supply.of(line, self._policy, self._reader(*names), self._snapshot)
            if supply is None:
                return judgement
            return replace(self._judged(line, entry, supply), supplied=supply.used)
        except (ValueError, ArithmeticError) as error:
            raise UnreadableLineError(f"has a fact that is none of its type: {error}") from None

    def _judged(self, line: DecisionLine, entry: Entry, supply: Supply | None) -> Judgement:
        known = LineFacts(line, self._policy, self._hashing, supply)
        return LineDecision(line, entry, known, self._policy, self._fingerprints).judgement()

    def _reader(self, subject: str, resource: str) -> Reader:
        reader = self._readers.get((subject, resource))
        if reader is None:
            types, settings = self._policy.schema.types, self._policy.settings
            reader = Reader(self._policy.schema, settings, types[subject], types[resource])
            self._readers[subject, resource] = reader
        return reader
