"""Proofs of invariants over the trees: in every state that can be, or a state in which it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sidecar.errors import InvalidPackError
from sidecar.policy import Policy
from sidecar.policy.compiled import assemble, read_texts
from sidecar.policy.nodes import FALSE, TRUE, Node
from sidecar.policy.process import compile_in_child
from sidecar.review.covering import Covering
from sidecar.review.explaining import Facts, Proved, explain_to_reviewer
from sidecar.review.invariants.probing import Probes, probes_of, translated
from sidecar.review.invariants.reading import (
    Asked,
    Codes,
    InvalidInvariantError,
    Invariant,
    read_invariants,
)
from sidecar.review.joining import Joined, UncompiledError
from sidecar.review.packs import PackPlace
from sidecar.review.states import Example
from sidecar.review.wording import Wording
from sidecar.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A state in which an invariant does not hold."""

    asked: Asked
    actions: tuple[str, ...]
    """All actions for which it fails in the same states."""
    clauses: tuple[tuple[str, ...], ...]
    """In words, all states in which it fails: each a list of what holds together."""
    example: Example | None
    lines: tuple[str, ...]
    """The rules that decide so, as Oso proves it: ``account.polar:37 has_permission(…)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found out about one invariant."""

    invariant: Invariant
    counterexamples: tuple[Counterexample, ...]
    unproved: tuple[str, ...]
    """Sentences about questions that Oso is asked at request time."""

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
    codes = Codes(frozenset(sentences.reasons), frozenset(sentences.obligations))
    invariants = read_invariants(place.policies, pack.schema, codes)
    probes = probes_of(invariants, pack.schema, pack.texts)
    probed = replace(
        pack,
        reviewing=True,
        texts={**pack.texts, **probes.files},
        probes=tuple(probes.conditions.values()),
    )
    try:
        policy = assemble(probed, sentences, compile_in_child(probed))
    except InvalidPackError as error:
        problems = translated(error.problems, probes)
        if any(problem.file in {each.file for each in invariants} for problem in problems):
            raise InvalidInvariantError(problems) from error
        raise
    proving = _Proving(policy, probes)
    verdicts = tuple(
        proving.verdict(number, invariant) for number, invariant in enumerate(invariants)
    )
    policy.oso.close()
    return policy.schema, verdicts


class _Proving:
    def __init__(self, policy: Policy, probes: Probes) -> None:
        self._policy = policy
        self._probes = probes
        self._joined = Joined(policy)
        self._coverings: dict[tuple[str, str], Covering] = {}

    def verdict(self, number: int, invariant: Invariant) -> Verdict:
        """Look for a state in which an invariant fails."""
        together: dict[tuple[str, str, int], tuple[Node, list[Asked]]] = {}
        unproved: dict[str, None] = {}
        for asked in invariant.asked:
            try:
                failing = self._failing(number, invariant, asked)
            except UncompiledError as error:
                unproved[str(error)] = None
                continue
            key = (asked.subject, asked.resource, failing.number)
            together.setdefault(key, (failing, []))[1].append(asked)
        found = [
            counterexample
            for failing, alike in together.values()
            for counterexample in self._counterexample(failing, alike)
        ]
        return Verdict(invariant=invariant, counterexamples=tuple(found), unproved=tuple(unproved))

    def _failing(self, number: int, invariant: Invariant, asked: Asked) -> Node:
        """Return the states in which an invariant fails for one kind of request."""
        joined, trees = self._joined, self._joined.trees
        scope = (asked.subject, asked.resource)
        meant = TRUE
        for kind, wanted, count in (
            ("when", True, len(invariant.when)),
            ("unless", False, len(invariant.unless)),
        ):
            for place in range(count):
                holds = self._condition((number, kind, place), asked)
                meant = trees.choose(holds, *((meant, FALSE) if wanted else (FALSE, meant)))
        if invariant.reason is not None:
            answer = joined.forbidden(0, scope, asked.action, invariant.reason)
        elif invariant.obligation is not None:
            answer = joined.obliged(0, scope, asked.action, invariant.obligation)
            if invariant.always:  # an obligation comes with an allow
                meant = trees.choose(joined.allowed(0, scope, asked.action), meant, FALSE)
        else:
            answer = joined.allowed(0, scope, asked.action)
            if invariant.always:  # what does not exist is denied by no rule of the policy
                meant = joined.standing(0, scope, asked.action, meant)
        trees.scope = scope
        failing = trees.choose(answer, *((FALSE, meant) if invariant.always else (meant, FALSE)))
        if invariant.reason is None:
            failing = joined.granting(scope, asked.action, failing)
        return failing

    def _condition(self, key: tuple[int, str, int], asked: Asked) -> Node:
        name = self._probes.conditions[key]
        scope = (asked.subject, asked.resource)
        root = self._policy.probes.get((name, *scope, asked.action))
        if root is None:
            raise UncompiledError(
                f"a condition of it on `{asked.resource}` is put to Oso at request time"
            )
        return self._joined.take(0, root, scope)

    def _counterexample(self, failing: Node, alike: Sequence[Asked]) -> Iterator[Counterexample]:
        asked = alike[0]
        scope = (asked.subject, asked.resource)
        if scope not in self._coverings:
            self._coverings[scope] = Covering(self._joined, scope)
        covering = self._coverings[scope]
        conditions = covering.cover(failing)
        if not conditions:
            return
        wording = Wording(self._joined.schema, scope)
        example = next(filter(None, map(covering.example, conditions)), None)
        yield Counterexample(
            asked=asked,
            actions=tuple(each.action for each in alike),
            clauses=tuple(map(wording.condition, conditions)),
            example=example,
            lines=tuple(self._lines(example, asked)) if example is not None else (),
        )

    def _lines(self, example: Example, asked: Asked) -> Iterator[str]:
        """Yield the rules that decide an example, from Oso's proof."""
        facts = Facts(example.snapshot(self._policy.schema), {})
        request = example.asking(asked.action)
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
