"""A maintained solver, z3, asked about the terms of a vocabulary (`sidecar.review.terms`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sidecar.errors import SidecarError
from sidecar.review.formulas import FALSE, TRUE, Term
from sidecar.review.solver_model import Model, parsed_answer
from sidecar.review.terms import Vocabulary

MOST_WORK = 20_000_000
"""z3's own count of its work for one question (`rlimit`); ordinary ones take some thousands."""


_MOST_ROUNDS, _LAST_ROUNDS = 300, 10
"""Rounds in which laws are said that models break; then more is taken for possible than can be."""
_TUNED = "(set-option :smt.relevancy 0)(set-option :smt.arith.solver 2)"
"""For few numbers and many flags: by default z3 spends three quarters of its time on relevancy and
on arithmetic that no state needs."""


class MissingSolverError(SidecarError):
    """The solver is not installed; whoever installs the sidecar for reviewers must act."""


class UnsettledError(SidecarError):
    """The solver gave up: nobody knows whether there is such a state."""


def load_solver() -> Any:  # noqa: ANN401 - z3 has no types
    """Return the module of z3, which commands that look at no states do not need.

    Raises:
        MissingSolverError: It is not installed.
    """
    try:
        import z3  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingSolverError(
            "this command needs the solver z3; install it with `pip install 'sidecar[review]'`,"
            " in a checkout with `make solver`"
        ) from error
    return z3


class Solver:
    """z3 on all that a vocabulary says, asked again and again with other assumptions.

    Each has a context of its own: what one is asked changes nothing in another, so that the same
    questions, asked in the same order, get the same answers.
    """

    def __init__(self, terms: Vocabulary) -> None:
        self._terms = terms
        self._z3 = load_solver()
        self._own_script: list[str] = []
        self._begin(_TUNED)

    def _begin(self, options: str) -> None:
        """Begin with a context that knows nothing."""
        self._context = self._z3.Context()
        self._lines_added = 0, 0
        """Lines of the script of the vocabulary, and of our own, that z3 knows."""
        self._evaluate(options)
        self._evaluate("(set-option :produce-unsat-assumptions true)")
        self._evaluate(f"(set-option :rlimit {MOST_WORK})")

    def add(self, lines: Iterable[str]) -> None:
        """Declare and say something to this solver alone."""
        self._own_script.extend(lines)

    def is_satisfiable(self, assumptions: Iterable[Term] = ()) -> bool:
        """Tell whether all that was said, and some flags, can hold together.

        Raises:
            UnsettledError: z3 gives up.
        """
        assumed = [each for each in assumptions if each != TRUE]
        if FALSE in assumed:
            return False
        found = self._check(assumed)
        if found == "sat" and self._is_broken():
            found = self._check_in_parts(assumed)
        if found in {"sat", "unsat"}:
            return found == "sat"
        raise UnsettledError(
            f"nobody knows whether a state can be, since the solver gave up: {found};"
            " simplify the rules that are compared"
        )

    def _check_in_parts(self, assumed: Sequence[Term]) -> str:
        """Return the answer, first among states for which all laws can be said."""
        for check in self._terms.checks:
            for flags in check.narrower():
                if (
                    self._check_with_laws([*assumed, *flags], _MOST_ROUNDS) == "sat"
                    and not self._is_broken()
                ):
                    return "sat"
        return self._check_with_laws(assumed, _LAST_ROUNDS)

    def _check_with_laws(self, assumed: Sequence[Term], rounds: int) -> str:
        """Return the answer after so many rounds, in each of which broken laws are said."""
        found = self._check(assumed)
        for _ in range(rounds):
            if found != "sat" or not self._is_broken():
                break
            found = self._check(assumed)
        return found

    def _check(self, assumed: Sequence[Term]) -> str:
        """Return the answer to a question; where z3 gives up, of one that knows no more than it."""
        question = f"(check-sat-assuming ({' '.join(assumed)}))"
        found = self._check_once(question)
        for options in (_TUNED, ""):
            if found in {"sat", "unsat"}:
                break
            # What it has learned from other questions can lead z3 astray.
            self._begin(options)
            found = self._check_once(question)
        return found

    def _check_once(self, question: str) -> str:
        script, own = self._terms.script, self._own_script
        lines = [*script[self._lines_added[0] :], *own[self._lines_added[1] :], question]
        self._lines_added = len(script), len(own)
        return self._evaluate("\n".join(lines)).strip()

    def _is_broken(self) -> bool:
        """Tell whether the model breaks laws; they are said then."""
        model = self.model()
        broken = [law for check in self._terms.checks for law in check.broken(model)]
        for law in broken:
            self._terms.say(law)
        return bool(broken)

    def conflict(self) -> list[Term]:
        """Return the last assumptions that cannot hold together: few, if not the fewest."""
        found: list[Term] = parsed_answer(self._evaluate("(get-unsat-assumptions)"))
        return found

    def model(self) -> Model:
        """Return the model that was found last; it ends with the next question."""
        return Model(self._evaluate)

    def _evaluate(self, script: str) -> str:
        answer: str = self._z3.Z3_eval_smtlib2_string(self._context.ref(), script)
        if "(error" in answer:
            raise AssertionError(f"z3 does not understand what it was told: {answer}")
        return answer
