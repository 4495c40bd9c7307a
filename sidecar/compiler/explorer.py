"""Joins what Oso answers about single clauses into the diagrams of rules and entry points.

Rules that a clause calls are yes/no questions in its query tree (`query_trees`); their diagrams are
made once, on their own, and joined afterwards (`Trees.choose`). Without that, sizes multiply.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sidecar.compiler.action_use import ActionUse
from sidecar.compiler.oso import LoadedPolicy
from sidecar.compiler.program import Clause, Program
from sidecar.compiler.query_trees import (
    Asked,
    Branching,
    Earlier,
    HasValue,
    Outcome,
    QueryTrees,
    TreeQuestion,
)
from sidecar.compiler.selection import operand_types
from sidecar.compiler.symbols import Unexplorable
from sidecar.diagram.diagram import TooLargeError, Trees
from sidecar.diagram.nodes import FALSE, FAULT, Node
from sidecar.diagram.path_types import PathTypes, paths_of
from sidecar.diagram.paths import Operand
from sidecar.diagram.questions import Answer, Question, RuleHolds, ValueOf
from sidecar.errors import PolicyFault, Problem
from sidecar.polar.names import Names
from sidecar.schema.model import Value

Key = tuple[Any, ...]
"""``clause`` with its number or ``rule`` with its name, the operands, the types of subject and
resource, and the action where the diagram depends on it."""
Found = tuple[Node, ActionUse] | Unexplorable
"""A diagram, and how it depends on the action."""
Call = tuple[str, tuple[Operand, ...]]
"""A rule, and what it is called with."""


class Explorer:
    """Explores a loaded program. Everything that is found is kept, so nothing is explored twice."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that results depend on, none of it kept elsewhere
        self,
        names: Names,
        settings: Mapping[str, Value],
        program: Program,
        loaded: LoadedPolicy,
        deadline: float,
        trees: Trees | None = None,
        earlier: Earlier | None = None,
    ) -> None:
        """Prepare to explore.

        Args:
            names: What the schema declares.
            settings: The settings of the pack.
            program: The clauses.
            loaded: The same in an Oso.
            deadline: `time.monotonic()` after which nothing more is explored.
            trees: Diagrams of another text of the policy, which equal ones of this text share.
            earlier: Query trees of another text of the policy.
        """
        self.names = names
        self.program = program
        self.trees = Trees() if trees is None else trees
        self.asking = QueryTrees(names, settings, program, loaded, deadline, self._report, earlier)
        self.problems: dict[tuple[str, int, str], Problem] = {}
        """Faults of the policy, each once."""
        self.found: dict[Key, Found] = {}
        self.calls: dict[Call, tuple[str, str]] = {}
        """Calls of rules, with the types of subject and resource for which each was met first."""
        self.unsettled: set[int] = set()
        """Clauses that were not explored, since another one of their question could not be."""
        self.through: set[str] = set()
        """Rules through whose clauses Oso went itself, so that these were not asked alone."""
        self._alike: dict[Key, list[tuple[Node, ActionUse]]] = {}
        """By keys without an action: what holds for all actions that look alike."""
        self._open: set[Key] = set()
        self._paths: dict[tuple[str, str], PathTypes] = {}

    def matching(self, rule: str, operands: tuple[Operand, ...], asked: Asked) -> Sequence[Clause]:
        """Return the clauses that may hold for a call, and note the call."""
        scope = (asked.subject, asked.resource)
        self.calls.setdefault((rule, operands), scope)
        if scope not in self._paths:
            self._paths[scope] = paths_of(self.names.schema, *scope)
        types = operand_types(self._paths[scope], operands)
        return self.program.matching(rule, operands, types)

    def forget(self, asked: Asked) -> None:
        """Forget the diagrams of a pair of types, but not what Oso answered about clauses."""
        scope = (asked.subject, asked.resource)
        for kept in (self.found, self._alike):
            for key in [key for key in kept if key[3:5] == scope]:
                del kept[key]

    def give_up(self, clauses: Iterable[Clause]) -> None:
        """Note that a question is put to Oso at request time: its clauses may well hold."""
        self.unsettled.update(clause.number for clause in clauses)

    def passed_over(self) -> Iterator[tuple[Clause, Call, tuple[str, str]]]:
        """Yield the clauses whose rule was called, but never with entities of their types.

        Each comes with the first of these calls and the types of subject and resource then.
        """
        known = self.clauses() | self.unsettled
        for call, scope in self.calls.items():
            rule, operands = call
            for clause in self.program.matching(rule, operands, (None,) * len(operands)):
                if clause.number not in known:
                    known.add(clause.number)
                    yield clause, call, scope

    def clauses(self, *, alive: bool = False) -> set[object]:
        """Return the numbers of the clauses that were explored, or of those that may hold."""
        return {
            key[1]
            for key, found in self.found.items()
            if key[0] == "clause"
            and (not alive or isinstance(found, Unexplorable) or found[0] is not FALSE)
        }

    def entry(self, clause: Clause, operands: tuple[Operand, ...], asked: Asked) -> Node:
        """Return the diagram of one clause of `allow`, `forbid` or `oblige`.

        Raises:
            Unexplorable: Where it has to be put to Oso at request time.
        """
        self.trees.scope = (asked.subject, asked.resource)
        return self._clause(clause, operands, asked)[0]

    def body(self, clause: Clause, operands: tuple[Operand, ...], asked: Asked) -> Node | None:
        """Return the diagram of an explored clause that tests whether the rules it calls hold.

        None where it is too large.
        """
        self.trees.scope = (asked.subject, asked.resource)
        try:
            return self._body(self.asking.tree(clause, operands, asked).root)
        except Unexplorable:
            return None

    def _body(self, outcome: Outcome) -> Node:
        if not isinstance(outcome, Branching):
            return FAULT if outcome is None else self.trees.leaf(outcome)
        return self._branch(outcome, {a: self._body(below) for a, below in outcome.branches})

    def explored(self) -> Iterator[tuple[Key, Node | None]]:
        """Yield the diagram of each rule and each clause; None where it could not be explored.

        Of a clause that only calls with entities of other types were for, one of these calls
        stands for all.
        """
        for key, found in self.found.items():
            yield key, None if isinstance(found, Unexplorable) else found[0]
        for clause, (_, operands), scope in self.passed_over():
            yield ("clause", clause.number, operands, *scope), FALSE

    def _rule(
        self, rule: str, operands: tuple[Operand, ...], asked: Asked
    ) -> tuple[Node, ActionUse]:
        def explore(use: ActionUse) -> Node:
            node = FALSE
            for clause in self.matching(rule.rpartition("__")[0], operands, asked):
                found, used = self._clause(clause, operands, asked)
                use.add(used)
                node = _joined(partial(self.trees.either, node, found))
            return node

        return self._remembered(("rule", rule, operands), asked, explore)

    def _clause(
        self, clause: Clause, operands: tuple[Operand, ...], asked: Asked
    ) -> tuple[Node, ActionUse]:
        def explore(use: ActionUse) -> Node:
            tree = self.asking.tree(clause, operands, asked)
            self.through |= tree.through
            use.add(tree.use)
            return self._join(tree.root, clause, asked, use)

        return self._remembered(("clause", clause.number, operands), asked, explore)

    def _remembered(
        self, key: Key, asked: Asked, explore: Callable[[ActionUse], Node]
    ) -> tuple[Node, ActionUse]:
        """Explore once for a kind of request; for every action that looks alike."""
        anywhere = (*key, asked.subject, asked.resource)
        here = (*anywhere, action := asked.action[0])
        known = self.found.get(here, self.found.get(anywhere))
        if known is None:
            for alike in self._alike.get(anywhere, ()):
                if alike[1].compares_alike(action):
                    known = self.found[here] = alike
        if known is None:
            known = self._explored(anywhere, here, explore)
        if isinstance(known, Unexplorable):
            raise known
        return known

    def _explored(self, anywhere: Key, here: Key, explore: Callable[[ActionUse], Node]) -> Found:
        if here in self._open:
            raise PolicyFault("the rule calls itself with the same arguments, and never ends")
        self._open.add(here)
        use = ActionUse()
        found: Found
        try:
            found = node, _ = explore(use), use
            if use and not (use.is_whole or use.is_passed):
                self._alike.setdefault(anywhere, []).append((node, use))
        except Unexplorable as error:
            found = error
            use.is_whole = True
        finally:
            self._open.discard(here)
        self.found[here if use else anywhere] = found
        return found

    def _join(self, outcome: Outcome, clause: Clause, asked: Asked, use: ActionUse) -> Node:
        """Return the diagram of a query tree, those of the rules that it calls in their places."""
        if not isinstance(outcome, Branching):
            return FAULT if outcome is None else self.trees.leaf(outcome)
        question = outcome.question
        if isinstance(question, RuleHolds):
            try:
                called, used = self._rule(question.name, question.operands, asked)
            except PolicyFault as fault:
                self._report(clause, asked, fault)
                return FAULT
            use.add(used)
            branches = {a: self._join(below, clause, asked, use) for a, below in outcome.branches}
            return _joined(partial(self.trees.choose, called, branches[True], branches[False]))
        self.trees.meet(_tested(question), outcome.labels)
        branches = {a: self._join(below, clause, asked, use) for a, below in outcome.branches}
        return self._branch(outcome, branches)

    def _branch(self, outcome: Branching, branches: dict[Answer, Node]) -> Node:
        """Return the diagram that tests a fact and goes on in one of these branches."""
        question, labels = outcome.question, outcome.labels
        if isinstance(question, HasValue):
            branches = {label: branches[label == question.value] for label in labels}
        elif isinstance(question, ValueOf):
            # Values that the path has ruled out: the same test above never leads here for them.
            branches = {label: branches.get(label, FALSE) for label in labels}
        return _joined(partial(self.trees.branch, _tested(question), branches))

    def _report(self, clause: Clause, asked: Asked, fault: PolicyFault) -> None:
        """Keep a fault with its place. The same one met for another action is the same problem."""
        place = (clause.file, clause.line_of(fault.word))
        message = f"{fault} (asked for a `{asked.resource}`)"
        self.problems.setdefault((*place, str(fault)), Problem(*place, message))


def _tested(question: TreeQuestion) -> Question:
    return ValueOf(question.path) if isinstance(question, HasValue) else question


def _joined(join: Callable[[], Node]) -> Node:
    try:
        return join()
    except TooLargeError as error:
        raise Unexplorable(str(error)) from error


def gone_through(explorer: Explorer) -> frozenset[str]:
    """Return the rules of which not all was explored on its own.

    They were called with what was not known yet; or something that calls them is put to Oso at
    request time, which may call them with anything.
    """
    failed = [key for key, found in explorer.found.items() if isinstance(found, Unexplorable)]
    clauses = {key[1] for key in failed if key[0] == "clause"}
    waiting = {str(key[1]).rpartition("__")[0] for key in failed if key[0] == "rule"}
    calls: dict[str, Collection[str]] = {}
    for (rule, _), every in explorer.program.clauses.items():
        called = [explorer.program.called_by(clause) for clause in every]
        calls[rule] = frozenset(calls.get(rule, ())).union(*called)
        for clause, names in zip(every, called, strict=True):
            if clause.number in clauses:
                waiting |= names
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting |= set(calls.get(name, ()))
    return frozenset(explorer.through | reached)
