"""Changes of access by role: what each role gains and loses, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sidecar.compiler.pack import PackTexts
from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Joined, Scope
from sidecar.review.condition_cover import MOST_NODES, Covering
from sidecar.review.diff import GIVEN, WITHHELD, Change, Differences
from sidecar.review.example_text import lines_of
from sidecar.review.matrix import ANYBODY, NO_ROLE
from sidecar.review.pack_revisions import Probing
from sidecar.review.roles import roles_of
from sidecar.review.verdict.model import AccessChange, Effect, Places
from sidecar.schema.messages import in_line

_EFFECTS = {
    "allowed": Effect.ALLOWED,
    "released": Effect.RELEASED,
    "denied": Effect.DENIED,
    "obliged": Effect.OBLIGED,
    "given": Effect.GIVEN,
    "withheld": Effect.WITHHELD,
}
"""What `Change.what` says."""
RoleKey = tuple[str, str, str]
"""The types of subject and resource, and the role."""
PlacesOf = Callable[[Scope, tuple[str, ...]], tuple[Places, ...]]
"""Returns the places of the edits from which a change of these actions can follow."""


@dataclass(frozen=True, slots=True)
class RoleProbes:
    """Rules that say who has which role, in the old and in the new pack."""

    names: Mapping[RoleKey, str]
    """To the name of the rule."""
    above: tuple[Mapping[RoleKey, frozenset[str]], Mapping[RoleKey, frozenset[str]]]
    """In the old and the new pack: to the roles that bring this one along."""
    probing: Probing


def role_probes(old: PackTexts, new: PackTexts) -> RoleProbes:
    """Return rules for all roles of two packs."""
    names: dict[RoleKey, str] = {}
    above: list[dict[RoleKey, frozenset[str]]] = []
    files: list[dict[str, str]] = []
    for pack in (old, new):
        texts: dict[str, str] = {}
        higher: dict[RoleKey, frozenset[str]] = {}
        for resource, declared in roles_of(pack.texts, pack.schema).items():
            for subject in pack.schema.subjects():
                types = (pack.schema.types[subject].polar, pack.schema.types[resource].polar)
                for each in declared:
                    for role in each.names:
                        key = (subject, resource, role)
                        name = names.setdefault(key, f"role_{len(names)}_")
                        rule = each.rules(name, role, *types)
                        texts[f"{name}.polar"] = texts.get(f"{name}.polar", "") + rule + "\n"
                        higher[key] = higher.get(key, frozenset()) | each.above(role)
        files.append(texts)
        above.append(higher)
    probing = Probing((files[0], files[1]), tuple(names.values()))
    return RoleProbes(names, (above[0], above[1]), probing)


@dataclass(frozen=True, slots=True)
class Column:
    """The states in which somebody has a role, and none that brings it along."""

    name: str
    region: Node


_EVERYBODY = (Column(ANYBODY, TRUE),)


class Access:
    """Divides the changes between two packs among roles."""

    def __init__(self, found: Differences, probes: RoleProbes, places: PlacesOf) -> None:
        self._found = found
        self._joined: Joined = found.joined
        self._probes = probes
        self._places = places
        self._columns: dict[tuple[int, Scope], tuple[Column, ...]] = {}

    def changes(self) -> tuple[AccessChange, ...]:
        """Return all changes, widenings first, then by how many actions they concern."""
        found = [*self._divided(self._found.changes), *self._divided(self._found.reasons)]
        order = list(Effect)
        return tuple(sorted(found, key=lambda each: (order.index(each.effect), -len(each.actions))))

    def _divided(self, changes: tuple[Change, ...]) -> Iterator[AccessChange]:
        together: dict[tuple[object, ...], tuple[Change, Column, list[str]]] = {}
        for change in changes:
            effect = _EFFECTS[change.what]
            columns: tuple[Column, ...] = _EVERYBODY
            if effect.widens or effect.narrows:
                columns = self._of(change, NEW_SIDE if effect.widens else OLD_SIDE)
            for column, region in self._parts(change, columns):
                key = (effect, change.code, change.where, change.scope, column.name, region.number)
                together.setdefault(key, (change, column, []))[2].extend(change.actions)
        for change, column, actions in together.values():
            yield self._change(change, column, tuple(dict.fromkeys(actions)))

    def _parts(self, change: Change, columns: tuple[Column, ...]) -> Iterator[tuple[Column, Node]]:
        """Yield each column in which a change has a state that can be, with the part in it."""
        regions = self._cover(change.scope).regions
        try:
            with self._joined.trees.bounded(MOST_NODES):
                parts = [(each, regions.both(change.region, each.region)) for each in columns]
        except TooLargeError:
            parts = [(_EVERYBODY[0], change.region)]
        yield from (part for part in parts if not regions.is_empty(part[1]))

    def _change(self, change: Change, column: Column, actions: tuple[str, ...]) -> AccessChange:
        covering = self._cover(change.scope)
        listing = covering.told(change.listing.told, self._care(change, column, actions[0]))
        beside = (change.where,) if change.where else ()
        example = next(filter(None, change.examples), None)
        schema = self._joined.schema
        return AccessChange(
            effect=_EFFECTS[change.what],
            code=change.code,
            role=column.name,
            subject=change.subject,
            resource=change.resource,
            actions=actions,
            conditions=tuple((*texts, *beside) for texts in listing.texts),
            unlisted=listing.unlisted,
            places=self._places(change.scope, actions),
            example=() if example is None else tuple(lines_of(example, actions[0], schema)),
        )

    def _care(self, change: Change, column: Column, action: str) -> Node:
        """Return where it matters what the conditions of a change say: where anything can hold."""
        if change.what in {GIVEN, WITHHELD}:
            return column.region
        side = NEW_SIDE if _EFFECTS[change.what].widens else OLD_SIDE
        return self._joined.satisfying_always_on_rules(side, change.scope, action, column.region)

    def _cover(self, scope: Scope) -> Covering:
        return self._found.coverings[scope]

    def _of(self, change: Change, side: int) -> tuple[Column, ...]:
        """Return the roles of one pack for a pair of types; `ANYBODY` where they cannot be told."""
        key = (side, change.scope)
        if key not in self._columns:
            try:
                with self._joined.trees.bounded(MOST_NODES):
                    self._columns[key] = tuple(self._roles(side, change.scope))
            except TooLargeError:
                self._columns[key] = ()
        return self._columns[key] or _EVERYBODY

    def _roles(self, side: int, scope: Scope) -> Iterator[Column]:
        trees, policy = self._joined.trees, self._joined.policies[side]
        held: dict[str, Node] = {}
        for key, name in self._probes.names.items():
            if key[:2] != scope or key not in self._probes.above[side]:
                continue
            action = next(iter(policy.schema.types[scope[1]].actions), "")
            root = policy.probes.get((name, *scope, action), FALSE)
            if root is None or not self._joined.is_comparable(side, root, scope):
                return
            held[key[2]] = trees.settle(self._joined.take(side, root, scope), FALSE)
        nobody = TRUE
        for role, region in held.items():
            alone = region
            for other in self._above(side, scope, role, held):
                alone = trees.choose(held[other], FALSE, alone)
            nobody = trees.choose(region, FALSE, nobody)
            yield Column(in_line(role), alone)
        if held:
            yield Column(NO_ROLE, nobody)

    def _above(self, side: int, scope: Scope, role: str, held: Mapping[str, Node]) -> Iterator[str]:
        """Yield the roles whose holders all have this one too, but not the other way round."""
        regions = self._cover(scope).regions
        written = self._probes.above[side]
        for other in held:
            if other == role or role in written[*scope, other]:
                continue
            if other in written[*scope, role] or (
                regions.is_empty(held[other], regions.outside(held[role]))
                and not regions.is_empty(held[role], regions.outside(held[other]))
            ):
                yield other
