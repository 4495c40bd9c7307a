"""Compiles a pack: checks its texts, explores every question, and writes the trees as plain data.

Runs in the child process (`sidecar.compiler.child_main`): a policy is code, and what it does to Oso
must not happen to a process that serves.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.compiler.explorer import Action, Asked, Explorer
from sidecar.compiler.oso import LoadedPolicy
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.program import Clause, Program, write_program
from sidecar.compiler.symbols import Unexplorable
from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, Node, Test
from sidecar.diagram.questions import operands_of, with_default
from sidecar.errors import Problem
from sidecar.polar.call_checks import (
    check_action_arguments,
    check_blocks,
    check_calls,
    check_heads,
    check_literals,
)
from sidecar.polar.checks import ENTRY_POINTS, check_constructs
from sidecar.polar.literals import one_spelling
from sidecar.polar.names import Names
from sidecar.polar.reachability import BUILT_IN, check_entry_points, refused, unreached
from sidecar.polar.source import Rule, Source, read_source
from sidecar.polar.variable_checks import check_variables, in_own_words
from sidecar.schema.model import Schema

_TOLD_BEFORE = ("does not call the", "does not contain an allow rule")
"""Warnings of Oso for which `check_entry_points` has better words."""
_UNDECLARED: Action = (UNDECLARED_ACTION, {})


class InvalidPolicyError(Exception):
    """The policy cannot be used, with all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__()


def load(pack: PackTexts) -> tuple[Names, Program, LoadedPolicy]:
    """Check the texts of a pack and load them into Oso, divided into clauses.

    Raises:
        InvalidPolicyError: Where they break a rule of ours, or Oso refuses them or warns.
    """
    texts, respelled = one_spelling(pack.texts)
    names = Names(pack.schema, pack.codes, respelled)
    sources: list[Source] = []
    problems: list[Problem] = []
    for file, text in texts.items():
        source, found = read_source(file, text)
        sources.append(source)
        problems += found
    left: list[Rule] = []
    if not problems:
        for source in sources:
            problems += [*names.check(source), *check_constructs(source)]
            for rule in source.rules:
                problems += [Problem(rule.file, *problem) for problem in check_variables(rule)]
        problems += [*check_calls(sources), *check_literals(sources)]
        problems += check_action_arguments(sources)
        problems += [*check_blocks(sources), *check_heads(sources, names)]
        left = unreached(sources, (*ENTRY_POINTS, *pack.probes))
        problems += refused(left)
    if problems:
        raise InvalidPolicyError(problems)
    try:
        whole = LoadedPolicy(pack.schema, texts)
        problems = [*check_entry_points(sources, left), *_warnings(whole, sources)]
        if problems:
            raise InvalidPolicyError(problems)
        program = write_program(sources)
        return names, program, LoadedPolicy(pack.schema, program.texts)
    except ValueError as error:
        raise InvalidPolicyError([in_own_words(each, sources) for each in error.args[0]]) from None


def compile_pack(pack: PackTexts) -> dict[str, Any]:
    """Explore every question that can be put to a pack.

    Returns:
        Plain data for `sidecar.compiler.policy`: ``tests``, ``nodes`` (test, labels, branches by
        number), ``entries`` (subject, resource, action, then a root for each of the three kinds of
        question, null where Oso has to be asked, and one for granted and not forbidden),
        ``foreign`` (the same, for actions of other types that a rule names),
        ``notices``, ``uncompiled`` (a row for each clause that is put to Oso), and ``never``:
        rules that never hold, which a pack must not have. For reviewers also ``probes``
        (name, subject, resource, action, root) and ``explored`` (see `_explored`).

    Raises:
        InvalidPolicyError: With every fault of the policy.
    """
    names, program, loaded = load(pack)
    explorer = Explorer(names, pack.settings, program, loaded, time.monotonic() + pack.seconds)
    return explore_pack(pack, explorer)


