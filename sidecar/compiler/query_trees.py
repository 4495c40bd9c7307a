"""What Oso answers about one clause: a tree of the questions that it asks, path by path.

One query follows one path: every look is answered from the path, and where the path has no answer
yet the tree branches, and the query goes on with the first answer. Further queries follow the
others. Rules that the clause calls are yes/no questions on its path. A tree depends on the text of
its clause alone, so it outlives an edit of all others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from msgspec import Struct, structs

from sidecar.compiler.action_use import ActionUse
from sidecar.compiler.operands import operands_of_call
from sidecar.compiler.oso import LoadedPolicy
from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.presence import Narrowing
from sidecar.compiler.program import Clause, Program
from sidecar.compiler.symbols import ActionName, TooDeep, Unexplorable
from sidecar.diagram.paths import RESOURCE, SUBJECT, Literal, Operand, Path, Term
from sidecar.diagram.questions import YES_NO, Answer, Equals, Question, RuleHolds, ValueOf
from sidecar.errors import PolicyFault
from sidecar.polar.names import Names
from sidecar.schema.model import Attribute, Value

MAXIMUM_PATHS = 10_000
"""Paths of one clause, each a query. Conditions of a real rule need fewer than a hundred."""

Action = tuple[str, Mapping[str, Attribute]]
"""Its name, and the properties that it declares."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a policy: subject type, resource type, and the action."""

    subject: str
    resource: str
    action: Action


class HasValue(Term, frozen=True, tag="has"):
    """Yes or no: has an enum this one of its values?"""

    path: Path
    value: str


TreeQuestion: TypeAlias = Question | HasValue


class Branching(Struct, frozen=True, array_like=True):
    """A question of Oso's, and what follows each answer."""

    question: TreeQuestion
    labels: tuple[Answer, ...]
    """All answers that the question can have; of an enum all its values."""
    branches: tuple[tuple[Answer, Branching | bool | None], ...]
    """Those answers that the path leaves open."""


Outcome: TypeAlias = Branching | bool | None
"""What a clause comes to: whether it holds; None where it fails."""


class QueryTree(Struct, frozen=True):
    """All that Oso answers about one clause, for operands and types of subject and resource."""

    root: Outcome
    action: str
    """The action for which it was asked."""
    use: ActionUse
    """What it looks at of the action."""
    through: frozenset[str]
    """Rules through whose clauses Oso went itself, since an argument was not known yet."""

    def for_action(self, action: str) -> QueryTree | None:
        """Return the tree for another action; None where it may differ."""
        if action == self.action:
            return self
        if self.use.is_whole or not self.use.compares_alike(action):
            return None
        if not self.use.is_passed:
            return self
        old, new = Literal(f"name {self.action}"), Literal(f"name {action}")
        return structs.replace(self, action=action, root=_renamed(self.root, old, new))


def _renamed(outcome: Outcome, old: Operand, new: Operand) -> Outcome:
    """Return a tree in which the rules are called with the name of another action."""
    if not isinstance(outcome, Branching):
        return outcome
    question = outcome.question
    if isinstance(question, RuleHolds):
        operands = tuple(new if operand == old else operand for operand in question.operands)
        question = RuleHolds(question.name, operands)
    branches = tuple((answer, _renamed(below, old, new)) for answer, below in outcome.branches)
    return Branching(question, outcome.labels, branches)


class Earlier(Protocol):
    """Trees of an earlier text of the policy."""

    def tree(self, clause: Clause, operands: tuple[Operand, ...], asked: Asked) -> QueryTree | None:
        """Return the tree of a clause; None where it may differ."""


@dataclass(frozen=True, slots=True)
class _Fork:
    """A question that a path did not answer before."""

    question: TreeQuestion
    labels: Sequence[Answer]
    open_ones: Sequence[Answer]
    """The answers that the path leaves open; it goes on with the first."""


