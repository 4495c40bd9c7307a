"""The first read of all facts, from SQLite, PostgreSQL and JSON Lines: time, CPU and memory.

    python -m bench.first_read --memberships 1000000 --kinds sqlite jsonl

There are a fifth as many users as memberships, and a tenth as many accounts. A child process builds
the store as the follower's does; its peak counts the pages of the store that it has mapped.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sidecar.config.settings import Settings
from sidecar.facts.sources import default_mapping, source_of
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.facts.store.directory import StoreDirectory
from sidecar.facts.store.layout import Layout
from sidecar.reload.store_builder import build_store
from sidecar.schema import Schema, read_schema
from tests.system.postgres import temporary_server

_MEMBERS = 10
_ROLES = ("admin", "developer", "finance_analyst", "support")
_MEBIBYTE = 1 << 20

COLUMNS = {
    "users": ("id", "email"),
    "accounts": ("id", "owner", "plan", "monthly_commitment", "contract", "contract_ends"),
    "memberships": ("account", "user", "role", "status"),
    "invitations": ("id",),
}
Row = tuple[str, ...]


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memberships", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="+", default=["sqlite", "postgresql", "jsonl"])
    options = parser.parse_args()
    schema = read_schema(Settings().fixtures / "schema.yaml")
    for kind in options.kinds:
        with (
            TemporaryDirectory() as directory,
            filled(kind, Path(directory), schema, options.memberships) as data,
        ):
            _measure(kind, data, schema, Path(directory))


def rows(memberships: int) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield each table with its rows, in the order in which a database would have grown."""
    chance = random.Random(1)  # noqa: S311  not a secret
    accounts, users = memberships // _MEMBERS, memberships // 5
    owners = [f"u{chance.randrange(users)}" for _ in range(accounts)]
    plan = ("committed", "750.00", "annual", "2099-01-01T00:00:00Z")
    yield "users", ((f"u{number}", f"u{number}@bench.example") for number in range(users))
    yield "accounts", ((f"a{number}", owner, *plan) for number, owner in enumerate(owners))
    yield "memberships", _memberships(chance, owners, users)


def _memberships(chance: random.Random, owners: Sequence[str], users: int) -> Iterator[Row]:
    """Yield ten members of each account, no owner among them, in no order."""
    numbers = list(range(len(owners) * _MEMBERS))
    chance.shuffle(numbers)
    for number in numbers:
        account, member = divmod(number, _MEMBERS)
        user = f"u{(account * 31 + member * 7919) % users}"
        if user != owners[account]:
            yield f"a{account}", user, _ROLES[number % len(_ROLES)], "active"


@contextmanager
def filled(kind: str, directory: Path, schema: Schema, memberships: int) -> Iterator[str]:
    """Give a source with the rows, as `--data` names it."""
    if kind == "sqlite":
        path = directory / "facts.sqlite"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(sqlite_ddl(schema, default_mapping(schema)))
            for table, found in rows(memberships):
                marks = ", ".join("?" * len(COLUMNS[table]))
                names = ", ".join(COLUMNS[table])
                connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", found)  # noqa: S608  our own names
        yield f"sqlite:{path}"
    elif kind == "jsonl":
        mount = directory / "mount"
        mount.mkdir()
        for table in COLUMNS:
            (mount / f"{table}.jsonl").write_text("[]\n")
        for table, found in rows(memberships):
            with (mount / f"{table}.jsonl").open("w") as file:
                lines = (dict(zip(COLUMNS[table], row, strict=True)) for row in found)
                file.writelines(f"{json.dumps(line)}\n" for line in lines)
        yield str(mount)
    else:
        with temporary_server() as server:
            server.create()
            server.start()
            server.execute("CREATE ROLE reader LOGIN PASSWORD 'one'")
            server.execute(postgresql_ddl(schema, default_mapping(schema), "reader"))
            with server.connect() as connection, connection.cursor() as cursor:
                for table, found in rows(memberships):
                    names = ", ".join(f'"{name}"' for name in COLUMNS[table])
                    with cursor.copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
                        for row in found:
                            copy.write_row(row)
            server.execute("VACUUM ANALYZE")
            password = directory / "password"
            password.write_text("one")
            address = f"reader@127.0.0.1:{server.port}/postgres"
            yield f"postgresql://{address}?sslmode=disable&password_file={password}"


def _measure(kind: str, data: str, schema: Schema, directory: Path) -> None:
    """Build a store in a child process, and print what it took."""
    stores = StoreDirectory.claim(directory / "store")
    begin = time.monotonic()
    process = os.fork()
    if process == 0:
        gc.disable()  # as the follower's child does
        source = source_of(data, schema, default_mapping(schema))
        built = build_store(stores, Layout.of(schema), source, 1, None)
        sys.stderr.writelines(f"{problem}\n" for problem in built.problems)
        os._exit(0 if built.path else 1)
    _, status, usage = os.wait4(process, 0)
    seconds = time.monotonic() - begin
    if status:
        raise SystemExit(f"{kind}: the store was not built")
    (store,) = stores.path.glob("*.building")
    print(
        f"{kind:10} {seconds:6.1f} s, CPU {usage.ru_utime + usage.ru_stime:6.1f} s,"
        f" peak {usage.ru_maxrss / 1024:6.0f} MB, store {store.stat().st_size / _MEBIBYTE:6.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
