"""The matrix of a pack: what each role gives on each type of resource, and when.

A column is a role, for whoever has it directly; the last one is whoever has no role. A cell holds
in every state, in none, or under conditions, which speak of roles, helper rules and reasons by
name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from sidecar.compiler.pack import read_texts
from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.diagram.path_text import show
from sidecar.diagram.path_types import paths_of
from sidecar.diagram.paths import Operand, operands_of
from sidecar.diagram.questions import Question
from sidecar.engine.policy import Policy
from sidecar.review.aligned_diagrams import Joined, Scope
from sidecar.review.clauses import Clause, texts_of
from sidecar.review.condition_cover import MOST_NODES, Covering, Listing
from sidecar.review.named_rules import (
    DATA_ERROR,
    NOW,
    OBLIGATION,
    REASON,
    ROLE,
    RULE,
    Name,
    NamedRules,
    RoleOn,
    UnnamedError,
)
from sidecar.review.pack_revisions import PackPlace
from sidecar.review.phrases import none_of
from sidecar.review.role_columns import Column, Shares, columns, roles_on
from sidecar.review.roles import Roles, roles_of
from sidecar.review.rule_changes import Alternatives
from sidecar.schema.messages import in_line, quoted

NO_ROLE, ANYBODY = "no role", "anybody"
ALWAYS, NEVER, SOMETIMES, SAME = "always", "never", "sometimes", "as without a role"
UNKNOWN, UNLISTED = "unknown", "not listed"
EVERYTHING = (ROLE, RULE, REASON, OBLIGATION)
"""Kinds of rules that conditions call by their names."""


@dataclass(frozen=True, slots=True)
class Cell:
    """When an action is allowed in a column."""

    allowed: str
    """`ALWAYS`, `NEVER`, `SOMETIMES`; `SAME` of a role that adds nothing to what holds without it;
    `UNKNOWN` where Oso is asked at request time; `UNLISTED`."""
    when: Alternatives = ()
    """One of these has to apply; an alternative without a clause always does."""
    unless: tuple[str, ...] = ()
    """Reasons, none of which may hold."""
    why: str = ""
    """Why conditions are not listed."""

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """All conditions as texts: one of these applies, and of it everything holds."""
        unless = (none_of([f"`{code}`" for code in self.unless]),) if self.unless else ()
        return tuple((*each, *unless) for each in texts_of(self.when))


@dataclass(frozen=True, slots=True)
class Heading:
    """A column, and who is in it."""

    name: str
    """A role, quoted where its name needs it; `NO_ROLE`, or `ANYBODY` where there are no roles."""
    brings: tuple[str, ...] = ()
    """The roles that it brings along."""
    relations: tuple[str, ...] = ()
    """To what it is a role on, where that is not the resource; another sheet tells who has it."""
    held: Alternatives = ()
    """When somebody has the role directly."""
    unlisted: str = ""
    """Why that is not listed."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A name that conditions use, with its own conditions."""

    title: str
    kind: str
    actions: tuple[str, ...]
    """Of a reason or an obligation, or of a rule that looks at the action."""
    when: Alternatives
    unlisted: str
    types: tuple[str, ...] = ()
    """Of a rule the types of what it is called with: for these it is explained once."""

    @property
    def key(self) -> tuple[object, ...]:
        """The same for what is explained once."""
        name = self.title.partition("(")[0]
        return (name, self.types) if self.types else (self.title, self.kind, self.when)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The matrix of one type of subject and one type of resource."""

    subject: str
    resource: str
    columns: tuple[Heading, ...]
    cells: dict[str, tuple[Cell, ...]]
    """Action to when it is allowed in each column."""
    together: dict[str, tuple[Alternatives, Alternatives]]
    """Action to when several roles give more than each of them, and when less; mostly empty."""
    explained: tuple[Explained, ...]
    """The names that conditions use; a role on another type is told on the sheet of that type."""

    def all_told(self, action: str) -> tuple[Cell, ...]:
        """Return the cells of an action, each with its own conditions instead of `SAME`."""
        *_, without = cells = self.cells[action]
        return tuple(without if cell.allowed == SAME else cell for cell in cells)

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Sentences about what of the sheet could not be listed."""
        of_columns = [
            f"when somebody is `{column.name}` of a `{self.resource}`: {column.unlisted}"
            for column in self.columns
            if column.unlisted
        ]
        of_cells = [
            f"`{action}` on a `{self.resource}` for {column.name}: {cell.why}"
            for action, cells in self.cells.items()
            for column, cell in zip(self.columns, cells, strict=True)
            if cell.allowed == UNLISTED
        ]
        of_names = [
            f"`{each.title.strip('`')}` for a `{self.resource}`: {each.unlisted}"
            for each in self.explained
            if each.unlisted
        ]
        return (*of_columns, *of_cells, *of_names)


