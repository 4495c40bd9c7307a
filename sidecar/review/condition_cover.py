"""Few conditions for many states: a region as a short list of conditions that people can read.

A rule of the policy that divides a region is its best word for it: `plan_holds(account)` stands for
four conditions, and its opposite for four others. What is left is covered by cubes that are as wide
as can be: a condition that changes nothing, in the states that can be, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import Literal, Operand
from sidecar.diagram.questions import Exists, Present
from sidecar.errors import SidecarError
from sidecar.review.aligned_diagrams import Joined, Scope
from sidecar.review.conditions import Outcomes
from sidecar.review.example import Example
from sidecar.review.phrases import Wording
from sidecar.review.regions import Cube, Regions

BUILT_IN = frozenset({"allow", "forbid", "oblige", "has_permission", "has_role", "has_relation"})
"""Rules that are asked about everything, so that they say little about one thing."""


MOST_CONDITIONS = 40
"""Conditions of one region, before those are left out that others cover: nobody reads more."""
MOST_NODES = 50_000
"""Nodes that covering one region may make."""


class UnlistableError(SidecarError):
    """A region whose conditions cannot be listed."""


NOW, ONLY_NOW, ONLY_BEFORE = "", "holds now, and did not before", "held before, and no longer"


@dataclass(frozen=True, slots=True)
class Word:
    """A rule of the policy that holds, or does not; or that holds otherwise than before."""

    rule: str
    operands: tuple[Operand, ...]
    when: str
    """`NOW`; of a rule that an edit changed `ONLY_NOW` or `ONLY_BEFORE`."""
    holds: bool
    root: Node

    def __str__(self) -> str:
        return self.text(show)

    def text(self, name: Callable[[Operand], str]) -> str:
        """Return the rule as it would be called, and how it holds."""
        called = f"{self.rule}({', '.join(map(name, self.operands))})"
        if self.when:
            return f"{called} {self.when}"
        return called if self.holds else f"not {called}"


@dataclass(frozen=True, slots=True)
class Conjunction:
    """What holds together."""

    words: tuple[Word, ...]
    places: tuple[int, ...]
    """Of the tests that are answered."""
    answers: tuple[Outcomes, ...]
    """One for each of these tests."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The conditions of a region, and the same in words."""

    conditions: tuple[Conjunction, ...]
    clauses: tuple[tuple[str, ...], ...]
    """In words: one of these applies, and of it everything holds."""
    unlisted: str
    """Why they cannot be listed; empty where they are."""


