"""Why a rule holds, or does not: Oso's own proof, clause by clause, in the child process.

Each clause is asked alone, as it is when Oso answers at request time
(`sidecar.compiler.live_query`), with a trace; rules that it calls have proofs of their own. What it
looked at is kept step by step. Which of these steps the answer rests on is asked of Oso too: each
is turned round by itself, and Oso is asked again. A step that holds a proof up is part of it; of a
clause that does not hold, a step that turned round leads on is where it failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from sidecar.compiler.live_query import LIVE_DEPTH, Loaded, action_of
from sidecar.compiler.operands import operand_of
from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.program import Clause
from sidecar.compiler.proof import Called, Compare, Key, NoValue, called_by
from sidecar.compiler.query_trace import Run, WatchedComparison, WatchedLook
from sidecar.compiler.selection import operand_types
from sidecar.compiler.semantics import Answers
from sidecar.compiler.symbols import Unexplorable
from sidecar.diagram.path_types import paths_of
from sidecar.diagram.paths import ACTION_NAME, Operand, operands_of
from sidecar.diagram.questions import RuleHolds
from sidecar.errors import PolicyFault


def prove(
    asked: Mapping[str, Any], pack: PackTexts, loaded: Loaded, answers: Answers
) -> dict[str, Any]:
    """Answer one question as `sidecar.compiler.live_query.answer` does, with its proof.

    Returns:
        Plain data: ``holds`` (null where a clause fails), and ``rules``: those that were asked,
        the one of the question first, each as its name, operands, answer and clauses. A clause is
        a mapping of ``rule``, ``file``, ``line``, ``number``, ``holds``, ``fault``, ``steps`` (key,
        answer, whether the clause's answer rests on it) and ``through`` (rule, file and line of
        clauses that its proof goes through directly).
    """
    prover = _Prover(loaded, pack, answers, asked)
    rule, operands = asked["rule"], operands_of(asked["code"])
    first = (f"{rule}__{len(operands)}", operands)
    prover.prove(*first)
    return {"holds": prover.proofs[first].holds, "rules": prover.plain(first)}


@dataclass(slots=True)
class _ClauseProof:
    clause: Clause
    holds: bool | None
    fault: str
    run: Run
    trace: Mapping[str, Any] | None


@dataclass(slots=True)
class _RuleProof:
    clauses: list[_ClauseProof]

    @property
    def holds(self) -> bool | None:
        answers = [each.holds for each in self.clauses]
        return None if None in answers else True in answers


class _Prover:
    def __init__(
        self, loaded: Loaded, pack: PackTexts, answers: Answers, asked: Mapping[str, Any]
    ) -> None:
        self._names, self._program, self._policy = loaded
        self._settings = pack.settings
        self._answers = answers
        self._subject, self._resource = asked["subject"], asked["resource"]
        self._paths = paths_of(self._names.schema, self._subject, self._resource)
        self._action = action_of(self._names.schema, asked)
        self._clauses = {
            each.number: each for every in self._program.clauses.values() for each in every
        }
        self._open: set[Called] = set()
        self.proofs: dict[Called, _RuleProof] = {}

    def prove(self, rule: str, operands: tuple[Operand, ...]) -> None:
        """Prove a rule, once for the same operands.

        Raises:
            PolicyFault: Where it calls itself with the same operands.
        """
        key = (rule, operands)
        if key in self._open:
            raise PolicyFault("the rule calls itself with the same arguments", rule)
        if key not in self.proofs:
            self._open.add(key)
            try:
                types = operand_types(self._paths, operands)
                clauses = self._program.matching(rule.rpartition("__")[0], operands, types)
                self.proofs[key] = _RuleProof([self._clause(each, operands) for each in clauses])
            finally:
                self._open.discard(key)

    def _called(self, rule: str, operands: tuple[Operand, ...]) -> bool:
        """Tell whether a rule holds, for a clause that calls it: where it fails, so does that."""
        self.prove(rule, operands)
        found = self.proofs[rule, operands]
        for each in found.clauses:
            if each.holds is None:
                raise PolicyFault(each.fault)
        return bool(found.holds)

    def _clause(self, clause: Clause, operands: tuple[Operand, ...]) -> _ClauseProof:
        run = Run()
        try:
            trace = self._query(clause, operands, run)
        except (PolicyFault, Unexplorable) as error:
            return _ClauseProof(clause, None, f"{clause.file}:{clause.line}: {error}", run, None)
        return _ClauseProof(clause, trace is not None, "", run, trace)

    def _query(
        self, clause: Clause, operands: tuple[Operand, ...], run: Run
    ) -> Mapping[str, Any] | None:
        symbols = (self._names, self._settings, self._policy.things, self._answers, self._action)

        def via(rule: str, arguments: tuple[object, ...]) -> str:
            keys = [operand_of(argument) for argument in arguments]
            known = tuple(key for key in keys if key is not None)
            if len(known) < len(keys):
                return "clauses"
            return (
                "yes"
                if run.answer(RuleHolds(rule, known), lambda: self._called(rule, known))
                else "no"
            )

        asking = Asking(*symbols, via, LIVE_DEPTH)
        asking.look = WatchedLook(run, *symbols, LIVE_DEPTH)
        asking.compare = WatchedComparison(run, asking.compare)
        return self._policy.prove(asking, clause.name, self._subject, self._resource, operands)

    def plain(self, first: Called) -> list[list[Any]]:
        """Return the proof of a rule and of those that it rests on; nothing of Oso's is left."""
        plain = []
        waiting, seen = [first], {first}
        while waiting:
            key = waiting.pop(0)
            proof = self.proofs[key]
            clauses = [self._plain(each, key[1]) for each in proof.clauses]
            plain.append([key[0], to_builtins(key[1]), proof.holds, clauses])
            for each in proof.clauses:
                for step in each.run.steps:
                    called = called_by(step)
                    if called in self.proofs and called not in seen:
                        seen.add(called)
                        waiting.append(called)
        return plain

    def _plain(self, proof: _ClauseProof, operands: tuple[Operand, ...]) -> dict[str, Any]:
        clause, run = proof.clause, proof.run
        through = _rules_in(proof.trace, "c__")[1:] if proof.trace is not None else []
        inlined = [self._clauses[int(each.removeprefix("c__"))] for each, _ in through]
        resting = self._resting(proof, operands)
        return {
            "rule": clause.rule,
            "file": clause.file,
            "line": clause.line,
            "number": clause.number,
            "holds": proof.holds,
            "fault": proof.fault,
            "steps": [
                [to_builtins(step), held, step in resting] for step, held in run.steps.items()
            ],
            "through": [[each.rule, each.file, each.line] for each in inlined],
        }

    def _resting(self, proof: _ClauseProof, operands: tuple[Operand, ...]) -> set[Key]:
        """Return the steps that the answer of a clause rests on, asking Oso about each."""
        run = proof.run
        if proof.holds is None:
            return set()
        resting = {step for step in run.steps if self._rests_on(proof, step, operands)}
        if not proof.holds:
            return resting
        proved = {name for name, yes in _rules_in(proof.trace, "v__") if yes}
        for name in proved - {_name_of(step) for step in resting}:
            called = {step for step, held in run.steps.items() if held and _name_of(step) == name}
            if not called:
                raise PolicyFault(f"Oso's proof goes through `{name}`, which was not asked")
            resting |= called
        return resting

    def _rests_on(self, proof: _ClauseProof, step: Key, operands: tuple[Operand, ...]) -> bool:
        run, clause = proof.run, proof.clause
        if isinstance(step, NoValue):  # what is absent has no value that could be looked at instead
            return not proof.holds and step == run.last
        if isinstance(step, Compare) and ACTION_NAME in {
            step.left,
            step.right,
        }:  # of an action only its properties can change
            return False
        other = Run({step: not run.steps[step]})
        try:
            trace = self._query(clause, operands, other)
        except (PolicyFault, Unexplorable):
            trace = None
        if not proof.holds:
            return trace is not None or bool(other.steps.keys() - run.steps.keys())
        return trace is None or (run.steps[step] and _shape(trace) != _shape(proof.trace))


