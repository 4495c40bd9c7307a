"""A client that is not ours, `decern` from PyPI, against a running sidecar.

It knows evaluations of one question by name; of batches, searches and metadata it has no methods,
so these go through its own transport: urllib, a connection for each request, its own headers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from decern import Client, DecernError  # type: ignore[import-untyped]  # it has no types

from tests.e2e.running import copy_pack, serving

pytestmark = pytest.mark.e2e

ACME = {"type": "account", "id": "acme"}
PUBLIC_URL = "https://pdp.example.com"


def user(name: str) -> dict[str, str]:
    return {"type": "user", "id": name}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root = copy_pack(tmp_path_factory.mktemp("pack"))
    with serving(root, "--public-url", PUBLIC_URL, workers=1) as sidecar:
        yield Client(f"http://127.0.0.1:{sidecar.port}", token="any")  # noqa: S106  of nobody


def post(client: Client, path: str, said: dict[str, Any]) -> Any:  # noqa: ANN401  JSON
    return json.loads(client._request("POST", path, said))  # noqa: SLF001  see the module


def test_a_single_question_is_answered(client: Client) -> None:
    allowed = client.evaluate(user("ana"), "numbers.edit", ACME)
    denied = client.evaluate(user("mallory"), "numbers.edit", ACME)

    assert (allowed.allowed, allowed.reasons, allowed.errors) == (True, [], [])
    assert denied.allowed is False
    assert [reason["code"] for reason in denied.reasons] == ["not_granted"]


def test_properties_and_context_reach_the_policy(client: Client) -> None:
    properties = {"account": "acme", "email": "zoe@gmail.com", "role": "support"}
    invitation = {"type": "invitation", "id": "new", "properties": properties}

    decision = client.evaluate(
        user("bob"), {"name": "create"}, invitation, context={"via_proxy": True}
    )

    assert decision.context is not None
    codes = [reason["code"] for reason in decision.context["reasons"]]
    assert (decision.allowed, codes) == (False, ["personal_email", "via_proxy"])


def test_an_obligation_arrives_with_the_allow(client: Client) -> None:
    decision = client.evaluate(user("ana"), "remove", {"type": "membership", "id": "acme/bob"})

    assert decision.context is not None
    (obligation,) = decision.context["obligations"]
    assert (decision.allowed, obligation["id"]) == (True, "confirm_irreversible")


def test_a_malformed_question_is_an_error_that_names_the_member(client: Client) -> None:
    with pytest.raises(DecernError) as caught:
        client.evaluate({"type": "user"}, "numbers.edit", ACME)

    assert caught.value.status_code == 400
    assert json.loads(caught.value.body)["error"]["member"] == "subject.id"


def test_a_batch_is_answered_in_order(client: Client) -> None:
    said = {
        "action": {"name": "numbers.edit"},
        "resource": ACME,
        "evaluations": [{"subject": user(name)} for name in ("ana", "mallory", "bob")],
    }

    told = post(client, "/access/v1/evaluations", said)

    assert [each["decision"] for each in told["evaluations"]] == [True, False, True]


def test_searches_find_what_evaluations_allow(client: Client) -> None:
    action = {"name": "team.manage"}
    everybody = ["ana", "bob", "dora", "finn", "sue", "max", "nia", "rex", "mallory"]

    found = post(
        client,
        "/access/v1/search/subject",
        {"subject": {"type": "user"}, "action": action, "resource": ACME},
    )

    allowed = {name for name in everybody if client.evaluate(user(name), action, ACME).allowed}
    assert {each["id"] for each in found["results"]} == allowed == {"ana", "bob"}


def test_a_search_for_resources_and_one_for_actions_agree(client: Client) -> None:
    resources = post(
        client,
        "/access/v1/search/resource",
        {"subject": user("ana"), "action": {"name": "switch"}, "resource": {"type": "account"}},
    )
    actions = {
        each["id"]: post(
            client, "/access/v1/search/action", {"subject": user("ana"), "resource": each}
        )
        for each in resources["results"]
    }

    assert {"acme", "harbor"} <= actions.keys()
    assert all({"name": "switch"} in told["results"] for told in actions.values())


def test_pages_lead_to_the_same_results(client: Client) -> None:
    said = {"subject": user("ana"), "resource": ACME}
    whole = post(client, "/access/v1/search/action", said)["results"]
    page: dict[str, Any] = {"limit": 4}
    gathered = []

    while page:
        told = post(client, "/access/v1/search/action", {**said, "page": page})
        gathered += told["results"]
        token = told["page"]["next_token"]
        page = {"token": token} if token else {}

    assert gathered == whole
    assert len(whole) > 8


def test_the_metadata_name_the_endpoints_that_were_asked(client: Client) -> None:
    told = json.loads(client._request("GET", "/.well-known/authzen-configuration"))  # noqa: SLF001

    assert told["policy_decision_point"] == PUBLIC_URL
    assert told["access_evaluation_endpoint"] == f"{PUBLIC_URL}/access/v1/evaluation"
    assert told["search_subject_endpoint"] == f"{PUBLIC_URL}/access/v1/search/subject"
