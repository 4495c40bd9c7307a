"""Formulas and the values of a schema as terms of a solver.

Terms are texts of SMT-LIB, which z3 reads faster than its Python objects are made. All texts of a
kind, ids among them, are of one uninterpreted sort: two that nothing makes equal can differ. What
is known of literals (which are different, which one sorts first, which domain lies under which) is
said of each of them, so that z3's theory of strings is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from sidecar.review.domain_terms import DomainTerms
from sidecar.review.formulas import FALSE, TRUE, Term, Terms, all_of, any_of, equal, negated
from sidecar.schema import Attribute, Kind, Value, is_id
from sidecar.schema.model import ORDERED
from sidecar.schema.values import LARGEST, SMALLEST

if TYPE_CHECKING:
    from sidecar.review.solver_model import Model

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Instants are counted from here: an instant of which nothing is known is this one."""
TICK = timedelta(microseconds=1)
"""The unit in which instants are counted."""
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
LIMITS = {
    Kind.INTEGER: (SMALLEST, LARGEST),
    Kind.INSTANT: ((_FIRST - EPOCH) // TICK, (_LAST - EPOCH) // TICK),
}
"""The smallest and the largest number of a kind; decimals have none."""
OPEN = (Kind.STRING, Kind.EMAIL, Kind.DOMAIN, Kind.ENUM, Kind.SET)
"""Kinds of whose values nothing is known but which are equal."""
_SORTS = {
    Kind.BOOLEAN: "Bool",
    Kind.INTEGER: "Int",
    Kind.INSTANT: "Int",
    Kind.DECIMAL: "Real",
    **{kind: f"Any_{kind.value}" for kind in OPEN},
}


def day_of(text: str) -> int | None:
    """Return the day of a date, counted from `EPOCH`; None for a text that is no date."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return (found - EPOCH.date()).days if found.isoformat() == text else None


class Check(Protocol):
    """Laws that were not said because few states need them."""

    def broken(self, model: Model) -> Iterable[Term]:
        """Return those that a model breaks."""

    def narrower(self) -> Iterable[Sequence[Term]]:
        """Return flags of states of which few of them speak, and then of more states."""


class Vocabulary:
    """The terms of one solver, and what holds of them whatever the facts are."""

    def __init__(self) -> None:
        self.script: list[str] = [f"(declare-sort {_SORTS[kind]} 0)" for kind in OPEN]
        """All that was declared and said."""
        self.texts: dict[Kind, dict[str, Term]] = {kind: {} for kind in OPEN}
        """Every text that was named."""
        self.open_texts: list[Term] = []
        """Every text that depends on the facts."""
        self.numbers: dict[Kind, list[Term]] = {kind: [] for kind in ORDERED}
        """Every number that depends on the facts."""
        self.cuts: dict[Kind, set[Fraction]] = {kind: set() for kind in ORDERED}
        """Every number that was named."""
        self.domains: dict[Term, Term] = {}
        """The addresses of which the domain is looked at, each with it."""
        self.ranks: dict[Term, Term] = {}
        """The texts that are compared, each with its rank."""
        self.dates: dict[Term, Term] = {}
        """The days of which the date is looked at, each with its text."""
        self.checks: list[Check] = []
        self.is_ordered = False
        """Whether it matters for the facts which text sorts first."""
        self._symbols: dict[tuple[str, ...], Term] = {}
        self._sorts: dict[Term, str] = {}
        self._values: dict[tuple[str, ...], Term] = {}
        self.domain_terms = DomainTerms(self)

    def say(self, formula: Term) -> None:
        """Say what always holds."""
        if formula != TRUE:
            self.script.append(f"(assert {formula})")

    def imply(self, condition: Term, conclusion: Term) -> None:
        """Say what follows from something."""
        if condition != FALSE and conclusion != TRUE:
            self.say(f"(=> {condition} {conclusion})" if condition != TRUE else conclusion)

    def name(self, formula: Term) -> Term:
        """Return a flag that implies a formula, so that it can be assumed and dropped again."""
        if formula in {TRUE, FALSE}:
            return formula
        flag = self.flag(f"assume#{len(self._symbols)}")
        self.imply(flag, formula)
        return flag

    # --- values ----------------------------------------------------------------------------------

    def flag(self, name: str, arguments: Terms = ()) -> Term:
        """Return a yes or no that depends on values."""
        return self._applied(name, arguments, "Bool")

    def value(self, name: str, kind: Kind, arguments: Terms = ()) -> Term:
        """Return a value that depends on values; a number is none that cannot be written."""
        made = self._constant(name, arguments, _SORTS[kind])
        if kind in ORDERED:
            self.numbers[kind].append(made)
        if kind in LIMITS:
            least, most = (_number(limit) for limit in LIMITS[kind])
            self.say(f"(<= {least} {made} {most})")
        elif kind in OPEN:
            self.open_texts.append(made)
        if kind is Kind.DOMAIN:
            self.domain_terms.note(made, None)
        return made

    def literal(self, kind: Kind, value: Value) -> Term:
        """Return a value that is known."""
        if kind is Kind.BOOLEAN:
            return TRUE if value in {True, TRUE} else FALSE
        if kind in ORDERED:
            assert isinstance(value, datetime | Decimal | int)  # noqa: S101 - by its kind
            number = (value - EPOCH) // TICK if isinstance(value, datetime) else value
            self.cuts[kind].add(Fraction(number))
            return _number(Fraction(number), real=kind is Kind.DECIMAL)
        text = str(value)
        made = self.texts[kind].get(text) or self._named(kind, text)
        if kind is Kind.DOMAIN:
            self.domain_terms.note(made, text)
        elif kind is Kind.EMAIL and made not in self.domains:
            domain = self.literal(Kind.DOMAIN, text.rpartition("@")[2])
            self.say(f"(= {self.domain_of(made)} {domain})")
        return made

    def choose(self, condition: Term, first: Terms, second: Terms) -> Terms:
        """Return the first value where a condition holds, else the second."""
        if condition in {TRUE, FALSE}:
            return first if condition == TRUE else second
        made = []
        for one, two in zip(first, second, strict=True):
            term = one if one == two else f"(ite {condition} {one} {two})"
            self._sorts.setdefault(term, self._sorts.get(one) or self._sorts.get(two, ""))
            made.append(term)
        return tuple(made)

    def limit(self, term: Term, attribute: Attribute) -> None:
        """Say which values of an enum an attribute can have."""
        values = attribute.only or attribute.type.values
        if values:
            literals = (self.literal(Kind.ENUM, value) for value in values)
            self.say(any_of(f"(= {term} {literal})" for literal in literals))

    def is_proper(self, text: Term) -> Term:
        """Return that a text can be an id."""
        return self.flag("is_an_id", (text,))

    def whole_number(self, name: str) -> Term:
        """Return a whole number that no fact has."""
        return self._constant(name, (), "Int")

    def function_of_number(self, name: str) -> str:
        """Return a function from a whole number to another."""
        self.script.append(f"(declare-fun {name} (Int) Int)")
        return name

    def date_of(self, day: Term) -> Term:
        """Return the text of the date of a day, counted from `EPOCH`."""
        if not self.dates:
            sort = _SORTS[Kind.STRING]
            self.script.append(f"(declare-fun date_text (Int) {sort})")
            self.script.append(f"(declare-fun day_of ({sort}) Int)")
            self.script.append(f"(declare-fun is_date ({sort}) Bool)")
        if day not in self.dates:
            made = self._constant(f"date {day}", (), _SORTS[Kind.STRING])
            known = not self.dates
            self.dates[day] = made
            self._tell_date(made, f"(date_text {day})", day)
            for text, term in self.texts[Kind.STRING].items() if known else ():
                self._tell_text(text, term)
        return self.dates[day]

    def _tell_text(self, text: str, made: Term) -> None:
        """Say which date a text is, or that it is none."""
        day = day_of(text)
        if day is None:
            self.say("(not (is_date " + made + "))")
        else:
            self._tell_date(made, f"(date_text {_number(day)})", _number(day))

    def _tell_date(self, made: Term, text: Term, day: Term) -> None:
        self.say(f"(and (= {made} {text}) (= (day_of {made}) {day}) (is_date {made}))")

    def domain_of(self, address: Term) -> Term:
        """Return the domain of an address."""
        if address not in self.domains:
            made = self._constant("domain", (address,), _SORTS[Kind.DOMAIN])
            self.domains[address] = made
            self.domain_terms.note(made, None)
        return self.domains[address]

    def comes_first(self, left: Terms, right: Terms) -> Term:
        """Return that one key sorts before another of the same type, column by column."""
        if not self.is_ordered:
            self.is_ordered = True
            for known in self.texts.values():
                self._order([known[text] for text in sorted(known)])
        found = FALSE
        for one, two in reversed(list(zip(left, right, strict=True))):
            same = all_of([equal((one,), (two,)), found])
            found = any_of([f"(< {self._rank(one)} {self._rank(two)})", same])
        return found

    def _rank(self, text: Term) -> Term:
        if text not in self.ranks:
            self.ranks[text] = self._applied("rank", (text,), "Real")
        return self.ranks[text]

    def _applied(self, name: str, arguments: Terms, sort: str) -> Term:
        key = (name, *(self._sorts[each] for each in arguments))
        symbol = self._symbols.get(key)
        if symbol is None:
            symbol = self._symbols[key] = f"{re.sub('[^A-Za-z]+', '_', name)}.{len(self._symbols)}"
            self.script.append(f"(declare-fun {symbol} ({' '.join(key[1:])}) {sort})")
        return f"({symbol} {' '.join(arguments)})" if arguments else symbol

    def _constant(self, name: str, arguments: Terms, sort: str) -> Term:
        """Return a name of a value, so that terms about it stay short."""
        made = self._values.get((name, *arguments))
        if made is None:
            made = self._applied(name, arguments, sort)
            if arguments:
                made = self._applied(f"{name}#{len(self._values)}", (), sort)
                self.say(f"(= {made} {self._applied(name, arguments, sort)})")
            self._values[name, *arguments] = made
            self._sorts[made] = sort
        return made

    def _named(self, kind: Kind, text: str) -> Term:
        known = self.texts[kind]
        made = known[text] = self._constant(f"{kind.value} {text}", (), _SORTS[kind])
        # Numbers of their own tell literals apart at less cost than saying it of each pair.
        self.say(f"(= {self._applied('number', (made,), 'Int')} {len(known)})")
        self.say(self.is_proper(made) if is_id(text) else negated(self.is_proper(made)))
        if kind is Kind.STRING and self.dates:
            self._tell_text(text, made)
        if self.is_ordered:
            texts = sorted(known)
            at = texts.index(text)
            self._order([known[each] for each in texts[max(at - 1, 0) : at + 2]])
        return made

    def _order(self, texts: Sequence[Term]) -> None:
        """Say that each text sorts before the next."""
        for one, two in pairwise(texts):
            self.say(f"(< {self._rank(one)} {self._rank(two)})")


def _number(number: Fraction | int, *, real: bool = False) -> Term:
    number = Fraction(number)
    made = f"{abs(number.numerator)}{'.0' if real else ''}"
    if number.denominator != 1:
        made = f"(/ {abs(number.numerator)}.0 {number.denominator}.0)"
    return made if number >= 0 else f"(- {made})"