def _name_of(step: Key) -> str:
    return step.name.rpartition("__")[0] if isinstance(step, RuleHolds) else ""


def _rules_in(trace: Mapping[str, Any] | None, prefix: str) -> list[tuple[str, bool]]:
    """Return the generated rules in a trace, without `v__`, and whether Python said yes to them."""
    found = []
    for node in _nodes(trace):
        rule = node.get("Rule")
        if rule is not None and rule["name"].startswith(prefix):
            first = rule["params"][:1]
            yes = bool(first) and first[0]["parameter"]["value"].get("String") == "yes"
            found.append((rule["name"].removeprefix("v__"), yes))
    return found


def _shape(trace: Mapping[str, Any] | None) -> list[str]:
    """Return what two traces of the same proof have in common: not the names of variables."""
    return [
        f"{next(iter(node))} {node['Rule']['name'] if 'Rule' in node else _term(node['Term'])}"
        for node in _nodes(trace)
    ]


def _term(term: Mapping[str, Any]) -> str:
    kind, inside = next(iter(term["value"].items()))
    return (
        f"{kind} {inside.get('operator', inside.get('name', ''))}"
        if isinstance(inside, dict)
        else kind
    )


def _nodes(trace: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    waiting = [trace] if trace is not None else []
    while waiting:
        here = waiting.pop()
        yield here["node"]
        waiting += reversed(here["children"])
