"""Sets as terms of a solver: which values each set of a mount, a request or the settings holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

from sidecar.review.formulas import Term, Terms, all_of, any_of, equal
from sidecar.review.terms import Vocabulary
from sidecar.schema import Kind, ValueType
from sidecar.schema.model import Scalar


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """All sets of one type of members, each with a term that stands for it."""

    element: ValueType
    sets: dict[Terms, None] = field(default_factory=dict)
    members: dict[Terms, None] = field(default_factory=dict)
    """What they were asked to include."""

    known: dict[frozenset[Scalar], Terms] = field(default_factory=dict)
    """Those whose members are known: of the settings, and defaults."""

    @property
    def name(self) -> str:
        """Name whether a set includes a member."""
        return f"in a set of {self.element.name}"


class SetTerms:
    """The sets of one state, by the type of their members."""

    def __init__(self, terms: Vocabulary, literal: Callable[[Scalar, ValueType], Terms]) -> None:
        """Prepare to name sets.

        Args:
            terms: Of the state.
            literal: Returns a value that is known, of a type.
        """
        self._terms = terms
        self._literal = literal
        self.of: dict[str, Sets] = {}
        """Mounted and sent sets."""

    def is_among(
        self, held: frozenset[Scalar], name: str, element: ValueType, member: Terms
    ) -> Term:
        """Return whether a value is one of those known, as a set of this name includes it."""
        if element.kind is Kind.DOMAIN:
            return self._terms.domain_terms.is_included(held, name, *member)
        literals = (self._literal(each, element) for each in sorted(held, key=str))
        return any_of(equal(member, each) for each in literals)

    def known(self, value: frozenset[Scalar], declared: ValueType) -> Terms:
        """Return the term of a set whose members are known."""
        of = self._of(declared.single)
        if value not in of.known:
            name = f"known {declared.name} {len(of.known)}"
            of.known[value] = (self._terms.value(name, Kind.SET),)
            for member in of.members:
                self._say_known(of, value, member)
        return of.known[value]

    def holds(self, element: ValueType, held: Terms, member: Terms) -> Term:
        """Return whether a mounted or a sent set holds a value."""
        of = self._of(element)
        known = len(of.sets), len(of.members)
        of.sets.setdefault(held)
        if member not in of.members:
            of.members[member] = None
            for value in of.known:
                self._say_known(of, value, member)
        if element.kind is Kind.DOMAIN and known != (len(of.sets), len(of.members)):
            self._hold_subdomains(of)
        return self._terms.flag(of.name, (*held, *member))

    def _of(self, element: ValueType) -> Sets:
        return self.of.setdefault(element.name, Sets(element))

    def _say_known(self, of: Sets, value: frozenset[Scalar], member: Terms) -> None:
        """Say whether a known set holds a value."""
        (held,) = of.known[value]
        flag = self._terms.flag(of.name, (held, *member))
        holds = self.is_among(value, held, of.element, member)
        self._terms.imply(flag, holds)
        self._terms.imply(holds, flag)

    def _hold_subdomains(self, of: Sets) -> None:
        """Say that a set which holds a domain holds all that lies under it."""
        for above in of.members:
            (domain,) = above
            anchor = self._terms.domain_terms.anchor(domain)
            for held, (below,) in product(of.sets, of.members if anchor else ()):
                lies = self._terms.domain_terms.lies_under(below, str(anchor))
                given = all_of([self._terms.flag(of.name, (*held, domain)), lies])
                self._terms.imply(given, self._terms.flag(of.name, (*held, below)))
