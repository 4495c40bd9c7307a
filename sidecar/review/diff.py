"""What an edit changes: exactly which situations are newly allowed or denied, over all states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sidecar.diagram.diagram import TooLargeError
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
from sidecar.review.condition_cover import (
    MOST_NODES,
    Covering,
    Listing,
    UnlistableError,
    own_rules,
)
from sidecar.review.example import Example
from sidecar.review.regions import Regions
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
    """For each condition a mount and a request to which it applies; one where none are listed."""

    @property
    def scope(self) -> Scope:
        """The types of subject and resource."""
        return self.subject, self.resource


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """A rule of the policy's own that holds elsewhere than before, told once for all its uses."""

    rule: str
    """As it would be called: ``plan_holds(account)``."""
    gained: tuple[tuple[str, ...], ...]
    """In words, each condition under which it now holds too."""
    lost: tuple[tuple[str, ...], ...]
    """In words, each condition under which it held before."""


@dataclass(frozen=True, slots=True)
class Differences:
    """All changes from one pack to another, and what could not be compared."""

    joined: Joined
    changes: tuple[Change, ...]
    """Of decisions and obligations."""
    reasons: tuple[Change, ...]
    """Of reasons that are given along with a denial."""
    rules: tuple[RuleChange, ...]
    """Why most of the changes are: the rules that changed themselves."""
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
        return Differences(joined, (), (), (), (), frozenset())
    missed = _Missed(reached)
    rules: dict[str, RuleChange] = {}
    for scope in joined.scopes():
        for rule in _changed_rules(joined, scope, frozenset(rules)):
            rules[rule.rule.partition("(")[0]] = rule
    changes: list[Change] = []
    reasons: list[Change] = []
    for scope in joined.scopes():
        comparing = _Comparing(joined, scope, missed, frozenset(rules))
        changes += comparing.changes(comparing.decided)
        reasons += comparing.changes(comparing.reasons)
    return Differences(
        joined=joined,
        changes=tuple(changes),
        reasons=tuple(reasons),
        rules=tuple(rules.values()),
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


def _changed_rules(joined: Joined, scope: Scope, listed: frozenset[str]) -> Iterator[RuleChange]:
    """Yield the rules that changed of themselves, each for the plainest of its operands.

    A rule that only follows one that is listed already is left out.
    """
    old, new = (own_rules(joined, side, scope) for side in (OLD_SIDE, NEW_SIDE))
    regions = Regions(joined, scope)
    met = set(listed)
    changed = [key for key in old.keys() & new.keys() if old[key] is not new[key]]
    for key in sorted(changed, key=lambda key: (regions.size(new[key]), len(str(key)), key[0])):
        if key[0] in met:
            continue
        covering = Covering(joined, scope, changed=met)
        try:
            with joined.trees.bounded(MOST_NODES):
                gained, lost = (
                    covering.cover(region)
                    for region in (
                        joined.trees.choose(old[key], FALSE, new[key]),
                        joined.trees.choose(new[key], FALSE, old[key]),
                    )
                )
        except (TooLargeError, UnlistableError):
            continue  # the actions that it decides are listed all the same
        follows = any(word.when for each in (*gained, *lost) for word in each.words)
        if (gained or lost) and not follows:
            met.add(key[0])
            yield RuleChange(
                rule=f"{key[0]}({', '.join(map(covering.wording.path, key[1]))})",
                gained=tuple(map(covering.words, gained)),
                lost=tuple(map(covering.words, lost)),
            )


Found = tuple[str, str | None, Node]
"""What changes, the reason or obligation, and the states."""


class _Comparing:
    """Compares one pair of types."""

    def __init__(
        self, joined: Joined, scope: Scope, missed: _Missed, rules: frozenset[str]
    ) -> None:
        self._joined = joined
        self._scope = scope
        self._missed = missed
        self._rules = rules
        self._covering: Covering | None = None

    def changes(self, found: Callable[[str], Iterator[Found]]) -> Iterator[Change]:
        """Yield the changes that are found, those of actions that change alike as one."""
        together: dict[tuple[str, str | None, int], tuple[Node, list[str]]] = {}
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
            for what, code, region in regions:
                key = (what, code, region.number)
                together.setdefault(key, (region, []))[1].append(action)
        for (what, code, _), (region, actions) in together.items():
            change = self._change(what, code, region, actions)
            if change is not None:
                yield change

    def decided(self, action: str) -> Iterator[Found]:
        """Yield where an action is decided otherwise, or with another obligation."""
        joined, trees = self._joined, self._joined.trees
        allowed = self._sides(action, lambda side: joined.allowed(side, self._scope, action))
        if allowed is None:
            return
        old, new = allowed
        yield ALLOWED, None, trees.choose(old, FALSE, new)
        yield DENIED, None, trees.choose(new, FALSE, old)
        still = trees.choose(old, new, FALSE)
        for code in self._codes(action, "obliges"):
            obliged = self._sides(
                action,
                lambda side: joined.obliged(side, self._scope, action, code),  # noqa: B023
            )
            if obliged is not None:
                old, new = obliged
                yield OBLIGED, code, trees.choose(still, trees.choose(old, FALSE, new), FALSE)
                yield RELEASED, code, trees.choose(still, trees.choose(new, FALSE, old), FALSE)

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
            for what, region in (
                (GIVEN, trees.choose(given[0], FALSE, given[1])),
                (WITHHELD, trees.choose(given[1], FALSE, given[0])),
            ):
                denied = trees.choose(old, FALSE, trees.choose(new, FALSE, region))
                if not self._cover().regions.is_empty(denied):
                    yield what, code, region

    def _sides(self, action: str, tree: Callable[[int], Node]) -> tuple[Node, Node] | None:
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

    def _cover(self) -> Covering:
        if self._covering is None:
            self._covering = Covering(self._joined, self._scope, changed=self._rules)
        return self._covering

    def _change(
        self, what: str, code: str | None, region: Node, actions: list[str]
    ) -> Change | None:
        covering = self._cover()
        if covering.regions.is_empty(region):  # no state that can be is decided otherwise
            return None
        listing = covering.listed(region)
        return Change(
            what=what,
            code=code,
            subject=self._scope[0],
            resource=self._scope[1],
            actions=tuple(actions),
            region=region,
            listing=listing,
            examples=tuple(covering.examples(listing, region)),
        )
