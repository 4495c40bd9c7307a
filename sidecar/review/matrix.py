"""The matrix of a pack: what each role may do with each type of resource, and when.

A column is a role that somebody has, and none that brings it along; the last one is whoever has
no role. A cell holds in every state, in none, or under conditions, which a legend tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from sidecar.compiler.pack import read_texts
from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.engine.policy import Policy
from sidecar.review.aligned_diagrams import Joined, Scope, UncompiledError
from sidecar.review.condition_cover import MOST_NODES, Covering, UnlistableError
from sidecar.review.pack_revisions import PackPlace
from sidecar.review.roles import Roles, roles_of
from sidecar.schema.messages import in_line, quoted

NO_ROLE, ANYBODY = "no role", "anybody"
Clauses = tuple[tuple[str, ...], ...]
"""In words: one of these, and of each all clauses."""
YES: Clauses = ((),)
NO: Clauses = ()


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Conditions that cannot be listed, and why."""

    why: str


Cell = Clauses | Unlisted | None
"""When an action is allowed in a column; None where Oso is asked at request time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The matrix of one type of subject and one type of resource."""

    subject: str
    resource: str
    columns: tuple[str, ...]
    """Roles, quoted where their names need it, then `NO_ROLE`; or `ANYBODY` alone where there are
    no roles."""
    above: tuple[tuple[str, ...], ...]
    """For each column the roles that bring it along: whoever has one of them is not in it."""
    held: tuple[Clauses | Unlisted, ...]
    """When somebody is in each column who has no role above it."""
    cells: dict[str, tuple[Cell, ...]]
    """Action to when it is allowed in each column."""

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Sentences about what of the sheet could not be listed."""
        of_columns = [
            f"when somebody is `{column}` of a `{self.resource}`: {held.why}"
            for column, held in zip(self.columns, self.held, strict=True)
            if isinstance(held, Unlisted)
        ]
        of_cells = [
            f"`{action}` on a `{self.resource}` for {column}: {cell.why}"
            for action, cells in self.cells.items()
            for column, cell in zip(self.columns, cells, strict=True)
            if isinstance(cell, Unlisted)
        ]
        return (*of_columns, *of_cells)


def matrix(place: PackPlace) -> tuple[Sheet, ...]:
    """Return the matrix of a pack, a sheet for each pair of types.

    Raises:
        InvalidPackError: The pack cannot be used.
    """
    pack, _ = read_texts(place.policies, place.fixtures)
    roles = roles_of(pack.texts, pack.schema)
    probes: dict[tuple[str, str, str], str] = {}
    files: dict[str, str] = {}
    for resource, declared in roles.items():
        for subject in pack.schema.subjects():
            types = (pack.schema.types[subject].polar, pack.schema.types[resource].polar)
            for each in declared:
                for role in each.names:
                    name = probes.setdefault((subject, resource, role), f"column_{len(probes)}")
                    rule = each.rules(name, role, *types)
                    files[f"{name}.polar"] = files.get(f"{name}.polar", "") + rule + "\n"
    joined = Joined(place.load_with(files, probes.values()))
    return tuple(
        _Drawing(joined, (subject, resource), probes).sheet(roles.get(resource, ()))
        for subject in pack.schema.subjects()
        for resource, declared in pack.schema.types.items()
        if declared.actions
    )


@dataclass(frozen=True, slots=True)
class _Column:
    held: Node = TRUE
    """Where somebody has the role."""
    beside: Node = TRUE
    """Where they have none of the roles above."""
    above: tuple[str, ...] = ()


class _Drawing:
    def __init__(
        self, joined: Joined, scope: Scope, probes: dict[tuple[str, str, str], str]
    ) -> None:
        self._joined = joined
        self._policy: Policy = joined.policies[0]
        self._scope = scope
        self._probes = probes
        self._covering = Covering(joined, scope)
        self._rows: dict[tuple[int, int], Clauses] = {}
        """What was drawn, by where an action is allowed and by the column."""
        self._listed: dict[str, list[tuple[Node, Clauses]]] = {}
        """For each action the conditions of its cells: as a region, and in words."""

    def sheet(self, declared: tuple[Roles, ...]) -> Sheet:
        """Draw one sheet."""
        columns = {ANYBODY: _Column()}
        too_large = ""
        try:
            with self._joined.trees.bounded(MOST_NODES):
                columns = dict(self._columns(declared)) or columns
        except TooLargeError as error:
            too_large = str(error)
        relations = [each.relation for each in declared if each.relation]
        return Sheet(
            subject=self._scope[0],
            resource=self._scope[1],
            columns=tuple(columns),
            above=tuple(column.above for column in columns.values()),
            held=(Unlisted(too_large),)
            if too_large
            else tuple(self._held(*column, relations) for column in columns.items()),
            cells={
                action: tuple(self._cell(action, column) for column in columns.values())
                for action in self._joined.schema.types[self._scope[1]].actions
            },
        )

    def _held(self, name: str, column: _Column, relations: list[str]) -> Clauses | Unlisted:
        """Return in words when somebody is in a column; another sheet tells of a relation's."""
        if name in {NO_ROLE, ANYBODY}:
            return YES
        if relations:
            return tuple((f"{self._scope[0]} has this role in the {each}",) for each in relations)
        try:
            conditions = self._covering.cover(column.held, column.beside)
            return tuple(map(self._covering.words, conditions))
        except UnlistableError as error:
            return Unlisted(str(error))

    def _columns(self, declared: tuple[Roles, ...]) -> Iterator[tuple[str, _Column]]:
        trees = self._joined.trees
        held: dict[str, Node] = {}
        above: dict[str, frozenset[str]] = {}
        for each in declared:
            for role in each.names:
                name = self._probes[(*self._scope, role)]
                root = self._policy.probes.get((name, *self._scope, self._any_action()), FALSE)
                if root is None:  # put to Oso: nobody can say when it is held
                    return
                # Whoever is only said to have it where the rule fails is denied what follows of it.
                node = trees.settle(self._joined.take(0, root, self._scope), FALSE)
                held[role] = trees.either(held.get(role, FALSE), node)
                above[role] = above.get(role, frozenset()) | each.above(role)
        names = {role: quoted(role) if role == ANYBODY else in_line(role) for role in held}
        nobody = TRUE
        for role, region in held.items():
            beside = TRUE
            for other in above[role]:
                beside = trees.choose(held[other], FALSE, beside)
            nobody = trees.choose(region, FALSE, nobody)
            higher = tuple(names[other] for other in held if other in above[role])
            yield names[role], _Column(region, beside, higher)
        if held:
            yield NO_ROLE, _Column(nobody)

    def _any_action(self) -> str:
        return next(iter(self._joined.schema.types[self._scope[1]].actions))

    def _cell(self, action: str, column: _Column) -> Cell:
        try:
            with self._joined.trees.bounded(MOST_NODES):
                return self._allowed(action, column)
        except UncompiledError:
            return None
        except (TooLargeError, UnlistableError) as error:
            return Unlisted(str(error))

    def _allowed(self, action: str, column: _Column) -> Clauses:
        allowed = self._joined.allowed(0, self._scope, action)
        inside = self._joined.trees.choose(column.beside, column.held, FALSE)
        care = self._joined.satisfying_always_on_rules(0, self._scope, action, inside)
        key = (allowed.number, care.number)
        if key not in self._rows:
            self._rows[key] = self._clauses(action, allowed, care)
        return self._rows[key]

    def _clauses(self, action: str, allowed: Node, care: Node) -> Clauses:
        regions = self._covering.regions
        if regions.is_empty(care, allowed):
            return NO
        if regions.is_empty(care, regions.outside(allowed)):
            return YES
        return self._alike(action, allowed, care)

    def _alike(self, action: str, allowed: Node, care: Node) -> Clauses:
        """Return the conditions of an earlier cell where they say the same of this one."""
        regions, own = self._covering.regions, self._listed.setdefault(action, [])
        others = (listed for name, listed in self._listed.items() if name != action)
        for region, clauses in chain(own, *others):
            lacks = regions.is_empty(care, allowed, regions.outside(region))
            if lacks and regions.is_empty(care, region, regions.outside(allowed)):
                return clauses
        conditions = self._covering.cover(allowed, care)
        region = FALSE
        for condition in conditions:
            region = self._joined.trees.either(region, self._covering.region(condition))
        clauses = tuple(map(self._covering.words, conditions))
        own.append((region, clauses))
        return clauses
