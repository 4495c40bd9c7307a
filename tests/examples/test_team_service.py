"""The example `examples/team-service`: the story of its README, and twenty people at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.examples.crowd import ROLES, Crowd
from tests.examples.story import agrees, run_story
from tests.examples.team_service import TeamService, team_service

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamService]:
    with team_service(tmp_path_factory.mktemp("example") / "state") as running:
        yield running


def test_the_story_is_true(service: TeamService) -> None:
    story = run_story(service)

    assert len(story) > 40
    assert [each for each in story if not agrees(*each[1:])] == []


def test_two_administrators_who_change_one_member_do_so_one_after_the_other(
    service: TeamService,
) -> None:
    crowd = Crowd(service, "two")
    crowd.gather(two_a="admin", two_b="admin", two_c="developer")
    roles = {"two-a": "support", "two-b": "finance_analyst"}

    answers = crowd.at_once(
        partial(crowd.change, who, "PATCH", "/accounts/two/members/two-c", {"role": role})
        for who, role in roles.items()
    )

    *_, first, last = crowd.check()
    assert [status for status, _ in answers] == [200, 200]
    assert {first.role, last.role} == {*roles.values()}


def test_an_invitation_that_is_accepted_twice_gives_one_membership(service: TeamService) -> None:
    crowd = Crowd(service, "twice")
    crowd.gather()
    crowd.sign_up("twice-a")
    crowd.invite(crowd.owner, "twice-a", "support")
    token = {"token": service.token(crowd.email("twice-a"))}

    answers = crowd.at_once(
        [partial(crowd.change, "twice-a", "POST", "/invitations/accept", token)] * 4
    )

    crowd.check()
    refused = [answer["reasons"][0]["code"] for status, answer in answers if status == 403]
    assert sorted(status for status, _ in answers) == [200, 403, 403, 403]
    assert refused == ["not_pending"] * 3


def test_nothing_is_done_by_somebody_after_their_removal(service: TeamService) -> None:
    crowd = Crowd(service, "leaving")
    crowd.gather(leaving_a="admin", leaving_b="admin", leaving_c="admin")
    admins = ("leaving-a", "leaving-b", "leaving-c")

    def act(who: str) -> None:
        for number in range(4):
            crowd.invite(who, f"{who}-guest{number}", "support")

    crowd.at_once(
        [
            *(partial(act, who) for who in admins),
            *(partial(crowd.remove, crowd.owner, who) for who in admins),
        ]
    )

    events = crowd.check()
    for who in admins:
        removal = next(n for n, each in enumerate(events) if each.resource.endswith(f"/{who}"))
        assert who not in {each.person for each in events[removal:]}
        assert crowd.people[who].send("GET", "/accounts/leaving/team")[0] == 403


def test_no_change_of_twenty_people_at_once_is_one_that_the_requirements_forbid(
    service: TeamService,
) -> None:
    crowd = Crowd(service, "crowd")
    crowd.gather(**{f"crowd_{n}": ROLES[n % len(ROLES)] for n in range(19)})
    before = len(crowd.events())

    crowd.quarrel(7)

    made = crowd.check()[before:]
    assert len(crowd.people) == 20
    assert len({each.person for each in made}) > 3
    assert 403 in crowd.made