def explore_pack(pack: PackTexts, explorer: Explorer) -> dict[str, Any]:
    """Explore every question that can be put to a loaded pack, as `compile_pack` does.

    Raises:
        InvalidPolicyError: With every fault of the policy.
    """
    compiler = Compiler(explorer)
    entries = compiler.entries(pack)
    foreign = list(compiler.foreign(pack.schema, entries))
    probes = [
        found
        for name in pack.probes
        for asked in _questions(pack.schema)
        if (found := compiler.probe(name, asked)) is not None
    ]
    if explorer.problems:
        raise InvalidPolicyError(list(explorer.problems.values()))
    refused, noticed = never(explorer, pack.probes)
    explored = list(_explored(explorer, compiler.roots)) if pack.reviewing else []
    nodes = list(explorer.trees.reachable(compiler.roots))
    return {
        "tests": list(map(plain_test, explorer.trees.tests)),
        "nodes": [plain_node(node) for node in nodes if node.branches],
        "entries": entries,
        "foreign": foreign,
        "notices": [_plain(problem) for problem in (*compiler.notices, *noticed)],
        "uncompiled": compiler.uncompiled,
        "never": [_plain(problem) for problem in refused],
        "queries": explorer.queries,
        "probes": probes,
        "explored": explored,
        "gone_through": sorted(explorer.gone_through),
    }


@dataclass(slots=True)
class Compiler:
    """Asks all that can be asked of a pack, and joins what each clause says."""

    explorer: Explorer
    roots: list[Node] = field(default_factory=list)
    _put: list[tuple[Clause, Asked, str]] = field(default_factory=list)
    """What is put to Oso at request time: a clause, for which request, and why."""
    _coded: dict[tuple[str, str, str], Collection[str]] = field(default_factory=dict)

    @property
    def uncompiled(self) -> list[list[Any]]:
        """Return each clause that is put to Oso at request time, as plain data of `Uncompiled`."""
        return [
            [
                clause.file,
                clause.line,
                clause.rule,
                asked.subject,
                asked.resource,
                asked.action[0],
                cause,
            ]
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

    def entries(self, pack: PackTexts) -> list[list[Any]]:
        """Explore all that is asked about each kind of request.

        Raises:
            InvalidPolicyError: With every fault of the policy.
        """
        found = [self.entry(asked) for asked in _questions(pack.schema)]
        if self.explorer.problems:
            raise InvalidPolicyError(list(self.explorer.problems.values()))
        return found

    def entry(self, asked: Asked) -> list[Any]:
        """Explore all that is asked about one kind of request."""
        granted = self._question("allow", None, asked, grants=True)
        coded = []
        for rule in ("forbid", "oblige"):
            roots = {code: self._question(rule, code, asked) for code in self._codes(rule, asked)}
            coded.append({code: root for code, root in roots.items() if root is not FALSE})
        allowed = self._allowed(granted, coded[0].values(), asked)
        numbers = [{code: _number(root) for code, root in roots.items()} for roots in coded]
        names = [asked.subject, asked.resource, asked.action[0]]
        return [*names, _number(granted), *numbers, _number(allowed)]

    def foreign(self, schema: Schema, entries: Sequence[list[Any]]) -> Iterator[list[Any]]:
        """Explore the prohibitions for actions that only other types declare.

        Such a request is denied in any case, but all reasons are told. An action that no rule
        names is like one that nobody declares, so most need nothing of their own.
        """
        bases = {tuple(each[:2]): each for each in entries if each[2] == UNDECLARED_ACTION}
        strings = Strings(self.explorer.program)
        actions = dict.fromkeys(name for each in schema.types.values() for name in each.actions)
        for (subject, resource), base in bases.items():
            declared = schema.types[resource].actions
            undeclared = Asked(subject, resource, _UNDECLARED)
            named = {
                code: strings.of(self._clauses("forbid", code, undeclared))
                for code in self._codes("forbid", undeclared)
            }
            mentioned = frozenset().union(*named.values())
            for name in actions:
                if name in declared or name not in mentioned:
                    continue
                asked = Asked(subject, resource, (name, {}))
                roots = {
                    code: _number(self._question("forbid", code, asked))
                    if name in named[code]
                    else base[4].get(code, FALSE.number)
                    for code in named
                }
                forbids = {code: root for code, root in roots.items() if root != FALSE.number}
                if forbids != base[4]:
                    yield [subject, resource, name, base[3], forbids, *base[5:]]

    def probe(self, name: str, asked: Asked) -> list[Any] | None:
        """Explore a rule of a reviewer's for one kind of request; None where it is not for it."""
        if not self.explorer.matching(name, operands_of(None), asked):
            return None
        root = self._question(name, None, asked)
        return [name, asked.subject, asked.resource, asked.action[0], _number(root)]

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
        strings = {each for each in clause.literals if each is not None}
        strings.update(token.literal for token in clause.tokens if token.kind == "string")
        words = {word.removeprefix("s__") for word in clause.written}
        return _Named(strings, words & self._rules.keys())


@dataclass(slots=True)
class _Named:
    strings: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)