def matrix(place: PackPlace) -> tuple[Sheet, ...]:
    """Return the matrix of a pack, a sheet for each pair of types.

    Raises:
        InvalidPackError: The pack cannot be used.
    """
    return drawn(place, EVERYTHING)[1]


def drawn(
    place: PackPlace, kinds: Collection[str], order: Callable[[Question], bytes] | None = None
) -> tuple[Policy, tuple[Sheet, ...]]:
    """Return a pack and its matrix.

    Args:
        place: Where the pack stands.
        kinds: The kinds of rules that conditions call by their names.
        order: As of `Joined`.

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
    policy = place.load_with(files, probes.values())
    joined = Joined(policy, order=order)
    sheets = tuple(
        Drawing(joined, (subject, resource), roles.get(resource, ()), probes, kinds).sheet()
        for subject in pack.schema.subjects()
        for resource, declared in pack.schema.types.items()
        if declared.actions
    )
    policy.interpreter.close()
    return policy, sheets


@dataclass(slots=True)
class Drawing:
    """Draws one sheet."""

    joined: Joined
    scope: Scope
    declared: tuple[Roles, ...]
    probes: dict[tuple[str, str, str], str]
    kinds: Collection[str]
    covering: Covering = field(init=False)
    _told: dict[tuple[int, int], Listing] = field(default_factory=dict)
    _names: dict[tuple[object, ...], Name] = field(default_factory=dict)
    """What conditions speak of, to be explained."""

    def sheet(self) -> Sheet:
        """Draw the sheet."""
        on: dict[RoleOn, Roles] = {}
        with suppress(UnnamedError):
            on = roles_on(self.joined, self.scope, self.declared, self.probes)
        rules = NamedRules(self.joined, self.scope, self.kinds, on)
        self.covering = Covering(self.joined, self.scope, rules)
        found: tuple[Column, ...] = ()
        unlisted = ""
        try:
            with self.joined.trees.bounded(MOST_NODES):
                found = tuple(columns(self.joined, rules, on))
        except (TooLargeError, UnnamedError) as error:
            unlisted = str(error)
        shares = Shares(self.joined, rules, found)
        last = Heading(NO_ROLE if found else ANYBODY, unlisted=unlisted)
        headings = [*map(self._heading, found), last]
        actions = self.joined.schema.types[self.scope[1]].actions
        cells, together = {}, {}
        for action in actions:
            cells[action] = tuple(self._cells(action, shares, found))
            if several := self._together(action, shares, found):
                together[action] = several
            self._note(action, self._coded(action))
        return Sheet(
            subject=self.scope[0],
            resource=self.scope[1],
            columns=tuple(headings),
            cells=cells,
            together=together,
            explained=tuple(self._explained()),
        )

    def _heading(self, column: Column) -> Heading:
        name = quoted(column.role) if column.role == ANYBODY else in_line(column.role)
        relations = tuple(each.relation for each in self.declared if each.relation is not None)
        if relations:
            return Heading(name, column.brings, relations)
        listing = self._listing(column.words, TRUE)
        return Heading(name, column.brings, (), listing.clauses, listing.unlisted)

    def _cells(self, action: str, shares: Shares, found: tuple[Column, ...]) -> Iterator[Cell]:
        try:
            with self.joined.trees.bounded(MOST_NODES):
                granted = self._granted(action)
                reasons = list(self.covering.rules.reasons(0, action))
                nobody = shares.of(granted, None)
        except UnnamedError:
            yield from (Cell(UNKNOWN) for _ in (*found, None))
            return
        except TooLargeError as error:
            yield from (Cell(UNLISTED, why=str(error)) for _ in (*found, None))
            return
        for column in (*found, None):
            given = shares.of(granted, column)
            cell = self._cell(action, given, reasons, TRUE if column is None else column.held)
            is_same = column is not None and given is nobody and cell.allowed != NEVER
            yield Cell(SAME) if is_same else cell

    def _coded(self, action: str) -> Iterator[Name]:
        """Yield the reasons and obligations of an action, whether or not a cell speaks of them."""
        entry = self.joined.policies[0].entries[(*self.scope, action)]
        for kind, rule, roots in (
            (REASON, "forbid", entry.forbids),
            (OBLIGATION, "oblige", entry.obliges),
        ):
            for code, root in roots.items():
                if root is not None:
                    yield Name(kind, code, (), NOW, (), (rule, operands_of(code), action))

    def _granted(self, action: str) -> Node:
        granted = self.covering.rules.granted(0, action)
        return self.joined.granting(self.scope, action, granted)

    def _cell(self, action: str, given: Node, reasons: list[Node], held: Node) -> Cell:
        regions = self.covering.regions
        if regions.is_empty(held):  # nobody has the role alone, and it gives what it gives
            held = TRUE
        care = self.joined.satisfying_always_on_rules(0, self.scope, action, held)
        if regions.is_empty(care, given, *map(regions.outside, reasons)):
            return Cell(NEVER)
        listing = self._listing(given, care)
        if listing.unlisted:
            return Cell(UNLISTED, why=listing.unlisted)
        unless = [each for each in reasons if not regions.is_empty(care, given, each)]
        codes = tuple(sorted({self._name_of(each).rule for each in unless}))
        always = listing.clauses == ((),) and not codes
        return Cell(ALWAYS if always else SOMETIMES, listing.clauses, codes)

    def _name_of(self, test: Node) -> Name:
        """Return the name that a tree tests, which always holds where the tree is a leaf."""
        question = self.joined.trees.tests[test.test].question
        return self.covering.rules.names[question]  # type: ignore[index]  # it tests a name

    def _together(
        self, action: str, shares: Shares, found: tuple[Column, ...]
    ) -> tuple[Alternatives, Alternatives] | None:
        if not found:
            return None
        care = self.joined.satisfying_always_on_rules(0, self.scope, action, TRUE)
        try:
            with self.joined.trees.bounded(MOST_NODES):
                more, less = shares.together(self._granted(action))
        except (TooLargeError, UnnamedError):  # the cells say so
            return None
        told = tuple(self._listing(each, care).clauses for each in (more, less))
        return (told[0], told[1]) if any(told) else None

    def _listing(self, region: Node, care: Node) -> Listing:
        key = (region.number, care.number)
        if key not in self._told:
            listing = self._told[key] = self.covering.told(region, care)
            self._note(None, _names(listing.clauses))
        return self._told[key]

    def _note(self, action: str | None, names: Iterable[Name]) -> None:
        for name in names:
            of = name.call[2] if name.kind in {REASON, OBLIGATION} else None
            self._names.setdefault((*name.key, of or action), name)

    def _explained(self) -> Iterator[Explained]:
        """Yield the names that conditions use; of roles the columns of their sheet tell."""
        found: dict[tuple[object, ...], Explained] = {}
        met: set[tuple[object, ...]] = set()
        while len(met) < len(self._names):
            key, name = next(each for each in self._names.items() if each[0] not in met)
            met.add(key)
            if name.kind == ROLE or name.rule == DATA_ERROR:
                continue
            each = self._explain(name)
            if not each.when and not each.unlisted:  # it never holds
                continue
            known = found.setdefault(each.key, each)
            actions = tuple(dict.fromkeys((*known.actions, *each.actions)))
            found[each.key] = replace(known, actions=actions)
        yield from found.values()

    def _explain(self, name: Name) -> Explained:
        trees, action = self.joined.trees, name.call[2]
        care = TRUE
        if action:
            care = self.joined.satisfying_always_on_rules(0, self.scope, action, TRUE)
        try:
            with trees.bounded(MOST_NODES):
                body = self.covering.rules.words_of(0, name.call)
            listing = self._listing(self.joined.granting(self.scope, action or "", body), care)
        except (TooLargeError, UnnamedError) as error:
            listing = Listing((), (), (), str(error), FALSE)
        actions = (action,) if action and name.kind in {REASON, OBLIGATION} else ()
        title = self.covering.title(name)
        of = tuple(map(self._type, name.operands)) if name.kind == RULE else ()
        return Explained(title, name.kind, actions, listing.clauses, listing.unlisted, of)

    def _type(self, operand: Operand) -> str:
        entity = paths_of(self.joined.schema, *self.scope).entity_at(operand)
        return show(operand) if entity is None else entity.name


def _names(alternatives: Iterable[Iterable[Clause]]) -> Iterator[Name]:
    for clauses in alternatives:
        for clause in clauses:
            yield from clause.names
