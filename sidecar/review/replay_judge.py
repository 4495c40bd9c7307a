"""Judges a line of the decision log by another policy: exactly, or not at all.

The trees are walked with three values. Where the line does not know the outcome of a test, all of
its branches are walked; where they come to the same end, the answer is known all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from sidecar.bundle import UNDECLARED_ACTION, Entry
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.reader import DecisionLine
from sidecar.diagram.fingerprints import Fingerprints
from sidecar.diagram.nodes import FALSE, FAULT, LEAVES, TRUE, Node
from sidecar.diagram.paths import RESOURCE, SUBJECT
from sidecar.diagram.questions import Question
from sidecar.engine.admission import can_be_created, key_of_id
from sidecar.engine.always_on import always_on_reasons
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.engine.trace import RuleAnswer
from sidecar.errors import UnreadableLineError
from sidecar.facts import Snapshot
from sidecar.review.line_answers import Answering
from sidecar.review.line_facts import LineFacts
from sidecar.review.line_unknowns import unknown
from sidecar.review.supplied_facts import Supply
from sidecar.schema import EntityType

STALE = ["stale_data"]
"""The only reasons of a denial for which no policy was evaluated."""


class Effect(Enum):
    """What another policy does to a line."""

    SAME = "same"
    CHANGED = "changed"
    PARTLY = "partly"
    """The decision is the same; of its reasons or obligations the line does not know enough."""
    UNKNOWN = "unknown"
    """The decision cannot be judged."""


class AnotherSchemaError(Exception):
    """The facts of a line need not mean what they mean here."""


class StaleDenialError(Exception):
    """The request was denied as stale before the policy was evaluated."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Reasons or obligations."""

    certain: frozenset[str]
    possible: frozenset[str]
    """The certain ones included."""

    @property
    def known(self) -> frozenset[str] | None:
        """All of them; None where some are only possible."""
        return self.certain if self.certain == self.possible else None

    def can_be(self, codes: frozenset[str]) -> bool:
        """Tell whether they can be these."""
        return self.certain <= codes <= self.possible


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The decision of another policy for the request of a line."""

    effect: Effect
    decision: bool | None
    reasons: frozenset[str] | None
    """Of a denial; None where they are not known in full."""
    obligations: frozenset[str] | None
    """Of an allow; None where they are not known in full."""
    missing: tuple[str, ...]
    """What the line does not know and would have to, in words."""
    supplied: tuple[str, ...] = ()
    """Facts that are not of the line but of the mount that was given beside it."""


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
        """
        if line.revisions.schema != self._policy.schema.fingerprint:
            raise AnotherSchemaError
        if line.reasons == STALE:
            raise StaleDenialError
        names = (line.subject.type, line.resource.type)
        action = line.action.name
        if (*names, UNDECLARED_ACTION) not in self._policy.entries:
            # For an undeclared type no policy is evaluated: the schema decides, and it is the same.
            return _unchanged(line)
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
        return _Judging(line, entry, known, self._policy, self._fingerprints).judgement()

    def _reader(self, subject: str, resource: str) -> Reader:
        reader = self._readers.get((subject, resource))
        if reader is None:
            types, settings = self._policy.schema.types, self._policy.settings
            reader = Reader(self._policy.schema, settings, types[subject], types[resource])
            self._readers[subject, resource] = reader
        return reader


def _unchanged(line: DecisionLine) -> Judgement:
    return Judgement(
        effect=Effect.SAME,
        decision=line.decision,
        reasons=frozenset(line.reasons),
        obligations=frozenset(line.obligations),
        missing=(),
    )