def _explored(explorer: Explorer, roots: list[Node]) -> Iterator[list[Any]]:
    """Yield each rule and each clause that was explored, with the root of its tree.

    A clause as its rule, file, line and number, a rule with an empty file; then the operands, the
    types of subject and resource, the action (null: for every action the same), and the root, null
    where it could not be explored.
    """
    clauses = {each.number: each for every in explorer.program.clauses.values() for each in every}
    for (kind, name, operands, subject, resource, *action), found in explorer.explored():
        clause = clauses[name] if kind == "clause" else None
        place = (
            [clause.rule, clause.file, clause.line, clause.number]
            if clause is not None
            else [name.rpartition("__")[0], "", 0, -1]
        )
        if found is not None:
            roots.append(found)
        yield [*place, operands, subject, resource, action[0] if action else None, _number(found)]


def plain_test(test: Test) -> list[Any]:
    """Return a test as plain data."""
    return [test.question, test.outcomes, test.kind and test.kind.value]


def plain_node(node: Node) -> list[Any]:
    """Return a node as plain data."""
    return [node.number, node.test, node.labels, [branch.number for branch in node.branches]]


def _number(root: Node | None) -> int | None:
    return None if root is None else root.number


def _plain(problem: Problem) -> list[object]:
    return [problem.file, problem.line, problem.message]


def never(explorer: Explorer, probes: Collection[str] = ()) -> tuple[list[Problem], list[Problem]]:
    """Return the rules that hold for no request, those that are refused first.

    A prohibition or an obligation that never holds is lost; and so is a rule of one's own, which
    grants to everybody where it stands under `not`. A grant that never holds is only useless.
    A reviewer's probe may well never hold: an invariant is there for the day when it would.

    Args:
        explorer: What was explored.
        probes: The rules of a reviewer's, each in a file that is called as it is.
    """
    refused: list[Problem] = []
    noticed: list[Problem] = []
    files = {f"{name}.polar" for name in probes}
    for clause in explorer.never():
        if clause.file in files:
            continue
        message = f"this rule of `{clause.rule}` can never hold; mend its types or conditions"
        grants = clause.rule in {"allow", *BUILT_IN}
        problem = Problem(clause.file, clause.line, message)
        (noticed if grants else refused).append(problem)
    return refused, noticed


def _questions(schema: Schema) -> Iterator[Asked]:
    for subject in schema.subjects():
        for resource, declared in schema.types.items():
            for name, action in declared.actions.items():
                yield Asked(subject, resource, (name, action.properties))
            yield Asked(subject, resource, _UNDECLARED)


def _warnings(loaded: LoadedPolicy, sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield what Oso would only print."""
    for problem in loaded.warnings(sources[0].file if sources else ""):
        # `check_entry_points` has told it, where permissions are declared.
        if not any(text in problem.message for text in _TOLD_BEFORE):
            yield in_own_words(problem, sources)
