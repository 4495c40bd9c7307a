"""The tests of the service: with the rules of its policy, and with a fake PDP."""

from __future__ import annotations

from flask.testing import FlaskClient

from numbers_service import create_app
from sidecar.client import Entity
from sidecar.testing import PDP, FakePDP

NUMBERS = "/accounts/acme/numbers"


def status(views: FlaskClient, method: str, user: str) -> int:
    return views.open(NUMBERS, method=method, headers={"X-User": user}, data="+1").status_code


# With the policy: what the rules and the service do together.


def test_an_admin_adds_a_number_and_a_stranger_does_not(sidecar_pdp: PDP) -> None:
    views = create_app(sidecar_pdp.client()).test_client()

    assert status(views, "POST", "bob") == 201
    assert status(views, "POST", "mallory") == 403
    body = views.get(NUMBERS, headers={"X-User": "bob"}).json
    assert body == {"numbers": ["+1"], "can_add": True}


def test_an_admin_who_becomes_a_supporter_adds_no_more(sidecar_pdp: PDP) -> None:
    views = create_app(sidecar_pdp.client()).test_client()

    sidecar_pdp.facts.put("memberships", account="acme", user="bob", role="support")

    assert status(views, "POST", "bob") == 403


def test_every_test_has_the_facts_of_the_world(sidecar_pdp: PDP) -> None:
    assert status(create_app(sidecar_pdp.client()).test_client(), "POST", "bob") == 201


def test_an_invitation_is_open_until_the_instant_it_expires(sidecar_pdp: PDP) -> None:
    accept = ("user:cy", "accept", "invitation:inv-7")

    assert sidecar_pdp.at("2026-12-23T23:59:59Z").client().authorize(*accept)
    assert not sidecar_pdp.at("2026-12-24T00:00:00Z").client().authorize(*accept)


# With a fake: what the service asks, and what it does with an answer, whatever the rules are.


def test_the_account_of_the_path_is_the_resource(sidecar_fake: FakePDP) -> None:
    sidecar_fake.allow(action="numbers.edit")
    views = create_app(sidecar_fake.client()).test_client()

    assert status(views, "POST", "zoe") == 201
    (asked,) = sidecar_fake.requests
    assert asked.subject == Entity("user", "zoe")
    assert (asked.action, asked.resource) == ("numbers.edit", Entity("account", "acme"))


def test_without_a_sidecar_nothing_is_added(sidecar_fake: FakePDP) -> None:
    sidecar_fake.allow()
    sidecar_fake.is_unavailable = True
    views = create_app(sidecar_fake.client()).test_client()

    assert status(views, "POST", "bob") == 503
    sidecar_fake.is_unavailable = False
    assert views.get(NUMBERS, headers={"X-User": "bob"}).json == {"numbers": [], "can_add": False}


def test_an_obligation_that_the_service_does_not_know_denies(sidecar_fake: FakePDP) -> None:
    sidecar_fake.allow(action="numbers.edit", obligations="confirm_irreversible")
    views = create_app(sidecar_fake.client()).test_client()

    assert status(views, "POST", "bob") == 403
