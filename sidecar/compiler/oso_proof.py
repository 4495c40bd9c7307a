"""Why a rule holds, or does not: Oso's own proof, clause by clause, in the child process.

Each clause is asked alone, as it is when Oso answers at request time
(`sidecar.compiler.live_query`), with a trace; rules that it calls have proofs of their own. What it
looked at is kept step by step. Which of these steps the answer rests on is asked of Oso too: each
is turned round by itself, and Oso is asked again. A step that holds a proof up is part of it; of a
clause that does not hold, a step that turned round leads on is where it failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from sidecar.compiler.live_query import LIVE_DEPTH, LiveAnswers, Loaded, RuleByRule
from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.program import Clause
from sidecar.compiler.proof import Called, Compare, Key, NoValue, called_by
from sidecar.compiler.query_trace import Run, WatchedComparison, WatchedLook
from sidecar.compiler.symbols import Unexplorable
from sidecar.diagram.paths import ACTION_NAME, Operand, operands_of
from sidecar.diagram.questions import RuleHolds
from sidecar.errors import PolicyFault


def prove(
    asked: Mapping[str, Any], pack: PackTexts, loaded: Loaded, answers: LiveAnswers
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
    operands = operands_of(asked["code"])
    first = (f"{asked['rule']}__{len(operands)}", operands)
    return {"holds": prover.rule(*first).holds, "rules": prover.plain(first)}


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


class _Prover(RuleByRule[_RuleProof]):
    def judge(self, clauses: Sequence[Clause], operands: tuple[Operand, ...]) -> _RuleProof:
        return _RuleProof([self._clause(each, operands) for each in clauses])

    def _called(self, rule: str, operands: tuple[Operand, ...]) -> bool:
        """Tell whether a rule holds, for a clause that calls it: where it fails, so does that."""
        found = self.rule(rule, operands)
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
        def via(rule: str, values: tuple[object, ...]) -> bool | None:
            called = self.operands_of(rule, values)
            if called is None:
                return None
            return run.answer(RuleHolds(rule, called), lambda: self._called(rule, called))

        asking = Asking(*self.symbols, via, LIVE_DEPTH)
        asking.look = WatchedLook(run, *self.symbols, LIVE_DEPTH)
        asking.compare = WatchedComparison(run, asking.compare)
        return self.policy.prove(asking, clause.name, self.subject, self.resource, operands)

    def plain(self, first: Called) -> list[list[Any]]:
        """Return the proof of a rule and of those that it rests on; nothing of Oso's is left."""
        plain = []
        waiting, seen = [first], {first}
        while waiting:
            key = waiting.pop(0)
            proof = self.found[key]
            clauses = [self._plain(each, key[1]) for each in proof.clauses]
            plain.append([key[0], to_builtins(key[1]), proof.holds, clauses])
            for each in proof.clauses:
                for step in each.run.steps:
                    called = called_by(step)
                    if called is not None and called in self.found and called not in seen:
                        seen.add(called)
                        waiting.append(called)
        return plain

    def _plain(self, proof: _ClauseProof, operands: tuple[Operand, ...]) -> dict[str, Any]:
        clause, run = proof.clause, proof.run
        through = _rules_in(proof.trace, "c__")[1:] if proof.trace is not None else []
        clauses = {each.name: each for every in self.program.clauses.values() for each in every}
        inlined = [clauses[name] for name, _ in through]
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
