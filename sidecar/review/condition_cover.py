"""Few conditions for many states: a region as a short list of conditions that people can read.

A region is best told by a tree that tests rules by their names (`named_rules`):
`plan_holds(account)` stands for four conditions, and its opposite for four others. It is covered by
cubes that are as wide as can be: a condition that changes nothing, in the states that can be, is
left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import TRUE, Node
from sidecar.diagram.paths import RESOURCE, SUBJECT
from sidecar.diagram.questions import Exists, Present, RuleHolds, Tested
from sidecar.errors import SidecarError
from sidecar.review.aligned_diagrams import Joined, Scope
from sidecar.review.clauses import Clause, Clauses, texts_of
from sidecar.review.conditions import Outcomes
from sidecar.review.example import Example
from sidecar.review.named_rules import NOW, REASON, RULE, Name, NamedRules
from sidecar.review.regions import Cube, Regions

PRESUMED = frozenset({Exists(SUBJECT), Exists(RESOURCE)})
"""What goes without saying where a decision is told: no rule of the policy allows anything else."""
MOST_CONDITIONS = 40
"""Conditions of one region, before those are left out that others cover: nobody reads more."""
MOST_NODES = 50_000
"""Nodes that covering one region may make."""


class UnlistableError(SidecarError):
    """A region whose conditions cannot be listed."""


@dataclass(frozen=True, slots=True)
class Conjunction:
    """What holds together."""

    places: tuple[int, ...]
    """Of the tests that are answered."""
    answers: tuple[Outcomes, ...]
    """One for each of these tests."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The conditions of a region, and the same in words."""

    conditions: tuple[Conjunction, ...]
    firsts: tuple[Conjunction, ...]
    """For each alternative in words the first of the conditions that it tells."""
    clauses: tuple[tuple[Clause, ...], ...]
    """In words: one of these applies, and of it everything holds."""
    unlisted: str
    """Why they cannot be listed; empty where they are."""
    told: Node
    """The region, by the names of rules or by facts, as the conditions tell it."""

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The conditions as texts."""
        return texts_of(self.clauses)


class Covering:
    """Covers regions of one pair of types with conditions."""

    def __init__(self, joined: Joined, scope: Scope, rules: NamedRules | None = None) -> None:
        """Prepare to cover.

        Args:
            joined: The trees.
            scope: The types of subject and resource.
            rules: The names by which conditions are told; None: those of all rules.
        """
        self._joined = joined
        self._scope = scope
        self.regions = Regions(joined, scope)
        self.rules = NamedRules(joined, scope) if rules is None else rules
        self.schema = joined.schema
        self._clauses = Clauses(joined.schema, scope, self.rules.names)
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
                if self.regions.is_empty(region, care):
                    return ()
                cubes = self._cover(self.regions.simplify(region, care), care)
                return tuple(map(_conjunction, cubes))
        except (TooLargeError, UnlistableError) as error:
            return str(error)

    def listed(
        self, region: Node, named: Node | None = None, presumed: Collection[Tested] = ()
    ) -> Listing:
        """Return the conditions of a region, or why they cannot be listed.

        Args:
            region: The region, by facts alone.
            named: The same by the names of rules; None where it has none.
            presumed: Questions whose answers go without saying.
        """
        if named is None or not self.means(named, region):
            return self.told(region, presumed=presumed)
        listing = self.told(named, presumed=presumed)
        answers = (answer for each in listing.conditions for answer in each.answers)
        doubtful = any(map(self._is_doubtful, answers))
        return self.told(region, presumed=presumed) if doubtful else listing

    def _is_doubtful(self, answered: Outcomes) -> bool:
        """Tell whether an answer is that a rule does not hold which may well fail instead."""
        name = self.rules.names.get(answered.test.question)  # type: ignore[arg-type]  # or a fact
        return name is not None and name.can_fail and answered.labelled == (False,)

    def told(self, region: Node, care: Node = TRUE, presumed: Collection[Tested] = ()) -> Listing:
        """Return the conditions of a region where `care` holds, or why they cannot be listed."""
        try:
            conditions = self.cover(region, care)
        except UnlistableError as error:
            return Listing((), (), (), str(error), region)
        merged = list(
            self._clauses.merged(
                [
                    self._clauses.of([a for a in each.answers if a.test.question not in presumed])
                    for each in conditions
                ]
            )
        )
        firsts = tuple(conditions[at] for at, _ in merged)
        clauses = tuple(clauses for _, clauses in merged)
        return Listing(conditions, firsts, clauses, "", region)

    def means(self, named: Node, region: Node) -> bool:
        """Tell whether a tree with names is a region, in the states that can be."""
        with self.regions.trees.bounded(MOST_NODES):
            try:
                plain = self._joined.spelled_out(named, self._scope)
            except TooLargeError:
                return False
        return self.regions.are_alike(plain, region)

    def title(self, name: Name) -> str:
        """Return what is explained of a name: ``plan_holds(account)``."""
        return self._clauses.title(name)

    def examples(self, listing: Listing, region: Node) -> Iterator[Example | None]:
        """Yield a mount and a request for each alternative; one where none are listed."""
        if listing.unlisted:
            yield self._example(islice(self.regions.cubes(region), MOST_CONDITIONS))
        yield from map(self.example, listing.firsts)

    def example(self, condition: Conjunction) -> Example | None:
        """Return a mount and a request to which a condition applies."""
        return self._example(self.regions.cubes(self.region(condition)))

    def _example(self, cubes: Iterable[Cube]) -> Example | None:
        return next(filter(None, map(self.regions.example, cubes)), None)

    def region(self, condition: Conjunction) -> Node:
        """Return the states to which a condition applies."""
        cube = dict(zip(condition.places, condition.answers, strict=True))
        return self._joined.spelled_out(self.regions.region(cube), self._scope)

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
        order = sorted(cube, key=lambda index: (self._importance(cube[index]), index))
        # What else is said mostly implies that things exist, so all of that is tried at once.
        existing = [index for index in order if self._importance(cube[index]) == 0]
        for indexes in [existing, *([index] for index in order)]:
            tried = {index: each for index, each in wide.items() if index not in indexes}
            if len(tried) < len(wide) and self.regions.is_empty(*outside, where=tried.values()):
                wide = tried
        return wide

    def _importance(self, answered: Outcomes) -> int:
        """Order conditions from those that people miss least: whether things exist, what is not so.

        Of what an edit changed, roles tell most, and reasons least: they mostly follow.
        """
        question = answered.test.question
        if isinstance(question, Exists | Present):
            return 0
        few = len(answered.outcomes) == 1 and answered.labelled not in {(False,), ()}
        if not isinstance(question, RuleHolds):
            return 4 if few else 2
        name = self.rules.names[question]
        if name.side != NOW:
            return {REASON: 1, RULE: 3}.get(name.kind, 6)
        return 5 if few else 2

    def _needed(self, cubes: Sequence[Cube], inside: Node) -> Iterator[Cube]:
        """Yield the cubes that hold something which no other holds."""
        regions = self.regions
        kept = list(cubes)
        for cube in cubes if len(cubes) > 1 else ():
            others = (regions.outside(regions.region(each)) for each in kept if each is not cube)
            if regions.is_empty(inside, regions.region(cube), *others):
                kept.remove(cube)
        yield from kept


def _conjunction(cube: Cube) -> Conjunction:
    places = tuple(sorted(cube))
    return Conjunction(places, tuple(cube[index] for index in places))
