"""Explores each question that can be put to a pack, and joins what its clauses answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from msgspec import structs

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.bundle.model import EntryRow
from sidecar.compiler.explorer import Explorer
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.program import Clause, Program
from sidecar.compiler.query_trees import Action, Asked
from sidecar.compiler.symbols import Unexplorable
from sidecar.compiler.variable_order import small_order
from sidecar.diagram.diagram import MAXIMUM_NODES, TooLargeError
from sidecar.diagram.nodes import FALSE, Node, Test
from sidecar.diagram.path_types import with_default
from sidecar.diagram.paths import operands_of
from sidecar.errors import Problem
from sidecar.polar.checks import ENTRY_POINTS
from sidecar.schema.model import Schema

LARGE = 5_000
"""Nodes of a pair of types in the order in which Oso asks; with more another order is tried."""

_UNDECLARED: Action = (UNDECLARED_ACTION, {})


def requests(schema: Schema) -> Iterator[Asked]:
    """Yield each kind of request: types of subject and resource, and an action.

    The action that nobody declares stands for all that the resource's type does not have.
    """
    for subject in schema.subjects():
        for resource, declared in schema.types.items():
            for name, action in declared.actions.items():
                yield Asked(subject, resource, (name, action.properties))
            yield Asked(subject, resource, _UNDECLARED)


@dataclass(slots=True)
class EntryCompiler:
    """Asks all that can be asked of a pack, and joins what each clause says."""

    explorer: Explorer
    roots: list[Node] = field(default_factory=list)
    _put: list[tuple[Clause, Asked, str]] = field(default_factory=list)
    """What is put to Oso at request time: a clause, for which request, and why."""
    _coded: dict[tuple[str, str, str], Collection[str]] = field(default_factory=dict)

    @property
    def uncompiled(self) -> list[tuple[str, int, str, str, str, str, str]]:
        """Return each clause that is put to Oso at request time, as a row of `Uncompiled`."""
        return [
            (clause.file, clause.line, clause.rule, *_names(asked), cause)
            for clause, asked, cause in self._put
        ]

    @property
    def notices(self) -> list[Problem]:
        """What is put to Oso at request time: one notice for each cause."""
        causes: dict[str, list[tuple[Clause, Asked]]] = {}
        for clause, asked, cause in self._put:
            causes.setdefault(cause, []).append((clause, asked))
        found = []
        for cause, uses in causes.items():
            actions: dict[str, dict[str, None]] = {}
            for _, asked in uses:
                actions.setdefault(asked.resource, {})[asked.action[0]] = None
            where = ", ".join(
                f"{', '.join(f'`{name}`' for name in names)} on a `{resource}`"
                for resource, names in actions.items()
            )
            rules = list(dict.fromkeys(f"`{clause.rule}`" for clause, _ in uses))
            what = f"{' and '.join(rules)} {'is' if len(rules) == 1 else 'are'}"
            message = f"{what} put to Oso at request time for {where}: {cause}"
            found.append(Problem(uses[0][0].file, uses[0][0].line, message))
        return found

    def entries(self, pack: PackTexts) -> list[EntryRow]:
        """Explore all that is asked about each kind of request."""
        of_pairs = groupby(requests(pack.schema), key=lambda each: (each.subject, each.resource))
        return [entry for _, asked in of_pairs for entry in self._pair(list(asked))]

    def _pair(self, asked: Sequence[Asked]) -> list[EntryRow]:
        """Explore all requests of one pair of types, whose tests have an order of their own.

        It is that in which Oso asks, which reads well; another where that takes many nodes; and
        the first again where the other one is no better.
        """
        found = self._within(LARGE, asked)
        if found is None:
            for test in self._small_order(asked):
                self.explorer.trees.index_of(test)
            found = self._within(MAXIMUM_NODES, asked)
        return [self.entry(each) for each in asked] if found is None else found

    def _within(self, nodes: int, asked: Sequence[Asked]) -> list[EntryRow] | None:
        """Explore requests of one pair; None, and nothing is kept, where it takes more nodes."""
        explorer, trees = self.explorer, self.explorer.trees
        roots, put, unsettled = len(self.roots), len(self._put), set(explorer.unsettled)
        trees.is_full = False
        with trees.bounded(min(nodes, MAXIMUM_NODES - trees.size)):
            found = [self.entry(each) for each in asked]
        if not trees.is_full:
            return found
        del self.roots[roots:], self._put[put:]
        explorer.unsettled = unsettled
        explorer.forget(asked[0])
        trees.forget_order()
        return None

    def _small_order(self, asked: Sequence[Asked]) -> list[Test]:
        calls = [
            ((rule, operands_of(code)), each)
            for each in asked
            for rule in ENTRY_POINTS
            for code in ([None] if rule == "allow" else self._codes(rule, each))
        ]
        return small_order(self.explorer, calls)

    def entry(self, asked: Asked) -> EntryRow:
        """Explore all that is asked about one kind of request."""
        granted = self._question("allow", None, asked, grants=True)
        coded = []
        for rule in ("forbid", "oblige"):
            roots = {code: self._question(rule, code, asked) for code in self._codes(rule, asked)}
            coded.append({code: root for code, root in roots.items() if root is not FALSE})
        allowed = self._allowed(granted, coded[0].values(), asked)
        forbids, obliges = (
            {code: _number(root) for code, root in roots.items()} for roots in coded
        )
        return EntryRow(*_names(asked), _number(granted), forbids, obliges, _number(allowed))

    def foreign(self, schema: Schema, entries: Sequence[EntryRow]) -> Iterator[EntryRow]:
        """Explore the prohibitions for actions that only other types declare.

        Such a request is denied in any case, but all reasons are told. An action that no rule
        names is like one that nobody declares, so most need nothing of their own.
        """
        bases = [each for each in entries if each.action == UNDECLARED_ACTION]
        strings = Strings(self.explorer.program)
        actions = dict.fromkeys(name for each in schema.types.values() for name in each.actions)
        for base in bases:
            declared = schema.types[base.resource].actions
            undeclared = Asked(base.subject, base.resource, _UNDECLARED)
            named = {
                code: strings.of(self._clauses("forbid", code, undeclared))
                for code in self._codes("forbid", undeclared)
            }
            mentioned = frozenset().union(*named.values())
            for name in actions:
                if name in declared or name not in mentioned:
                    continue
                asked = Asked(base.subject, base.resource, (name, {}))
                roots = {
                    code: _number(self._question("forbid", code, asked))
                    if name in named[code]
                    else base.forbids.get(code, FALSE.number)
                    for code in named
                }
                forbids = {code: root for code, root in roots.items() if root != FALSE.number}
                if forbids != base.forbids:
                    yield structs.replace(base, action=name, forbids=forbids)

    def probe(self, name: str, asked: Asked) -> tuple[str, str, str, str, int | None] | None:
        """Explore a rule of a reviewer's for one kind of request; None where it is not for it."""
        if not self.explorer.matching(name, operands_of(None), asked):
            return None
        root = self._question(name, None, asked)
        return (name, *_names(asked), _number(root))

    def _assume_defaults(self, node: Node, asked: Asked) -> Node:
        """Return a tree of what is granted: there a fact with a default is present."""
        trees, scope = self.explorer.trees, (asked.subject, asked.resource)
        trees.scope = scope
        schema = self.explorer.names.schema
        return trees.assume_present(node, with_default(schema, scope, asked.action[0]))

    def _allowed(
        self, granted: Node | None, forbids: Iterable[Node | None], asked: Asked
    ) -> Node | None:
        """Return one tree for granted and not forbidden.

        None where a rule can fail, so that each has to be looked at, or where it gets too large.
        """
        trees = self.explorer.trees
        if granted is None or trees.can_fail(granted):
            return None
        allowed = granted
        try:
            for forbid in forbids:
                if forbid is None or trees.can_fail(forbid):
                    return None
                allowed = trees.choose(forbid, FALSE, allowed)
            allowed = self._assume_defaults(allowed, asked)
        except TooLargeError:
            return None
        self.roots.append(allowed)
        return allowed

    def _clauses(self, rule: str, code: str | None, asked: Asked) -> Sequence[Clause]:
        return self.explorer.matching(rule, operands_of(code), asked)

    def _codes(self, rule: str, asked: Asked) -> Collection[str]:
        """Return the reasons or obligations that a rule has for a pair of types."""
        key = (rule, asked.subject, asked.resource)
        if key not in self._coded:
            declared = self.explorer.program.clauses.get((rule, ENTRY_POINTS[rule]), ())
            codes = dict.fromkeys(str(clause.literals[-1]) for clause in declared)
            self._coded[key] = [code for code in codes if self._clauses(rule, code, asked)]
        return self._coded[key]

    def _question(
        self, rule: str, code: str | None, asked: Asked, *, grants: bool = False
    ) -> Node | None:
        """Return the root of the clauses' joined tree; None where one cannot be explored."""
        node, operands = FALSE, operands_of(code)
        clauses = self._clauses(rule, code, asked)
        for place, clause in enumerate(clauses):
            try:
                found = self.explorer.entry(clause, operands, asked)
                found = self._assume_defaults(found, asked) if grants else found
                node = self.explorer.trees.either(node, found)
            except (Unexplorable, TooLargeError) as error:
                self._put.append((clause, asked, str(error)))
                self.explorer.give_up(clauses[place + 1 :])
                return None
        self.roots.append(node)
        return node


class Strings:
    """The strings that clauses name, themselves or in the rules that they call."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._rules = {rule: _Named() for rule, _ in program.clauses}
        self._clauses: dict[int, _Named] = {}
        for (rule, _), clauses in program.clauses.items():
            for clause in clauses:
                found = self._clauses[clause.number] = self._named(clause)
                self._rules[rule].strings |= found.strings
                self._rules[rule].calls |= found.calls

    def of(self, clauses: Sequence[Clause]) -> frozenset[str]:
        """Return the strings of clauses, and of the rules that they call."""
        strings: set[str] = set()
        seen: set[str] = set()
        waiting = [self._clauses[clause.number] for clause in clauses]
        while waiting:
            named = waiting.pop()
            strings |= named.strings
            waiting += (self._rules[rule] for rule in named.calls - seen)
            seen |= named.calls
        return frozenset(strings)

    def _named(self, clause: Clause) -> _Named:
        return _Named(set(clause.strings), set(self._program.called_by(clause)))


@dataclass(slots=True)
class _Named:
    strings: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)


def _names(asked: Asked) -> tuple[str, str, str]:
    return asked.subject, asked.resource, asked.action[0]


def _number(root: Node | None) -> int | None:
    return None if root is None else root.number
