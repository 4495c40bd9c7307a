"""The example `examples/team-service` on PostgreSQL: the tests of `tests/examples/` again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.examples.team_service import TeamService, team_service
from tests.examples.test_team_service import (  # noqa: F401  they run here too
    test_an_invitation_that_is_accepted_twice_gives_one_membership,
    test_no_change_of_twenty_people_at_once_is_one_that_the_requirements_forbid,
    test_nothing_is_done_by_somebody_after_their_removal,
    test_the_story_is_true,
    test_two_administrators_who_change_one_member_do_so_one_after_the_other,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamService]:
    directory = tmp_path_factory.mktemp("example") / "state"
    with team_service(directory, "--postgresql") as running:
        yield running
