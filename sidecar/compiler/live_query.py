"""One question put to Oso at request time, rule by rule as it would have been compiled.

Each rule is asked on its own, through all of its clauses and once for the same operands: so the
answer depends on no order, a fault in one clause is not hidden by another, and references that
lead through many entities cost their sum and not their product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sidecar.compiler.operands import operand_of
from sidecar.compiler.oso import LoadedPolicy
from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.program import Clause, Program
from sidecar.compiler.query_trees import Action
from sidecar.compiler.selection import operand_types
from sidecar.compiler.semantics import Answers
from sidecar.compiler.symbols import TooDeep, Unexplorable
from sidecar.diagram.path_types import paths_of
from sidecar.diagram.paths import Operand, operands_of
from sidecar.errors import PolicyFault
from sidecar.polar.names import Names
from sidecar.schema.model import Schema, Value

LIVE_DEPTH = 100
"""Steps to a fact when Oso is asked at request time; references that go round end here."""


Loaded = tuple[Names, Program, LoadedPolicy]


def answer(
    asked: Mapping[str, Any], pack: PackTexts, loaded: Loaded, answers: Answers
) -> dict[str, object]:
    """Answer one question of a serving process, through all clauses of its rule.

    Returns:
        Plain data: ``holds``, or ``fault`` where one of the clauses fails, or ``data_fault`` where
        the facts are at fault.
    """
    names, program, _ = loaded
    request = (asked["subject"], asked["resource"], action_of(names.schema, asked))
    answering = Answering(loaded, pack.settings, answers, request)
    operands = operands_of(asked["code"])
    holds = False
    types = operand_types(paths_of(names.schema, *request[:2]), operands)
    for clause in program.matching(asked["rule"], operands, types):
        try:
            holds = answering.holds([clause], operands) or holds
        except TooDeep as error:
            return {"data_fault": f"{clause.file}:{clause.line}: {error}"}
        except (PolicyFault, Unexplorable) as error:
            return {"fault": f"{clause.file}:{clause.line}: {error}"}
    return {"holds": holds}


def action_of(schema: Schema, asked: Mapping[str, Any]) -> Action:
    """Return the action that is asked about, with its declared properties."""
    declared = schema.types[asked["resource"]].actions.get(asked["action"])
    return asked["action"], declared.properties if declared else {}


class Answering:
    """Answers what Oso asks from `answers`, for one kind of request."""

    def __init__(
        self,
        loaded: Loaded,
        settings: Mapping[str, Value],
        answers: Answers,
        asked: tuple[str, str, Action],
    ) -> None:
        self._names, self._program, self._policy = loaded
        self._settings = settings
        self._answers = answers
        self._subject, self._resource, self._action = asked
        self._paths = paths_of(self._names.schema, self._subject, self._resource)
        self._known: dict[tuple[str, tuple[Operand, ...]], bool] = {}
        self._open: set[tuple[str, tuple[Operand, ...]]] = set()

    def holds(self, clauses: Sequence[Clause], operands: tuple[Operand, ...]) -> bool:
        """Tell whether one of the clauses holds; each is asked, so that no fault is hidden.

        Raises:
            PolicyFault: Where one of them fails.
            Unexplorable: Where Oso gives up, or references lead too far.
        """
        answers = [self._clause(each, operands) for each in clauses]
        return any(answers)

    def _clause(self, clause: Clause, operands: tuple[Operand, ...]) -> bool:
        question = Asking(
            self._names,
            self._settings,
            self._policy.things,
            self._answers,
            self._action,
            self._via,
            LIVE_DEPTH,
        )
        return self._policy.ask(question, clause.name, self._subject, self._resource, operands)

    def _via(self, rule: str, operands: tuple[object, ...]) -> str:
        keys = []
        for operand in operands:
            key = operand_of(operand)
            if key is None:
                return "clauses"
            keys.append(key)
        return "yes" if self._rule(rule, tuple(keys)) else "no"

    def _rule(self, rule: str, operands: tuple[Operand, ...]) -> bool:
        key = (rule, operands)
        if key in self._open:
            raise PolicyFault("the rule calls itself with the same arguments", rule)
        if key not in self._known:
            types = operand_types(self._paths, operands)
            clauses = self._program.matching(rule.rpartition("__")[0], operands, types)
            self._open.add(key)
            try:
                self._known[key] = self.holds(clauses, operands)
            finally:
                self._open.discard(key)
        return self._known[key]