class _Path(Narrowing):
    """The answers given so far, and where they could have been others."""

    def __init__(self, answers: Mapping[TreeQuestion, Answer]) -> None:
        """Begin a path that has some answers already."""
        self.answers = dict(answers)
        self.forks: list[_Fork] = []
        """The questions that came after these, in their order."""

    def ask(self, question: Question, domain: Sequence[Answer]) -> Answer:
        """Answer from the path; what it leaves open has the first answer."""
        if question in self.answers:
            return self.answers[question]
        if isinstance(question, Equals) and self._is_another(question):
            return False
        left = self._left(question, domain) if isinstance(question, ValueOf) else domain
        if len(left) == 1:
            return left[0]
        return self._fork(question, domain, left)

    def is_value(self, question: ValueOf, value: str, domain: Sequence[str]) -> bool:
        """Answer whether an enum has one value: two branches, however many values there are."""
        left = self._left(question, domain)
        if value not in left or len(left) == 1:
            return value in left
        return bool(self._fork(HasValue(question.path, value), domain, YES_NO))

    def _fork(
        self, question: TreeQuestion, labels: Sequence[Answer], open_ones: Sequence[Answer]
    ) -> Answer:
        """Note an open question, and answer it with the first answer."""
        self.forks.append(_Fork(question, labels, open_ones))
        self.answers[question] = open_ones[0]
        return open_ones[0]

    def _left(self, question: ValueOf, domain: Sequence[Answer]) -> Sequence[Answer]:
        """Return the values that the path leaves open."""
        if question in self.answers:
            return [self.answers[question]]
        compared = {
            key.value: answer
            for key, answer in self.answers.items()
            if isinstance(key, HasValue) and key.path == question.path
        }
        found = [value for value, answer in compared.items() if answer is True]
        return found or [value for value in domain if value not in compared]

    def _is_another(self, question: Equals) -> bool:
        """Return whether a text is known to equal another literal: it equals one only."""
        return any(
            answer is True and isinstance(key, Equals) and key.path == question.path
            for key, answer in self.answers.items()
        )


Report = Callable[[Clause, Asked, PolicyFault], None]
"""Keeps a fault that a query met."""


@dataclass(slots=True)
class QueryTrees:
    """Asks Oso about clauses, once for all actions that look alike to a clause."""

    names: Names
    settings: Mapping[str, Value]
    program: Program
    loaded: LoadedPolicy
    deadline: float
    """`time.monotonic()` after which no query is put any more."""
    report: Report
    earlier: Earlier | None = None
    queries: int = 0
    is_late: bool = False
    """Whether the deadline ended any of them."""
    known: dict[tuple[int, tuple[Operand, ...], str, str], list[QueryTree]] = field(
        default_factory=dict
    )
    """By the clause's number, the operands, and the types of subject and resource."""
    _whole: dict[tuple[object, ...], QueryTree] = field(default_factory=dict)
    """Those that may differ for each action, which comes last in the key."""

    def tree(self, clause: Clause, operands: tuple[Operand, ...], asked: Asked) -> QueryTree:
        """Return the tree of a clause.

        Raises:
            Unexplorable: It cannot be compiled.
        """
        key = (clause.number, operands, asked.subject, asked.resource)
        action = asked.action[0]
        whole = self._whole.get((*key, action))
        if whole is not None:
            return whole
        for tree in self.known.get(key, ()):
            fitting = tree.for_action(action) if not tree.use.is_whole else None
            if fitting is not None:
                return fitting
        line = self._line(clause, operands, asked)
        if line is not None:
            return line
        taken = self.earlier.tree(clause, operands, asked) if self.earlier is not None else None
        tree = self._explore(clause, operands, asked) if taken is None else taken
        self.known.setdefault(key, []).append(tree)
        if tree.use.is_whole:
            self._whole[*key, action] = tree
        return tree

    def _line(
        self, clause: Clause, operands: tuple[Operand, ...], asked: Asked
    ) -> QueryTree | None:
        """Return the tree of ``"granted" if "implier";`` for the subject and the resource.

        Half of the queries of a pack with many roles would be about such lines. We write the rule
        that Oso is given for one (`program`), and it does nothing but call the implier: its head
        fits an actor, the string, and a resource of the block's type.
        """
        if clause.implier is None:
            return None
        _, granted, wanted = clause.parameters
        subject, resource = (
            self.names.schema.types[name].polar for name in (asked.subject, asked.resource)
        )
        if ("actor", subject) not in self.program.blocks or wanted.type != resource:
            return None
        texts = (Literal(f"{kind} {granted.text}") for kind in ("str", "name"))
        if operands not in [(SUBJECT, text, RESOURCE) for text in texts]:
            return None
        rule, role = clause.implier
        call = RuleHolds(f"{rule}__3", (SUBJECT, Literal(f"str {role}"), RESOURCE))
        root = Branching(call, YES_NO, ((True, True), (False, False)))
        return QueryTree(root, asked.action[0], ActionUse(), frozenset())

    def _explore(self, clause: Clause, operands: tuple[Operand, ...], asked: Asked) -> QueryTree:
        exploration = _Exploration(self, clause, operands, asked)
        root = exploration.follow({})
        through = frozenset(exploration.through)
        return QueryTree(root, asked.action[0], exploration.use, through)


