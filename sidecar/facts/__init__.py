"""The facts: mounted rows, checked against the schema and indexed, as immutable snapshots."""

from sidecar.facts.builder import build
from sidecar.facts.directory_source import (
    Mount,
    capture,
    list_files,
    read_directory,
    read_mount,
    read_tables,
)
from sidecar.facts.errors import MountFaults
from sidecar.facts.locations import Places, read_places
from sidecar.facts.row_parser import Cell, Cells, Quoted, Row, Table, reader_of
from sidecar.facts.snapshot import Asked, Snapshot

__all__ = [
    "Asked",
    "Cell",
    "Cells",
    "Mount",
    "MountFaults",
    "Places",
    "Quoted",
    "Row",
    "Snapshot",
    "Table",
    "build",
    "capture",
    "list_files",
    "read_directory",
    "read_mount",
    "read_places",
    "read_tables",
    "reader_of",
]
