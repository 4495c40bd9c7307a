"""References to the own type in mounted facts that go on behind their declared depth, or go round.

Requests that read them are denied `data_error`; nothing else tells that there are any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from sidecar.facts import Facts, Row
from sidecar.review.lint import Finding
from sidecar.schema import Attribute, EntityType, Key
from sidecar.schema.messages import shown
from sidecar.schema.secrecy import names_secret

DEEP = "deep"
MOST_NAMED = 10
"""Entities that are named of one attribute."""


def deep_chains(facts: Facts) -> Iterator[Finding]:
    """Yield a finding for each chain: where it first is too long, and one entity of a circle."""
    for declared in facts.schema.types.values():
        for attribute in declared.attributes.values():
            if attribute.depth:
                yield from _of_attribute(facts, declared, attribute)


def _of_attribute(facts: Facts, declared: EntityType, attribute: Attribute) -> Iterator[Finding]:
    rows = facts.rows(declared.name)
    column = list(declared.attributes).index(attribute.name)
    lengths, circles = _lengths(rows, column)
    limit = attribute.depth
    too_long = sorted(key for key, length in lengths.items() if length == limit + 1)
    reference, hidden = shown(attribute.name), names_secret(facts.schema, declared)

    def named(key: Key) -> str:
        entity = shown(declared.name)
        return f"one {entity}" if hidden else f"{entity} {shown(facts.id_of(declared.name, key))}"

    faults = [f"the {reference} of {named(key)} lead round in a circle" for key in circles]
    faults += [
        f"more than {limit} {reference} follow each other from {named(key)}" for key in too_long
    ]
    fix = (
        "requests that read all of them are denied `data_error`; mend the facts, or declare a"
        " larger `depth` in schema.yaml"
    )
    for fault in islice(faults, MOST_NAMED):
        yield Finding(declared.table, 0, 0, DEEP, fault, fix)
    if len(faults) > MOST_NAMED:
        more = f"{len(faults) - MOST_NAMED} more chains of {reference} are too deep or circles"
        yield Finding(declared.table, 0, 0, DEEP, more, fix)


def _lengths(rows: Mapping[Key, Row], column: int) -> tuple[dict[Key, float], list[Key]]:
    """Return how many references follow each other from each row, and the first key of each circle.

    What leads into a circle has no end, and no length.
    """
    lengths: dict[Key, float] = {}
    circles: list[Key] = []
    for start in rows:
        way: dict[Key, None] = {}
        key: Key | None = start
        while key is not None and key not in lengths and key not in way:
            way[key] = None
            row = rows.get(key)
            key = None if row is None else row[column]  # type: ignore[assignment]  # a reference
        length = -1.0 if key is None else lengths.get(key, float("inf"))
        if key in way:
            around = list(way)
            circles.append(min(around[around.index(key) :]))
        for passed in reversed(way):
            length += 1
            lengths[passed] = length
    return lengths, sorted(circles)