class Covering:
    """Covers regions of one pair of types with conditions."""

    def __init__(
        self, joined: Joined, scope: Scope, changed: Collection[str] | None = None
    ) -> None:
        """Prepare to cover.

        Args:
            joined: The trees.
            scope: The types of subject and resource.
            changed: The rules that an edit changed, of which conditions may speak; None: all.
        """
        self.regions = Regions(joined, scope)
        self.wording = Wording(joined.schema, scope)
        words = (
            word
            for word in _vocabulary(joined, scope)
            if not word.when or changed is None or word.rule in changed
        )
        self._words = tuple(sorted(words, key=str))
        self._known: dict[tuple[int, int], tuple[Conjunction, ...] | str] = {}

    def cover(self, region: Node, care: Node = TRUE) -> tuple[Conjunction, ...]:
        """Return conditions that together are a region, in the states that can be.

        Args:
            region: The region.
            care: Where it matters what they say; elsewhere they may say anything.

        Raises:
            UnlistableError: There are too many of them.
        """
        key = (region.number, care.number)
        if key not in self._known:
            self._known[key] = self._covered(region, care)
        known = self._known[key]
        if isinstance(known, str):
            raise UnlistableError(known)
        return known

    def _covered(self, region: Node, care: Node) -> tuple[Conjunction, ...] | str:
        """Return the conditions of a region, or why there are none."""
        try:
            with self.regions.trees.bounded(MOST_NODES):
                region = self.regions.simplify(region, care)
                return tuple(self._divided(region, care, ()))
        except (TooLargeError, UnlistableError) as error:
            return str(error)

    def listed(self, region: Node) -> Listing:
        """Return the conditions of a region, or why they cannot be listed."""
        try:
            conditions = self.cover(region)
        except UnlistableError as error:
            return Listing((), (), str(error))
        return Listing(conditions, tuple(map(self.words, conditions)), "")

    def words(self, condition: Conjunction) -> tuple[str, ...]:
        """Return a condition in words, a clause for each thing that it looks at."""
        clauses = [word.text(self.wording.path) for word in condition.words]
        return (*clauses, *map(self.wording.answered, condition.answers))

    def examples(self, listing: Listing, region: Node) -> Iterator[Example | None]:
        """Yield a mount and a request for each condition of a region; one where none are listed."""
        if listing.unlisted:
            yield self._example(islice(self.regions.cubes(region), MOST_CONDITIONS))
        yield from map(self.example, listing.conditions)

    def example(self, condition: Conjunction) -> Example | None:
        """Return a mount and a request to which a condition applies."""
        return self._example(self.regions.cubes(self.region(condition)))

    def _example(self, cubes: Iterable[Cube]) -> Example | None:
        return next(filter(None, map(self.regions.example, cubes)), None)

    def region(self, condition: Conjunction) -> Node:
        """Return the states to which a condition applies."""
        found = self.regions.region(dict(zip(condition.places, condition.answers, strict=True)))
        for word in condition.words:
            found = self._narrowed(found, word)
        return found

    def _narrowed(self, region: Node, word: Word) -> Node:
        join = self.regions.both if word.holds else self.regions.minus
        return join(region, word.root)

    def _divided(self, region: Node, care: Node, chosen: tuple[Word, ...]) -> Iterator[Conjunction]:
        """Cover what of a region lies in `care`, which is what was said of it already."""
        if self.regions.is_empty(region, care):
            return
        word = self._dividing(region, care, chosen)
        if word is not None:
            inner = self._narrowed(care, word)
            yield from self._divided(self.regions.simplify(region, inner), inner, (*chosen, word))
            return
        for cube in self._cover(region, care):
            places = tuple(sorted(cube))
            yield Conjunction(chosen, places, tuple(cube[index] for index in places))

    def _dividing(self, region: Node, care: Node, chosen: tuple[Word, ...]) -> Word | None:
        """Return a rule that holds, or does not hold, in all of the region, and shortens it."""
        regions = self.regions
        looked_at = regions.tests(region)
        size = regions.size(region)
        best: tuple[int, Word] | None = None
        used = {(word.rule, word.operands) for word in chosen}
        for candidate in self._words:
            if (candidate.rule, candidate.operands) in used:
                continue
            if not regions.tests(candidate.root) <= looked_at | regions.tests(care):
                continue
            for holds in (True, False) if not candidate.when else (True,):
                word = replace(candidate, holds=holds)
                beyond = regions.outside(word.root) if holds else word.root
                if not regions.is_empty(region, care, beyond):
                    continue
                left = regions.size(regions.simplify(region, self._narrowed(care, word)))
                if left < size - 1 and (best is None or left < best[0]):
                    best = (left, word)
        return None if best is None else best[1]

    def _cover(self, region: Node, care: Node) -> Iterator[Cube]:
        """Yield cubes that cover a region within `care`, as wide and as few as can be found."""
        regions = self.regions
        cubes: dict[int, Cube] = {}
        left: list[Node] = []
        # Tests of `care` alone make conditions plainer: they leave out what cannot be there.
        inside = regions.both(region, care)
        while (cube := next(regions.cubes(inside, *left), None)) is not None:
            if len(cubes) == MOST_CONDITIONS:
                raise UnlistableError(f"it has more than {MOST_CONDITIONS} conditions")
            wide = self._widened(cube, care, regions.outside(region))
            left.append(regions.outside(regions.region(wide)))
            assert left[-1].number not in cubes  # noqa: S101 - or it would never end
            cubes[left[-1].number] = wide
        yield from self._needed(list(cubes.values()), inside)

    def _widened(self, cube: Cube, *outside: Node) -> Cube:
        """Leave out each condition without which a cube still holds nothing that is outside."""
        wide = dict(cube)
        order = sorted(cube, key=lambda index: _importance(cube[index], index))
        # What else is said mostly implies that things exist, so all of that is tried at once.
        existing = [index for index in order if _importance(cube[index], index)[0] == 0]
        for indexes in [existing, *([index] for index in order)]:
            tried = {index: each for index, each in wide.items() if index not in indexes}
            if len(tried) < len(wide) and self.regions.is_empty(*outside, where=tried.values()):
                wide = tried
        return wide

    def _needed(self, cubes: Sequence[Cube], inside: Node) -> Iterator[Cube]:
        """Yield the cubes that hold something which no other holds."""
        regions = self.regions
        kept = list(cubes)
        for cube in cubes if len(cubes) > 1 else ():
            others = (regions.outside(regions.region(each)) for each in kept if each is not cube)
            if regions.is_empty(inside, regions.region(cube), *others):
                kept.remove(cube)
        yield from kept


def _importance(answered: Outcomes, index: int) -> tuple[int, int]:
    """Order conditions from those that people miss least: whether things exist, what is not so."""
    if isinstance(answered.test.question, Exists | Present):
        return 0, index
    few = len(answered.outcomes) == 1 and answered.labelled not in {(False,), ()}
    return (2 if few else 1), index


def own_rules(
    joined: Joined, side: int, scope: Scope
) -> dict[tuple[str, tuple[Operand, ...]], Node]:
    """Return the rules of a pack's own, by name and operands; those that only name facts."""
    policy = joined.policies[side]
    probes = tuple({name for name, *_ in policy.probes})  # rules of a reviewer's own, and of theirs
    return {
        (each.rule, each.operands): joined.take(side, each.root, scope)
        for each in joined.explored(side, scope)
        if each.root is not None
        and not each.file
        and each.rule not in BUILT_IN
        and not each.rule.startswith(probes)
        and each.action is None
        and joined.is_comparable(side, each.root, scope)
        and not any(isinstance(operand, Literal) for operand in each.operands)
    }


def _vocabulary(joined: Joined, scope: Scope) -> Iterator[Word]:
    """Yield the rules of all packs by their names, and where an edit changed them."""
    old, new = (own_rules(joined, side, scope) for side in (0, len(joined.policies) - 1))
    for key in old.keys() & new.keys() if len(joined.policies) > 1 else old.keys():
        before, after = old[key], new[key]
        if before is after:
            words = [(NOW, before)]
        else:
            choose = joined.trees.choose
            words = [
                (ONLY_NOW, choose(before, FALSE, after)),
                (ONLY_BEFORE, choose(after, FALSE, before)),
            ]
        for when, root in words:
            if root.branches:
                yield Word(*key, when=when, holds=True, root=root)
