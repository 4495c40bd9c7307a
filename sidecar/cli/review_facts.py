"""The facts that a reviewer's command reads, from any source that `--data` names."""

from __future__ import annotations

from sidecar.config.settings import Settings
from sidecar.config.source_mapping import mapping_file
from sidecar.facts import MountFaults, Snapshot, build, read_directory
from sidecar.facts.sources import read_mapping, source_of
from sidecar.schema import Schema


def read_facts(settings: Settings, schema: Schema) -> Snapshot:
    """Read all facts of the settings once.

    Raises:
        InvalidSnapshotError: They are invalid; all their faults.
        SourceError: They cannot be read.
        InvalidSettingError: The address of the database is invalid, or its driver is missing.
    """
    if not isinstance(settings.data, str):
        return read_directory(schema, settings.mount())
    source = source_of(settings.data, schema, read_mapping(mapping_file(settings), schema))
    try:
        faults = MountFaults()
        with source.read(faults) as reading:
            return build(schema, reading.tables, faults)
    finally:
        source.close()
