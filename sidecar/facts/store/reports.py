"""The faults of the bad rows that a store has taken, for reports."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.errors import Problem
from sidecar.facts.bad_rows import reported
from sidecar.facts.store.incoming import decode_problems
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.stored_rows import section_items
from sidecar.facts.store.transactions import Transaction


def bad_rows(transaction: Transaction, layout: Layout) -> tuple[Problem, ...]:
    """Return the faults of the bad rows, the first of them in full."""
    return () if layout.columns is None else reported(_faults(transaction, layout))


def refused_for(
    built: tuple[Transaction, Layout], used: tuple[Transaction, Layout]
) -> tuple[Problem, ...]:
    """Return the faults of the bad rows of a store if one of them is none in the store in use."""
    return () if _keys(*built) <= _keys(*used) else reported(_faults(*built), prefix="")


def _keys(transaction: Transaction, layout: Layout) -> frozenset[tuple[str, bytes]]:
    return frozenset(
        (name, key)
        for name, each in layout.types.items()
        for section in (each.faults, each.dangling)
        for key, _ in section_items(transaction, section)
    )


def _faults(transaction: Transaction, layout: Layout) -> Iterator[Problem]:
    return (
        problem
        for each in layout.types.values()
        for section in (each.faults, each.dangling)
        for _, encoded in section_items(transaction, section)
        for problem in decode_problems(encoded)
    )
