"""`sidecar source`: the database of the facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.options import PACK_AND_SOURCES, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.config.source_mapping import mapping_file
from sidecar.errors import Problem
from sidecar.facts import MountFaults
from sidecar.facts.row_parser import RowReader
from sidecar.facts.sources import Source, SourceMapping, read_mapping, source_of
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.facts.sources.sqlite_file import SqliteFile
from sidecar.schema import Schema, read_schema
from sidecar.schema.messages import shown

SQLITE, POSTGRESQL = "sqlite", "postgresql"
_OWN_TABLES = (
    "the mapping names tables of your own; where they exist, write `sqlite:PATH`, so that what"
    " REPLACE deletes from them is logged"
)


@main.group()
def source() -> None:
    """Prepare the database of the facts, and check it.

    `sources.yaml` among the fixtures, or the file of --sources, names the tables of the types;
    without it, tables and columns are named as in the schema.
    """


@source.command("init")
@click.argument("database", metavar="sqlite:PATH|sqlite|postgresql")
@click.option(
    "--reader", metavar="ROLE", default="", help="The role of the sidecar, granted what it reads."
)
@click.option(
    "--notify",
    is_flag=True,
    help="Have the triggers wake the sidecars: changes are seen sooner, and commits take a lock.",
)
@setting_options(PACK_AND_SOURCES)
def init(database: str, reader: str, notify: bool, **given: object) -> None:
    """Print the SQL that creates what is missing: tables, change log, triggers, grants.

    Tables are created for the types that the mapping does not name. All other statements can be
    repeated: run them again after an edit of the schema or of the mapping.

    With `sqlite:PATH`, the database is read for its tables, so that the triggers log the rows that
    REPLACE deletes because of other unique columns than the key. Run it again after these change.
    `sqlite` alone is for a new database.

    Example: sidecar source init sqlite:facts.db

    Exit status: 0 the SQL is printed; 2 it could not be made.
    """
    kind, _, path = database.partition(":")
    if kind not in {SQLITE, POSTGRESQL} or (path and kind != SQLITE):
        raise click.UsageError(f"{shown(database)} is none of sqlite:PATH, sqlite and postgresql")
    if kind == SQLITE and (reader or notify):
        raise click.UsageError("SQLite has neither roles nor NOTIFY; leave the option out")
    schema, mapping = _mapping(given)
    if kind == POSTGRESQL:
        click.echo(postgresql_ddl(schema, mapping, reader, notify=notify), nl=False)
    elif path:
        file = SqliteFile(Path(path))
        with file.errors():
            click.echo(sqlite_ddl(schema, mapping, file.connection()), nl=False)
        file.close()
    else:
        click.echo(sqlite_ddl(schema, mapping), nl=False)
        if not all(each.is_default for each in mapping.values()):
            click.echo(f"note: {_OWN_TABLES}", err=True)


@source.command("check")
@click.argument("data")
@setting_options(PACK_AND_SOURCES)
def check(data: str, **given: object) -> None:
    """Report what DATA lacks, by table and column, and the rows that do not fit the schema.

    Notes on standard error name what makes changes slow to follow.

    DATA is `sqlite:PATH`, `postgresql://...` or a directory.
    References and uniqueness are checked by `sidecar serve`, for all tables together.

    Example: sidecar source check sqlite:facts.db

    Exit status: 0 all fits; 1 there is a fault; 2 it could not be told.
    """
    schema, mapping = _mapping(given)
    found = source_of(data, schema, mapping)
    try:
        problems = found.check() or _read(found, schema)
        for remark in found.remarks():
            click.echo(f"note: {remark}", err=True)
    finally:
        found.close()
    for problem in problems:
        click.echo(str(problem))
    raise SystemExit(EXIT_NO if problems else EXIT_YES)


def _mapping(given: Mapping[str, object]) -> tuple[Schema, SourceMapping]:
    settings = pack_settings(given)
    schema = read_schema(settings.fixtures / "schema.yaml")
    return schema, read_mapping(mapping_file(settings), schema)


def _read(found: Source, schema: Schema) -> Sequence[Problem]:
    """Return the faults of the rows, and print how many there are in each table."""
    faults, counts = MountFaults(), dict[str, int]()
    with found.read(faults) as reading:
        for name, table in reading.tables.items():
            reader = RowReader(schema, schema.types[name], table, faults)
            counts[table.file] = sum(1 for _ in reader.rows())
    for file, count in counts.items():
        click.echo(f"{file}: {count} rows", err=True)
    return faults.problems()
