"""`explain` for a reviewer: the decision, from which facts, by which rules, and what would turn it.

Rules and conditions are those of Oso's own proof, clause by clause; the decision is that of the
compiled trees, as a caller gets it. Where the two differ, one of them is wrong, and it is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sidecar.compiler.child_process import Oso
from sidecar.compiler.proof import Key, Proof, read_proof
from sidecar.diagram.path_text import path_of
from sidecar.diagram.questions import Exists, ValueOf
from sidecar.engine import RequestKind, kind_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.explanation import Explanation, explain
from sidecar.engine.fact_sources import Sources
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.errors import EvaluationError
from sidecar.facts import Facts as MountedFacts
from sidecar.facts import RowPositions
from sidecar.model import Decision, Request
from sidecar.review.aligned_diagrams import UncompiledError
from sidecar.review.condition_text import facts_of_step
from sidecar.review.counterfactual import MOST_CHANGES, Changes, Decided
from sidecar.review.counterfactual_text import Turning, Turnings, Words
from sidecar.review.fact_readings import Reading, Readings
from sidecar.review.fact_slots import Slots
from sidecar.review.proof_text import Hindrance, Line, Proofs

PROVING_SECONDS = 30.0
"""How long the proof of one rule may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """One question that the policy was asked, with its proof in words."""

    rule: str
    """`allow`, `forbid` or `oblige`."""
    code: str | None
    """Of `forbid` the reason, of `oblige` the obligation."""
    holds: bool | None
    """None where a rule fails."""
    proof: tuple[Line, ...]
    """Why it holds; empty where it does not."""
    hindrances: tuple[Hindrance, ...]
    """Of a grant that does not hold, where each rule that could have granted failed first."""
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """All that is told of one decision."""

    request: Request
    moment: datetime
    decision: Decision
    facts: tuple[Reading, ...]
    granted: Proved | None
    """None where it is not asked, since the subject or the resource is not as it must be."""
    forbidden: tuple[Proved, ...]
    """The reasons that hold, or fail."""
    obliged: tuple[Proved, ...]
    turning: tuple[Turning, ...]
    """Of an allow the single facts that it depends on; of a denial the nearest changes."""
    unturned: str
    """Why there is none; empty where there is one."""
    disagreements: tuple[str, ...]
    """What the proofs say otherwise than the compiled decision: a fault of this software."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the facts come from, and what of them may be told."""

    snapshot: MountedFacts
    places: RowPositions
    shown: frozenset[str] = frozenset()
    """Holds `sensitive` where sensitive values may be told."""


def explain_to_reviewer(request: Request, policy: Policy, facts: Facts, now: datetime) -> Explained:
    """Return why a request is decided as it is.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
        EvaluationError: Oso takes too long over a proof.
    """
    snapshot = facts.snapshot
    decision = authorize(request, policy, snapshot, now)
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return Explained(
            request=request,
            moment=now,
            decision=decision,
            facts=(),
            granted=None,
            forbidden=(),
            obliged=(),
            turning=(),
            unturned="the schema does not declare this type of subject or resource",
            disagreements=(),
        )
    compiled = explain(request, policy, snapshot, now)
    explaining = _Explaining(request, policy, facts, now, kind)
    asked = [explaining.proved(each.rule, each.code) for each in compiled.rules]
    proved = [each for each, _ in asked]
    turning, unturned = explaining.turning(decision, facts.snapshot, now)
    forbidden = [each for each in proved if each.rule == "forbid" and each.holds is not False]
    return Explained(
        request=request,
        moment=now,
        decision=decision,
        facts=tuple(explaining.facts(compiled, [proof for _, proof in asked])),
        granted=next((each for each in proved if each.rule == "allow"), None),
        forbidden=tuple(forbidden),
        obliged=tuple(each for each in proved if each.rule == "oblige" and each.holds),
        turning=turning,
        unturned=unturned,
        disagreements=tuple(_disagreements(compiled, proved, decision)),
    )


