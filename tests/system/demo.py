"""The demo world in a real PostgreSQL server, and the sidecar that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.facts import MountFaults, capture, read_tables
from sidecar.facts.sources.mapping import default_mapping
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl
from sidecar.facts.sources.sql import identifier
from sidecar.schema import read_schema
from tests.e2e.running import EDIT, Sidecar, serving, until
from tests.system.postgres import Server

BOB = {**EDIT, "subject": "user:bob"}
"""An admin of the account, who may edit as long as he is one."""
DATABASE = "postgres"


def fill(server: Server, root: Path) -> None:
    """Create and start a server with the facts of a pack."""
    schema = read_schema(root / "fixtures" / "schema.yaml")
    server.create()
    server.start()
    server.execute("CREATE ROLE reader LOGIN PASSWORD 'one'")
    server.execute(postgresql_ddl(schema, default_mapping(schema), "reader"))
    insert(server, root)


def insert(server: Server, root: Path, database: str = DATABASE) -> None:
    """Write the facts of a pack into the tables of a server."""
    schema = read_schema(root / "fixtures" / "schema.yaml")
    with server.connect(database) as connection:
        for name, table in read_tables(schema, capture(root / "data"), MountFaults()).items():
            for _, cells in table.rows:
                columns = ", ".join(map(identifier, cells))
                marks = ", ".join("%s" for _ in cells)
                connection.execute(
                    f"INSERT INTO {schema.types[name].table} ({columns}) VALUES ({marks})",
                    [None if cell == "null" else cell for cell in cells.values()],
                )


def set_role(server: Server, role: str) -> str:
    """Give bob another role; return the token of the transaction."""
    ((token,),) = server.execute(
        f"UPDATE memberships SET role = '{role}' WHERE account = 'acme' AND \"user\" = 'bob'"
        " RETURNING sidecar.position()"
    )
    return str(token)


@contextmanager
def following(
    root: Path, *ports: int, query: str = "", options: tuple[str, ...] = ()
) -> Iterator[Sidecar]:
    """Run a sidecar that follows the servers at some ports."""
    password = root / "password"
    password.write_text("one")
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    url = f"postgresql://reader@{hosts}/{DATABASE}?password_file={password}{query}"
    with serving(root, "--data", url, "--store", "store", *options) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        yield sidecar


def reasons(sidecar: Sidecar, min_revision: str = "") -> list[str]:
    """Return why bob may not edit; nothing if he may."""
    demand = {"min_revision": min_revision} if min_revision else {}
    answer = sidecar.ask("/v1/authorize", {**BOB, **demand})[1]
    codes = [reason["code"] for reason in answer["reasons"]]
    assert answer["decision"] == (not codes)
    return codes


def becomes(sidecar: Sidecar, min_revision: str, expected: list[str]) -> None:
    """Wait until the reasons are these, of facts that contain a transaction or a revision."""
    until(lambda: reasons(sidecar, min_revision) == expected)


def revision(sidecar: Sidecar) -> str:
    """Return the revision of the facts."""
    return str(sidecar.ask("/v1/authorize", BOB)[1]["revisions"]["data"])
