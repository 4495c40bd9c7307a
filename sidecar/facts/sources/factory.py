"""The source that `--data` names."""

from __future__ import annotations

from pathlib import Path

from sidecar.facts.sources.directory import DirectorySource
from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.source import Source
from sidecar.facts.sources.sqlite import SqliteSource
from sidecar.schema import Schema

SQLITE = "sqlite:"


def source_of(text: str, schema: Schema, mapping: SourceMapping) -> Source:
    """Return the source of a setting: ``sqlite:PATH``, or the path of a directory."""
    if text.startswith(SQLITE):
        return SqliteSource(Path(text.removeprefix(SQLITE)), schema, mapping)
    return DirectorySource(Path(text), schema)
