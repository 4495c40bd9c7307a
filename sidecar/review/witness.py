"""Compares a variant of a pack with the pack: a state in which their decisions differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.diagram.nodes import FALSE, Node
from sidecar.diagram.paths import RESOURCE, SUBJECT, Path
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError, InvalidSnapshotError
from sidecar.model import Decision
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Joined, UncompiledError
from sidecar.review.example import Example
from sidecar.review.regions import Regions
from sidecar.review.states import KnownStates

Entry = tuple[str, str, str]
"""The types of subject and resource, and the action."""
_UNDECLARED = "undeclared_action"
"""What an action is called in a witness that the schema does not declare."""
_MOST_EXAMPLES = 50
"""Ways to a difference that are tried until one is found that can be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Facts and a request for which the two decide differently, as both have shown."""

    example: Example
    action: str
    expected: Decision
    """The decision of the pack itself."""
    widens: bool = False
    """Whether a variant allows here what the pack denies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The difference of a variant from its pack."""

    differs: bool
    """Whether there may be a state in which it decides differently; False is proved."""
    witness: Witness | None = None
    unknown: bool = False
    """Whether Oso is asked at request time, so that the states cannot be gone through."""


def changed_entries(policy: Policy, variant: Policy) -> list[Entry]:
    """Return the kinds of request that a variant decides by other trees."""
    return [key for key, entry in variant.entries.items() if entry != policy.entries.get(key)]


def compared(
    policy: Policy,
    variant: Policy,
    changed: Collection[Entry],
    known: KnownStates | None = None,
) -> Comparison:
    """Look for a state in which a variant decides differently: decision, reasons or obligations.

    Args:
        policy: The pack.
        variant: The pack with an edit of its policy.
        changed: The kinds of request that are looked at.
        known: What was found to be possible for other variants, where there were any.
    """
    joined = Joined(_only(policy, changed), _only(variant, changed), known=known)
    differing: list[tuple[Entry, Node]] = []
    unknown = False
    for key in sorted(changed, key=lambda key: key[2] == UNDECLARED_ACTION):
        try:
            region = _region(joined, key)
        except UncompiledError:  # Oso is asked at request time, so nobody knows
            unknown = True
            continue
        if not Regions(joined, key[:2]).is_empty(region):
            differing.append((key, region))
    # People read best of somebody who is there, and of something that is.
    for paths in ((SUBJECT, RESOURCE), (SUBJECT,), ()):
        for key, region in differing:
            witness = _shown(policy, variant, (joined, key, _existing(joined, region, paths)))
            if witness is not None:
                return Comparison(differs=True, witness=witness)
    return Comparison(differs=unknown or bool(differing), unknown=unknown)


def _existing(joined: Joined, region: Node, paths: Collection[Path]) -> Node:
    for path in paths:
        region = joined.trees.choose(joined.exists(path), region, FALSE)
    return region


def _shown(policy: Policy, variant: Policy, where: tuple[Joined, Entry, Node]) -> Witness | None:
    joined, key, region = where
    regions = Regions(joined, key[:2])
    for cube in islice(regions.cubes(region), _MOST_EXAMPLES):
        example = regions.example(cube)
        witness = _witness(policy, variant, example, key[2]) if example is not None else None
        if witness is not None:
            return witness
    return None


def _only(policy: Policy, entries: Collection[Entry]) -> Policy:
    kept = {key: policy.entries[key] for key in entries}
    return replace(policy, entries=kept, explored=(), probes={})


def _region(joined: Joined, key: Entry) -> Node:
    """Return the states in which two packs decide differently."""
    scope, action = key[:2], key[2]
    trees = joined.trees
    old, new = (joined.allowed(side, scope, action) for side in (OLD_SIDE, NEW_SIDE))
    region = _either_alone(joined, old, new)
    for reason in _codes(joined, key, "forbids"):
        sides = [joined.forbidden(side, scope, action, reason) for side in (OLD_SIDE, NEW_SIDE)]
        differs = _either_alone(joined, *sides)
        # Where both allow, no reason is reported; where one does, they differ anyway.
        region = trees.either(region, trees.choose(old, FALSE, differs))
    for code in _codes(joined, key, "obliges"):
        sides = [joined.obliged(side, scope, action, code) for side in (OLD_SIDE, NEW_SIDE)]
        region = trees.either(region, _either_alone(joined, *sides))
    return region


def _either_alone(joined: Joined, left: Node, right: Node) -> Node:
    trees = joined.trees
    return trees.either(trees.choose(left, FALSE, right), trees.choose(right, FALSE, left))


def _codes(joined: Joined, key: Entry, kind: str) -> Iterator[str]:
    entries = [policy.entries[key] for policy in joined.policies]
    yield from dict.fromkeys(code for entry in entries for code in getattr(entry, kind))


def _witness(policy: Policy, variant: Policy, example: Example, action: str) -> Witness | None:
    if action == UNDECLARED_ACTION:
        action = _UNDECLARED
        declared = (policy.schema, variant.schema)
        while any(action in each.actions for schema in declared for each in schema.types.values()):
            action += "_"
    try:
        snapshot = example.snapshot(policy.schema)
        request = example.asking(action)
        expected, found = (
            authorize(request, each, snapshot, example.now) for each in (policy, variant)
        )
    except (InvalidSnapshotError, InvalidRequestError):  # no mount and no caller says it
        return None
    if _answer(expected) == _answer(found):
        return None
    widens = found.allowed and not expected.allowed
    return Witness(example=example, action=action, expected=expected, widens=widens)


def _answer(decision: Decision) -> object:
    reasons = frozenset(reason.code for reason in decision.reasons)
    obligations = frozenset(obligation.code for obligation in decision.obligations)
    return decision.allowed, reasons, obligations
