"""Formulas of a solver: texts of SMT-LIB, and how they are joined."""

from __future__ import annotations

from collections.abc import Iterable

Term = str
"""A term of SMT-LIB: a name, a literal, or ``(operator term ...)``."""
Terms = tuple[Term, ...]
"""A value: one term, or one for each key column of an entity."""
TRUE, FALSE = "true", "false"


def all_of(parts: Iterable[Term]) -> Term:
    """Return that all parts hold."""
    kept = dict.fromkeys(part for part in parts if part != TRUE)
    if FALSE in kept:
        return FALSE
    return f"(and {' '.join(kept)})" if len(kept) > 1 else next(iter(kept), TRUE)


def any_of(parts: Iterable[Term]) -> Term:
    """Return that one of the parts holds."""
    kept = dict.fromkeys(part for part in parts if part != FALSE)
    if TRUE in kept:
        return TRUE
    return f"(or {' '.join(kept)})" if len(kept) > 1 else next(iter(kept), FALSE)


def negated(part: Term) -> Term:
    """Return that something does not hold."""
    return {TRUE: FALSE, FALSE: TRUE}.get(part, f"(not {part})")


def equal(left: Terms, right: Terms) -> Term:
    """Return that two values are the same."""
    pairs = zip(left, right, strict=True)
    return all_of(TRUE if one == two else f"(= {one} {two})" for one, two in pairs)
