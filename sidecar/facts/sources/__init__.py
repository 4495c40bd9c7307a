"""Sources of facts: directories, SQLite and PostgreSQL behind one interface."""

from sidecar.facts.sources.directory import DirectorySource
from sidecar.facts.sources.source import (
    Changes,
    Look,
    LookState,
    Position,
    Reading,
    Source,
    TableChanges,
)

__all__ = [
    "Changes",
    "DirectorySource",
    "Look",
    "LookState",
    "Position",
    "Reading",
    "Source",
    "TableChanges",
]
