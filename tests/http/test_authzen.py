"""AuthZEN 1.0: each thing that a PDP must do, by its number in our list of them.

The list numbers what the standard demands (M) and what its certification scenario asks (C); a test
has the numbers that it holds in its name. The scenario itself is played end to end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from sidecar.compiler import load_pack
from sidecar.config.settings import Settings
from sidecar.engine.policy import Policy
from sidecar.engine.search import Candidate
from sidecar.errors import InvalidSettingError, Problem
from sidecar.facts import read_directory
from sidecar.http import Access, Limits, Paging, Standard, create_app, read_key
from sidecar.http import pagination as pages
from sidecar.http.requests import Page, SubjectSearch
from sidecar.http.responses import ResultPage
from sidecar.reload import Pair, Places, Reloading
from tests.edge import Still, post, told
from tests.paths import PACKS

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PACK = PACKS / "certification"

EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
SUBJECT, RESOURCE, ACTION = SEARCHES = tuple(
    f"/access/v1/search/{kind}" for kind in ("subject", "resource", "action")
)
POSTED = (EVALUATION, EVALUATIONS, *SEARCHES)
METADATA = "/.well-known/authzen-configuration"

ALICE, BOB = {"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}
READ, WRITE = {"name": "read"}, {"name": "write"}
ACTIVE, ARCHIVED = {"type": "record", "id": "record-1"}, {"type": "record", "id": "record-2"}
READS = {"subject": ALICE, "action": READ, "resource": ACTIVE}

MUST = (1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 32, 33, 34, 36, 39, 40, 47, 49, 50)
ASKED = (3, 4, 5, 6, 7, 20, 21, 25, 30, 35, 37)


@pytest.fixture(scope="module")
def policy() -> Iterator[Policy]:
    policy = load_pack(PACK / "policies", PACK / "fixtures")
    yield policy
    policy.interpreter.close()


@pytest.fixture(scope="module")
def pair(policy: Policy) -> Pair:
    world = PACK / "fixtures" / "worlds" / "certification"
    return Pair(policy, read_directory(policy.schema, world))


@pytest.fixture(scope="module")
def client(pair: Pair) -> FlaskClient:
    return create_app(Still(pair), lambda: NOW).test_client()


def decides(client: FlaskClient, said: object) -> bool:
    answer = told(client, EVALUATION, said)["decision"]
    assert isinstance(answer, bool)
    return answer


def refused(client: FlaskClient, path: str, said: object) -> str:
    """Return which member a 400 names."""
    response = post(client, path, said)
    assert (response.status_code, response.content_type) == (400, "application/json"), response.text
    assert response.get_json()["decision"] is False
    return str(response.get_json()["error"].get("member", ""))


def names(client: FlaskClient, path: str, said: object) -> list[str]:
    return [each.get("id") or each["name"] for each in told(client, path, said)["results"]]


def test_everything_that_must_be_has_a_test() -> None:
    held = {
        int(number)
        for name in globals()
        if (found := re.match(r"test((?:_\d+)+)_", name))
        for number in found[1].strip("_").split("_")
    }

    assert {*MUST, *ASKED} - held == set()


# --- transport and errors -----------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTED)
def test_1_2_a_question_is_posted_as_json_and_answered_by_a_json_object(
    client: FlaskClient, path: str
) -> None:
    assert isinstance(told(client, path, READS), dict)


def test_2_a_denial_is_an_answer_and_no_error(client: FlaskClient) -> None:
    answer = told(client, EVALUATION, {**READS, "subject": BOB, "action": WRITE})

    assert answer["decision"] is False


@pytest.mark.parametrize("member", ["subject", "action", "resource"])
def test_3_a_question_without_a_member_is_refused(client: FlaskClient, member: str) -> None:
    said = {name: value for name, value in READS.items() if name != member}

    assert refused(client, EVALUATION, said) == member


@pytest.mark.parametrize(
    ("said", "member"),
    [
        ({**READS, "subject": "alice"}, "subject"),
        ({**READS, "subject": None}, "subject"),
        ({**READS, "resource": [ACTIVE]}, "resource"),
        ({**READS, "action": "read"}, "action"),
        ({**READS, "action": {"name": 123}}, "action.name"),
        ({**READS, "action": {"name": None}}, "action.name"),
        ({**READS, "subject": {**ALICE, "id": 7}}, "subject.id"),
        ({**READS, "subject": {**ALICE, "type": True}}, "subject.type"),
        ({**READS, "subject": {**ALICE, "properties": []}}, "subject.properties"),
        ({**READS, "resource": {**ACTIVE, "properties": "x"}}, "resource.properties"),
        ({**READS, "action": {**READ, "properties": 1}}, "action.properties"),
        ({**READS, "context": "here"}, "context"),
    ],
)
def test_3_a_wrong_type_is_refused_by_the_name_of_the_member(
    client: FlaskClient, said: object, member: str
) -> None:
    assert refused(client, EVALUATION, said) == member


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("body", [b"{", b"", b"{'a': 1}", b"[]", b"null", b"1", b'"x"', b"true"])
def test_4_what_is_no_json_object_is_refused(client: FlaskClient, path: str, body: bytes) -> None:
    assert refused(client, path, body) == ""


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_5_another_content_type_is_refused_with_400(
    client: FlaskClient, path: str, content_type: str
) -> None:
    response = client.post(path, data=json.dumps(READS), content_type=content_type)

    assert response.status_code == 400


@pytest.mark.parametrize("path", POSTED)
def test_6_the_content_type_may_name_a_charset(client: FlaskClient, path: str) -> None:
    content_type = "application/json; charset=utf-8"

    assert client.post(path, data=json.dumps(READS), content_type=content_type).status_code == 200


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_7_12_another_method_is_refused_in_json(
    client: FlaskClient, path: str, method: str
) -> None:
    response = client.open(path, method=method)

    assert (response.status_code, response.content_type) == (405, "application/json")


@pytest.mark.parametrize("path", POSTED)
def test_8_members_that_nobody_knows_are_ignored_everywhere(client: FlaskClient, path: str) -> None:
    plain = told(client, path, READS)
    more = {"unknown": {"deep": [1, None]}}
    said = {
        **{name: {**value, **more} for name, value in READS.items()},
        "options": more,
        "page": {"limit": 10, **more},
        **more,
    }

    answer = told(client, path, said)

    assert answer.get("results") == plain.get("results")
    assert answer.get("decision") == plain.get("decision")


def test_9_the_order_of_members_does_not_matter(client: FlaskClient) -> None:
    said = [dict(order) for order in permutations(READS.items())]
    turned = {name: dict(reversed(value.items())) for name, value in READS.items()}

    assert {decides(client, each) for each in [*said, turned]} == {True}


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [*((path, READS, 200) for path in POSTED), (EVALUATION, {}, 400), ("/nowhere", {}, 404)],
)
def test_10_the_id_of_a_request_is_echoed_unchanged_and_may_be_missing(
    client: FlaskClient, path: str, said: object, status: int
) -> None:
    with_id = post(client, path, said, **{"X-Request-ID": "bfe9eb29 ~ x"})
    without = post(client, path, said)

    assert (with_id.status_code, with_id.headers["X-Request-ID"]) == (status, "bfe9eb29 ~ x")
    assert without.status_code == status


@dataclass(frozen=True)
class OneToken:
    """Who may ask."""

    reading = "the only one"
    problems: tuple[Problem, ...] = ()
    failures = ()

    def holder(self, token: str) -> str | None:
        return "gateway" if token == "let-me-in" else None  # noqa: S105  of this test


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("said", [None, "Bearer wrong", "Basic Z2F0ZTp3YXk=", "Bearer"])
def test_11_bad_or_missing_credentials_are_a_401_with_a_challenge(
    pair: Pair, path: str, said: str | None
) -> None:
    client = create_app(Still(pair), lambda: NOW, access=Access(OneToken())).test_client()
    credentials = {} if said is None else {"Authorization": said}

    refused = post(client, path, READS, **credentials, **{"X-Request-ID": "x"})
    allowed = post(client, path, READS, Authorization="Bearer let-me-in")

    assert (refused.status_code, refused.get_json()["decision"]) == (401, False)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert refused.headers["X-Request-ID"] == "x"
    assert allowed.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"subject": {"type": "user", "id": "alice"}, "subject": {"type": "user", "id": "bob"}}',
        b'{"x": NaN}',
        b'{"x": "\\ud800"}',
        b'{"x": "\xff"}',
        b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_14_15_json_that_can_be_understood_in_two_ways_or_is_too_deep_is_refused(
    client: FlaskClient, body: bytes
) -> None:
    for path in POSTED:
        assert post(client, path, body).status_code in {400, 413}


# --- entities -----------------------------------------------------------------------------------


@pytest.mark.parametrize("member", ["subject", "resource"])
@pytest.mark.parametrize("part", ["type", "id"])
def test_16_a_type_and_an_id_are_required(client: FlaskClient, member: str, part: str) -> None:
    entity = {name: value for name, value in READS[member].items() if name != part}

    assert refused(client, EVALUATION, {**READS, member: entity}) == f"{member}.{part}"


def test_17_the_name_of_an_action_is_required(client: FlaskClient) -> None:
    assert refused(client, EVALUATION, {**READS, "action": {}}) == "action.name"


@pytest.mark.parametrize("context", [{}, {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}])
def test_18_a_context_is_accepted_and_never_demanded(
    client: FlaskClient, context: dict[str, object]
) -> None:
    assert decides(client, {**READS, "context": context}) is decides(client, READS) is True


def test_19_an_answer_is_a_decision_and_a_context(client: FlaskClient) -> None:
    answer = told(client, EVALUATION, READS)

    assert set(answer) == {"decision", "context"}
    assert isinstance(answer["context"], dict)


def test_20_the_same_question_has_the_same_answer(client: FlaskClient) -> None:
    assert {decides(client, READS) for _ in range(10)} == {True}


@pytest.mark.parametrize(
    ("subject", "action", "resource", "expected"),
    [
        ({}, {}, {}, False),
        ({"role": "admin"}, {}, {}, True),
        ({"role": "manager"}, {}, {}, False),
        ({"role": "emperor", "department": "Sales"}, {"method": "PUT"}, {"owner": "x"}, False),
    ],
)
def test_21_properties_of_a_subject_influence_a_decision(
    client: FlaskClient,
    subject: dict[str, str],
    action: dict[str, str],
    resource: dict[str, str],
    *,
    expected: bool,
) -> None:
    said = {
        "subject": {**ALICE, "properties": subject},
        "action": {**WRITE, "properties": action},
        "resource": {**ARCHIVED, "properties": resource},
    }

    assert decides(client, said) is expected


@pytest.mark.parametrize(("status", "expected"), [("active", True), ("archived", False)])
def test_21_properties_of_a_resource_influence_a_decision(
    client: FlaskClient, status: str, *, expected: bool
) -> None:
    record = {"type": "record", "id": "record-3", "properties": {"status": status}}

    assert decides(client, {"subject": ALICE, "action": WRITE, "resource": record}) is expected


@pytest.mark.parametrize(
    ("properties", "expected"), [({"soft": True}, True), ({"soft": False}, False), ({}, False)]
)
def test_21_properties_of_an_action_influence_a_decision(
    client: FlaskClient, properties: dict[str, bool], *, expected: bool
) -> None:
    delete = {"name": "delete", "properties": properties}

    assert decides(client, {**READS, "action": delete}) is expected


def test_21_a_stored_fact_wins_over_what_is_said(client: FlaskClient) -> None:
    active = {**ARCHIVED, "properties": {"status": "active"}}
    archived = {**ACTIVE, "properties": {"status": "archived"}}
    manager = {**BOB, "properties": {"role": "manager"}}
    alice_writes = {"subject": ALICE, "action": WRITE}

    assert decides(client, {**alice_writes, "resource": active}) is False
    assert decides(client, {**alice_writes, "resource": archived}) is True
    assert decides(client, {"subject": manager, "action": WRITE, "resource": ARCHIVED}) is True


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": {"type": "user", "id": "nobody"}},
        {"subject": {"type": "spaceship", "id": "alice"}},
        {"action": {"name": "fly"}},
        {"resource": {"type": "record", "id": "record-9"}},
        {"resource": {"type": "moon", "id": "record-1"}},
    ],
)
def test_22_what_is_unknown_is_denied(client: FlaskClient, changed: dict[str, object]) -> None:
    assert decides(client, {**READS, **changed}) is False


# --- batches ------------------------------------------------------------------------------------


def decisions(client: FlaskClient, said: object) -> list[bool]:
    answer = told(client, EVALUATIONS, said)
    assert list(answer) == ["evaluations"]
    return [each["decision"] for each in answer["evaluations"]]


@pytest.mark.parametrize("nothing", [{}, {"evaluations": []}])
def test_23_without_evaluations_there_is_one_answer(
    client: FlaskClient, nothing: dict[str, object]
) -> None:
    answer = told(client, EVALUATIONS, {**READS, **nothing})

    assert set(answer) == {"decision", "context"}
    assert answer["decision"] is True


def test_24_a_member_of_an_item_replaces_the_default_whole(client: FlaskClient) -> None:
    admin = {**ALICE, "properties": {"role": "admin"}}
    said = {"subject": admin, "action": WRITE, "resource": ARCHIVED}

    # The role belongs to the default subject, and goes with it.
    assert decisions(client, {**said, "evaluations": [{}, {"subject": ALICE}]}) == [True, False]


def test_24_properties_and_contexts_are_never_mixed(client: FlaskClient) -> None:
    delete = {"name": "delete", "properties": {"soft": True}}
    said = {"subject": ALICE, "action": delete, "resource": ACTIVE}
    items = [{}, {"action": {"name": "delete", "properties": {}}}, {"action": {"name": "delete"}}]

    assert decisions(client, {**said, "evaluations": items}) == [True, False, False]


def test_25_what_an_item_lacks_comes_from_the_top_level(client: FlaskClient) -> None:
    said = {
        "subject": ALICE,
        "action": WRITE,
        "resource": {"type": "record", "properties": {"status": "archived"}},
        "evaluations": [
            {"resource": {"id": "record-1", "properties": {"status": "active"}}},
            {"resource": {"id": "record-3"}},
            {"resource": ARCHIVED},
            {"resource": {"id": "record-1"}, "subject": {"id": "bob"}, "action": {"name": "read"}},
        ],
    }

    assert decisions(client, said) == [True, True, False, True]


def test_25_what_stands_nowhere_is_an_error_of_the_item(client: FlaskClient) -> None:
    said = {
        "subject": ALICE,
        "action": READ,
        "evaluations": [{"resource": ACTIVE}, {}, {"resource": {}}],
    }

    answer = told(client, EVALUATIONS, said)["evaluations"]

    assert [each["decision"] for each in answer] == [True, False, False]
    assert [each["context"]["error"]["member"] for each in answer[1:]] == [
        "evaluations[1].resource",
        "evaluations[2].resource.type",
    ]


@pytest.mark.parametrize(
    ("default", "item", "member"),
    [
        ({"type": 7}, {"id": "record-1"}, "resource.type"),
        ({"type": "record"}, {"id": 7}, "evaluations[0].resource.id"),
        ({"type": "record", "id": 7}, {}, "resource.id"),
        (7, {"id": "x"}, "evaluations[0].resource.type"),
        ({"type": "record"}, 7, "evaluations[0].resource"),
    ],
)
def test_25_a_wrong_type_is_blamed_where_it_stands(
    client: FlaskClient, default: object, item: object, member: str
) -> None:
    said = {**READS, "resource": default, "evaluations": [{"resource": item} if item else {}]}

    answer = told(client, EVALUATIONS, said)["evaluations"][0]

    assert (answer["decision"], answer["context"]["error"]["member"]) == (False, member)


INCOMPLETE = [
    ({"resource": {"type": "record"}}, "evaluations[0].resource.id"),
    ({"resource": {}}, "evaluations[0].resource.id"),
    ({"resource": {"properties": {"status": "active"}}}, "evaluations[0].resource.id"),
    ({"subject": {"type": "user"}}, "evaluations[0].subject.id"),
    ({"subject": {"type": "user", "properties": {"role": "admin"}}}, "evaluations[0].subject.id"),
    ({"action": {}}, "evaluations[0].action.name"),
    ({"action": {"properties": {"soft": True}}}, "evaluations[0].action.name"),
    ({"resource": {"type": None, "id": "record-1"}}, "evaluations[0].resource.type"),
]
"""Items that lack what only the default has, and what is missing in them."""


@pytest.mark.parametrize(("item", "member"), INCOMPLETE)
@pytest.mark.parametrize("path", [EVALUATIONS, "/v1/authorize"])
@pytest.mark.parametrize("fraction", [False, True])
def test_24_25_an_incomplete_item_is_an_error_and_never_asks_about_the_default(
    client: FlaskClient, path: str, item: dict[str, object], member: str, *, fraction: bool
) -> None:
    # A number with a fraction is read by the strict reader, without it by the quick one.
    beside = {**READS, "context": {"load": 0.5}} if fraction else READS
    items, answers = (
        ("evaluations", "evaluations") if path == EVALUATIONS else ("requests", "answers")
    )

    first, second = told(client, path, {**beside, items: [item, {}]})[answers]

    error = first["context"]["error"] if path == EVALUATIONS else first["error"]
    assert (first["decision"], error["status"]) == (False, 400)
    assert error["member"].replace("requests", "evaluations") == member
    assert second["decision"] is True


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_28_29_an_incomplete_item_counts_as_a_denial(
    client: FlaskClient, semantic: str, expected: list[bool]
) -> None:
    items = [{}, {"resource": {"type": "record"}}, {}]
    options = {"evaluations_semantic": semantic}

    assert decisions(client, {**READS, "evaluations": items, "options": options}) == expected
    assert decisions(client, {**READS, "evaluations": items[1:], "options": options})[0] is False


def test_26_there_is_a_result_for_each_item_in_their_order(client: FlaskClient) -> None:
    items = [{"subject": who, "action": what} for who in (ALICE, BOB) for what in (READ, WRITE)]

    assert decisions(client, {**READS, "evaluations": items}) == [True, True, True, False]


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [False, True, False]),
        ("deny_on_first_deny", [False]),
        ("permit_on_first_permit", [False, True]),
    ],
)
def test_26_28_29_a_batch_ends_after_the_answer_that_its_semantic_names(
    client: FlaskClient, semantic: str, expected: list[bool]
) -> None:
    said = {**READS, "evaluations": [7, {}, {"action": WRITE, "subject": BOB}]}

    options = {"evaluations_semantic": semantic}

    assert decisions(client, {**said, "options": options}) == expected


@pytest.mark.parametrize("semantic", ["", "first", "EXECUTE_ALL", 7, None])
@pytest.mark.parametrize("items", [[{}], []])
def test_30_another_semantic_is_refused(
    client: FlaskClient, semantic: object, items: list[object]
) -> None:
    said = {**READS, "evaluations": items, "options": {"evaluations_semantic": semantic}}

    assert refused(client, EVALUATIONS, said) == "options.evaluations_semantic"


# --- search -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignored", [{}, {"id": "bob"}, {"id": 7}, {"id": None}])
def test_32_a_subject_search_ignores_the_id_of_the_subject(
    client: FlaskClient, ignored: dict[str, object]
) -> None:
    said = {"subject": {"type": "user", **ignored}, "action": READ, "resource": ACTIVE}

    assert names(client, SUBJECT, said) == ["alice", "bob"]


@pytest.mark.parametrize("ignored", [{}, {"id": "record-2"}, {"id": 7}])
def test_33_a_resource_search_ignores_the_id_of_the_resource(
    client: FlaskClient, ignored: dict[str, object]
) -> None:
    said = {"subject": BOB, "action": READ, "resource": {"type": "record", **ignored}}

    assert names(client, RESOURCE, said) == ["record-1"]


@pytest.mark.parametrize("ignored", [{}, {"action": READ}, {"action": 7}])
def test_34_an_action_search_ignores_the_action(
    client: FlaskClient, ignored: dict[str, object]
) -> None:
    said = {"subject": ALICE, "resource": ACTIVE, **ignored}

    assert names(client, ACTION, said) == ["read", "write"]


@pytest.mark.parametrize(
    ("path", "said", "member"),
    [
        (SUBJECT, {"action": READ, "resource": ACTIVE}, "subject"),
        (SUBJECT, {"subject": {}, "action": READ, "resource": ACTIVE}, "subject.type"),
        (SUBJECT, {"subject": ALICE, "resource": ACTIVE}, "action"),
        (SUBJECT, {"subject": ALICE, "action": {}, "resource": ACTIVE}, "action.name"),
        (SUBJECT, {"subject": ALICE, "action": READ}, "resource"),
        (
            SUBJECT,
            {"subject": ALICE, "action": READ, "resource": {"type": "record"}},
            "resource.id",
        ),
        (RESOURCE, {"action": READ, "resource": ACTIVE}, "subject"),
        (RESOURCE, {"subject": {"type": "user"}, "action": READ, "resource": ACTIVE}, "subject.id"),
        (RESOURCE, {"subject": ALICE, "resource": ACTIVE}, "action"),
        (RESOURCE, {"subject": ALICE, "action": READ, "resource": {}}, "resource.type"),
        (ACTION, {"subject": ALICE}, "resource"),
        (ACTION, {"subject": ALICE, "resource": {"type": "record"}}, "resource.id"),
        (ACTION, {"subject": {"id": "alice"}, "resource": ACTIVE}, "subject.type"),
    ],
)
def test_35_an_incomplete_question_is_refused(
    client: FlaskClient, path: str, said: object, member: str
) -> None:
    assert refused(client, path, said) == member


def test_36_43_results_are_entities_of_the_type_that_is_sought(client: FlaskClient) -> None:
    said = {**READS, "page": {}}

    subjects, resources, actions = (
        post(client, path, said).get_data(as_text=True) for path in SEARCHES
    )

    # The order of members counts: `page` first, `type` before `id`.
    page = '"page":{"next_token":"","count":%d}'
    assert subjects == "{" + page % 2 + (
        ',"results":[{"type":"user","id":"alice"},{"type":"user","id":"bob"}]}'
    )
    assert resources.startswith('{"page":')
    assert '"results":[{"type":"record","id":' in resources
    assert actions == "{" + page % 2 + ',"results":[{"name":"read"},{"name":"write"}]}'


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.parametrize(
    "changed",
    [
        {"subject": {"type": "spaceship", "id": "x"}},
        {"resource": {"type": "moon", "id": "x"}},
        {"subject": {"type": "spaceship", "id": "x"}, "resource": {"type": "moon", "id": "x"}},
    ],
)
def test_37_an_unknown_type_has_no_results(
    client: FlaskClient, path: str, changed: dict[str, object]
) -> None:
    assert told(client, path, {**READS, **changed}) == {"results": []}


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        (SUBJECT, {"resource": {"type": "record", "id": "record-9"}}),
        (SUBJECT, {"action": {"name": "fly"}}),
        (RESOURCE, {"subject": {"type": "user", "id": "nobody"}}),
        (RESOURCE, {"action": {"name": "fly"}}),
        (ACTION, {"subject": {"type": "user", "id": "nobody"}}),
        (ACTION, {"resource": {"type": "record", "id": "record-9"}}),
    ],
)
def test_37_an_unknown_id_has_no_results(
    client: FlaskClient, path: str, changed: dict[str, object]
) -> None:
    assert told(client, path, {**READS, **changed}) == {"results": []}


@pytest.mark.parametrize("action", [READ, WRITE, {"name": "delete", "properties": {"soft": True}}])
def test_38_every_result_would_be_allowed_and_every_other_denied(
    client: FlaskClient, action: dict[str, object]
) -> None:
    for record in ("record-1", "record-2", "record-3"):
        said = {**READS, "action": action, "resource": {"type": "record", "id": record}}
        users = [{"type": "user", "id": name} for name in ("alice", "bob", "carol")]

        allowed = [user["id"] for user in users if decides(client, {**said, "subject": user})]

        assert names(client, SUBJECT, said) == allowed


# --- pages --------------------------------------------------------------------------------------

MANY = 25


def crowd(policy: Policy, directory: Path, without: tuple[int, ...] = ()) -> Pair:
    """Make a world in which many users may read many records, in no order."""
    ids = [number for number in range(MANY) if number not in without]
    users = [f"user-{number:02}" for number in ids]
    records = [f"- {{id: record-{number:02}, readers: {users}, writers: []}}" for number in ids]
    directory.mkdir()
    (directory / "users.yaml").write_text("".join(f"- {{id: {each}}}\n" for each in users[::-1]))
    (directory / "records.yaml").write_text("\n".join(records[::-1]) + "\n")
    return Pair(policy, read_directory(policy.schema, directory))


CROWD = {
    "subject": {"type": "user", "id": "user-00"},
    "action": READ,
    "resource": {"type": "record", "id": "record-00"},
}
USERS = [f"user-{number:02}" for number in range(MANY)]
RECORDS = [f"record-{number:02}" for number in range(MANY)]


@pytest.fixture
def still(policy: Policy, tmp_path: Path) -> Still:
    return Still(crowd(policy, tmp_path / "crowd"))


def serve(still: Still, **paging: Any) -> FlaskClient:  # noqa: ANN401  whatever Paging takes
    return create_app(still, lambda: NOW, Limits(), Standard(paging=Paging(**paging))).test_client()


def walked(
    client: FlaskClient, path: str, first: dict[str, object], then: dict[str, object]
) -> list[list[str]]:
    """Go through all pages; return what each shows."""
    pages: list[list[str]] = []
    page = first
    while len(pages) <= MANY:
        answer = told(client, path, {**CROWD, "page": page})
        assert list(answer) == ["page", "results"]
        assert answer["page"]["count"] == len(answer["results"])
        pages.append([each["id"] for each in answer["results"]])
        if not (token := answer["page"]["next_token"]):
            return pages
        page = {**then, "token": token}
    raise AssertionError("there is no end of pages")


@pytest.mark.parametrize(("path", "everything"), [(SUBJECT, USERS), (RESOURCE, RECORDS)])
@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26, 10**30])
def test_39_40_pages_are_all_there_is_each_once_and_the_last_has_an_empty_token(
    still: Still, path: str, everything: list[str], limit: int
) -> None:
    pages = walked(serve(still), path, {"limit": limit}, {"limit": limit})

    assert [each for page in pages for each in page] == everything
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert all(pages)


def test_39_40_actions_come_in_pages_too(client: FlaskClient) -> None:
    said = {"subject": ALICE, "resource": ACTIVE}

    first = told(client, ACTION, {**said, "page": {"limit": 1}})
    token = first["page"]["next_token"]
    second = told(client, ACTION, {**said, "page": {"token": token}})

    assert (first["results"], second["results"]) == ([{"name": "read"}], [{"name": "write"}])
    assert second["page"] == {"next_token": "", "count": 1}


@pytest.mark.parametrize(
    ("page", "member"),
    [
        ({"limit": True}, "page.limit"),
        ({"limit": False}, "page.limit"),
        ({"limit": -1}, "page.limit"),
        ({"limit": 1.5}, "page.limit"),
        ({"limit": "1"}, "page.limit"),
        ({"limit": None}, "page.limit"),
        ({"token": 7}, "page.token"),
        ({"token": None}, "page.token"),
        ({"properties": 7}, "page.properties"),
        ([], "page"),
        (None, "page"),
    ],
)
@pytest.mark.parametrize("path", SEARCHES)
def test_39_a_page_of_another_form_is_refused(
    client: FlaskClient, path: str, page: object, member: str
) -> None:
    assert refused(client, path, {**READS, "page": page}) == member


def test_39_properties_of_a_page_are_ignored(still: Still) -> None:
    client = serve(still)
    page = {"limit": 2, "properties": {"sort": "id"}}

    first = told(client, SUBJECT, {**CROWD, "page": page})
    again = {"token": first["page"]["next_token"], "properties": {}}

    assert names(client, SUBJECT, {**CROWD, "page": again}) == USERS[2:4]


def test_40_the_page_is_told_whenever_it_was_asked_for(client: FlaskClient) -> None:
    said = {**READS, "subject": {"type": "spaceship", "id": "x"}, "page": {}}

    for path in SEARCHES:
        assert told(client, path, said) == {"page": {"next_token": "", "count": 0}, "results": []}


def test_a_page_that_has_looked_at_enough_leads_to_the_next(
    still: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MAX_SCANNED", 4)
    client = serve(still)
    bounded = walked(client, SUBJECT, {"limit": 10}, {})
    unasked = told(client, SUBJECT, CROWD)

    assert [len(page) for page in bounded] == [4, 4, 4, 4, 4, 4, 1]
    assert [name for page in bounded for name in page] == USERS
    assert unasked["page"]["count"] == 4
    assert unasked["page"]["next_token"]


def test_pages_without_a_result_lead_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_SCANNED", 4)
    asked = msgspec.convert(CROWD, SubjectSearch).request()
    found: list[tuple[str, list[str]]] = []
    page = Page()

    def each(after: str) -> Iterator[Candidate]:
        return (Candidate(name, allowed=name == "i") for name in "abcdefghi" if name > after)

    paging = Paging()
    while not found or page.token:
        members, shown = paging.results("subject", asked, page, each)
        assert isinstance(members, ResultPage)
        page = Page(token=members.next_token)
        found.append((page.token, [one.id for one in shown]))

    assert [names for _, names in found] == [[], [], ["i"]]


def test_42_a_follow_up_may_leave_out_the_limit(still: Still) -> None:
    pages = walked(serve(still, page_size=3), SUBJECT, {"limit": 10}, {})

    assert [len(page) for page in pages] == [10, 10, 5]


def test_the_default_and_the_largest_size_of_a_page_are_settings(still: Still) -> None:
    client = serve(still, page_size=4, max_page_size=6)

    assert len(names(client, SUBJECT, {**CROWD, "page": {}})) == 4
    assert len(names(client, SUBJECT, {**CROWD, "page": {"limit": 100}})) == 6
    assert (
        len(names(serve(still, page_size=9, max_page_size=6), SUBJECT, {**CROWD, "page": {}})) == 6
    )


def test_an_answer_is_never_cut_in_silence(still: Still) -> None:
    uncut = told(serve(still), SUBJECT, CROWD)
    client = serve(still, page_size=10, max_page_size=20)
    cut = told(client, SUBJECT, CROWD)
    rest = {**CROWD, "page": {"token": cut["page"]["next_token"], "limit": 20}}

    assert list(uncut) == ["results"]
    assert (list(cut), cut["page"]["count"]) == (["page", "results"], 20)
    assert names(client, SUBJECT, rest) == USERS[20:]
    assert list(told(serve(still, max_page_size=MANY), SUBJECT, CROWD)) == ["results"]


def test_a_limit_of_nothing_tells_whether_there_is_anything(still: Still) -> None:
    client = serve(still, page_size=20)
    nobody = {**CROWD, "action": WRITE, "page": {"limit": 0}}

    some = told(client, SUBJECT, {**CROWD, "page": {"limit": 0}})
    token = some["page"]["next_token"]

    assert told(client, SUBJECT, nobody) == {"page": {"next_token": "", "count": 0}, "results": []}
    assert (some["results"], bool(token)) == ([], True)
    # It leads to the beginning, whatever the limit is from there on.
    assert names(client, SUBJECT, {**CROWD, "page": {"token": token}}) == USERS[:20]
    assert names(client, SUBJECT, {**CROWD, "page": {"token": token, "limit": 2}}) == USERS[:2]


def test_a_limit_of_nothing_keeps_a_place_in_the_middle(still: Still) -> None:
    client = serve(still)
    page: dict[str, object] = {}
    first = told(client, SUBJECT, {**CROWD, "page": {"limit": 0}})["page"]["next_token"]
    page = told(client, SUBJECT, {**CROWD, "page": {"limit": 0, "token": first}})["page"]

    assert names(client, SUBJECT, {**CROWD, "page": {"token": page["next_token"]}}) == USERS


CHANGED = {
    "subject's type": {"subject": {"type": "spaceship"}},
    "subject's properties": {"subject": {"type": "user", "properties": {"role": "admin"}}},
    "action": {"action": WRITE},
    "action's properties": {"action": {**READ, "properties": {"soft": True}}},
    "resource": {"resource": {"type": "record", "id": "record-01"}},
    "resource's properties": {"resource": {**CROWD["resource"], "properties": {"x": 1}}},
    "context": {"context": {"x": 1}},
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_42_a_token_is_good_for_one_question(still: Still, changed: dict[str, object]) -> None:
    client = serve(still)
    token = told(client, SUBJECT, {**CROWD, "page": {"limit": 2}})["page"]["next_token"]

    assert refused(client, SUBJECT, {**CROWD, **changed, "page": {"token": token}}) == "page.token"


def test_42_a_token_is_good_for_one_search(still: Still) -> None:
    client = serve(still)
    token = told(client, SUBJECT, {**CROWD, "page": {"limit": 2}})["page"]["next_token"]

    for path in (RESOURCE, ACTION):
        assert refused(client, path, {**CROWD, "page": {"token": token}}) == "page.token"


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_42_a_changed_limit_is_a_changed_question(still: Still, limit: int) -> None:
    client = serve(still)
    token = told(client, SUBJECT, {**CROWD, "page": {"limit": 2}})["page"]["next_token"]
    page = {"token": token, "limit": limit}

    assert refused(client, SUBJECT, {**CROWD, "page": page}) == "page.token"


def test_42_what_is_ignored_in_a_question_may_change(still: Still) -> None:
    client = serve(still)
    token = told(client, SUBJECT, {**CROWD, "page": {"limit": 2}})["page"]["next_token"]
    said = {**CROWD, "subject": {"type": "user", "id": "user-07", "x": 1}, "unknown": [1]}

    assert names(client, SUBJECT, {**said, "page": {"token": token}}) == USERS[2:4]


def test_no_changed_token_is_taken(still: Still) -> None:
    client = serve(still)
    token = told(client, SUBJECT, {**CROWD, "page": {"limit": 2}})["page"]["next_token"]
    changed = [
        token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :]
        for place, letter in enumerate(token)
    ]
    shortened = [token[:length] for length in range(1, len(token))]
    padded = [token + "=", token + "AAAA", " " + token, token + "\n", "é" + token, "=", "AAAA"]

    for forged in [*changed, *shortened, *padded]:
        page = {"token": forged}
        assert refused(client, SUBJECT, {**CROWD, "page": page}) == "page.token", forged


def test_a_token_outlives_its_sidecar_where_the_key_does(still: Still, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\n" * 32)
    key = read_key(tmp_path / "key")
    one, same, other = serve(still, key=key), serve(still, key=key), serve(still)
    token = told(one, SUBJECT, {**CROWD, "page": {"limit": 2}})["page"]["next_token"]
    said = {**CROWD, "page": {"token": token}}

    assert names(same, SUBJECT, said) == USERS[2:4]
    assert refused(other, SUBJECT, said) == "page.token"


def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"k" * 31)

    with pytest.raises(InvalidSettingError, match="must have at least 32 bytes"):
        read_key(tmp_path / "short")
    with pytest.raises(InvalidSettingError, match="cannot be read: No such file"):
        read_key(tmp_path / "none")


def test_43_what_comes_and_goes_between_two_pages_shifts_no_other(
    policy: Policy, still: Still, tmp_path: Path
) -> None:
    client = serve(still)
    still.pair = crowd(policy, tmp_path / "before", without=(3, 11))
    first = told(client, SUBJECT, {**CROWD, "page": {"limit": 10}})
    # The last that was shown goes, one before it comes, one behind it comes.
    still.pair = crowd(policy, tmp_path / "after", without=(10,))
    second = {**CROWD, "page": {"token": first["page"]["next_token"]}}

    shown = [each["id"] for each in first["results"]]

    assert shown == [each for each in USERS[:11] if each != "user-03"]
    assert names(client, SUBJECT, second) == USERS[11:21]


def test_38_a_page_shows_what_is_allowed_when_it_is_asked_for(
    policy: Policy, still: Still, tmp_path: Path
) -> None:
    client = serve(still)
    first = told(client, SUBJECT, {**CROWD, "page": {"limit": 10}})
    still.pair = crowd(policy, tmp_path / "after", without=(12, 13))

    second = {**CROWD, "page": {"token": first["page"]["next_token"], "limit": 10}}

    assert not {"user-12", "user-13"} & {*names(client, SUBJECT, second)}


def test_an_empty_token_is_the_first_page(still: Still) -> None:
    page = {"token": "", "limit": 3}

    assert names(serve(still), SUBJECT, {**CROWD, "page": page}) == USERS[:3]


# --- metadata -----------------------------------------------------------------------------------


def publish(pair: Pair, url: str) -> FlaskClient:
    return create_app(Still(pair), lambda: NOW, Limits(), Standard(public_url=url)).test_client()


def test_46_47_48_metadata_name_every_endpoint(pair: Pair) -> None:
    url = "https://pdp.example.com"

    response = publish(pair, url).get(METADATA)

    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.get_json() == {
        "policy_decision_point": url,
        "access_evaluation_endpoint": f"{url}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{url}/access/v1/evaluations",
        "search_subject_endpoint": f"{url}/access/v1/search/subject",
        "search_resource_endpoint": f"{url}/access/v1/search/resource",
        "search_action_endpoint": f"{url}/access/v1/search/action",
        "supported_obligations": ["custom"],
    }


def test_48_the_endpoints_are_those_that_answer(pair: Pair) -> None:
    client = publish(pair, "https://pdp.example.com")
    metadata = client.get(METADATA).get_json()
    paths = [
        value.removeprefix("https://pdp.example.com")
        for name, value in metadata.items()
        if name.endswith("_endpoint")
    ]

    assert sorted(paths) == sorted(POSTED)
    assert {post(client, path, READS).status_code for path in paths} == {200}


def test_46_the_path_of_a_url_comes_after_the_well_known_one(pair: Pair) -> None:
    client = publish(pair, "https://pdp.example.com/tenant/1")

    metadata = client.get(f"{METADATA}/tenant/1").get_json()

    assert metadata["policy_decision_point"] == "https://pdp.example.com/tenant/1"
    assert metadata["search_action_endpoint"] == (
        "https://pdp.example.com/tenant/1/access/v1/search/action"
    )
    assert client.get(METADATA).status_code == 404


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto"])
def test_49_metadata_never_speak_of_what_a_request_says(pair: Pair, header: str) -> None:
    client = publish(pair, "https://pdp.example.com")

    said = client.get(METADATA, headers={header: "evil.example"}).get_data(as_text=True)

    assert "evil" not in said


def test_49_without_a_public_url_there_are_no_metadata(client: FlaskClient) -> None:
    response = client.get(METADATA)

    assert (response.status_code, response.get_json()) == (
        404,
        {
            "decision": False,
            "error": {
                "status": 404,
                "message": "there is no metadata: the setting `public-url` is not set",
            },
        },
    )


def test_50_members_without_a_value_are_left_out(pair: Pair) -> None:
    metadata = publish(pair, "https://pdp.example.com").get(METADATA).get_json()

    assert all(metadata.values())
    assert "capabilities" not in metadata


# --- obligations --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped_pair() -> Pair:
    settings = Settings()
    places = Places(settings.policies, settings.fixtures, settings.mount())
    return Reloading(places).load()


@pytest.fixture(scope="module")
def shipped(shipped_pair: Pair) -> FlaskClient:
    return create_app(Still(shipped_pair), lambda: NOW).test_client()


REMOVES = {
    "subject": {"type": "user", "id": "ana"},
    "action": {"name": "remove"},
    "resource": {"type": "membership", "id": "acme/bob"},
}


def test_an_obligation_has_the_form_of_the_draft_profile(shipped: FlaskClient) -> None:
    native = told(shipped, "/v1/authorize", REMOVES)["obligations"]
    single = told(shipped, EVALUATION, REMOVES)
    batch = told(shipped, EVALUATIONS, {**REMOVES, "evaluations": [{}]})["evaluations"][0]
    backwards = told(shipped, EVALUATIONS, REMOVES)

    assert [set(each) for each in native] == [{"code", "message"}]
    for answer in (single, batch, backwards):
        assert answer["decision"] is True
        assert answer["context"]["obligations"] == [
            {
                "id": "confirm_irreversible",
                "type": "custom",
                "properties": {"message": native[0]["message"]},
                **native[0],
            }
        ]


@pytest.fixture(scope="module")
def bare(pair: Pair) -> FlaskClient:
    standard = Standard(context=False)
    return create_app(Still(pair), lambda: NOW, standard=standard).test_client()


def test_without_context_a_decision_is_its_yes_or_no_alone(bare: FlaskClient) -> None:
    denied = {**READS, "resource": ARCHIVED, "action": WRITE}
    incomplete = {"resource": {"type": "record"}}

    for _ in range(2):  # the second time it is remembered
        assert post(bare, EVALUATION, READS).data == b'{"decision":true}'
        assert told(bare, EVALUATION, denied) == {"decision": False}
        assert told(bare, EVALUATIONS, READS) == {"decision": True}
        first, second, third = told(
            bare, EVALUATIONS, {**READS, "evaluations": [{}, denied, incomplete]}
        )["evaluations"]
        assert (first, second) == ({"decision": True}, {"decision": False})
        assert third["context"]["error"]["member"] == "evaluations[2].resource.id"


def test_an_allow_never_loses_its_obligations_with_its_context(shipped_pair: Pair) -> None:
    bare = create_app(Still(shipped_pair), lambda: NOW, standard=Standard(context=False))
    client = bare.test_client()

    alone = told(client, EVALUATION, REMOVES)
    (batched,) = told(client, EVALUATIONS, {**REMOVES, "evaluations": [{}]})["evaluations"]

    for answer in (alone, batched):
        assert answer["decision"] is True
        assert [each["id"] for each in answer["context"]["obligations"]] == ["confirm_irreversible"]