class _Judging:
    """Joins the rules of one entry as `authorize` does, with all that they can come to."""

    def __init__(
        self,
        line: DecisionLine,
        entry: Entry,
        known: LineFacts,
        policy: Policy,
        fingerprints: Fingerprints,
    ) -> None:
        self._fingerprints = fingerprints
        self._line = line
        self._entry = entry
        self._known = known
        self._policy = policy
        self._answering = Answering(known)
        self._open: dict[str, list[Question | None]] = {}
        """What was met and is unknown, by the rule for which it is asked."""

    def judgement(self) -> Judgement:
        always_on = self._always_on_reasons()
        # One tree for granted and not forbidden knows more than its parts do.
        joined = self._entry.allowed is not None
        forbids = {code: self._leaves(n, f"forbid {code}") for code, n in self._forbids()}
        refused = always_on or self._known.request.outside
        grant = frozenset((FALSE,)) if refused else self._grant(forbids)
        obliges = {}
        if TRUE in grant:
            obliges = {code: self._leaves(n, f"oblige {code}") for code, n in self._obliges()}
        denials = []
        if grant != {TRUE}:
            faults = [*forbids.values()] if joined else [grant - {TRUE}, *forbids.values()]
            denials.append(_codes(forbids, always_on, faults))
        obliging = any(FAULT in leaves for leaves in obliges.values())
        if TRUE in grant and joined and obliging:
            certain_fault = frozenset((FAULT,)) in obliges.values()
            denials.append(
                Codes(_DATA_ERROR, _DATA_ERROR) if certain_fault else Codes(_NOTHING, _ERRORS)
            )
        if TRUE in grant and not joined:
            against = any(leaves != {FALSE} for leaves in forbids.values())
            if against or obliging:
                faults = [*forbids.values(), *obliges.values()]
                denials.append(_codes(forbids, always_on, faults))
        granting = TRUE in grant and all(leaves != {FAULT} for leaves in obliges.values())
        allows = granting and (joined or all(FALSE in leaves for leaves in forbids.values()))
        decision = None if allows and denials else allows
        reasons = Codes(
            frozenset.intersection(*(each.certain for each in denials)) if denials else _NOTHING,
            frozenset().union(*(each.possible for each in denials)),
        )
        certain = frozenset(code for code, each in obliges.items() if each - {FAULT} == {TRUE})
        obligations = Codes(certain, frozenset(c for c, each in obliges.items() if TRUE in each))
        return self._compared(reasons, obligations, decision=decision)

    def _compared(self, reasons: Codes, obligations: Codes, *, decision: bool | None) -> Judgement:
        line = self._line
        before = frozenset(line.obligations if line.decision else line.reasons)
        codes = obligations if decision else reasons
        if decision is None:
            effect, missing = Effect.UNKNOWN, self._missing("allow", "forbid", "oblige")
        elif decision is not line.decision or not codes.can_be(before):
            effect, missing = Effect.CHANGED, ()
        elif codes.known is None:
            effect, missing = Effect.PARTLY, self._missing("oblige" if decision else "forbid")
        else:
            effect, missing = Effect.SAME, ()
        return Judgement(
            effect=effect,
            decision=decision,
            reasons=reasons.known if decision is False else None,
            obligations=obligations.known if decision else None,
            missing=missing,
        )

    def _always_on_reasons(self) -> frozenset[str]:
        """Return the reasons that need no policy (R20), by what the line says exists.

        Raises:
            UnreadableLineError: It does not say whether the subject and the resource exist.
        """
        there = [self._known.exists(path) for path in (SUBJECT, RESOURCE)]
        if None in there:
            raise UnreadableLineError("does not say whether its subject and its resource exist")
        resource = self._policy.schema.types[self._line.resource.type]
        return frozenset(
            always_on_reasons(
                resource,
                resource.actions.get(self._line.action.name),
                subject_exists=there[0] is True,
                resource_exists=there[1] is True,
                can_be_created=lambda: self._can_be_created(resource),
            )
        )

    def _can_be_created(self, resource: EntityType) -> bool:
        """Tell whether the resource's id can name one; the same for every policy of a schema."""
        sent = self._line.resource.id
        if sent is None:  # of a hashed id the line tells by its own reasons
            return "unknown_resource" not in self._line.reasons
        return can_be_created(resource, key_of_id(self._policy.schema, resource, sent))

    def _grant(self, forbids: Mapping[str, frozenset[Node]]) -> frozenset[Node]:
        """Return what the grant can come to: joined with the prohibitions where they are joined."""
        if self._entry.allowed is None:
            return self._leaves(self._entry.granted, "allow")
        leaves = self._leaves(self._entry.allowed, "allow")
        if len(leaves) == 1 or not self._line.rules:
            return leaves
        # The line may know what the rules came to of which the joined tree is made.
        granted = self._leaves(self._entry.granted, "allow")
        if granted == {TRUE} and all(each == {FALSE} for each in forbids.values()):
            return granted
        if TRUE not in granted or any(FALSE not in each for each in forbids.values()):
            return frozenset((FALSE,))
        return leaves

    def _forbids(self) -> Iterable[tuple[str, Node | None]]:
        return self._entry.forbids.items()

    def _obliges(self) -> Iterable[tuple[str, Node | None]]:
        return self._entry.obliges.items()

    def _leaves(self, root: Node | None, rule: str) -> frozenset[Node]:
        """Return every leaf that a tree can come to, and note the tests whose outcome is open."""
        if root is None:
            self._open[rule] = [None]  # Oso would be asked
            return frozenset(LEAVES)
        if self._line.rules:
            recorded = self._line.rules.get(self._fingerprints.of(root))
            if recorded is not None:
                return frozenset((_LEAVES.get(recorded, FAULT),))
        found, below, seen = set(), [root], {root.number}
        open_tests: list[Question | None] = []
        while below:
            node = below.pop()
            if not node.branches:
                found.add(node)
                continue
            test = self._policy.tests[node.test]
            branches = self._answering.branches(node, test)
            if len(branches) > 1:
                open_tests.append(test.question)
            for branch in branches:
                if branch.number not in seen:
                    seen.add(branch.number)
                    below.append(branch)
        if len(found) > 1:
            self._open[rule] = open_tests
        return frozenset(found)

    def _missing(self, *rules: str) -> tuple[str, ...]:
        missing: set[str] = set()
        for rule, questions in self._open.items():
            if rule.partition(" ")[0] in rules:
                for question in questions:
                    missing.update(unknown(self._known, question))
        return tuple(sorted(missing))


_LEAVES: Mapping[RuleAnswer, Node] = {True: TRUE, False: FALSE}

_DATA_ERROR = frozenset(("data_error",))
"""Of a diagram that fails."""
_ERRORS = _DATA_ERROR | {"policy_error"}
"""Of a rule that may fail at request time."""
_NOTHING: frozenset[str] = frozenset()


def _codes(
    forbids: Mapping[str, frozenset[Node]],
    always_on: frozenset[str],
    faults: Iterable[frozenset[Node]],
) -> Codes:
    """Return the reasons of a denial by these prohibitions, where these rules can fail."""
    failing = [leaves for leaves in faults if FAULT in leaves]
    certain = always_on | {code for code, leaves in forbids.items() if leaves == {TRUE}}
    possible = always_on | {code for code, leaves in forbids.items() if TRUE in leaves}
    for leaves in failing:
        possible |= _DATA_ERROR if leaves == {FAULT} else _ERRORS
    if any(leaves == {FAULT} for leaves in failing):
        certain |= _DATA_ERROR
    if not possible:
        certain = frozenset(("not_granted",))
    return Codes(certain, possible if certain and possible else possible | {"not_granted"})
