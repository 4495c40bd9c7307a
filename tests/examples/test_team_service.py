"""The example `examples/team-service`: the story of its README, and twenty people at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest

from tests.examples.crowd import PASSWORD, ROLES, Crowd
from tests.examples.story import agrees, run_story
from tests.examples.team_service import EXAMPLE, Person, TeamService, team_service

TABLES = re.findall(r"CREATE TABLE (\w+)", (EXAMPLE / "team_service" / "schema.sql").read_text())

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


def test_a_token_that_was_replaced_is_not_accepted_after_that(service: TeamService) -> None:
    crowd = Crowd(service, "again")
    crowd.gather()
    actions = []
    for person in ("again-a", "again-b", "again-c"):
        crowd.sign_up(person)
        _, answer = crowd.invite(crowd.owner, person, "support")
        token = {"token": service.token(crowd.email(person))}
        path = f"/invitations/{answer['invitation']}/resend"
        actions += [
            partial(crowd.change, person, "POST", "/invitations/accept", token),
            partial(crowd.change, crowd.owner, "POST", path),
        ]

    crowd.at_once(actions)

    made = [(each.resource, each.action) for each in crowd.check()]
    for resource, action in made:
        if action == "accept":
            assert (resource, "resend") not in made


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


def test_nothing_is_changed_or_listed_while_the_sidecar_does_not_answer(
    service: TeamService,
) -> None:
    crowd = Crowd(service, "alone")
    crowd.gather()
    owner = crowd.people[crowd.owner]
    invitation = {"email": crowd.email("alone-a"), "role": "support"}

    with service.without_sidecar():
        answers = [
            owner.send("POST", "/accounts/alone/invitations", invitation),
            owner.send("GET", "/accounts"),
        ]
    afterwards, accounts = owner.send("GET", "/accounts")

    crowd.check()
    assert [status for status, _ in answers] == [503, 503]
    assert {answer["reasons"][0]["code"] for _, answer in answers} == {"unavailable"}
    assert (afterwards, accounts["accounts"]) == (200, [{"id": "alone", "role": "owner"}])


# --- the security of the example itself ---------------------------------------------------------


def test_what_nobody_can_use_is_refused_and_never_an_error(service: TeamService) -> None:
    crowd = Crowd(service, "odd")
    crowd.gather()
    owner, path = crowd.people[crowd.owner], "/accounts/odd"
    odd: tuple[object, ...] = ("\0", "\ud800", "a/b", "x" * 300, "", 7, None, [], {}, True)

    statuses = {
        owner.send(method, place, {name: value})[0]
        for value in odd
        for method, place, name in (
            ("POST", "/sign-ups", "email"),
            ("POST", "/invitations/accept", "token"),
            ("POST", "/accounts", "id"),
            ("PUT", "/session", "account"),
            ("PUT", "/default-account", "account"),
            ("PUT", f"{path}/plan", "contract"),
            ("POST", f"{path}/invitations", "email"),
            ("PATCH", f"{path}/members/odd-a", "role"),
        )
    }
    paths = ("%00", "%ff", "..%2fodd", "odd%2fodd-owner", "%F0%9F%92%A9", "x" * 3000)
    statuses |= {owner.send("GET", f"/accounts/{each}/team")[0] for each in paths}
    statuses |= {owner.send("POST", "/sign-ups", {"email": "x" * 9000})[0]}
    statuses |= {owner.send("POST", "/sign-ups", {}, **{"Content-Type": "text/plain"})[0]}

    assert statuses <= {400, 403, 404, 413}


def test_nobody_gets_in_by_what_has_expired_or_been_used(service: TeamService) -> None:
    crowd = Crowd(service, "late")
    crowd.gather(late_a="admin")
    past = "'2020-01-01T00:00:00Z'"

    crowd.invite(crowd.owner, "late-b", "support")
    used = service.token(crowd.email("late-a"))
    body = {"token": used, "id": "late-c", "password": PASSWORD}
    second_use, _ = Person(service).send("POST", "/invitations/sign-up", body)
    service.execute(f"UPDATE invitations SET expires_at = {past} WHERE account_id = 'late'")  # noqa: S608
    body = {**body, "token": service.token(crowd.email("late-b"))}
    too_late, _ = Person(service).send("POST", "/invitations/sign-up", body)
    service.execute(f"UPDATE sessions SET expires_at = {past} WHERE person_id = 'late-a'")  # noqa: S608
    session, _ = crowd.people["late-a"].send("GET", "/session")

    crowd.sign_up("late-b")
    body = {"token": service.token(crowd.email("late-b"))}
    accept = partial(crowd.people["late-b"].send, "POST", "/invitations/accept", body)
    assert (second_use, too_late, session, accept()[0]) == (403, 403, 401, 403)


def test_neither_passwords_nor_tokens_are_stored(service: TeamService) -> None:
    crowd = Crowd(service, "hidden")
    crowd.gather(hidden_a="admin")
    cookie = crowd.people["hidden-a"].cookie
    secrets = (PASSWORD, service.token(crowd.email("hidden-a")), cookie.partition("=")[2])

    stored = str([service.rows(f"SELECT * FROM {table}") for table in TABLES])  # noqa: S608

    assert "hidden-a" in stored
    assert [secret for secret in secrets if not secret or secret in stored] == []
