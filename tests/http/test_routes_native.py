"""The short form over HTTP: batches, explanations, freshness, many resources, and validators."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.facts import Facts
from sidecar.http import Limits, create_app
from sidecar.reload import Pair, Places, Reloading, State
from tests.decision_lines import lines_of_answers

AUTHORIZE, PERMISSIONS = "/v1/authorize", "/v1/permissions"
MOST = 5

EDIT = {"subject": "user:ana", "action": "numbers.edit", "resource": "account:acme"}
PERMITTED = {"subject": "user:finn", "resource": "account:acme"}
REVOKED = {"subject": "user:cy", "resource": "invitation:inv-7"}


@dataclass
class Served:
    """A pair, its age, and the moment: all that an answer can depend on."""

    pair: Pair
    age_of_it: float = 0.0
    now: datetime = datetime(2026, 12, 1, 12, tzinfo=UTC)

    def current(self) -> Pair:
        return self.pair

    def age(self, snapshot: Facts) -> float:
        return self.age_of_it if snapshot is self.pair.snapshot else inf

    def follows(self, snapshot: Facts, revision: str) -> bool:
        return snapshot.revision == revision

    def state(self) -> State:
        return State(self.pair, ())


@pytest.fixture(scope="module")
def pair() -> Pair:
    settings = Settings()
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


@pytest.fixture
def served(pair: Pair) -> Served:
    return Served(pair)


@pytest.fixture
def client(served: Served) -> FlaskClient:
    app = create_app(served, lambda: served.now, Limits(max_evaluations=MOST))
    return app.test_client()


def post(client: FlaskClient, path: str, said: object, **headers: str) -> TestResponse:
    return client.post(
        path,
        data=json.dumps(said),
        content_type="application/json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def answer(client: FlaskClient, path: str, said: object) -> dict[str, Any]:
    response = post(client, path, said)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.get_json()
    return told


def refusal(client: FlaskClient, path: str, said: object) -> dict[str, Any]:
    response = post(client, path, said)
    assert (response.status_code, response.get_json()["decision"]) == (400, False)
    error: dict[str, Any] = response.get_json()["error"]
    return error


# --- batches ------------------------------------------------------------------------------------


def test_each_item_of_a_batch_is_answered_as_if_it_were_asked_alone(client: FlaskClient) -> None:
    items = [
        EDIT,
        {**EDIT, "subject": "user:mallory"},
        {"subject": "user:ana", "action": "remove", "resource": "membership:acme/bob"},
        {**EDIT, "explain": True},
    ]

    told = answer(client, AUTHORIZE, {"requests": items})["answers"]

    alone = [answer(client, AUTHORIZE, item) for item in items]
    assert len({each.pop("decision_id") for each in (*told, *alone)}) == 8
    assert told == alone
    assert [each["decision"] for each in told] == [True, False, True, True]


def test_what_stands_beside_the_items_is_their_default_and_is_replaced_whole(
    client: FlaskClient,
) -> None:
    said = {
        **EDIT,
        "explain": True,
        "context": {"via_proxy": "not a flag"},
        "requests": [{"context": {}}, {"context": {}, "explain": False}, {}],
    }

    first, second, third = answer(client, AUTHORIZE, said)["answers"]

    assert (first["decision"], "explanation" in first) == (True, True)
    assert (second["decision"], "explanation" in second) == (True, False)
    assert third == {
        "decision": False,
        "error": {
            "status": 400,
            "message": "`context.via_proxy` must be a boolean",
            "member": "context.via_proxy",
        },
    }


def test_a_faulty_item_is_denied_and_spoils_no_other(client: FlaskClient) -> None:
    items = [7, {**EDIT, "subject": "ana"}, EDIT, {"subject": "user:ana"}]

    told = answer(client, AUTHORIZE, {"requests": items})["answers"]

    assert [each["decision"] for each in told] == [False, False, True, False]
    assert [each["error"]["member"] for each in (told[0], told[1], told[3])] == [
        "requests[0]", "requests[1].subject", "requests[3].action",
    ]  # fmt: skip


def test_an_empty_batch_has_no_answers(client: FlaskClient) -> None:
    assert answer(client, AUTHORIZE, {**EDIT, "requests": []}) == {"answers": []}


@pytest.mark.parametrize("said", [{}, None, "all", 1])
def test_a_batch_that_is_no_list_is_refused(client: FlaskClient, said: object) -> None:
    assert refusal(client, AUTHORIZE, {**EDIT, "requests": said})["member"] == "requests"


def test_a_batch_is_bounded(client: FlaskClient) -> None:
    answer(client, AUTHORIZE, {"requests": [EDIT] * MOST})

    assert refusal(client, AUTHORIZE, {"requests": [EDIT] * (MOST + 1)}) == {
        "status": 400, "message": "`requests` must have at most 5 items", "member": "requests",
    }  # fmt: skip


# --- explanations -------------------------------------------------------------------------------


def test_an_explanation_tells_the_facts_and_the_rules(client: FlaskClient) -> None:
    told = answer(client, AUTHORIZE, {**EDIT, "explain": True})["explanation"]

    assert {
        "path": "resource.owner", "value": "ana", "source": "mount", "withheld": False,
    } in told["facts"]  # fmt: skip
    rule = told["rules"][0]
    assert (rule["rule"], rule["code"], rule["holds"]) == ("allow", None, True)
    assert {"question": "resource.owner = subject", "answer": "yes"} in rule["steps"]


def test_nothing_is_explained_unless_it_is_asked_for(client: FlaskClient) -> None:
    assert "explanation" not in answer(client, AUTHORIZE, EDIT)
    assert "explanation" not in answer(client, AUTHORIZE, {**EDIT, "explain": False})


def test_an_explanation_withholds_addresses(client: FlaskClient) -> None:
    said = {**REVOKED, "action": "accept", "explain": True}

    response = post(client, AUTHORIZE, said)

    assert "@" not in response.text
    assert '"withheld":true' in response.text


# --- freshness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("max_age", [0, 1, 29.5, 29.999])
def test_facts_older_than_the_caller_lets_them_be_allow_nothing(
    client: FlaskClient, served: Served, max_age: float
) -> None:
    served.age_of_it = 30.0

    told = answer(client, AUTHORIZE, {**EDIT, "max_age": max_age, "explain": True})

    assert (told["decision"], [each["code"] for each in told["reasons"]]) == (False, ["stale_data"])
    assert "explanation" not in told


@pytest.mark.parametrize("max_age", [30, 30.5, 1e300])
def test_facts_that_are_young_enough_are_answered_from(
    client: FlaskClient, served: Served, max_age: float
) -> None:
    served.age_of_it = 30.0

    assert answer(client, AUTHORIZE, {**EDIT, "max_age": max_age})["decision"] is True


def test_facts_that_the_mount_has_left_behind_are_too_old_for_any_age(
    client: FlaskClient, served: Served
) -> None:
    served.age_of_it = inf

    assert answer(client, AUTHORIZE, EDIT)["decision"] is True
    assert answer(client, AUTHORIZE, {**EDIT, "max_age": 1e300})["decision"] is False


def test_each_item_of_a_batch_may_have_an_age_of_its_own(
    client: FlaskClient, served: Served
) -> None:
    served.age_of_it = 30.0
    items = [{}, {"max_age": 60}]

    told = answer(client, AUTHORIZE, {**EDIT, "max_age": 10, "requests": items})["answers"]

    assert [each["decision"] for each in told] == [False, True]


@pytest.mark.parametrize("asked", [{"resource": "account:acme"}, {"resources": ["account:acme"]}])
def test_permissions_are_not_listed_from_facts_that_are_too_old(
    client: FlaskClient, served: Served, asked: dict[str, object]
) -> None:
    served.age_of_it = 30.0

    response = client.post(PERMISSIONS, json={"subject": "user:ana", **asked, "max_age": 10})

    assert (response.status_code, response.json["decision"]) == (503, False)  # type: ignore[index]
    assert response.headers["Retry-After"] == "1"
    assert answer(client, PERMISSIONS, {"subject": "user:ana", **asked, "max_age": 30})


@pytest.mark.parametrize("path", [AUTHORIZE, PERMISSIONS])
@pytest.mark.parametrize(
    ("max_age", "message"),
    [
        (-1, "must be 0 or more"), ("1", "must be a number"), (True, "must be a number"),
        (None, "must be a number"), ([], "must be a number"), (10**399, "is not as it must be"),
    ],
)  # fmt: skip
def test_an_age_is_a_number_of_seconds(
    client: FlaskClient, path: str, max_age: object, message: str
) -> None:
    error = refusal(client, path, {**EDIT, "max_age": max_age})

    assert (error["member"], error["message"]) == ("max_age", f"`max_age` {message}")


# --- obligations and properties of the action ---------------------------------------------------

BOB = "membership:acme/bob"
REMOVAL = {
    "code": "confirm_irreversible",
    "message": "Removing a member cannot be undone; "
    "ask the person who removes to confirm it first.",
}
CHANGE = {"subject": "user:ana", "resource": BOB, "action": {"properties": {"role": "support"}}}


def test_permissions_carry_their_obligations(client: FlaskClient) -> None:
    for _ in range(2):  # made, and remembered
        one = answer(client, PERMISSIONS, {"subject": "user:ana", "resource": BOB})
        assert (one["permissions"], one["obligations"]) == (["remove"], {"remove": [REMOVAL]})
    none = answer(client, PERMISSIONS, {"subject": "user:dora", "resource": BOB})
    many = answer(client, PERMISSIONS, {"subject": "user:ana", "resources": [BOB, "account:acme"]})

    assert (none["permissions"], none["obligations"]) == ([], {})
    assert [each["obligations"] for each in many["answers"]] == [{"remove": [REMOVAL]}, {}]


def test_permissions_are_those_with_what_the_caller_says_of_the_action(client: FlaskClient) -> None:
    many = {**CHANGE, "resources": [BOB]}
    del many["resource"]

    assert answer(client, PERMISSIONS, CHANGE)["permissions"] == ["change_role", "remove"]
    assert answer(client, PERMISSIONS, many)["answers"][0]["permissions"] == [
        "change_role",
        "remove",
    ]
    for action in (7, "change_role", {"name": "change_role"}, {"properties": {"role": "owner"}}):
        said = {**CHANGE, "action": action}
        assert answer(client, PERMISSIONS, said)["permissions"] == ["remove"]


@pytest.mark.parametrize(
    ("properties", "member"),
    [
        (7, "action.properties"),
        (None, "action.properties"),
        ({"role": 7}, "action.properties.role"),
    ],
)
def test_a_malformed_property_of_the_action_is_refused(
    client: FlaskClient, properties: object, member: str
) -> None:
    for path in (PERMISSIONS, "/access/v1/search/action"):
        long = {
            "subject": {"type": "user", "id": "ana"},
            "resource": {"type": "membership", "id": "acme/bob"},
        }
        error = refusal(client, path, {**long, "action": {"properties": properties}})
        assert error["member"] == member


def test_searches_say_which_results_carry_obligations(client: FlaskClient) -> None:
    ana, bob = {"type": "user", "id": "ana"}, {"type": "membership", "id": "acme/bob"}
    said = {"subject": ana, "action": {"name": "remove"}, "resource": bob}
    role = {"properties": {"role": "support"}}
    searches = {
        "subject": ({}, ["ana", "bob"]),
        "resource": ({}, ["acme/bob"]),
        "action": ({"action": role}, ["remove"]),
    }

    for search, (other, wanted) in searches.items():
        told = answer(client, f"/access/v1/search/{search}", {**said, **other})
        (obligation,) = told["context"]["obligations"]
        assert set(wanted) <= set(obligation.pop("results")), search
        assert obligation == {
            "id": REMOVAL["code"],
            "type": "custom",
            "properties": {"message": REMOVAL["message"]},
            **REMOVAL,
        }
    changing = answer(client, "/access/v1/search/action", {**said, "action": role})
    assert [each["name"] for each in changing["results"]] == ["change_role", "remove"]
    view = {**said, "action": {"name": "team.view"}, "resource": {"type": "account", "id": "acme"}}
    assert list(answer(client, "/access/v1/search/subject", view)) == ["results"]


# --- permissions on many ------------------------------------------------------------------------


def test_permissions_on_many_resources_are_those_on_each(client: FlaskClient, pair: Pair) -> None:
    number = {"type": "number", "id": "+15550100", "properties": {"account": "acme"}}
    resources: list[object] = ["account:acme", "membership:acme/bob", number, "account:nowhere"]

    told = answer(client, PERMISSIONS, {"subject": "user:dora", "resources": resources})

    each = [
        answer(client, PERMISSIONS, {"subject": "user:dora", "resource": resource})["permissions"]
        for resource in resources
    ]
    names = ["account:acme", "membership:acme/bob", "number:+15550100", "account:nowhere"]
    assert told == {
        "answers": [
            {"resource": name, "permissions": permitted, "obligations": {}}
            for name, permitted in zip(names, each, strict=True)
        ],
        "revisions": {"policy": pair.policy.revision, "data": pair.snapshot.revision},
    }
    assert each[2] == ["view", "edit"]


@pytest.mark.parametrize(
    ("resources", "member"),
    [
        ("account:acme", "resources"),
        (None, "resources"),
        (["account:acme", "acme"], "resources[1]"),
        (["account:acme", {"type": "account"}], "resources[1].id"),
        (["a:b", {"type": "invitation", "id": "new", "properties": {"email": 7}}],
         "resources[1].properties.email"),
        (["account:acme"] * (MOST + 1), "resources"),
    ],
)  # fmt: skip
def test_a_faulty_list_of_resources_is_refused_by_the_member_that_is_to_blame(
    client: FlaskClient, resources: object, member: str
) -> None:
    error = refusal(client, PERMISSIONS, {"subject": "user:ana", "resources": resources})

    assert error["member"] == member
    assert error["message"].startswith(f"`{member}` ")


def test_a_faulty_context_is_blamed_and_not_a_resource(client: FlaskClient) -> None:
    said = {"subject": "user:ana", "resources": ["account:acme"], "context": {"via_proxy": 1}}

    assert refusal(client, PERMISSIONS, said)["member"] == "context.via_proxy"


def test_every_list_of_permissions_is_logged(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "log"
    log = DecisionLog(LineFile(str(file)), Hashing.for_this_start(), OnFailure.REFUSE)
    client = create_app(served, lambda: served.now, log=log).test_client()

    answer(client, PERMISSIONS, PERMITTED)
    many = {"subject": "user:ana", "resources": ["account:acme", "account:nowhere"]}
    answer(client, PERMISSIONS, many)

    lines = lines_of_answers(file)
    assert [(line["resource"]["id"], "land" in line["found"]) for line in lines] == [
        ("acme", True),
        ("acme", True),
        ("nowhere", False),
    ]


# --- validators ---------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [PERMITTED, {**PERMITTED, "resources": ["account:acme"]}])
def test_a_caller_that_has_the_answer_is_told_that_it_still_holds(
    client: FlaskClient, said: dict[str, object]
) -> None:
    first = post(client, PERMISSIONS, said)

    again = post(client, PERMISSIONS, said, If_None_Match=first.headers["ETag"])

    assert (again.status_code, again.data) == (304, b"")
    for response in (first, again):
        assert response.headers["ETag"] == first.headers["ETag"]
        assert response.headers["Cache-Control"] == "private, no-cache"


def test_an_answer_that_the_clock_changes_is_told_anew_though_no_revision_changed(
    client: FlaskClient, served: Served
) -> None:
    first = post(client, PERMISSIONS, REVOKED)
    served.now += timedelta(days=3650)

    again = post(client, PERMISSIONS, REVOKED, If_None_Match=first.headers["ETag"])

    assert "accept" in first.get_json()["permissions"]
    assert (again.status_code, again.get_json()["permissions"]) == (200, [])
    assert again.get_json()["revisions"] == first.get_json()["revisions"]
    assert again.headers["ETag"] != first.headers["ETag"]


def test_a_changed_revision_is_told_though_the_permissions_are_the_same(
    client: FlaskClient, served: Served
) -> None:
    first = post(client, PERMISSIONS, PERMITTED)
    served.pair = Pair(replace(served.pair.policy, revision="another"), served.pair.snapshot)

    again = post(client, PERMISSIONS, PERMITTED, If_None_Match=first.headers["ETag"])

    assert (again.status_code, again.get_json()["revisions"]["policy"]) == (200, "another")


def test_facts_that_have_grown_too_old_are_no_304(client: FlaskClient, served: Served) -> None:
    said = {**PERMITTED, "max_age": 10}
    first = post(client, PERMISSIONS, said)
    served.age_of_it = 11.0

    again = post(client, PERMISSIONS, said, If_None_Match=first.headers["ETag"])

    assert (first.status_code, again.status_code) == (200, 503)


@pytest.mark.parametrize("tag", ["*", '"another"', "no tag", ""])
def test_another_tag_is_no_304(client: FlaskClient, tag: str) -> None:
    assert post(client, PERMISSIONS, PERMITTED, If_None_Match=tag).status_code == 200


@pytest.mark.parametrize("shape", ["W/{}", '"another", {}'])
def test_a_tag_may_be_weak_or_one_of_several(client: FlaskClient, shape: str) -> None:
    tag = post(client, PERMISSIONS, PERMITTED).headers["ETag"]

    response = post(client, PERMISSIONS, PERMITTED, If_None_Match=shape.format(tag))

    assert response.status_code == 304


def test_a_malformed_question_is_refused_whatever_tag_it_carries(client: FlaskClient) -> None:
    tag = post(client, PERMISSIONS, PERMITTED).headers["ETag"]

    assert post(client, PERMISSIONS, {}, If_None_Match=tag).status_code == 400


def test_a_decision_is_not_to_be_kept(client: FlaskClient) -> None:
    response = post(client, AUTHORIZE, EDIT)

    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers
