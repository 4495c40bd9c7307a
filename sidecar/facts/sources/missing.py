"""What a database lacks for a mapping, by table and column."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sidecar.errors import Problem
from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.sql import column, joined, rows_from
from sidecar.schema.messages import shown


def missing_columns(mapping: SourceMapping, probe: Callable[[str], str]) -> Iterator[Problem]:
    """Yield a problem for each table and column that cannot be read.

    Args:
        mapping: The tables of the types.
        probe: Executes a statement; returns its error, or an empty text.
    """
    for source in mapping.values():
        if error := probe(joined("SELECT 1", rows_from(source), "LIMIT 0")):
            mend = "create it, grant SELECT on it, or name another in `sources.yaml`"
            yield Problem(source.name, 0, f"cannot be read ({error}); {mend}")
            continue
        for attribute, name in source.columns.items():
            if probe(joined(f"SELECT {column(name)}", rows_from(source), "LIMIT 0")):
                mend = (
                    f"add it, or name another in `sources.yaml` (`columns: {{{attribute}: ...}}`)"
                )
                what = f"has no column {shown(name)} for {shown(f'{source.type}.{attribute}')}"
                yield Problem(source.name, 0, f"{what}; {mend}")


def missing_trigger(table: str, name: str) -> Problem:
    """Return the problem of a table without one of its triggers."""
    message = (
        f"has no trigger {shown(name)} as `sidecar source init` prints it, so its changes are"
        " not logged; run what it prints"
    )
    return Problem(table, 0, message)
