"""Values of a model of the solver, as people write them.

A model tells which texts are equal, and how numbers and keys are ordered; all else is free. So an
unknown user is `user-1`, and a number that lies behind a limit the next one behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from math import inf

from sidecar.engine.fact_paths import ROOTS
from sidecar.review.calendar_terms import date_of
from sidecar.review.formulas import Term, Terms
from sidecar.review.row_terms import Entity
from sidecar.review.set_terms import Sets
from sidecar.review.solver_model import Model
from sidecar.review.symbolic_facts import SymbolicFacts
from sidecar.review.terms import EPOCH, LIMITS, TICK
from sidecar.schema import Attribute, EntityType, Kind, Value, ValueType
from sidecar.schema.model import ORDERED

_STEPS: dict[Kind, Sequence[Fraction]] = {
    Kind.INTEGER: [Fraction(1)],
    Kind.INSTANT: [Fraction(timedelta(**{unit: 1}) // TICK) for unit in ("days", "seconds")]
    + [Fraction(1)],
    Kind.DECIMAL: [Fraction(1, 10**digits) for digits in range(40)],
}
"""Distances between numbers of which only the order is known: the largest that fits is taken."""
_STEMS = {Kind.EMAIL: "person", Kind.DOMAIN: "place"}


@dataclass(frozen=True, slots=True)
class _Use:
    """A place where a text stands, which tells what to call it."""

    text: Term
    kind: Kind
    stem: str


class ModelValues:
    """Reads values out of a model, and makes up those that it leaves open."""

    def __init__(self, facts: SymbolicFacts, model: Model) -> None:
        self._facts = facts
        self._terms = facts.terms
        self._model = model
        model.load(self._read())
        self._texts = {
            model.element(term): text
            for known in self._terms.texts.values()
            for text, term in known.items()
        }
        """By the element of the model; first those of literals."""
        for day, term in self._terms.dates.items():
            self._texts[model.element(term)] = date_of(int(model.number(day)))
        self._name_texts()
        self._numbers = {kind: self._spread(kind) for kind in ORDERED}

    def _read(self) -> Iterator[Term]:
        """Yield most of what is read of the model, so that it is read at once."""
        terms = self._terms
        for named in (*terms.texts.values(), terms.domains, terms.ranks, terms.dates):
            yield from named.values()
        yield from terms.dates
        yield from self._facts.calendar.instants
        yield from terms.open_texts
        yield from chain.from_iterable(terms.numbers.values())
        for entity in self._facts.mount.entities.values():
            yield self._facts.mount.row(entity)
        for _, _, cell in self._facts.mount.stored():
            yield cell.present
            yield from cell.value
        for sent in self._facts.caller_values.values():
            yield from (sent.is_sent, sent.is_refused)

    def holds(self, flag: Term) -> bool:
        """Tell whether something holds."""
        return self._model.holds(flag)

    def id(self, entity: Entity) -> str:
        """Return the id of an entity."""
        return "/".join(map(self._text, entity.key))

    def value(self, declared: ValueType, value: Terms) -> Value:
        """Return a value that is no set; of an entity its key."""
        if declared.kind is Kind.BOOLEAN:
            return self.holds(value[0])
        if declared.kind in ORDERED:
            return self._numbers[declared.kind][self._model.number(value[0])]
        texts = tuple(map(self._text, value))
        return texts if len(texts) > 1 else texts[0]

    def members(self, element: ValueType, held: Terms) -> Iterator[Terms]:
        """Yield what a set includes, of all that sets were asked to include, each once."""
        of = self._facts.mount.sets.of.get(element.name, Sets(element))
        seen: set[tuple[str, ...]] = set()
        for member in of.members:
            shown = tuple(map(self._model.element, member))
            if shown not in seen and self.holds(self._terms.flag(of.name, (*held, *member))):
                seen.add(shown)
                yield member

    # --- texts -----------------------------------------------------------------------------------

    def _text(self, term: Term) -> str:
        return self._texts[self._model.element(term)]

    def _name_texts(self) -> None:
        """Give every text that is not known a name, which sorts as the model has it."""
        element = self._model.element
        uses: dict[str, _Use] = {}
        known: dict[str, set[str]] = {}
        for use in self._uses():
            at = element(use.text)
            known.setdefault(use.stem, set()).update([at] if at in self._texts else [])
            if at not in self._texts:
                uses.setdefault(at, use)
        ranks = {
            element(term): self._model.number(rank) for term, rank in self._terms.ranks.items()
        }
        width = {stem: len(str(n)) for stem, n in Counter(u.stem for u in uses.values()).items()}
        counts: Counter[str] = Counter()
        # An address needs its domain.
        kinds = [Kind.DOMAIN, Kind.STRING, Kind.EMAIL]
        in_order = sorted(
            uses, key=lambda at: (kinds.index(uses[at].kind), ranks.get(at, Fraction(0)))
        )
        for at in in_order:
            use = uses[at]
            counts[use.stem] += 1
            name = f"{use.stem}-{counts[use.stem]:0{width[use.stem]}}"
            peers = [each for each in known[use.stem] if at in ranks and each in ranks]
            before = [self._texts[each] for each in peers if ranks[each] < ranks[at]]
            after = [self._texts[each] for each in peers if ranks[each] > ranks[at]]
            self._texts[at] = self._fresh(use, name, before, after)

    def _fresh(self, use: _Use, name: str, before: Sequence[str], after: Sequence[str]) -> str:
        """Return a text that is no other, and sorts behind some and before others."""
        if use.kind is Kind.DOMAIN:
            return self._domain(use.text, name)
        taken = {*self._texts.values()}
        # `!` is the first sign that an id can begin with, `~` the last one of ASCII.
        starts = [
            name,
            f"!{name}",
            f"~{name}",
            *(f"{max(before)}{s}{name}" for s in "-~" if before),
        ]
        for start in starts:
            made = f"{start}@{self._domain_of(use.text, name)}" if use.kind is Kind.EMAIL else start
            follows = not before or made > max(before)
            if made not in taken and follows and (not after or made < min(after)):
                return made
        return name

    def _domain_of(self, address: Term, name: str) -> str:
        at = self._model.element(address)
        for term, domain in self._terms.domains.items():
            if self._model.element(term) == at:
                return self._text(domain)
        return f"{name}.example"

    def _domain(self, domain: Term, name: str) -> str:
        """Return a domain that lies where the model has it."""
        for above in self._terms.domain_terms.ends(domain, self._model.holds):
            made = f"{name}.{above}"
            if made not in self._texts.values():
                return made
        return name

    def _uses(self) -> Iterator[_Use]:
        """Yield where texts stand, the most telling places first."""
        facts = self._facts
        for root in ROOTS:
            yield from self._uses_of_key(facts.type_of(root), facts.comparable(root).value)
        for entity in facts.mount.entities.values():
            yield from self._uses_of_key(entity.type, entity.key)
        for caller_value in facts.caller_values.values():
            yield from self._uses_of_value(caller_value.attribute, caller_value.value)
        for _, attribute, column in facts.mount.stored():
            yield from self._uses_of_value(attribute, column.value)
        for of in facts.mount.sets.of.values():
            for member in of.members:
                yield from self._uses_of_value(Attribute(name="member", type=of.element), member)
        for domain in self._terms.domains.values():
            yield _Use(domain, Kind.DOMAIN, _STEMS[Kind.DOMAIN])

    def _uses_of_key(self, declared: EntityType, key: Terms) -> Iterator[_Use]:
        for column, part in zip(declared.key, key, strict=True):
            attribute = declared.attributes[column]
            alone = len(key) == 1 and attribute.type.kind is not Kind.REFERENCE
            stem = declared.name if alone else column
            yield from self._uses_of_value(attribute, (part,), stem)

    def _uses_of_value(self, attribute: Attribute, value: Terms, stem: str = "") -> Iterator[_Use]:
        kind = attribute.type.kind
        if kind is Kind.REFERENCE:
            yield from self._uses_of_key(self._facts.schema.types[attribute.type.target], value)
        elif kind in {Kind.STRING, Kind.EMAIL, Kind.DOMAIN}:
            yield _Use(value[0], kind, _STEMS.get(kind, stem or attribute.name))

    # --- numbers ---------------------------------------------------------------------------------

    def _spread(self, kind: Kind) -> dict[Fraction, Value]:
        """Return a plain number for each of the model: between two limits the next ones."""
        cuts = sorted(self._terms.cuts[kind] | self._kept(kind))
        between: dict[int, list[Fraction]] = {}
        spread: dict[Fraction, Fraction] = {cut: cut for cut in cuts}
        for number in sorted({self._model.number(term) for term in self._terms.numbers[kind]}):
            if number not in spread:
                between.setdefault(bisect_left(cuts, number), []).append(number)
        for at, numbers in between.items():
            low = cuts[at - 1] if at else None
            high = cuts[at] if at < len(cuts) else None
            plain = _between(kind, low, high, len(numbers))
            spread.update(zip(numbers, plain, strict=True))
        return {number: _written(kind, plain) for number, plain in spread.items()}

    def _kept(self, kind: Kind) -> set[Fraction]:
        """Return the numbers that have to be those of the model: instants of a certain hour."""
        instants = self._facts.calendar.instants if kind is Kind.INSTANT else ()
        return {self._model.number(each) for each in instants}


def _between(kind: Kind, low: Fraction | None, high: Fraction | None, count: int) -> list[Fraction]:
    """Return so many numbers between two limits, as far apart as can be."""
    least, most = LIMITS.get(kind, (-inf, inf))
    numbers: list[Fraction] = []
    for step in _STEPS[kind]:
        start = low + step if low is not None else high - step * count if high is not None else 0
        numbers = [start + step * at for at in range(count)]
        above = high is None or numbers[-1] < high
        if above and least <= numbers[0] and numbers[-1] <= most:
            break
    return numbers


def _written(kind: Kind, number: Fraction) -> Value:
    if kind is Kind.DECIMAL:
        return Decimal(number.numerator) / Decimal(number.denominator)
    return int(number) if kind is Kind.INTEGER else EPOCH + int(number) * TICK
