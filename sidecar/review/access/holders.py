"""How many subjects have a permission by a role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sidecar.review.access.report import AccessRow
from sidecar.schema import Schema

Held = tuple[str, str, str]
"""A type of resource as Polar calls it, an action, and the role by which it is given."""


def count_holders(rows: Iterable[AccessRow], schema: Schema) -> Mapping[Held, int]:
    """Return how many subjects may do an action on a type of resource by a role.

    Args:
        rows: Of an access report: those of one subject and one type of resource together.
        schema: What declares the types.
    """
    counts: Counter[Held] = Counter()
    last: dict[Held, tuple[str, str]] = {}
    for row in rows:
        subject = (row.subject.type, row.subject.id)
        for action in row.access.actions:
            for by in action.given_by:
                if by.role is not None:
                    held = (schema.types[row.resource.type].polar, action.name, by.role)
                    if last.get(held) != subject:
                        last[held] = subject
                        counts[held] += 1
    return counts
