"""The fake PDP: answers as it is told, denies everything else, records what it is asked."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from sidecar.client import Entity, Question, UnavailableError
from sidecar.testing import FakePDP

EDIT = ("user:ana", "numbers.edit", "account:acme")


def test_it_denies_what_it_was_not_told() -> None:
    decision = FakePDP().client().authorize(*EDIT)

    assert not decision
    assert not decision.unavailable
    assert [reason.code for reason in decision.reasons] == ["not_granted"]


@pytest.mark.parametrize(
    ("told", "allowed"),
    [
        (EDIT, True),
        ((None, "numbers.edit", None), True),
        (("user:ana",), True),
        ((), True),
        (("user:bob", "numbers.edit", "account:acme"), False),
        (("user:ana", "numbers.view", "account:acme"), False),
        (("user:ana", "numbers.edit", "account:oak"), False),
        (("user:ana", "numbers.edit", "number:acme"), False),
    ],
    ids=str,
)
def test_it_allows_what_fits_all_that_it_was_told(
    told: tuple[str | None, ...], *, allowed: bool
) -> None:
    fake = FakePDP()
    fake.allow(*told)

    assert bool(fake.client().authorize(*EDIT)) is allowed


def test_what_it_was_told_last_counts() -> None:
    fake = FakePDP()
    fake.allow()
    fake.deny("user:ana", reasons=["suspended", "expired"])
    client = fake.client()

    denied, allowed = client.authorize(*EDIT), client.authorize("user:bob", *EDIT[1:])

    assert [reason.code for reason in denied.reasons] == ["suspended", "expired"]
    assert allowed


@pytest.mark.parametrize(
    ("properties", "allowed"),
    [({"role": "support", "x": 1}, True), ({"role": "admin"}, False), ({}, False)],
    ids=["more", "other", "none"],
)
def test_properties_that_it_was_told_must_be_in_the_request(
    properties: dict[str, object], *, allowed: bool
) -> None:
    fake = FakePDP()
    fake.allow(resource=Entity("invitation", "new", {"role": "support"}))

    decision = fake.client().authorize(
        "user:bob", "create", Entity("invitation", "new", properties)
    )

    assert bool(decision) is allowed


def test_an_obligation_has_to_be_fulfilled() -> None:
    fake = FakePDP()
    fake.allow(*EDIT, obligations="confirm")
    client = fake.client()

    without, with_it = client.authorize(*EDIT), client.authorize(*EDIT, fulfils={"confirm"})

    assert [reason.code for reason in without.reasons] == ["unfulfilled_obligation"]
    assert with_it


def test_it_records_every_request() -> None:
    fake = FakePDP()
    client = fake.client()

    client.authorize(
        Entity("user", "ana", {"mfa": True}),
        "change_role",
        "membership:acme/bob",
        context={"via_proxy": True},
        action_properties={"role": "support"},
        min_revision="sqlite:00:9",
        request_id="r-1",
    )
    client.authorize_all([Question(subject="user:bob", action="x", resource="a:1")] * 2)
    client.permissions("user:ana", "account:acme")
    client.search_resources("user:ana", "switch", "account")

    first = fake.requests[0]
    assert (first.path, first.subject) == (
        "/v1/authorize",
        Entity("user", "ana", {"mfa": True}),
    )
    assert (first.action, first.action_properties) == ("change_role", {"role": "support"})
    assert (first.resource, first.context) == (
        Entity("membership", "acme/bob"),
        {"via_proxy": True},
    )
    assert (first.min_revision, first.request_id) == ("sqlite:00:9", "r-1")
    assert [request.path for request in fake.requests[1:]] == [
        "/v1/authorize",
        "/v1/authorize",
        "/v1/permissions",
        "/access/v1/search/resource",
    ]


def test_lists_hold_what_single_decisions_allow() -> None:
    fake = FakePDP()
    fake.allow("user:ana", "switch", "account:oak", obligations="confirm")
    fake.allow("user:ana", "switch", "account:acme")
    fake.allow("user:bob", "switch", "account:fir")
    fake.allow("user:ana", "numbers.edit", "account:acme")
    fake.deny("user:ana", "numbers.edit")
    client = fake.client()

    found = client.search_resources("user:ana", "switch", "account")
    permissions = client.permissions("user:ana", "account:oak")

    assert [*found] == ["acme", "oak"]
    assert [duty.code for duty in found.obligations["oak"]] == ["confirm"]
    assert [*permissions] == ["switch"]
    assert [duty.code for duty in permissions.obligations["switch"]] == ["confirm"]


def test_it_may_be_unavailable() -> None:
    fake = FakePDP()
    fake.allow()
    fake.is_unavailable = True

    decision = fake.client().authorize(*EDIT)

    assert decision.unavailable
    assert len(fake.requests) == 1
    with pytest.raises(UnavailableError):
        fake.client(strict=True).authorize(*EDIT)


def test_an_asynchronous_client_gets_the_same_answers() -> None:
    fake = FakePDP()
    fake.allow(*EDIT)

    async def main() -> tuple[bool, bool]:
        async with fake.async_client() as client:
            allowed = await client.authorize(*EDIT)
            return bool(allowed), bool(await client.authorize("user:bob", *EDIT[1:]))

    assert asyncio.run(main()) == (True, False)


def test_a_strict_asynchronous_client_raises() -> None:
    fake = FakePDP()
    fake.is_unavailable = True

    async def main() -> None:
        await fake.async_client(strict=True).authorize(*EDIT)

    with pytest.raises(UnavailableError):
        asyncio.run(main())


@pytest.mark.parametrize("told", ["ana", ":ana", "user:"])
def test_an_entity_of_another_form_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="type:id"):
        FakePDP().allow(told)


def test_a_denial_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        FakePDP().deny(reasons=())


def test_the_fake_needs_nothing_of_the_server() -> None:
    program = (
        "import sys, sidecar.testing as t; t.FakePDP().client().authorize('a:b', 'c', 'd:e');"
        "print([n for n in sys.modules if n.split('.')[0] in"
        " ('flask', 'msgspec', 'yaml', 'oso', 'gunicorn', 'h11', 'pytest')])"
    )

    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  ours

    assert done.stdout == "[]\n"


def test_the_plugin_imports_neither_pdp_nor_client_before_a_test_uses_a_fixture() -> None:
    program = (
        "import sys, sidecar.pytest_plugin;"
        "print(sorted(n for n in sys.modules if n.startswith('sidecar.')))"
    )

    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  ours

    assert done.stdout == "['sidecar.pytest_plugin']\n"
