"""A new database with the tables of the service, and the change log of the sidecar."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).parents[1]
SOURCES = EXAMPLE / "sources.yaml"
TABLES = (EXAMPLE / "team_service" / "schema.sql").read_text(encoding="utf-8")
SERVICE, READER = "team_service", "sidecar_reader"

_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{directory}'
fsync = off  # it is thrown away
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The database as the service and the sidecar reach it."""

    service: str
    sidecar: str


@contextmanager
def sqlite_database(directory: Path) -> Iterator[Addresses]:
    """Make a file."""
    path = directory / "team.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)
        connection.executescript(_change_log(f"sqlite:{path}"))
    yield Addresses(f"sqlite:{path}", f"sqlite:{path}")


@contextmanager
def postgresql_database() -> Iterator[Addresses]:
    """Start a server of its own, which listens on a socket in a directory that is ours alone.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
    """
    import psycopg  # noqa: PLC0415  only where it is used

    # Not below the given directory: the path of a socket is short, and root gives it away.
    directory = Path(tempfile.mkdtemp(prefix="team-"))
    if os.getuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    data = directory / "data"
    try:
        _run("initdb", "-D", data, "-E", "UTF8", "-A", "trust", "-U", "postgres", "-N")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS.format(directory=directory))
        _run("pg_ctl", "-D", data, "-w", "-l", directory / "log", "start")
        url = f"postgresql://{{}}@/postgres?host={directory}"
        with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {READER} LOGIN")
            connection.execute(f"CREATE ROLE {SERVICE} LOGIN")
            connection.execute(f"GRANT CREATE ON SCHEMA public TO {SERVICE}")
        with psycopg.connect(url.format(SERVICE), autocommit=True) as connection:
            connection.execute(TABLES.encode())
        with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
            connection.execute(_change_log("postgresql", "--reader", READER).encode())
        yield Addresses(url.format(SERVICE), url.format(READER))
    finally:
        if (data / "postmaster.pid").exists():
            _run("pg_ctl", "-D", data, "-w", "-m", "fast", "stop")
        shutil.rmtree(directory)


def _change_log(*options: str) -> str:
    """Return what a user would pass to the database: ``sidecar source init ... | psql``."""
    sources = ("--sources", str(SOURCES))
    return subprocess.check_output(  # noqa: S603  our own
        [sys.executable, "-m", "sidecar", "source", "init", *options, *sources], text=True
    )


def _run(program: str, *options: str | Path) -> None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    path = shutil.which(program) or (found[-1] if found else None)
    if path is None:
        raise FileNotFoundError(f"`{program}` of PostgreSQL is not installed")
    user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    subprocess.run(  # noqa: S603  PostgreSQL's, which root cannot run
        [path, *options],
        check=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        **user,  # type: ignore[call-overload]
    )
