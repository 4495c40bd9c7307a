"""Variants of a policy, each compiled in a fork of a process that has compiled the policy itself.

Runs in the child process, as all of Oso does. What a variant cannot have changed is taken over: a
clause that stands in it word for word, and calls no rule whose clauses differ. So a variant costs a
few queries, and equal trees have equal numbers.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sidecar.compiler.compile import (
    Compiler,
    InvalidPolicyError,
    explore_pack,
    load,
    never,
    plain_node,
    plain_test,
)
from sidecar.compiler.explorer import Explorer, Findings, Key, Reply
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.program import Clause, Program
from sidecar.compiler.symbols import Unexplorable
from sidecar.diagram.nodes import Node
from sidecar.polar.source import read_source

GRACE_SECONDS = 10
"""What a variant may take beyond twice the time for exploring."""


class Varying:
    """A compiled pack, of which variants can be compiled."""

    def __init__(self, pack: PackTexts) -> None:
        """Compile the pack.

        Raises:
            InvalidPolicyError: With every fault of the policy.
        """
        self._pack = pack
        names, program, loaded = load(pack)
        self._explorer = Explorer(
            names, pack.settings, program, loaded, time.monotonic() + pack.seconds
        )
        self.compiled = explore_pack(pack, self._explorer)
        self._sent = {node[0] for node in self.compiled["nodes"]}

    def vary(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Compile a variant; in a fork, because it grows the trees of the pack.

        Args:
            texts: The files that are written otherwise.

        Returns:
            Plain data as of `compile_pack`, with all tests, and of ``entries`` and ``nodes`` only
            those that the pack itself does not have; or ``problems``.
        """
        pack = replace(self._pack, texts={**self._pack.texts, **texts})
        try:
            return self._varied(pack, texts)
        except InvalidPolicyError as error:
            problems = [[problem.file, problem.line, problem.message] for problem in error.problems]
            return {"problems": problems}

    def _varied(self, pack: PackTexts, texts: Mapping[str, str]) -> dict[str, Any]:
        names, program, loaded = load(pack)
        base = self._explorer
        deadline = time.monotonic() + pack.seconds
        explorer = Explorer(names, pack.settings, program, loaded, deadline, base.trees)
        if all(
            _declared(text) == _declared(self._pack.texts[file]) for file, text in texts.items()
        ):
            explorer.earlier = _Unchanged(base.findings(), base.program, program)
        compiler = Compiler(explorer)
        known = {tuple(entry[:3]): entry for entry in self.compiled["entries"]}
        entries = [
            entry for entry in compiler.entries(pack) if entry != known.get(tuple(entry[:3]))
        ]
        refused, noticed = never(explorer)
        if refused:
            raise InvalidPolicyError(refused)
        numbers = {number for entry in entries for number in _numbers(entry)}
        roots = {node.number: node for node in compiler.roots if node.number in numbers}
        nodes = explorer.trees.reachable(list(roots.values()))
        return {
            "tests": list(map(plain_test, explorer.trees.tests)),
            "nodes": [
                plain_node(node)
                for node in nodes
                if node.branches and node.number not in self._sent
            ],
            "entries": entries,
            "notices": [
                [problem.file, problem.line, problem.message]
                for problem in (*compiler.notices, *noticed)
            ],
        }


def _numbers(entry: Sequence[Any]) -> Iterator[int]:
    granted, forbids, obliges, allowed = entry[3:]
    for number in (granted, *forbids.values(), *obliges.values(), allowed):
        if number is not None:
            yield number


def _declared(text: str) -> list[object]:
    """Return what the blocks of a file declare, which any clause can depend on."""
    return [
        (block.keyword, block.type, block.names, {k: t.text for k, t in block.relations.items()})
        for block in read_source("", text)[0].blocks
    ]


@dataclass(frozen=True, slots=True)
class _Same:
    """Clauses that stand in both texts, and rules all of whose clauses and callees do."""

    standing: Mapping[int, int]
    """New to old, whatever they call."""
    numbers: Mapping[int, int]
    """New to old, of those that call nothing which differs."""
    back: Mapping[int, int]
    rules: frozenset[str]


class _Unchanged:
    """What was found of the pack itself and holds for a variant too (`exploring.Earlier`)."""

    def __init__(self, findings: Findings, old: Program, new: Program) -> None:
        self._findings = findings
        self._same = _compare(old, new)

    def take(self, key: Key) -> tuple[tuple[Node, bool], Collection[Key]] | None:
        earlier = self._turned(key, self._same.numbers)
        found = self._findings.found.get(earlier) if earlier is not None else None
        if earlier is None or found is None or isinstance(found, Unexplorable):
            return None
        reached = [self._turned(each, self._same.back) for each in self._findings.reached[earlier]]
        return found, [each for each in reached if each is not None]

    def reply(self, key: Key) -> Reply | None:
        number, *rest = key
        if number not in self._same.standing:
            return None
        return self._findings.replies.get((self._same.standing[cast("int", number)], *rest))

    def _turned(self, key: Key, numbers: Mapping[Any, int]) -> Key | None:
        """Return a key with the clause's number in the other text; None where it may differ."""
        kind, name, *rest = key
        if kind == "clause":
            return (kind, numbers[name], *rest) if name in numbers else None
        if kind == "rule":
            return key if str(name).rpartition("__")[0] in self._same.rules else None
        return key


def _compare(old: Program, new: Program) -> _Same:
    rules = {name for program in (old, new) for name, _ in program.clauses}
    changed = {name for name in rules if _clauses(old, name) != _clauses(new, name)}
    while more := _callers(changed, (old, new)) - changed:
        changed |= more
    waiting: dict[object, list[int]] = defaultdict(list)
    for clause in _each(old):
        waiting[_identity(clause)].append(clause.number)
    standing, numbers = {}, {}
    for clause in _each(new):
        same = waiting[_identity(clause)]
        if same:
            standing[clause.number] = same.pop(0)
            if not _mentions(clause, changed):
                numbers[clause.number] = standing[clause.number]
    back = {old: new for new, old in numbers.items()}
    return _Same(standing, numbers, back, frozenset(rules - changed))


def _each(program: Program) -> Iterator[Clause]:
    for clauses in program.clauses.values():
        yield from clauses


def _clauses(program: Program, name: str) -> list[object]:
    return [_identity(clause) for clause in _each(program) if clause.rule == name]


def _callers(rules: Collection[str], programs: Sequence[Program]) -> set[str]:
    return {
        clause.rule for program in programs for clause in _each(program) if _mentions(clause, rules)
    }


def _identity(clause: Clause) -> object:
    return clause.rule, clause.literals, clause.file, clause.written


def _mentions(clause: Clause, rules: Collection[str]) -> bool:
    return any(word.removeprefix("s__") in rules for word in clause.written)


def in_fork(work: Callable[[], Mapping[str, Any]], seconds: float) -> bytes:
    """Do something in a fork of this process, so that nothing of it is left behind.

    Returns:
        The result as JSON; ``problems`` where the fork came to no good end.
    """
    reading, writing = os.pipe()
    fork = os.fork()
    if not fork:  # pragma: no cover - it ends without telling what it ran
        signal.alarm(int(seconds) + 1)  # it is not caught, so it ends Oso's own code too
        os.close(reading)
        try:
            with os.fdopen(writing, "wb") as stream:
                stream.write(json.dumps(work()).encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    if os.waitpid(fork, 0)[1] == 0:
        return said
    return json.dumps(
        {"problems": [["", 0, "compiling failed: it took too long, or ended"]]}
    ).encode()
