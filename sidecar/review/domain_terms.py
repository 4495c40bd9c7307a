"""Domains as terms of a solver: in which sets of the settings they lie, and under which others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sidecar.engine.evaluator import covers
from sidecar.review.formulas import Term, all_of, any_of, negated
from sidecar.schema.model import Scalar

if TYPE_CHECKING:
    from sidecar.review.terms import Vocabulary


class DomainTerms:
    """All domains of one vocabulary: each lies where a named one does, or belongs to nobody."""

    def __init__(self, terms: Vocabulary) -> None:
        self._terms = terms
        self._texts: dict[Term, str | None] = {}
        """Domains, with the text of those that are literals."""
        self._sets: dict[str, frozenset[Scalar]] = {}
        self._anchors: list[str] = []
        """Literal domains of which a mounted set may hold one and not another."""
        self._spots: list[tuple[bool, ...]] = []
        """Where a domain can lie, in the sets of the settings and under the anchors."""

    def is_included(self, members: frozenset[Scalar], name: str, domain: Term) -> Term:
        """Return that a set of the settings includes a domain, or one that it lies under."""
        if name not in self._sets:
            self._sets[name] = members
            self._say_all()
        return self._terms.flag(f"in_{name}", (domain,))

    def anchor(self, domain: Term) -> str | None:
        """Return the text of a literal domain, of whose subdomains it is told what holds them."""
        text = self._texts.get(domain)
        if text is not None and text not in self._anchors:
            self._anchors.append(text)
            self._say_all()
        return text

    def lies_under(self, domain: Term, anchor: str) -> Term:
        """Return that a domain is a literal one, or a subdomain of it."""
        return self._terms.flag(f"under {anchor}", (domain,))

    def ends(self, domain: Term, holds: Callable[[Term], bool]) -> Iterator[str]:
        """Yield what a domain can end with, to lie where a model has it.

        Args:
            domain: The domain.
            holds: Whether a flag holds in the model.
        """
        spot = tuple(map(holds, self._flags(domain)))
        held = sorted(str(each) for of in self._sets.values() for each in of)
        # The first three belong to nobody (RFC 6761).
        named = ("example", "test", "invalid", *held, *self._anchors)
        return (each for each in named if self._spot(each) == spot)

    def note(self, domain: Term, text: str | None) -> None:
        """Say where a domain can lie; its text is None where it depends on the facts."""
        if domain not in self._texts:
            self._texts[domain] = text
            self._say(domain, text)

    def _say_all(self) -> None:
        """Say where all domains can lie, since there is one more set or anchor."""
        held = {str(each) for of in self._sets.values() for each in of}
        self._spots = sorted({self._spot(text) for text in (*held, *self._anchors, "")})
        for domain, text in self._texts.items():
            self._say(domain, text)

    def _say(self, domain: Term, text: str | None) -> None:
        """Say where a domain can lie: it is one that is named, or under it, or of nobody."""
        spots = self._spots if text is None or not self._spots else [self._spot(text)]
        flags = self._flags(domain)
        self._terms.say(
            any_of(
                all_of(
                    flag if holds else negated(flag)
                    for flag, holds in zip(flags, spot, strict=True)
                )
                for spot in spots or [()]
            )
        )

    def _flags(self, domain: Term) -> list[Term]:
        flags = [self._terms.flag(f"in_{name}", (domain,)) for name in self._sets]
        return flags + [self.lies_under(domain, anchor) for anchor in self._anchors]

    def _spot(self, text: str) -> tuple[bool, ...]:
        """Return which sets hold a domain, and then under which anchors it lies."""
        sets = [*self._sets.values(), *(frozenset({each}) for each in self._anchors)]
        return tuple(bool(text and covers(members, text)) for members in sets)  # type: ignore[arg-type]  # sets of domains
