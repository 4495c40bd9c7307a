"""The example `examples/team-service` on PostgreSQL: the tests of `tests/examples/` again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.examples.team_service import TeamService, team_service
from tests.examples.test_team_service import *  # noqa: F403  all of them run here too


@pytest.fixture(scope="module")  # type: ignore[no-redef]  # in place of the one on SQLite
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamService]:
    directory = tmp_path_factory.mktemp("example") / "state"
    with team_service(directory, "--postgresql") as running:
        yield running
