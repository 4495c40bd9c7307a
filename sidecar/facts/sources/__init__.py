"""Sources of facts: directories, SQLite and PostgreSQL behind one interface."""

from sidecar.facts.sources.directory import DirectorySource
from sidecar.facts.sources.factory import source_of
from sidecar.facts.sources.mapping import (
    MappingFile,
    SourceMapping,
    default_mapping,
    read_mapping,
)
from sidecar.facts.sources.source import (
    Changes,
    Contains,
    Look,
    LookState,
    Position,
    Reading,
    Source,
    TableChanges,
)

__all__ = [
    "Changes",
    "Contains",
    "DirectorySource",
    "Look",
    "LookState",
    "MappingFile",
    "Position",
    "Reading",
    "Source",
    "SourceMapping",
    "TableChanges",
    "default_mapping",
    "read_mapping",
    "source_of",
]
