"""Where the rows of a mounted directory stand: read again, for tools that tell of a few of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sidecar.facts.directory_source import capture, read_tables
from sidecar.facts.errors import MountFaults
from sidecar.facts.row_parser import Row, RowReader
from sidecar.schema import Schema

Places = Mapping[tuple[str, Row], tuple[str, int]]
"""A type and a row of it to its file and line; of rows that are equal to the first one's."""


def read_places(schema: Schema, directory: Path) -> Places:
    """Return the file and the line of each row of a mount that could be used a moment ago.

    A snapshot knows no lines, since serving needs none. What has changed meanwhile has no place.

    Raises:
        InvalidSnapshotError: There is no such directory.
    """
    faults = MountFaults()
    found: dict[tuple[str, Row], tuple[str, int]] = {}
    for name, table in read_tables(schema, capture(directory), faults).items():
        reader = RowReader(schema, schema.types[name], table.file, faults)
        file = table.file.rpartition("/")[2]
        for line, cells in table.rows:
            found.setdefault((name, reader.read(line, cells)), (file, line))
    return found
