"""What an edit changes: exactly which situations are newly allowed or denied, over all states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sidecar.diagram.diagram import TooLargeError, Trees
from sidecar.diagram.nodes import FALSE, Node
from sidecar.engine.policy import Policy
from sidecar.errors import SidecarError
from sidecar.review.aligned_diagrams import (
    NEW_SIDE,
    OLD_SIDE,
    Joined,
    Scope,
    UncompiledError,
    uncompiled,
)
from sidecar.review.condition_cover import MOST_NODES, PRESUMED, Covering, Listing
from sidecar.review.example import Example
from sidecar.review.named_rules import UnnamedError
from sidecar.review.rule_changes import RuleChange, RuleChanges
from sidecar.review.states import KnownStates
from sidecar.schema import Schema

ALLOWED, DENIED = "allowed", "denied"
OBLIGED, RELEASED = "obliged", "released"
GIVEN, WITHHELD = "given", "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Situations that are decided otherwise, for actions that change alike."""

    what: str
    """`ALLOWED` or `DENIED`; `OBLIGED` or `RELEASED` where only an obligation comes or goes;
    `GIVEN` or `WITHHELD` of a reason that a denial has besides."""
    code: str | None
    """The obligation or the reason."""
    subject: str
    resource: str
    actions: tuple[str, ...]
    region: Node
    """The states, in the trees of `Differences.joined`."""
    listing: Listing
    """The conditions of the states."""
    examples: tuple[Example | None, ...]
    """For each alternative a mount and a request to which it applies; one where none are listed."""
    where: str = ""
    """A further condition, in words, that no tree tells."""

    @property
    def scope(self) -> Scope:
        """The types of subject and resource."""
        return self.subject, self.resource


@dataclass(frozen=True, slots=True)
class Differences:
    """All changes from one pack to another, and what could not be compared."""

    joined: Joined
    coverings: Mapping[Scope, Covering]
    """For each pair of types what knows the names in which conditions are told."""
    changes: tuple[Change, ...]
    """Of decisions and obligations."""
    reasons: tuple[Change, ...]
    """Of reasons that are given along with a denial."""
    rules: tuple[RuleChange, ...]
    """Why most of the changes are: roles, helper rules and prohibitions that changed."""
    uncompared: tuple[str, ...]
    """Sentences about actions that could not be compared."""
    unknown: frozenset[tuple[Scope, str]]
    """The actions that could not be compared, each with the types of subject and resource."""

    @property
    def missed(self) -> int:
        """How many actions could not be compared."""
        return len(self.unknown)

    @property
    def unlisted(self) -> bool:
        """Whether there are changes whose conditions cannot be listed."""
        return any(each.listing.unlisted for each in (*self.changes, *self.reasons))


def nothing_reached(_scope: Scope, _action: str) -> bool:
    """Tell that an edit changes nothing that Oso answers: rules, schema and settings are alike."""
    return False


def differences(
    old: Policy,
    new: Policy,
    known: KnownStates | None = None,
    declared: tuple[Schema, Schema] | None = None,
    reached: Callable[[Scope, str], bool] | None = None,
) -> Differences:
    """Compare two packs over every state that can be.

    Args:
        old: The pack as it was.
        new: The pack as it is.
        known: What other comparisons found to be possible, where there were any.
        declared: The schemas as they are written, where the packs were compiled by wider ones.
        reached: Tells of a pair of types and an action whether an edit can change what Oso answers
            at request time; None: every edit can.
    """
    joined = Joined(old, new, known=known, declared=declared)
    if old.revision == new.revision:
        return Differences(joined, {}, (), (), (), (), frozenset())
    missed = _Missed(reached)
    rules = RuleChanges()
    coverings: dict[Scope, Covering] = {}
    changes: list[Change] = []
    reasons: list[Change] = []
    for scope in joined.scopes():
        comparing = _Comparing(joined, scope, missed)
        found = tuple(comparing.changes(comparing.decided))
        changes += found
        reasons += comparing.changes(comparing.reasons)
        coverings[scope] = comparing.covering
        rules.add(comparing.covering, scope, comparing.named)
    return Differences(
        joined=joined,
        coverings=coverings,
        changes=tuple(changes),
        reasons=tuple(reasons),
        rules=rules.found(),
        uncompared=tuple(missed.sentences()),
        unknown=frozenset(missed.actions),
    )


