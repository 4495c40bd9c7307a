"""What an edit changes: exactly which situations are newly allowed or denied, over all states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sidecar.policy import Policy
from sidecar.policy.nodes import FALSE, Node
from sidecar.review.covering import Condition, Covering, own_rules
from sidecar.review.joining import NEW_SIDE, OLD_SIDE, Joined, Scope, UncompiledError
from sidecar.review.regions import Regions
from sidecar.review.states import Example, KnownStates
from sidecar.review.wording import Wording

ALLOWED, DENIED = "allowed", "denied"
OBLIGED, RELEASED = "obliged", "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Situations that are decided otherwise, for actions that change alike."""

    what: str
    """`ALLOWED` or `DENIED`; `OBLIGED` or `RELEASED` where only an obligation comes or goes."""
    code: str | None
    """The obligation."""
    subject: str
    resource: str
    actions: tuple[str, ...]
    region: Node
    """The states, in the trees of `Differences.joined`."""
    conditions: tuple[Condition, ...]
    clauses: tuple[tuple[str, ...], ...]
    """Each condition in words."""
    examples: tuple[Example | None, ...]
    """For each condition a mount and a request to which it applies."""

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
    rules: tuple[RuleChange, ...]
    """Why most of the changes are: the rules that changed themselves."""
    uncompared: tuple[str, ...]
    """Sentences about questions that Oso is asked at request time."""


def differences(old: Policy, new: Policy, known: KnownStates | None = None) -> Differences:
    """Compare two packs over every state that can be.

    Args:
        old: The pack as it was.
        new: The pack as it is.
        known: What other comparisons found to be possible, where there were any.

    Raises:
        IncomparableError: A fact means something else in one than in the other.
    """
    joined = Joined(old, new, known=known)
    if old.revision == new.revision:  # nothing to compare, not even what Oso is asked about
        return Differences(joined, (), (), ())
    uncompared: dict[str, None] = {}
    rules: dict[str, RuleChange] = {}
    for scope in joined.scopes():
        for rule in _changed_rules(joined, scope, frozenset(rules)):
            rules[rule.rule.partition("(")[0]] = rule
    changes = [
        change
        for scope in joined.scopes()
        for change in _Comparing(joined, scope, uncompared, frozenset(rules)).changes()
    ]
    return Differences(joined, tuple(changes), tuple(rules.values()), tuple(uncompared))


def _changed_rules(joined: Joined, scope: Scope, told: frozenset[str]) -> Iterator[RuleChange]:
    """Yield the rules that changed of themselves, each for the plainest of its operands.

    A rule that only follows one that was told already is left out.
    """
    old, new = (own_rules(joined, side, scope) for side in (OLD_SIDE, NEW_SIDE))
    wording, regions = Wording(joined.schema, scope), Regions(joined, scope)
    met = set(told)
    changed = [key for key in old.keys() & new.keys() if old[key] is not new[key]]
    for key in sorted(changed, key=lambda key: (regions.size(new[key]), len(str(key)), key[0])):
        if key[0] in met:
            continue
        covering = Covering(joined, scope, changed=met)
        gained, lost = (
            covering.cover(region)
            for region in (
                joined.trees.choose(old[key], FALSE, new[key]),
                joined.trees.choose(new[key], FALSE, old[key]),
            )
        )
        follows = any(word.when for each in (*gained, *lost) for word in each.words)
        if (gained or lost) and not follows:
            met.add(key[0])
            yield RuleChange(
                rule=f"{key[0]}({', '.join(map(wording.path, key[1]))})",
                gained=tuple(map(wording.condition, gained)),
                lost=tuple(map(wording.condition, lost)),
            )


class _Comparing:
    """Compares one pair of types."""

    def __init__(
        self, joined: Joined, scope: Scope, uncompared: dict[str, None], rules: frozenset[str]
    ) -> None:
        self._joined = joined
        self._scope = scope
        self._uncompared = uncompared
        self._rules = rules
        self._covering: Covering | None = None

    def changes(self) -> Iterator[Change]:
        """Yield the changes, those of actions that change alike as one."""
        together: dict[tuple[str, str | None, int], tuple[Node, list[str]]] = {}
        for action in self._actions():
            for what, code, region in self._regions(action):
                if region is not FALSE:
                    key = (what, code, region.number)
                    together.setdefault(key, (region, []))[1].append(action)
        for (what, code, _), (region, actions) in together.items():
            change = self._change(what, code, region, actions)
            if change is not None:
                yield change

    def _actions(self) -> list[str]:
        subject, resource = self._scope
        if not self._joined.schema.types[subject].subject:
            return []
        return list(self._joined.schema.types[resource].actions)

    def _regions(self, action: str) -> Iterator[tuple[str, str | None, Node]]:
        joined, trees = self._joined, self._joined.trees

        def sides(tree: Callable[[int], Node]) -> tuple[Node, Node] | None:
            try:
                trees.scope = self._scope
                return tree(OLD_SIDE), tree(NEW_SIDE)
            except UncompiledError as error:
                self._uncompared[str(error)] = None
                return None

        allowed = sides(lambda side: joined.allowed(side, self._scope, action))
        if allowed is None:
            return
        old, new = allowed
        yield ALLOWED, None, trees.choose(old, FALSE, new)
        yield DENIED, None, trees.choose(new, FALSE, old)
        still = trees.choose(old, new, FALSE)
        for code in self._obligations(action):
            obliged = sides(lambda side: joined.obliged(side, self._scope, action, code))  # noqa: B023
            if obliged is not None:
                old, new = obliged
                yield OBLIGED, code, trees.choose(still, trees.choose(old, FALSE, new), FALSE)
                yield RELEASED, code, trees.choose(still, trees.choose(new, FALSE, old), FALSE)

    def _obligations(self, action: str) -> list[str]:
        found: dict[str, None] = {}
        for policy in self._joined.policies:
            entry = policy.entries.get((*self._scope, action))
            found.update(dict.fromkeys(entry.obliges if entry is not None else ()))
        return list(found)

    def _change(
        self, what: str, code: str | None, region: Node, actions: list[str]
    ) -> Change | None:
        if self._covering is None:
            self._covering = Covering(self._joined, self._scope, changed=self._rules)
        conditions = self._covering.cover(region)
        if not conditions:  # no state that can be is decided otherwise
            return None
        wording = Wording(self._joined.schema, self._scope)
        return Change(
            what=what,
            code=code,
            subject=self._scope[0],
            resource=self._scope[1],
            actions=tuple(actions),
            region=region,
            conditions=conditions,
            clauses=tuple(map(wording.condition, conditions)),
            examples=tuple(map(self._covering.example, conditions)),
        )