class _Explaining:
    def __init__(
        self, request: Request, policy: Policy, facts: Facts, now: datetime, kind: RequestKind
    ) -> None:
        self._request = request
        self._policy = policy
        self._sources = Sources(request, policy, kind.frame(request, facts.snapshot, now))
        reader = Reader(policy.schema, policy.settings, kind.subject, kind.resource)
        self._reader = reader
        self._readings = Readings(self._sources, reader, facts.places, facts.shown)
        self._proofs = Proofs(self._readings)
        self._kind = kind
        if not isinstance(policy.interpreter, Oso):
            raise EvaluationError("a policy without its sources cannot be proved by Oso")
        self._oso = policy.interpreter

    def proved(self, rule: str, code: str | None) -> tuple[Proved, Proof]:
        """Have a rule proved, in the process in which Oso runs."""
        asked = self._kind.query(rule, code or "", self._request.action)
        proof = read_proof(self._oso.prove(asked, self._sources.answer, PROVING_SECONDS))
        hindrances: tuple[Hindrance, ...] = ()
        if rule == "allow" and not proof.holds:
            hindrances = self._proofs.hindrances(proof, proof.first)
        told = Proved(
            rule=rule,
            code=code,
            holds=proof.holds,
            proof=self._proofs.lines(proof) if proof.holds else (),
            hindrances=hindrances,
            faults=tuple(clause.fault for clause in proof.first.clauses if clause.fault),
        )
        return told, proof

    def turning(
        self, decision: Decision, snapshot: MountedFacts, now: datetime
    ) -> tuple[tuple[Turning, ...], str]:
        """Return the changes that turn the decision, or why there are none."""
        request, policy = self._request, self._policy
        decided = Decided(request, policy, snapshot, now)
        if request.action not in self._kind.resource.actions:
            return (), f"the schema declares no action `{request.action}` of this type"
        if decision.outside:
            return (), f"say a value of its domain for `{decision.outside[0]}` first"
        try:
            changes = Changes(decided, Slots(self._reader, self._sources), self._sources)
        except UncompiledError as error:
            return (), str(error)
        words = Words(policy.schema, (request.subject.type, request.resource.type))
        turnings = Turnings(changes, self._readings, words)
        if decision.allowed:
            return turnings.denying(), "no single fact turns it into a denial"
        found = turnings.allowing()
        if not found and not changes.can_be_allowed():
            return (), "the policy never allows it, whatever the facts are"
        return found, "" if found else f"no change of at most {MOST_CHANGES} facts allows it"

    def facts(self, compiled: Explanation, proofs: list[Proof]) -> Iterator[Reading]:
        """Yield the facts of the decision: those of the trees, and what only Oso looked at."""
        found: dict[str, Reading] = {}
        for fact in compiled.facts:
            if fact.path.endswith(")") and ".includes(" in fact.path:
                told = Reading(path=fact.path, value=fact.value, source=fact.source)
            elif fact.path.endswith(".exists"):
                path = path_of(fact.path.removesuffix(".exists"))
                told = self._readings.told(Exists(path))
            else:
                told = self._readings.told(ValueOf(path_of(fact.path)))
            found.setdefault(told.path, told)
        for key in _decisive(proofs):
            for question in facts_of_step(key):
                told = self._readings.told(question)
                found.setdefault(told.path, told)
        yield from found.values()


def _decisive(proofs: list[Proof]) -> Iterator[Key]:
    """Yield all on which an answer rests."""
    for proof in proofs:
        for rule in proof.rules.values():
            for clause in rule.clauses:
                yield from (step.key for step in clause.steps if step.decides)


def _disagreements(
    compiled: Explanation, proved: list[Proved], decision: Decision
) -> Iterator[str]:
    """Yield what the proofs say otherwise than the compiled trees."""
    for rule, proof in zip(compiled.rules, proved, strict=True):
        if rule.holds is not proof.holds:
            name = f"{rule.rule} {rule.code}" if rule.code else rule.rule
            said = f"the compiled policy says {_ANSWERS[rule.holds]}, Oso {_ANSWERS[proof.holds]}"
            yield f"`{name}`: {said}"
    granted = any(each.holds for each in proved if each.rule == "allow")
    forbidden = any(each.holds is not False for each in proved if each.rule == "forbid")
    failed = any(each.holds is None for each in proved)
    if decision.allowed is not (granted and not forbidden and not failed):
        yield f"the decision is {'allow' if decision.allowed else 'deny'}, Oso's the opposite"


_ANSWERS = {True: "yes", False: "no", None: "that it fails"}
