"""Proofs of invariants over the trees: in every state that can be, or a state in which it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.compiler.pack import read_texts
from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import LEAVES, TRUE, Node
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError
from sidecar.review.aligned_diagrams import Joined, UncompiledError, uncompiled
from sidecar.review.condition_cover import MOST_NODES, Covering, Listing
from sidecar.review.example import Example
from sidecar.review.explain import Facts, Proved, explain_to_reviewer
from sidecar.review.invariants.loader import (
    Codes,
    InvalidInvariantError,
    Invariant,
    Target,
    read_invariants,
)
from sidecar.review.invariants.regions import ByFacts, ByName
from sidecar.review.invariants.regions import failing as failing_states
from sidecar.review.invariants.regions import meant as meant_states
from sidecar.review.invariants.rules import Probes, probes_of, translated
from sidecar.review.named_rules import UnnamedError
from sidecar.review.pack_revisions import PackPlace
from sidecar.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A state in which an invariant does not hold."""

    target: Target
    actions: tuple[str, ...]
    """All actions for which it fails in the same states."""
    listing: Listing
    """The conditions of all states in which it fails."""
    example: Example | None
    lines: tuple[str, ...]
    """The rules that decide so, as Oso proves it: ``account.polar:37 has_permission(…)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found out about one invariant."""

    invariant: Invariant
    counterexamples: tuple[Counterexample, ...]
    unproved: tuple[str, ...]
    """Sentences about what could not be proved: put to Oso at request time, or too large."""
    unmet: bool = False
    """Whether no state meets its conditions, so that it holds for want of a case."""

    @property
    def holds(self) -> bool:
        """Whether it holds in every state; not where anything could not be proved."""
        return not self.counterexamples and not self.unproved


def prove(place: PackPlace) -> tuple[Schema, tuple[Verdict, ...]]:
    """Prove the invariants beside the policies of a pack.

    Returns:
        The schema, in whose words examples are told, and a verdict for each invariant.

    Raises:
        InvalidInvariantError: An invariant cannot be asked.
        InvalidPackError: The pack cannot be used.
    """
    pack, sentences = read_texts(place.policies, place.fixtures)
    invariants = read_invariants(place.policies, pack.schema, Codes.of(sentences))
    return prove_invariants(place, invariants)


def prove_invariants(
    place: PackPlace, invariants: Sequence[Invariant]
) -> tuple[Schema, tuple[Verdict, ...]]:
    """Prove invariants, those of another pack too, of a pack; see `prove`."""
    pack, _ = read_texts(place.policies, place.fixtures)
    probes = probes_of(invariants, pack.schema, pack.texts)
    try:
        policy = place.load_with(probes.files, probes.conditions.values())
    except InvalidPackError as error:
        problems = translated(error.problems, probes)
        if any(problem.file in {each.file for each in invariants} for problem in problems):
            raise InvalidInvariantError(problems) from error
        raise
    proving = _Proving(policy, probes)
    verdicts = tuple(
        proving.verdict(number, invariant) for number, invariant in enumerate(invariants)
    )
    policy.interpreter.close()
    return policy.schema, verdicts


class _Proving:
    def __init__(self, policy: Policy, probes: Probes) -> None:
        self._policy = policy
        self._probes = probes
        self._joined = Joined(policy)
        self._coverings: dict[tuple[str, str], Covering] = {}

    def verdict(self, number: int, invariant: Invariant) -> Verdict:
        """Look for a state in which an invariant fails."""
        together: dict[tuple[str, str, int], tuple[Node, Node | None, list[Target]]] = {}
        uncompiled_ones: list[UncompiledError] = []
        too_large: list[str] = []
        unmet = True
        for target in invariant.targets:
            try:
                with self._joined.trees.bounded(MOST_NODES):
                    by_facts = ByFacts(self._joined, self._probes, target)
                    meant = meant_states(by_facts, number, invariant)
                    unmet = unmet and self._is_empty(target, meant)
                    failing = failing_states(by_facts, invariant, meant)
                    named = self._named(number, invariant, target)
            except UncompiledError as error:
                if not self._is_denied(number, invariant, target):
                    uncompiled_ones.append(error)
                continue
            except TooLargeError as error:
                too_large.append(f"`{target.action}` on a `{target.resource}`: {error}")
                continue
            key = (target.subject, target.resource, failing.number)
            together.setdefault(key, (failing, named, []))[2].append(target)
        found = [
            counterexample
            for failing, named, alike in together.values()
            for counterexample in self._counterexample(failing, named, alike)
        ]
        unproved = (*uncompiled(uncompiled_ones), *too_large)
        return Verdict(
            invariant=invariant,
            counterexamples=tuple(found),
            unproved=unproved,
            unmet=unmet and not unproved,
        )

    def _is_empty(self, target: Target, region: Node) -> bool:
        if region in LEAVES:
            return region is not TRUE
        return self._covering(target).regions.is_empty(region)

    def _is_denied(self, number: int, invariant: Invariant, target: Target) -> bool:
        """Tell whether what must not be allowed is denied for certain, whatever Oso is asked."""
        if invariant.always or invariant.reason is not None:
            return False
        try:
            meant = meant_states(ByFacts(self._joined, self._probes, target), number, invariant)
            scope = (target.subject, target.resource)
            at_most = self._joined.allowed_at_most(0, scope, target.action)
        except (UncompiledError, TooLargeError):
            return False
        return self._covering(target).regions.is_empty(at_most, meant)

    def _named(self, number: int, invariant: Invariant, target: Target) -> Node | None:
        """Return the states in which an invariant fails by the names of rules, as far as known."""
        by_name = ByName(self._covering(target).rules, self._joined, self._probes, target)
        try:
            return failing_states(by_name, invariant, meant_states(by_name, number, invariant))
        except (UnnamedError, TooLargeError):  # it is told by facts
            return None

    def _counterexample(
        self, failing: Node, named: Node | None, alike: Sequence[Target]
    ) -> Iterator[Counterexample]:
        target = alike[0]
        if self._is_empty(target, failing):
            return
        covering = self._covering(target)
        listing = covering.listed(failing, named)
        example = next(filter(None, covering.examples(listing, failing)), None)
        yield Counterexample(
            target=target,
            actions=tuple(each.action for each in alike),
            listing=listing,
            example=example,
            lines=tuple(self._lines(example, target)) if example is not None else (),
        )

    def _covering(self, target: Target) -> Covering:
        scope = (target.subject, target.resource)
        if scope not in self._coverings:
            self._coverings[scope] = Covering(self._joined, scope)
        return self._coverings[scope]

    def _lines(self, example: Example, target: Target) -> Iterator[str]:
        """Yield the rules that decide an example, from Oso's proof."""
        facts = Facts(example.snapshot(self._policy.schema), {})
        request = example.asking(target.action)
        explained = explain_to_reviewer(request, self._policy, facts, example.now)
        granted = explained.granted
        if explained.decision.allowed and granted is not None:
            yield from _places("allow", granted)
            for each in explained.obliged:
                yield from _places(f"oblige {each.code}", each)
            return
        for each in explained.forbidden:
            yield from _places(f"forbid {each.code}", each)
        if granted is not None and not granted.holds:
            yield from (str(hindrance) for hindrance in granted.hindrances)


def _places(what: str, proved: Proved) -> Iterator[str]:
    for line in proved.proof:
        if line.place is not None:
            yield f"{what}: {line.place.file}:{line.place.line} {line.text}"
