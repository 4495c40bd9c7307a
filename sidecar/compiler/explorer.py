"""Asks Oso about one clause after another until nothing is left to ask.

One query follows one path: every look is answered from the path, and the first that the path does
not answer is where the tree branches. Rules that a clause calls are yes/no questions on its path;
their trees are explored once, on their own, and joined afterwards (`Trees.choose`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from sidecar.compiler.operands import operand_of
from sidecar.compiler.oso import LoadedPolicy
from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.program import Clause, Program
from sidecar.compiler.selection import operand_types
from sidecar.compiler.symbols import Unexplorable
from sidecar.diagram.diagram import TooLargeError, Trees
from sidecar.diagram.nodes import FALSE, FAULT, Node
from sidecar.diagram.path_types import PathTypes, paths_of
from sidecar.diagram.questions import Answer, Path, Question
from sidecar.errors import PolicyFault, Problem
from sidecar.polar.checks import ENTRY_POINTS
from sidecar.polar.names import Names
from sidecar.schema.model import Attribute
from sidecar.schema.values import Value

MAXIMUM_QUERIES = 20_000
"""Queries for one clause: 2^14 paths. Conditions of a real rule need fewer than a hundred."""

Action = tuple[str, Mapping[str, Attribute]]


Key = tuple[object, ...]
"""``clause`` with its number or ``rule`` with its name, the operands, the types of subject and
resource, and the action where the tree depends on it."""
Found = tuple[Node, bool] | Unexplorable
"""A tree, and whether it depends on the action."""
Call = tuple[str, tuple[Path, ...]]
"""A rule, and what it is called with."""
_THROUGH = "through"
"""Begins a key which says that Oso went through the clauses of a rule."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found of one text of a policy."""

    found: Mapping[Key, Found]
    reached: Mapping[Key, Collection[Key]]
    """What was asked for on the way to each."""
    replies: Mapping[Key, Reply]
    """What Oso said on each path: the clause's number, the operands, the types of subject and
    resource, the action and the answers given. Without those on which it went through the clauses
    of a rule: what a clause calls is a question to it, so only its own text says what it asks."""


class Earlier(Protocol):
    """What was found of an earlier text of the policy and holds for this one too."""

    def take(self, key: Key) -> tuple[tuple[Node, bool], Collection[Key]] | None:
        """Return what was found, and what was asked for on the way; None where it may differ."""

    def reply(self, key: Key) -> Reply | None:
        """Return what Oso said on a path; None where it may say otherwise."""


class _Unanswered(Exception):  # noqa: N818 - control flow, not an error
    """The path does not say what the answer to `question` is."""

    def __init__(self, question: Question, domain: Sequence[Answer]) -> None:
        self.question = question
        self.domain = tuple(domain)
        super().__init__()


Reply = tuple[Node | _Unanswered, bool]
"""What Oso said on a path, a verdict or its next question, and whether it saw the action."""


