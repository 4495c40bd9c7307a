"""The PDP in a test's process: its facts, its clock, and answers as over HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.client import Client, Decision, Entity, Question
from sidecar.compiler import load_pack
from sidecar.errors import InvalidSnapshotError
from sidecar.testing import PDP
from tests.bundled import written
from tests.e2e.running import Sidecar, copy_pack, serving
from tests.paths import ROOT

EDIT = ("user:bob", "numbers.edit", "account:acme")
DEMO = ROOT / "fixtures" / "worlds" / "demo"


@pytest.fixture(scope="module")
def original() -> PDP:
    return PDP.of_pack(ROOT / "policies", world="demo")


@pytest.fixture
def pdp(original: PDP) -> PDP:
    return original.fresh()


# --- facts --------------------------------------------------------------------------------------


def test_a_changed_row_counts_at_once(pdp: PDP) -> None:
    client = pdp.client()
    before = client.authorize(*EDIT)

    pdp.facts.put("memberships", account="acme", user="bob", role="support")
    after = client.authorize(*EDIT)

    assert (bool(before), bool(after)) == (True, False)
    assert before.revisions.data != after.revisions.data
    assert before.revisions.policy == after.revisions.policy


def test_a_fresh_pdp_has_the_facts_of_the_world(pdp: PDP) -> None:
    pdp.facts.remove("memberships", account="acme", user="bob")

    assert not pdp.client().authorize(*EDIT)
    assert pdp.fresh().client().authorize(*EDIT)


def test_a_new_row_is_added(pdp: PDP) -> None:
    pdp.facts.put("users", id="zoe", email="zoe@acme.example")
    pdp.facts.put("memberships", account="acme", user="zoe", role="admin", status="active")

    assert pdp.client().authorize("user:zoe", *EDIT[1:])
    assert {"account": "acme", "user": "zoe", "role": "admin", "status": "active"} in pdp.facts[
        "memberships"
    ]


def test_a_table_is_replaced(pdp: PDP) -> None:
    pdp.facts["invitations"] = []

    assert pdp.facts["invitations"] == []
    assert pdp.facts["memberships"]
    assert "memberships" in [*pdp.facts]


@pytest.mark.parametrize(
    "columns",
    [
        {"account": "acme", "user": "bob", "role": "boss"},
        {"account": "acme", "user": "nobody", "role": "admin"},
        {"account": "acme", "user": "bob", "rol": "admin"},
    ],
    ids=["no role", "no user", "no column"],
)
def test_invalid_facts_are_refused_and_the_others_stay(pdp: PDP, columns: dict[str, str]) -> None:
    with pytest.raises(InvalidSnapshotError, match="memberships"):
        pdp.facts.put("memberships", **columns)

    assert pdp.client().authorize(*EDIT)


def test_what_is_not_there_is_an_error(pdp: PDP) -> None:
    with pytest.raises(KeyError, match="did you mean `memberships`"):
        pdp.facts.put("membership", account="acme")
    with pytest.raises(KeyError, match="no such row"):
        pdp.facts.remove("memberships", account="acme", user="nobody")
    with pytest.raises(KeyError, match="no column"):
        pdp.facts.remove("memberships", acount="acme")


def test_a_revision_that_the_facts_have_had_is_followed(pdp: PDP) -> None:
    client = pdp.client()
    first = client.authorize(*EDIT).revisions.data
    pdp.facts.put("memberships", account="acme", user="bob", role="support")

    followed = client.authorize(*EDIT, min_revision=first)
    unknown = client.authorize(*EDIT, min_revision="0" * 16)

    assert [reason.code for reason in followed.reasons] == ["not_granted"]
    assert [reason.code for reason in unknown.reasons] == ["stale_data"]


# --- the clock ----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_text", [True, False])
def test_the_clock_is_set(pdp: PDP, *, as_text: bool) -> None:
    accept = ("user:cy", "accept", "invitation:inv-7")  # open until Christmas Eve

    def at(moment: datetime) -> Decision:
        elsewhere = moment.astimezone(timezone(timedelta(hours=2)))
        return pdp.at(elsewhere.isoformat() if as_text else elsewhere).client().authorize(*accept)

    last, first = (
        at(datetime(2026, 12, 23, 23, 59, 59, tzinfo=UTC)),
        at(datetime(2026, 12, 24, tzinfo=UTC)),
    )

    assert last
    assert [reason.code for reason in first.reasons] == ["expired"]


def test_an_instant_without_a_time_zone_is_refused(pdp: PDP) -> None:
    with pytest.raises(ValueError, match="time zone"):
        pdp.at(datetime(2026, 3, 1))  # noqa: DTZ001  that is the point
    with pytest.raises(ValueError, match=r"`2026-03-01`"):
        pdp.at("2026-03-01")


# --- as over HTTP -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with serving(copy_pack(tmp_path_factory.mktemp("served")), workers=1) as running:
        yield running


@pytest.fixture(scope="module")
def over_http(served: Sidecar) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{served.port}", seconds=60) as client:
        yield client


def ids(table: str, *columns: str) -> list[str]:
    """Return the ids of a table of the demo world, by its key columns."""
    rows = yaml.safe_load((DEMO / f"{table}.yaml").read_text())
    return sorted("/".join(str(row[column]) for column in columns) for row in rows)


USERS = [f"user:{name}" for name in [*ids("users", "id"), "nobody"]]
RESOURCES = [
    *[f"account:{name}" for name in ids("accounts", "id")],
    *[f"membership:{name}" for name in ids("memberships", "account", "user")],
    *[f"invitation:{name}" for name in ids("invitations", "id")],
    *USERS[:3],
    "account:none",
    "thing:none",
]
ACTIONS = sorted(
    {
        name
        for file in (ROOT / "policies").glob("*.polar")
        for block in re.findall(r"permissions = \[(.*?)\]", file.read_text(), re.DOTALL)
        for name in re.findall(r'"([\w.]+)"', block)
    }
)
VALUES = st.sampled_from(["support", "admin", "acme", "zoe@acme.example", "x", True, 7, None])
PROPERTIES = st.dictionaries(st.sampled_from(["role", "account", "email", "odd"]), VALUES)
ENTITIES = st.builds(
    lambda reference, properties: replace(Entity.of(reference), properties=properties),
    st.sampled_from([*RESOURCES, "invitation:new"]),
    PROPERTIES,
)
QUESTIONS = st.builds(
    Question,
    subject=st.sampled_from(USERS),
    action=st.sampled_from([*ACTIONS, "none"]),
    resource=ENTITIES,
    context=st.dictionaries(st.sampled_from(["via_proxy", "odd"]), VALUES),
    action_properties=PROPERTIES,
    fulfils=st.sampled_from([frozenset[str](), frozenset({"confirm_irreversible"})]),
)


def comparable(decisions: tuple[Decision, ...]) -> list[Decision]:
    return [replace(decision, decision_id="") for decision in decisions]


def test_decisions_on_the_demo_world_are_those_over_http(original: PDP, over_http: Client) -> None:
    grid = [*product(RESOURCES, ACTIONS, USERS)][::11]  # a prime: every part meets most others
    questions = [Question(subject=s, action=a, resource=r) for r, a, s in grid]

    in_process = original.client().authorize_all(questions)

    assert comparable(in_process) == comparable(over_http.authorize_all(questions))
    assert len({decision.allowed for decision in in_process}) == 2


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions=st.lists(QUESTIONS, min_size=20, max_size=60))
def test_decisions_with_properties_are_those_over_http(
    original: PDP, over_http: Client, questions: list[Question]
) -> None:
    in_process = original.client().authorize_all(questions)

    assert comparable(in_process) == comparable(over_http.authorize_all(questions))


def test_lists_are_those_over_http(original: PDP, over_http: Client) -> None:
    client = original.client()
    properties = {"role": "support"}

    for user, resource in [*product(USERS, RESOURCES)][::13]:
        assert client.permissions(
            user, resource, action_properties=properties
        ) == over_http.permissions(user, resource, action_properties=properties)
    for user, action in product(USERS, ("switch", "numbers.edit")):
        assert client.search_resources(user, action, "account") == over_http.search_resources(
            user, action, "account"
        )


def test_an_asynchronous_client_gets_the_same_answers(pdp: PDP) -> None:
    questions = [Question(subject=user, action=EDIT[1], resource=EDIT[2]) for user in USERS]

    async def main() -> tuple[Decision, ...]:
        async with pdp.async_client() as client:
            return await client.authorize_all(questions)

    assert comparable(asyncio.run(main())) == comparable(pdp.client().authorize_all(questions))


def test_a_malformed_request_is_refused_as_over_http(pdp: PDP, over_http: Client) -> None:
    context = {"via_proxy": "yes"}

    decisions = [client.authorize(*EDIT, context=context) for client in (pdp.client(), over_http)]

    assert decisions[0].unavailable
    assert decisions[0] == decisions[1]


def test_a_bundle_decides_as_its_pack(pdp: PDP, tmp_path: Path) -> None:
    (tmp_path / "pack.bundle").write_bytes(
        written(load_pack(ROOT / "policies", ROOT / "fixtures"), ROOT / "fixtures")
    )
    bundled = PDP.of_bundle(tmp_path / "pack.bundle", world=DEMO)
    questions = [Question(subject=user, action=EDIT[1], resource=EDIT[2]) for user in USERS]

    answers = [[*map(bool, each.client().authorize_all(questions))] for each in (pdp, bundled)]

    assert answers[0] == answers[1]
    assert {*answers[0]} == {True, False}
