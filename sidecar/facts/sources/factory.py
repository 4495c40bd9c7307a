"""The source that `--data` names."""

from __future__ import annotations

from pathlib import Path

from sidecar.errors import InvalidSettingError
from sidecar.facts.sources.directory import DirectorySource
from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.postgresql_address import SCHEMES, read_address
from sidecar.facts.sources.source import Source
from sidecar.facts.sources.sqlite import SqliteSource
from sidecar.schema import Schema

SQLITE = "sqlite:"


def source_of(text: str, schema: Schema, mapping: SourceMapping) -> Source:
    """Return the source of a setting.

    It is ``sqlite:PATH``, ``postgresql://…``, or else the path of a directory.

    Raises:
        InvalidSettingError: The address of the server is invalid, or its driver is missing.
    """
    if text.startswith(SQLITE):
        return SqliteSource(Path(text.removeprefix(SQLITE)), schema, mapping)
    if text.partition("://")[0] in SCHEMES:
        address = read_address(text)
        try:
            from sidecar.facts.sources.postgresql import PostgresqlSource  # noqa: PLC0415 - an extra
        except ImportError as error:
            if error.name is not None and error.name.partition(".")[0] != "psycopg":
                raise
            message = "--data: the driver of PostgreSQL is missing; install `sidecar[postgres]`"
            raise InvalidSettingError(message) from error
        return PostgresqlSource(address, schema, mapping)
    return DirectorySource(Path(text), schema)
