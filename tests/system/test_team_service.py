"""The example `examples/team-service` on PostgreSQL: the tests of `tests/examples/` again."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.examples.crowd import Crowd
from tests.examples.team_service import TeamService, team_service
from tests.examples.test_team_service import *  # noqa: F403  all of them run here too

CLOSE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE usename = 'team_service' AND pid <> pg_backend_pid()"
)


@pytest.fixture(scope="module")  # type: ignore[no-redef]  # in place of the one on SQLite
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamService]:
    directory = tmp_path_factory.mktemp("example") / "state"
    with team_service(directory, "--postgresql") as running:
        yield running


def test_connections_that_the_server_has_closed_are_made_anew(service: TeamService) -> None:
    crowd = Crowd(service, "closed")
    crowd.gather()

    for _ in range(3):
        service.execute(CLOSE)
        crowd.set_plan("750.00")

    crowd.check()


def test_the_role_of_the_sidecar_cannot_read_passwords(service: TeamService) -> None:
    url = (service.directory / "database").read_text().replace("team_service", "sidecar_reader")

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT id FROM people")
        for table in ("passwords", "sessions", "sign_ups", "events"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}".encode())
