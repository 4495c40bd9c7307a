"""A maintained solver, z3, asked about the terms of a vocabulary (`sidecar.review.terms`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from sidecar.errors import SidecarError
from sidecar.review.terms import FALSE, TRUE, Term, Vocabulary

MOST_WORK = 20_000_000
"""z3's own count of its work for one question (`rlimit`); ordinary ones take some thousands."""


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
        self._context = self._z3.Context()
        self._lines_added = 0
        """Lines of the script of the vocabulary that z3 knows."""
        self._own_script: list[str] = []
        # Few numbers and many flags: by default z3 spends three quarters of its time on relevancy
        # and on arithmetic that no state needs.
        self._evaluate("(set-option :smt.relevancy 0)(set-option :smt.arith.solver 2)")
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
        new = self._terms.script[self._lines_added :]
        self._lines_added += len(new)
        question = f"(check-sat-assuming ({' '.join(assumed)}))"
        found = self._evaluate("\n".join([*new, *self._own_script, question])).strip()
        self._own_script.clear()
        if found in {"sat", "unsat"}:
            return found == "sat"
        raise UnsettledError(
            f"nobody knows whether a state can be, since the solver gave up: {found};"
            " simplify the rules that are compared"
        )

    def conflict(self) -> list[Term]:
        """Return the last assumptions that cannot hold together: few, if not the fewest."""
        found: list[Term] = _parsed(self._evaluate("(get-unsat-assumptions)"))
        return found

    def model(self) -> Model:
        """Return the model that was found last; it ends with the next question."""
        return Model(self._evaluate)

    def _evaluate(self, script: str) -> str:
        answer: str = self._z3.Z3_eval_smtlib2_string(self._context.ref(), script)
        if "(error" in answer:
            raise AssertionError(f"z3 does not understand what it was told: {answer}")
        return answer


class Model:
    """One way in which all that was said holds."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._evaluate = ask
        self._known: dict[Term, str] = {TRUE: TRUE, FALSE: FALSE}

    def load(self, terms: Iterable[Term]) -> None:
        """Read the values of many terms at once, which is cheaper than one by one."""
        new = [term for term in dict.fromkeys(terms) if term not in self._known]
        if new:
            pairs = _parsed(self._evaluate(f"(get-value ({' '.join(new)}))"))
            self._known.update(zip(new, (_written(pair[1]) for pair in pairs), strict=True))

    def element(self, term: Term) -> str:
        """Return what tells a value from all others of its kind."""
        self.load([term])
        return self._known[term]

    def holds(self, flag: Term) -> bool:
        """Tell whether something holds."""
        return self.element(flag) == TRUE

    def number(self, term: Term) -> Fraction:
        """Return a number."""
        return _evaluated(_parsed(self.element(term)))


_TOKEN = re.compile(r"[()]|[^\s()]+")


def _parsed(text: str) -> Any:  # noqa: ANN401 - lists of lists of texts
    """Return an answer of SMT-LIB as lists; a single token as a text."""
    stack: list[list[Any]] = [[]]
    for part in _TOKEN.findall(text):
        if part == "(":
            stack.append([])
        elif part == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(part)
    return stack[0][0]


def _written(parsed: Any) -> str:  # noqa: ANN401 - as above
    return parsed if isinstance(parsed, str) else f"({' '.join(map(_written, parsed))})"


def _evaluated(parsed: Any) -> Fraction:  # noqa: ANN401 - as above
    if isinstance(parsed, str):
        return Fraction(parsed)
    operator, *operands = parsed
    numbers = [_evaluated(each) for each in operands]
    return -numbers[0] if operator == "-" else numbers[0] / numbers[1]