class _Exploration:
    """The queries about one clause."""

    def __init__(
        self, trees: QueryTrees, clause: Clause, operands: tuple[Operand, ...], asked: Asked
    ) -> None:
        self._trees = trees
        self._clause = clause
        self._operands = operands
        self._asked = asked
        self._paths = 0
        self.use = ActionUse()
        self.through: set[str] = set()

    def follow(self, answers: Mapping[TreeQuestion, Answer]) -> Outcome:
        """Follow one path to its end, and from each open question on the way all others."""
        path = _Path(answers)
        outcome: Outcome = self._outcome(path)
        before = path.answers
        for fork in reversed(path.forks):
            del before[fork.question]
            first, *others = fork.open_ones
            branches: list[tuple[Answer, Outcome]] = [(first, outcome)]
            branches += [(each, self.follow({**before, fork.question: each})) for each in others]
            outcome = Branching(fork.question, tuple(fork.labels), tuple(branches))
        return outcome

    def _outcome(self, path: _Path) -> bool | None:
        """Return what the clause comes to at the end of a path."""
        try:
            return self._query(path)
        except TooDeep:
            return None
        except PolicyFault as fault:
            self._trees.report(self._clause, self._asked, fault)
            return None

    def _query(self, path: _Path) -> bool:
        trees, asked = self._trees, self._asked
        self._paths += 1
        trees.queries += 1
        if self._paths > MAXIMUM_PATHS:
            raise Unexplorable(
                f"it has more than {MAXIMUM_PATHS} paths; divide it into rules of their own"
            )
        if time.monotonic() > trees.deadline:
            trees.is_late = True
            raise Unexplorable("there was no time left to explore it")

        def via(rule: str, operands: tuple[object, ...]) -> bool | None:
            return self._via(path, rule, operands)

        asking = Asking(trees.names, trees.settings, trees.loaded.things, path, asked.action, via)
        try:
            types = (asked.subject, asked.resource)
            return trees.loaded.ask(asking, self._clause.name, *types, self._operands)
        finally:
            self.use.add(asking.look.action_use)
            self.through |= asking.opened

    def _via(self, path: _Path, rule: str, operands: tuple[object, ...]) -> bool | None:
        """Answer a rule from the path; go through its clauses where an operand is not known."""
        known = operands_of_call(operands)
        if known is None:
            self.through.add(rule.rpartition("__")[0])
            self.use.is_whole = self.use.is_whole or _names_action(operands)
            return None
        self.use.is_passed = self.use.is_passed or _names_action(operands)
        return bool(path.ask(RuleHolds(rule, known), YES_NO))


def _names_action(operands: Sequence[object]) -> bool:
    return any(isinstance(each, ActionName) and not each.is_operand for each in operands)
