"""The decision of a policy for a line of the decision log: exact, or open.

Diagrams are walked with three values. Where the line does not know the outcome of a test, all of
its branches are walked; where they come to the same end, the decision is known all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sidecar.bundle import Entry
from sidecar.decision_log.reader import DecisionLine
from sidecar.diagram.fingerprints import Fingerprints
from sidecar.diagram.nodes import FALSE, FAULT, LEAVES, TRUE, Node, Test
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import RESOURCE, SETTINGS, SUBJECT, Path, root_of
from sidecar.diagram.questions import Exists, Present, Question, facts_of
from sidecar.engine.admission import can_be_created, key_of_id
from sidecar.engine.always_on import always_on_reasons
from sidecar.engine.policy import Policy
from sidecar.engine.trace import RuleAnswer
from sidecar.errors import UnreadableLineError
from sidecar.review.line_answers import Answering
from sidecar.review.line_facts import LineFacts
from sidecar.schema import EntityType

REQUEST_TIME = "a rule that only Oso can answer, when it is asked"


class Effect(Enum):
    """What another policy does to a line."""

    SAME = "same"
    CHANGED = "changed"
    PARTLY = "partly"
    """The decision is the same; of its reasons or obligations the line does not know enough."""
    UNKNOWN = "unknown"
    """The decision cannot be judged."""


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


class LineDecision:
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
        """Compare the decision with that of the line.

        Raises:
            UnreadableLineError: The line does not say whether subject and resource exist.
        """
        always_on = self._always_on_reasons()
        # One tree for granted and not forbidden knows more than its parts do.
        joined = self._entry.allowed is not None
        forbids = {
            code: self._leaves(n, f"forbid {code}") for code, n in self._entry.forbids.items()
        }
        refused = always_on or self._known.request.outside
        grant = frozenset((FALSE,)) if refused else self._grant(forbids)
        obliges = {}
        if TRUE in grant:
            obliges = {
                code: self._leaves(n, f"oblige {code}") for code, n in self._entry.obliges.items()
            }
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

    def _coded(self, rule: str, roots: Mapping[str, Node | None]) -> dict[str, frozenset[Node]]:
        return {code: self._leaves(root, f"{rule} {code}") for code, root in roots.items()}

    def _leaves(self, root: Node | None, rule: str) -> frozenset[Node]:
        """Return every leaf that a tree can come to, and note the tests whose outcome is open."""
        if root is None:
            self._open[rule] = [None]  # Oso would be asked
            return frozenset(LEAVES)
        if self._line.rules:
            recorded = self._line.rules.get(self._fingerprints.of(root))
            if recorded is not None:
                return frozenset((_LEAVES.get(recorded, FAULT),))
        found, open_tests = leaves_of(root, self._policy.tests, self._answering)
        if len(found) > 1:
            self._open[rule] = open_tests
        return found

    def _missing(self, *rules: str) -> tuple[str, ...]:
        missing: set[str] = set()
        for rule, questions in self._open.items():
            if rule.partition(" ")[0] in rules:
                for question in questions:
                    missing.update(_unknown(self._known, question))
        return tuple(sorted(missing))


def leaves_of(
    root: Node, tests: Sequence[Test], answering: Answering
) -> tuple[frozenset[Node], list[Question | None]]:
    """Return every leaf that a tree can come to for a line, and the tests whose outcome is open."""
    found, below, seen = set[Node](), [root], {root.number}
    open_tests: list[Question | None] = []
    while below:
        node = below.pop()
        if not node.branches:
            found.add(node)
            continue
        branches = answering.branches(node, tests[node.test])
        if len(branches) > 1:
            open_tests.append(tests[node.test].question)
        for branch in branches:
            if branch.number not in seen:
                seen.add(branch.number)
                below.append(branch)
    return frozenset(found), open_tests


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


def unchanged(line: DecisionLine) -> Judgement:
    """Return that a decision stays as the line has it."""
    return Judgement(
        effect=Effect.SAME,
        decision=line.decision,
        reasons=frozenset(line.reasons),
        obligations=frozenset(line.obligations),
        missing=(),
    )


def _unknown(known: LineFacts, question: Question | None) -> Iterator[str]:
    """Yield each fact that a question is open for; None stands for a rule that was not compiled."""
    if question is None:
        yield REQUEST_TIME
        return
    match question:
        case Exists(path):
            yield f"whether {_shown(path)} exists"
        case Present(path):
            yield f"whether there is {_shown(path)}"
        case _:
            facts = [path for path in facts_of(question) if root_of(path) != SETTINGS]
            absent = [path for path in facts if known.comparable(path) is None]
            if absent:
                yield from map(_shown, absent)
            else:
                yield f"{' and '.join(map(_shown, facts))}, of which it holds a hash"


def _shown(path: Path) -> str:
    return f"`{show(path)}`"
