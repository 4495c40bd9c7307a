"""Compiles a pack: checks its texts, explores every question, and writes the trees as plain data.

Runs in the child process (`sidecar.compiler.child_main`): a policy is code, and what it does to Oso
must not happen to a process that serves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.bundle.model import UNDECLARED_ACTION, NodeRow, RuleRow
from sidecar.compiler.compiled import Compiled, Reply
from sidecar.compiler.dead_clauses import never
from sidecar.compiler.entries import EntryCompiler, requests
from sidecar.compiler.explorer import Explorer, gone_through
from sidecar.compiler.findings import Findings, findings_of
from sidecar.compiler.oso import LoadedPolicy
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.program import Program, write_program
from sidecar.compiler.query_trees import Asked
from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import FALSE, Node
from sidecar.digests import digest_of
from sidecar.errors import Problem
from sidecar.polar.literals import one_spelling
from sidecar.polar.names import Names
from sidecar.polar.policy_checks import check_policy
from sidecar.polar.reachability import check_entry_points
from sidecar.polar.source import Rule, Source, read_source
from sidecar.polar.variable_checks import in_own_words
from sidecar.schema import Schema

_TOLD_BEFORE = ("does not call the", "does not contain an allow rule")
"""Warnings of Oso for which `check_entry_points` has better words."""


class InvalidPolicyError(Exception):
    """The policy cannot be used, with all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__()

    def reply(self) -> Reply:
        """Return what the parent process is sent."""
        return Reply(problems=tuple(map(_place, self.problems)))


def load(pack: PackTexts) -> tuple[Names, Program, LoadedPolicy]:
    """Check the texts of a pack and load them into Oso, divided into clauses.

    Raises:
        InvalidPolicyError: Where they break a rule of ours, or Oso refuses them or warns.
    """
    sources: list[Source] = []
    problems: list[Problem] = []
    for file, text in pack.texts.items():
        source, found = read_source(file, text)
        sources.append(source)
        problems += found
    sources, respelled = one_spelling(sources)
    names = Names(pack.schema, pack.codes, respelled)
    left: list[Rule] = []
    if not problems:
        problems, left = check_policy(sources, names, pack.probes)
    if problems:
        raise InvalidPolicyError(problems)
    try:
        whole = LoadedPolicy(pack.schema, {source.file: source.text for source in sources})
        problems = [*check_entry_points(sources, left), *_warnings(whole, sources)]
        if problems:
            raise InvalidPolicyError(problems)
        program = write_program(sources)
        return names, program, LoadedPolicy(pack.schema, program.texts)
    except ValueError as error:
        raise InvalidPolicyError([in_own_words(each, sources) for each in error.args[0]]) from None


@dataclass(frozen=True, slots=True)
class Compilation:
    """A compiled pack, and what compiling another text of its policy can take over."""

    compiled: Compiled
    explorer: Explorer
    context: str
    """Digest of what every clause can look at (`findings`)."""

    def findings(self) -> Findings:
        """Return the query trees, for compiling another text."""
        return findings_of(self.explorer.asking, self.explorer.program, self.context)


def compile_pack(pack: PackTexts) -> Compiled:
    """Explore every question that can be put to a pack.

    Raises:
        InvalidPolicyError: With every fault of the policy.
    """
    return compile_texts(pack).compiled


def compile_texts(
    pack: PackTexts, earlier: Findings | None = None, trees: Trees | None = None
) -> Compilation:
    """Compile a pack, as `compile_pack` does.

    Args:
        pack: The pack.
        earlier: What was found of another text of its policy.
        trees: Diagrams of another text, which equal ones of this text share.

    Raises:
        InvalidPolicyError: With every fault of the policy.
    """
    names, program, loaded = load(pack)
    settings = sorted(pack.settings.items())
    digest = digest_of(pack.schema, settings, names.respelled, program.blocks)
    context = digest.bytes().hex()
    reused = earlier.for_program(program, context) if earlier is not None else None
    deadline = time.monotonic() + pack.seconds
    explorer = Explorer(names, pack.settings, program, loaded, deadline, trees, reused)
    return Compilation(_explore(pack, explorer), explorer, context)


def _explore(pack: PackTexts, explorer: Explorer) -> Compiled:
    compiler = EntryCompiler(explorer)
    entries = compiler.entries(pack)
    if explorer.problems:
        raise InvalidPolicyError(list(explorer.problems.values()))
    foreign = list(compiler.foreign(pack.schema, entries))
    probes = [
        found
        for name in pack.probes
        for asked in requests(pack.schema)
        if (found := compiler.probe(name, asked)) is not None
    ]
    if explorer.problems:
        raise InvalidPolicyError(list(explorer.problems.values()))
    refused, noticed = never(explorer, pack.probes)
    explored = list(_explored(explorer, pack.schema, compiler.roots)) if pack.reviewing else []
    nodes = list(explorer.trees.reachable(compiler.roots))
    return Compiled(
        tests=explorer.trees.tests,
        nodes=[
            NodeRow(each.number, each.test, each.labels, tuple(at.number for at in each.branches))
            for each in nodes
            if each.branches
        ],
        entries=entries,
        foreign=foreign,
        notices=list(map(_place, (*compiler.notices, *noticed))),
        uncompiled=compiler.uncompiled,
        never=tuple(map(_place, refused)),
        queries=explorer.asking.queries,
        late=explorer.asking.is_late,
        probes=probes,
        explored=explored,
        gone_through=sorted(gone_through(explorer)),
    )


def _explored(explorer: Explorer, schema: Schema, roots: list[Node]) -> Iterator[RuleRow]:
    """Yield each rule and each clause that was explored, and add the roots of its diagrams."""
    clauses = {each.number: each for every in explorer.program.clauses.values() for each in every}
    for (kind, name, operands, subject, resource, *action), found in explorer.explored():
        clause = clauses[name] if kind == "clause" else None
        body = None
        if clause is not None and found is not None:
            declared = schema.types[resource].actions
            name_of_action = action[0] if action else next(iter(declared), UNDECLARED_ACTION)
            taken = declared.get(name_of_action)
            properties = taken.properties if taken is not None else {}
            asked = Asked(subject, resource, (name_of_action, properties))
            # What other types' clauses are for is false, and was not explored.
            body = FALSE if found is FALSE else explorer.body(clause, operands, asked)
        roots += (root for root in (found, body) if root is not None)
        yield RuleRow(
            rule=name.rpartition("__")[0] if clause is None else clause.rule,
            file="" if clause is None else clause.file,
            line=0 if clause is None else clause.line,
            column=0 if clause is None else clause.column,
            number=-1 if clause is None else clause.number,
            operands=operands,
            subject=subject,
            resource=resource,
            action=action[0] if action else None,
            root=None if found is None else found.number,
            body=None if body is None else body.number,
        )


def _place(problem: Problem) -> tuple[str, int, str]:
    return problem.file, problem.line, problem.message


def _warnings(loaded: LoadedPolicy, sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield what Oso would only print."""
    for problem in loaded.warnings(sources[0].file if sources else ""):
        # `check_entry_points` has told it, where permissions are declared.
        if not any(text in problem.message for text in _TOLD_BEFORE):
            yield in_own_words(problem, sources)
