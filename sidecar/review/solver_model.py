"""Models that the solver finds: the values of terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from sidecar.review.formulas import FALSE, TRUE, Term


class Model:
    """One way in which all that was said holds."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask
        self._known: dict[Term, str] = {TRUE: TRUE, FALSE: FALSE}

    def load(self, terms: Iterable[Term]) -> None:
        """Read the values of many terms at once, which is cheaper than one by one."""
        new = [term for term in dict.fromkeys(terms) if term not in self._known]
        if new:
            pairs = parsed_answer(self._ask(f"(get-value ({' '.join(new)}))"))
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
        return _evaluated(parsed_answer(self.element(term)))


_TOKEN = re.compile(r"[()]|[^\s()]+")


def parsed_answer(text: str) -> Any:  # noqa: ANN401 - lists of lists of texts
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
