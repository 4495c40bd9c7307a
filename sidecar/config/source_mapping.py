"""The file that maps the types to the tables of a database, as the settings name it."""

from __future__ import annotations

from sidecar.config.settings import Settings
from sidecar.facts.sources import MappingFile

MAPPING = "sources.yaml"
"""The file beside the schema."""


def mapping_file(settings: Settings) -> MappingFile:
    """Return the file of the settings: one that is named, or else the one beside the schema."""
    if settings.sources is not None:
        return MappingFile(settings.sources)
    return MappingFile(settings.fixtures / MAPPING, is_optional=True)
