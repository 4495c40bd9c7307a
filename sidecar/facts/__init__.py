"""Facts: mounted rows, checked against the schema and indexed, as immutable snapshots."""

from sidecar.facts.builder import build
from sidecar.facts.errors import MountFaults
from sidecar.facts.facts import Facts, LookupKey
from sidecar.facts.row_batches import Cell, Cells, Quoted
from sidecar.facts.row_parser import Row, Table, reader_of
from sidecar.facts.snapshot import Snapshot
from sidecar.facts.sources.mount import (
    Mount,
    RowPositions,
    capture,
    list_files,
    read_directory,
    read_mount,
    read_positions,
    read_tables,
)

__all__ = [
    "Cell",
    "Cells",
    "Facts",
    "LookupKey",
    "Mount",
    "MountFaults",
    "Quoted",
    "Row",
    "RowPositions",
    "Snapshot",
    "Table",
    "build",
    "capture",
    "list_files",
    "read_directory",
    "read_mount",
    "read_positions",
    "read_tables",
    "reader_of",
]
