"""The facts: mounted rows, checked against the schema and indexed, as immutable snapshots."""

from sidecar.facts.building import build
from sidecar.facts.directory import (
    Mount,
    capture,
    list_files,
    read_directory,
    read_mount,
    read_tables,
)
from sidecar.facts.faults import MountFaults
from sidecar.facts.places import Places, read_places
from sidecar.facts.rows import Cell, Cells, Quoted, Row, Table, reader_of
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