class _Path:
    """The answers given so far."""

    def __init__(self, answers: Mapping[Question, Answer]) -> None:
        self.answers = answers

    def ask(self, question: Question, domain: Sequence[Answer]) -> Answer:
        """Answer from the path.

        Raises:
            _Unanswered: Where the path does not say.
        """
        if question in self.answers:
            return self.answers[question]
        known = _implied(question, self.answers)
        if known is not None:
            return known
        raise _Unanswered(question, domain)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a policy: subject type, resource type, and the action."""

    subject: str
    resource: str
    action: Action


@dataclass(slots=True)
class _Scope:
    """What one clause, explored for one kind of request, has met."""

    saw_action: bool = False
    queries: int = 0


@dataclass(slots=True)
class Explorer:
    """Explores a loaded program. Everything that is found is kept, so nothing is explored twice."""

    names: Names
    settings: Mapping[str, Value]
    program: Program
    loaded: LoadedPolicy
    deadline: float
    """`time.monotonic()` after which nothing more is explored."""
    trees: Trees = field(default_factory=Trees)
    problems: dict[tuple[str, int, str], Problem] = field(default_factory=dict)
    """Faults of the policy, each once."""
    queries: int = 0
    earlier: Earlier | None = None
    """What was found of another text of the policy, for a variant that changes little of it."""
    _found: dict[Key, Found] = field(default_factory=dict)
    _open: set[Key] = field(default_factory=set)
    _reached: dict[Key, set[Key]] = field(default_factory=dict)
    """What was asked for on the way to what was found: see `Earlier`."""
    _asking: list[set[Key]] = field(default_factory=list)
    _replies: dict[Key, Reply] = field(default_factory=dict)
    _gone_through: set[str] = field(default_factory=set)
    """Rules that were called with what is not known yet: their clauses were not asked alone."""
    _opened: set[str] = field(default_factory=set)
    """Rules of which Oso knew an argument only when it had gone through their clauses."""
    _calls: dict[Call, tuple[str, str]] = field(default_factory=dict)
    """Calls of rules, each with the types of subject and resource for which it was met first."""
    _paths: dict[tuple[str, str], PathTypes] = field(default_factory=dict)
    _unsettled: set[int] = field(default_factory=set)
    """Clauses that were not explored, since another one of their question could not be."""

    def matching(self, rule: str, operands: tuple[Path, ...], asked: Asked) -> Sequence[Clause]:
        """Return the clauses that a question can be about, and keep that it was put."""
        scope = (asked.subject, asked.resource)
        self._calls.setdefault((rule, operands), scope)
        if scope not in self._paths:
            self._paths[scope] = paths_of(self.names.schema, *scope)
        types = operand_types(self._paths[scope], operands)
        return self.program.matching(rule, operands, types)

    def give_up(self, clauses: Iterable[Clause]) -> None:
        """Keep that a question is put to Oso at request time: its clauses may well hold."""
        self._unsettled.update(clause.number for clause in clauses)

    def passed_over(self) -> Iterator[tuple[Clause, Call, tuple[str, str]]]:
        """Yield the clauses whose rule was called, but never with entities of their types.

        Each comes with the first of these calls and the types of subject and resource then.
        """
        known = {key[1] for key in self._found if key[0] == "clause"} | self._unsettled
        for call, scope in self._calls.items():
            rule, operands = call
            for clause in self.program.matching(rule, operands, (None,) * len(operands)):
                if clause.number not in known:
                    known.add(clause.number)
                    yield clause, call, scope

    def entry(self, clause: Clause, operands: tuple[Path, ...], asked: Asked) -> Node:
        """Return the tree of one clause of `allow`, `forbid` or `oblige`.

        Raises:
            Unexplorable: Where it has to be put to Oso at request time.
        """
        self.trees.scope = (asked.subject, asked.resource)
        return self._remembered(
            ("clause", clause.number, operands),
            asked,
            lambda scope: self._clause(clause, operands, asked, scope),
        )[0]

    def never(self) -> list[Clause]:
        """Return the clauses that were asked, and hold for no request whatever the facts are.

        Those that look at the settings are left out: another setting brings them to life.
        """
        alive = {
            key[1]
            for key, found in self._found.items()
            if key[0] == "clause" and (isinstance(found, Unexplorable) or found[0] is not FALSE)
        }
        asked = {key[1] for key in self._found if key[0] == "clause"}
        asked |= {clause.number for clause, *_ in self.passed_over()}
        never = asked - alive - self._unsettled
        of_settings = self.program.mentioning("settings")
        return [
            clause
            for clauses in self.program.clauses.values()
            for clause in clauses
            if clause.tokens
            and clause.number in never
            and clause.rule not in self.gone_through
            and not _can_vary(clause, of_settings)
        ]

    def findings(self) -> Findings:
        """Return all that was found, for variants of the policy."""
        return Findings(self._found, self._reached, self._replies)

    @property
    def gone_through(self) -> frozenset[str]:
        """Rules of which not all was explored on its own.

        They were called with what was not known yet; or something that calls them is put to Oso
        at request time, which may call them with anything.
        """
        return frozenset(self._gone_through | self._opened | self._behind_unexplorable())

    def _behind_unexplorable(self) -> set[str]:
        """Return the rules that something may call which could not be explored."""
        failed = {
            key[1] if key[0] == "clause" else str(key[1]).rpartition("__")[0]
            for key, found in self._found.items()
            if isinstance(found, Unexplorable)
        }
        names = {rule for rule, _ in self.program.clauses}
        calls: dict[str, set[str]] = {}
        waiting = {name for name in failed if isinstance(name, str)}
        for clauses in self.program.clauses.values():
            for clause in clauses:
                called = {word.removeprefix("s__") for word in clause.written} & names
                calls.setdefault(clause.rule, set()).update(called)
                if clause.number in failed:
                    waiting |= called
        reached: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting |= calls.get(name, set())
        return reached

    def explored(self) -> Iterator[tuple[tuple[Any, ...], Node | None]]:
        """Yield the tree of each rule and each clause; None where it could not be explored.

        Keys are ``rule`` or ``clause``, the rule's name or the clause's number, the operands, the
        types of subject and resource and, where the tree depends on it, the action. Of a clause
        that only calls with entities of other types were for, one of these calls stands for all.
        """
        for key, found in self._found.items():
            yield key, None if isinstance(found, Unexplorable) else found[0]
        for clause, (_, operands), scope in self.passed_over():
            yield ("clause", clause.number, operands, *scope), FALSE

    def _rule(self, rule: str, operands: tuple[Path, ...], asked: Asked) -> tuple[Node, bool]:
        """Return the tree of a rule with these operands, and whether it depends on the action."""

        def explore(scope: _Scope) -> Node:
            name = rule.rpartition("__")[0]
            node = FALSE
            for clause in self.matching(name, operands, asked):
                key = ("clause", clause.number, operands)
                following = partial(self._clause, clause, operands, asked)
                found, saw = self._remembered(key, asked, following)
                scope.saw_action = scope.saw_action or saw
                node = self._joined(partial(self.trees.either, node, found))
            return node

        return self._remembered(("rule", rule, operands), asked, explore)

    def _remembered(
        self, key: Key, asked: Asked, explore: Callable[[_Scope], Node]
    ) -> tuple[Node, bool]:
        """Explore once for a kind of request; for every action where none was looked at."""
        anywhere = (*key, asked.subject, asked.resource)
        here = (*anywhere, asked.action[0])
        if self.earlier is not None and here not in self._found and anywhere not in self._found:
            self._take_over(here)
            self._take_over(anywhere)
        known = self._found.get(here, self._found.get(anywhere))
        if self._asking:
            self._asking[-1] |= {here, anywhere}
        if known is None:
            if here in self._open:
                raise PolicyFault("the rule calls itself with the same arguments, and never ends")
            self._open.add(here)
            scope = _Scope()
            self._asking.append(set())
            try:
                known = explore(scope), scope.saw_action
                where = here if scope.saw_action else anywhere
                self._found[where] = known
                self._reached[where] = self._asking[-1]
            except Unexplorable as error:
                known = error
                self._found[here] = known
            finally:
                self._asking.pop()
                self._open.discard(here)
        if isinstance(known, Unexplorable):
            raise known
        return known

    def _take_over(self, key: Key) -> None:
        """Take what was found of an earlier text, with all that was asked for on the way."""
        assert self.earlier is not None  # noqa: S101 - whoever calls knows
        waiting = [key]
        while waiting:
            wanted = waiting.pop()
            if wanted[0] == _THROUGH:
                self._gone_through.add(str(wanted[1]))
            elif wanted not in self._found:
                taken = self.earlier.take(wanted)
                if taken is not None:
                    self._found[wanted], reached = taken
                    waiting += reached

    def _clause(
        self, clause: Clause, operands: tuple[Path, ...], asked: Asked, scope: _Scope
    ) -> Node:
        return self._explore(clause, operands, asked, scope, {})

    def _explore(
        self,
        clause: Clause,
        operands: tuple[Path, ...],
        asked: Asked,
        scope: _Scope,
        answers: dict[Question, Answer],
    ) -> Node:
        """Follow one path, and where it is open each way on."""
        question = self._query(clause, operands, asked, scope, answers)
        if isinstance(question, Node):
            return question
        called = None
        if question.question[0] == "rule":
            try:
                called, saw = self._rule(question.question[1], question.question[2], asked)
            except PolicyFault as fault:
                self._tell(clause, asked, fault)
                return FAULT
            scope.saw_action = scope.saw_action or saw
        else:
            self.trees.meet(question.question, question.domain)
        branches = {
            answer: self._explore(
                clause, operands, asked, scope, {**answers, question.question: answer}
            )
            for answer in question.domain
        }
        if called is not None:
            return self._joined(lambda: self.trees.choose(called, branches[True], branches[False]))
        return self._joined(lambda: self.trees.branch(question.question, branches))

    def _query(
        self,
        clause: Clause,
        operands: tuple[Path, ...],
        asked: Asked,
        scope: _Scope,
        answers: dict[Question, Answer],
    ) -> Node | _Unanswered:
        scope.queries += 1
        self.queries += 1
        if scope.queries > MAXIMUM_QUERIES:
            raise Unexplorable(
                f"it has more than {MAXIMUM_QUERIES} paths; divide it into rules of their own"
            )
        if time.monotonic() > self.deadline:
            raise Unexplorable("there was no time left to explore it")
        key: Key = (clause.number, operands, asked.subject, asked.resource, asked.action[0])
        key = (*key, *answers.items())
        reply = self.earlier.reply(key) if self.earlier is not None else None
        if reply is None:
            reply, gone_through = self._reply(clause, operands, asked, answers)
            if not gone_through:
                self._replies[key] = reply
        scope.saw_action = scope.saw_action or reply[1]
        return reply[0]

    def _reply(
        self,
        clause: Clause,
        operands: tuple[Path, ...],
        asked: Asked,
        answers: dict[Question, Answer],
    ) -> tuple[Reply, bool]:
        """Ask Oso; return its reply, and whether it went through the clauses of a rule."""
        path = _Path(answers)
        asking = Asking(
            self.names,
            self.settings,
            self.loaded.things,
            path,
            asked.action,
            lambda rule, arguments: self._via(rule, arguments, path),
        )
        found: Node | _Unanswered
        try:
            holds = self.loaded.ask(asking, clause.name, asked.subject, asked.resource, operands)
            found = self.trees.leaf(holds)
        except _Unanswered as unanswered:
            found = unanswered
        except PolicyFault as fault:
            self._tell(clause, asked, fault)
            found = FAULT
        self._opened |= asking.opened
        return (found, asking.look.saw_action), asking.through

    def _via(self, rule: str, operands: tuple[object, ...], path: _Path) -> str:
        """Answer a rule from the path; go through its clauses where an operand is not known."""
        keys = tuple(operand_of(operand) for operand in operands)
        if any(key is None for key in keys):
            name = rule.rpartition("__")[0]
            self._gone_through.add(name)
            self._asking[-1].add((_THROUGH, name))
            return "clauses"
        return "yes" if path.ask(("rule", rule, keys), (True, False)) else "no"

    def _tell(self, clause: Clause, asked: Asked, fault: PolicyFault) -> None:
        """Keep a fault with its place. The same one met for another action is the same problem."""
        place = (clause.file, clause.line_of(fault.word))
        message = f"{fault} (asked for a `{asked.resource}`)"
        self.problems.setdefault((*place, str(fault)), Problem(*place, message))

    def _joined(self, join: Callable[[], Node]) -> Node:
        try:
            return join()
        except TooLargeError as error:
            raise Unexplorable(str(error)) from error


def _implied(question: Question, answers: Mapping[Question, Answer]) -> Answer | None:
    """Answer what earlier answers imply: a text equals one literal only."""
    if question[0] == "is":
        for other, answer in answers.items():
            if answer is True and other[0] == "is" and other[1] == question[1]:
                return False
    return None


def _can_vary(clause: Clause, of_settings: frozenset[str]) -> bool:
    """Tell whether another setting can bring a clause to life.

    Each clause of an entry point is asked whatever the others say. Any other rule may be asked
    with other operands then, so all of its clauses count.

    Args:
        clause: One that never holds.
        of_settings: The rules that look at the settings, or call one that does.
    """
    if clause.rule not in ENTRY_POINTS:
        return clause.rule in of_settings
    called = of_settings - ENTRY_POINTS.keys()
    return any(token.text == "settings" or token.text in called for token in clause.tokens)
