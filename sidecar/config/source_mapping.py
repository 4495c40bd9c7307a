"""The mapping of the types to the tables of a database, as the settings name it."""

from __future__ import annotations

from sidecar.config.settings import Settings
from sidecar.facts.sources import SourceMapping, default_mapping, read_mapping
from sidecar.schema import Schema

MAPPING = "sources.yaml"
"""The file beside the schema."""


def source_mapping(settings: Settings, schema: Schema) -> SourceMapping:
    """Return the mapping of the settings.

    A file that is named must exist. The one beside the schema need not; a bundle has none.

    Raises:
        InvalidPackError: The file is missing or invalid; its faults.
    """
    if settings.sources is not None:
        return read_mapping(settings.sources, schema)
    beside = settings.fixtures / MAPPING
    if settings.bundle is not None or not beside.exists():
        return default_mapping(schema)
    return read_mapping(beside, schema)