class _Missed:
    """What could not be compared."""

    def __init__(self, reached: Callable[[Scope, str], bool] | None) -> None:
        self._reached = reached
        self._uncompiled: list[UncompiledError] = []
        self._others: dict[tuple[str, str], dict[str, None]] = {}
        self.actions: set[tuple[Scope, str]] = set()

    def add(self, scope: Scope, action: str, why: SidecarError | str) -> None:
        """Take note of an action that could not be compared."""
        if isinstance(why, UncompiledError):
            if self._reached is not None and not self._reached(scope, action):
                return
            self._uncompiled.append(why)
        else:
            self._others.setdefault((scope[1], str(why)), {})[action] = None
        self.actions.add((scope, action))

    def sentences(self) -> Iterator[str]:
        """Yield one sentence for each cause and type of resource."""
        yield from uncompiled(self._uncompiled)
        for (resource, why), actions in self._others.items():
            yield f"{', '.join(f'`{action}`' for action in actions)} on a `{resource}`: {why}"


Found = tuple[str, str | None, Node, Node | None]
"""What changes, the reason or obligation, the states, and the same by the names of rules."""


class _Comparing:
    """Compares one pair of types."""

    def __init__(self, joined: Joined, scope: Scope, missed: _Missed) -> None:
        self._joined = joined
        self._scope = scope
        self._missed = missed
        self.covering = Covering(joined, scope)
        self.named: list[Node] = []
        """What changes, by the names of rules."""

    def changes(self, found: Callable[[str], Iterator[Found]]) -> Iterator[Change]:
        """Yield the changes that are found, those of actions that change alike as one."""
        together: dict[tuple[str, str | None, int], tuple[Node, Node | None, list[str]]] = {}
        for action in self._actions():
            if whys := self._joined.incomparable(self._scope, action):
                self._missed.add(self._scope, action, " and ".join(whys))
                continue
            try:
                with self._joined.trees.bounded(MOST_NODES):
                    self._joined.trees.scope = self._scope
                    regions = [each for each in found(action) if each[2] is not FALSE]
            except TooLargeError as error:
                self._missed.add(self._scope, action, error)
                continue
            for what, code, region, named in regions:
                key = (what, code, region.number)
                together.setdefault(key, (region, named, []))[2].append(action)
        for (what, code, _), (region, named, actions) in together.items():
            change = self._change(what, code, (region, named), actions)
            if change is not None:
                yield change

    def decided(self, action: str) -> Iterator[Found]:
        """Yield where an action is decided otherwise, or with another obligation."""
        joined, trees = self._joined, self._joined.trees
        allowed = self._sides(action, lambda side: joined.allowed(side, self._scope, action))
        if allowed is None:
            return
        named = self._named(lambda side: self._allowed_by_name(side, action, allowed[side]))
        yield ALLOWED, None, _new(trees, allowed), _named_new(trees, named)
        yield DENIED, None, _old(trees, allowed), _named_old(trees, named)
        still = trees.choose(*allowed, FALSE)
        for code in self._codes(action, "obliges"):
            obliged = self._sides(
                action,
                lambda side: joined.obliged(side, self._scope, action, code),  # noqa: B023
            )
            if obliged is not None:
                yield OBLIGED, code, trees.choose(still, _new(trees, obliged), FALSE), None
                yield RELEASED, code, trees.choose(still, _old(trees, obliged), FALSE), None

    def _allowed_by_name(self, side: int, action: str, allowed: Node) -> Node:
        """Return where a pack allows an action, by the names of rules."""
        joined, scope = self._joined, self._scope
        if allowed is FALSE:
            return FALSE
        region = joined.granting(scope, action, self.covering.rules.allowed(side, action))
        return joined.satisfying_always_on_rules(side, scope, action, region)

    @staticmethod
    def _named(tree: Callable[[int], Node]) -> Sides | None:
        try:
            return tree(OLD_SIDE), tree(NEW_SIDE)
        except (UnnamedError, TooLargeError):  # it is told by facts
            return None

    def reasons(self, action: str) -> Iterator[Found]:
        """Yield where a rule gives another reason, if a denial before and now shows it.

        Where the decision changes besides, `decided` tells of it. The states are all those in
        which the rule changed, which are few words, and the same for all actions.
        """
        joined, trees = self._joined, self._joined.trees
        codes = self._codes(action, "forbids")
        types = [policy.schema.types.get(self._scope[1]) for policy in joined.policies]
        if not codes or any(each is None or action not in each.actions for each in types):
            return
        try:
            old, new = (joined.allowed(side, self._scope, action) for side in (0, 1))
        except UncompiledError:  # `decided` has noted it
            old = new = FALSE
        for code in codes:
            given = self._sides(
                action,
                lambda side: joined.forbidden(side, self._scope, action, code),  # noqa: B023
            )
            if given is None or given[0] is given[1]:
                continue
            named = self._named(
                lambda side: self.covering.rules.reason(side, action, code)  # noqa: B023
            )
            for what, region, by_name in (
                (GIVEN, _new(trees, given), _named_new(trees, named)),
                (WITHHELD, _old(trees, given), _named_old(trees, named)),
            ):
                denied = trees.choose(old, FALSE, trees.choose(new, FALSE, region))
                if not self.covering.regions.is_empty(denied):
                    yield what, code, region, by_name

    def _sides(self, action: str, tree: Callable[[int], Node]) -> Sides | None:
        try:
            self._joined.trees.scope = self._scope
            return tree(OLD_SIDE), tree(NEW_SIDE)
        except UncompiledError as error:
            self._missed.add(self._scope, action, error)
            return None

    def _actions(self) -> list[str]:
        subject, resource = self._scope
        if not self._joined.schema.types[subject].subject:
            return []
        return list(self._joined.schema.types[resource].actions)

    def _codes(self, action: str, kind: str) -> list[str]:
        found: dict[str, None] = {}
        for policy in self._joined.policies:
            entry = policy.entries.get((*self._scope, action))
            found.update(dict.fromkeys(getattr(entry, kind) if entry is not None else ()))
        return list(found)

    def _change(
        self, what: str, code: str | None, region: tuple[Node, Node | None], actions: list[str]
    ) -> Change | None:
        covering, (states, named) = self.covering, region
        if covering.regions.is_empty(states):  # no state that can be is decided otherwise
            return None
        if named is not None:
            self.named.append(named)
        presumed = () if what in {GIVEN, WITHHELD} else PRESUMED
        listing = covering.listed(states, named, presumed)
        return Change(
            what=what,
            code=code,
            subject=self._scope[0],
            resource=self._scope[1],
            actions=tuple(actions),
            region=states,
            listing=listing,
            examples=tuple(covering.examples(listing, states)),
        )


Sides = tuple[Node, Node]
"""A tree of the old pack, and one of the new pack."""


def _new(trees: Trees, sides: Sides) -> Node:
    return trees.choose(sides[0], FALSE, sides[1])


def _old(trees: Trees, sides: Sides) -> Node:
    return trees.choose(sides[1], FALSE, sides[0])


def _named_new(trees: Trees, sides: Sides | None) -> Node | None:
    return None if sides is None else _new(trees, sides)


def _named_old(trees: Trees, sides: Sides | None) -> Node | None:
    return None if sides is None else _old(trees, sides)
