"""The HTTP surface: what callers may send, and what they get."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from math import inf
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sidecar.config.settings import Settings
from sidecar.errors import (
    EvaluationError,
    InvalidRequestError,
    Problem,
    SidecarError,
    SnapshotUnavailableError,
)
from sidecar.facts import Facts
from sidecar.http import Limits, create_app, request_context
from sidecar.http.json_body import MAX_DEPTH, parse
from sidecar.model import Decision, Reason, Revisions
from sidecar.reload import Pair, Places, Reloading, State

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)

AUTHORIZE, PERMISSIONS = "/v1/authorize", "/v1/permissions"
EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
SEARCHES = tuple(f"/access/v1/search/{kind}" for kind in ("subject", "resource", "action"))
POSTED = (AUTHORIZE, PERMISSIONS, EVALUATION, EVALUATIONS, *SEARCHES)

SHORT = {"subject": "user:ana", "action": "numbers.edit", "resource": "account:acme"}
LONG = {
    "subject": {"type": "user", "id": "ana"},
    "action": {"name": "numbers.edit"},
    "resource": {"type": "account", "id": "acme"},
}
MALLORY = {"type": "user", "id": "mallory"}


@pytest.fixture(scope="module")
def pair() -> Pair:
    settings = Settings()
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


@dataclass
class Fixed:
    """A source that never changes; without a pair it has nothing to answer from."""

    pair: Pair | None
    problems: tuple[Problem, ...] = ()

    def current(self) -> Pair:
        if self.pair is None:
            raise SnapshotUnavailableError("there is nothing to answer from")
        return self.pair

    def age(self, snapshot: Facts) -> float:
        return 0.0 if self.pair and snapshot is self.pair.snapshot else inf

    def follows(self, snapshot: Facts, revision: str) -> bool:
        return snapshot.revision == revision

    def state(self) -> State:
        return State(self.pair, self.problems)


@pytest.fixture(scope="module")
def client(pair: Pair) -> FlaskClient:
    limits = Limits(max_body_bytes=64 * 1024, max_evaluations=5)
    return create_app(Fixed(pair), lambda: NOW, limits).test_client()


def post(client: FlaskClient, path: str, said: object, **headers: str) -> TestResponse:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return client.post(path, data=body, content_type="application/json", headers=headers)


def answer(client: FlaskClient, path: str, said: object) -> dict[str, Any]:
    response = post(client, path, said)
    assert response.status_code == 200, response.text
    assert isinstance(response.json, dict)
    return response.json


# --- the short form -----------------------------------------------------------------------------


def test_a_short_question_is_answered_with_all_that_there_is_to_tell(
    client: FlaskClient, pair: Pair
) -> None:
    told = answer(client, AUTHORIZE, {**SHORT, "subject": "user:mallory"})

    decision_id = told.pop("decision_id")
    assert len(decision_id) == 32
    assert told == {
        "decision": False,
        "reasons": [
            {"code": "not_granted", "message": pair.policy.sentences.reasons["not_granted"]}
        ],
        "obligations": [],
        "revisions": {"policy": pair.policy.revision, "data": pair.snapshot.revision},
    }


@pytest.mark.parametrize(
    "said",
    [
        SHORT,
        LONG,
        {**LONG, "subject": "user:ana"},
        {**SHORT, "action": {"name": "numbers.edit", "properties": {}}},
        {**SHORT, "subject": {"type": "user", "id": "ana", "properties": {"x": 1}}, "context": {}},
        {**SHORT, "unknown": {"deep": [1, None]}, "context": {"unknown": None}},
    ],
)
def test_the_owner_may_edit_numbers_however_it_is_asked(
    client: FlaskClient, said: dict[str, object]
) -> None:
    told = answer(client, AUTHORIZE, said)

    assert (told["decision"], told["reasons"]) == (True, [])


def test_an_obligation_is_told_with_its_sentence(client: FlaskClient) -> None:
    said = {"subject": "user:ana", "action": "remove", "resource": "membership:acme/bob"}

    told = answer(client, AUTHORIZE, said)

    assert [told["decision"], told["obligations"][0]["code"]] == [True, "confirm_irreversible"]


def test_properties_and_context_reach_the_policy(client: FlaskClient) -> None:
    role = {"type": "membership", "id": "acme/bob"}
    said = {"subject": "user:ana", "action": {"name": "change_role"}, "resource": role}
    proxied = {
        "subject": "user:ana",
        "action": "create",
        "resource": {
            "type": "invitation",
            "id": "new",
            "properties": {"account": "acme", "email": "x@y.example", "role": "support"},
        },
        "context": {"via_proxy": True},
    }

    without = answer(client, AUTHORIZE, said)
    given = answer(
        client,
        AUTHORIZE,
        {**said, "action": {"name": "change_role", "properties": {"role": "support"}}},
    )
    through_proxy = answer(client, AUTHORIZE, proxied)

    assert [reason["code"] for reason in without["reasons"]] == ["role_not_assignable"]
    assert given["decision"] is True
    assert [reason["code"] for reason in through_proxy["reasons"]] == ["via_proxy"]


def test_a_caller_cannot_set_the_clock(client: FlaskClient) -> None:
    said = {"subject": "user:cy", "action": "accept", "resource": "invitation:inv-6"}

    told = answer(client, AUTHORIZE, {**said, "context": {"now": "2026-10-01T00:00:00Z"}})

    assert [reason["code"] for reason in told["reasons"]] == ["expired"]


def test_permissions_are_listed_in_the_order_of_the_schema(client: FlaskClient, pair: Pair) -> None:
    told = answer(client, PERMISSIONS, {"subject": "user:finn", "resource": "account:acme"})

    assert told == {
        "permissions": [
            "cards.view", "cards.edit", "recharges.view", "recharges.create", "billing.view",
            "billing.edit", "pricing.view", "switch", "set_default", "land",
        ],
        "obligations": {},
        "revisions": {"policy": pair.policy.revision, "data": pair.snapshot.revision},
    }  # fmt: skip


def test_permissions_take_what_the_caller_says_of_a_resource(client: FlaskClient) -> None:
    number = {"type": "number", "id": "+15550100", "properties": {"account": "acme"}}

    told = answer(client, PERMISSIONS, {"subject": "user:dora", "resource": number})

    assert told["permissions"] == ["view", "edit"]


@pytest.mark.parametrize(
    ("path", "said", "member", "message"),
    [
        (AUTHORIZE, {}, "subject", "is missing"),
        (AUTHORIZE, {**SHORT, "subject": 7}, "subject", "must be a string or an object"),
        (AUTHORIZE, {**SHORT, "subject": ""}, "subject", "must not be empty"),
        (AUTHORIZE, {**SHORT, "subject": "ana"}, "subject", "must be written `type:id`"),
        (AUTHORIZE, {**SHORT, "subject": "user:"}, "subject", "must be written `type:id`"),
        (AUTHORIZE, {**SHORT, "resource": ":acme"}, "resource", "must be written `type:id`"),
        (AUTHORIZE, {**SHORT, "action": None}, "action", "must be a string or an object"),
        (AUTHORIZE, {**SHORT, "action": {}}, "action.name", "is missing"),
        (AUTHORIZE, {**SHORT, "context": []}, "context", "must be an object"),
        (AUTHORIZE, {**SHORT, "context": None}, "context", "must be an object"),
        (AUTHORIZE, {**SHORT, "context": {"via_proxy": "yes"}}, "context.via_proxy", "must be"),
        (PERMISSIONS, {"subject": "user:ana"}, "resource", "is missing"),
        (EVALUATION, {**LONG, "subject": "alice"}, "subject", "must be an object"),
        (EVALUATION, {**LONG, "subject": {"type": "user"}}, "subject.id", "is missing"),
        (EVALUATION, {**LONG, "subject": {"type": "user", "id": 1}}, "subject.id", "a string"),
        (EVALUATION, {**LONG, "action": {"name": 123}}, "action.name", "must be a string"),
        (EVALUATION, {**LONG, "action": {"name": ""}}, "action.name", "must not be empty"),
        (
            EVALUATION,
            {**LONG, "resource": {**LONG["resource"], "properties": 3}},
            "resource.properties",
            "must be an object",
        ),
        (EVALUATIONS, {**LONG, "evaluations": {}}, "evaluations", "must be an array"),
        (EVALUATIONS, {**LONG, "evaluations": [{}] * 6}, "evaluations", "at most 5 items"),
        (EVALUATIONS, {"evaluations": []}, "subject", "is missing"),
        (EVALUATIONS, {**LONG, "options": 1}, "options", "must be an object"),
        (
            EVALUATIONS,
            {**LONG, "evaluations": [{}], "options": {"evaluations_semantic": "some"}},
            "options.evaluations_semantic",
            "must be one of execute_all, deny_on_first_deny, permit_on_first_permit",
        ),
        (SEARCHES[0], {**LONG, "subject": {"id": "ana"}}, "subject.type", "is missing"),
        (SEARCHES[0], {**LONG, "resource": {"type": "account"}}, "resource.id", "is missing"),
        (SEARCHES[1], {"subject": MALLORY, "resource": {"type": "x"}}, "action", "is missing"),
        (SEARCHES[2], {"subject": MALLORY}, "resource", "is missing"),
    ],
)
def test_a_malformed_question_is_refused_by_the_name_of_the_member(
    client: FlaskClient, path: str, said: object, member: str, message: str
) -> None:
    response = post(client, path, said)

    told = response.get_json()
    assert (response.status_code, told["decision"], told["error"]["member"]) == (400, False, member)
    assert told["error"]["message"].startswith(f"`{member}` ")
    assert message in told["error"]["message"]


# --- bodies -------------------------------------------------------------------------------------

HOSTILE = {
    "nothing": b"",
    "blanks": b" \r\n",
    "half an object": b'{"subject": "user:ana", ',
    "two objects": b"{} {}",
    "an array": b"[]",
    "null": b"null",
    "a number": b"1",
    "a string": b'"user:ana"',
    "NaN": b'{"subject": "user:ana", "context": {"via_proxy": NaN}}',
    "Infinity": b'{"context": {"x": -Infinity}}',
    "a lone surrogate": b'{"subject": "user:\\ud800"}',
    "a surrogate turned round": b'{"x": "\\udc00\\ud800"}',
    "a surrogate in the name of a member": b'{"\\ud800": 1}',
    "a surrogate in UTF-8": b'{"x": "\xed\xa0\x80"}',
    "malformed UTF-8": b'{"subject": "user:\xff"}',
    "UTF-16": '{"subject": "user:ana"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a raw control character": b'{"subject": "user:\x00"}',
    "a duplicate member": b'{"subject": "user:ana", "subject": "user:mallory"}',
    "a duplicate written in two ways": b'{"subject": "user:ana", "sub\\u006aect": "user:mallory"}',
    "a duplicate far down": b'{"context": {"a": [{"b": 1, "b": 1}]}}',
    "deep arrays": b'{"context": {"x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}}",
    "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep arrays that never end": b"[" * 60_000,
    "depth behind strings": b'["\\"", "[", ' + b"[" * 60_000,
    "a comment": b"{} // here",
    "a trailing comma": b'{"subject": "user:ana",}',
    "a number without end": b'{"context": {"x": ' + b"1" * 5_000 + b"}}",
    "a huge exponent": b'{"context": {"x": 1e999999999}}',
    "an exponent beyond all bounds": b'{"context": {"x": 1e99999999999999999999}}',
    "a tiny number": b'{"context": {"x": 1e-400}}',
    "a leading zero": b'{"context": {"x": 01}}',
    "single quotes": b"{'subject': 'user:ana'}",
}


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_a_400_in_json(client: FlaskClient, path: str, body: bytes) -> None:
    response = post(client, path, body)

    assert (response.status_code, response.content_type) == (400, "application/json")
    assert response.get_json()["decision"] is False


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("size", [64 * 1024 + 1, 1024 * 1024])
def test_a_body_that_is_too_long_is_a_413_in_json(
    client: FlaskClient, path: str, size: int
) -> None:
    response = post(client, path, b" " * size)

    assert (response.status_code, response.get_json()["decision"]) == (413, False)


@pytest.mark.parametrize("size", [64 * 1024 + 1, 64 * 1024 + 2, 1024 * 1024])
def test_a_body_that_is_too_long_and_comes_in_pieces_is_a_413(
    client: FlaskClient, size: int
) -> None:
    body = json.dumps(SHORT).encode().ljust(size)

    response = client.post(
        AUTHORIZE,
        input_stream=BytesIO(body),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert (response.status_code, response.get_json()["decision"]) == (413, False)


def test_the_longest_body_that_may_be_is_read(client: FlaskClient) -> None:
    body = json.dumps(SHORT).encode().ljust(64 * 1024)

    assert answer(client, AUTHORIZE, body)["decision"] is True


ODD_IDS = {
    "newlines": "ana\r\nX-Evil: 1",
    "NUL": "ana\0",
    "a path": "../../etc/passwd",
    "a drive": "..\\..\\windows",
    "percent": "%2e%2e%2fana",
    "10,000 characters": "a" * 10_000,
    "blanks": " ana ",
    "another case": "ANA",
    "format": "%s%n{0}${jndi:ldap://x}",
    "quotes": "'\"; drop table users; --",
    "wide": "\uff41\uff4e\uff41",
    "right to left": "\u202eana",
    "combining": "ana\u0301",
    "emoji": "\U0001f600",
    "many colons": ":::",
    "many slashes": "/////",
}


@pytest.mark.parametrize("odd", ODD_IDS.values(), ids=ODD_IDS)
@pytest.mark.parametrize("kind", ["account", "membership", "invitation", "number", "user"])
def test_an_odd_id_names_nobody_and_nothing(client: FlaskClient, odd: str, kind: str) -> None:
    subject = {**LONG, "subject": {"type": "user", "id": odd}}
    resource = {**LONG, "resource": {"type": kind, "id": odd}, "action": {"name": "view"}}

    assert answer(client, EVALUATION, subject)["decision"] is False
    assert answer(client, EVALUATION, resource)["decision"] is False


@pytest.mark.parametrize("odd", ODD_IDS.values(), ids=ODD_IDS)
def test_an_odd_name_is_no_type_and_no_action(client: FlaskClient, odd: str) -> None:
    said = [
        {**LONG, "subject": {"type": odd, "id": "ana"}},
        {**LONG, "action": {"name": odd}},
        {**LONG, "resource": {"type": odd, "id": "acme"}},
    ]

    assert [answer(client, EVALUATION, each)["decision"] for each in said] == [False] * 3


def test_numbers_never_pass_through_a_float() -> None:
    said = parse(b'{"a": 0.1000000000000000055511151231257827, "b": 750.00, "c": 9007199254740993}')

    assert said == {
        "a": Decimal("0.1000000000000000055511151231257827"),
        "b": Decimal("750.00"),
        "c": 9007199254740993,
    }


@pytest.mark.parametrize("number", ["5e-324", "-2.2250738585072014e-308", "1.7976931348623157e308"])
def test_every_number_that_programs_have_is_read(number: str) -> None:
    assert parse(f'{{"x": {number}}}'.encode()) == {"x": Decimal(number)}


def test_nesting_is_bounded_at_a_level_and_not_by_the_stack() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    strings = json.dumps(["[{" * 100]).encode()

    assert parse(strings) == ["[{" * 100]
    assert parse(b"[" + b"[],{}," * 1000 + b"1]") is not None
    parse(deepest)
    with pytest.raises(InvalidRequestError, match="nested more than 32 levels deep"):
        parse(b"[" + deepest + b"]")


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/xml"]
)
@pytest.mark.parametrize("path", POSTED)
def test_a_content_type_that_is_not_json_is_a_400(
    client: FlaskClient, path: str, content_type: str
) -> None:
    response = client.post(path, data=json.dumps(LONG), content_type=content_type)

    assert response.status_code == 400
    assert "`application/json`" in response.get_json()["error"]["message"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_may_come_with_its_charset(client: FlaskClient, content_type: str) -> None:
    response = client.post(EVALUATION, data=json.dumps(LONG), content_type=content_type)

    assert response.get_json()["decision"] is True


# --- AuthZEN ------------------------------------------------------------------------------------


def test_an_evaluation_tells_the_rest_in_its_context(client: FlaskClient) -> None:
    told = answer(client, EVALUATION, {**LONG, "subject": MALLORY})

    assert list(told) == ["decision", "context"]
    assert told["decision"] is False
    assert sorted(told["context"]) == ["decision_id", "obligations", "reasons", "revisions"]


def test_the_same_question_has_the_same_answer(client: FlaskClient) -> None:
    told = [answer(client, EVALUATION, LONG) for _ in range(3)]

    ids = {each["context"].pop("decision_id") for each in told}
    assert (told[0], told[1], len(ids)) == (told[1], told[2], 3)


def test_members_come_in_any_order_and_unknown_ones_are_ignored(client: FlaskClient) -> None:
    said = {
        "options": {"unknown": 1},
        "page": {"unknown": 1},
        "context": {"unknown": {"x": []}},
        "resource": {"x": 1, **LONG["resource"]},
        "action": {"x": None, **LONG["action"]},
        "subject": {"x": [], **LONG["subject"]},
        "unknown": True,
    }

    assert answer(client, EVALUATION, said)["decision"] is True


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": {"type": "user", "id": "nobody"}},
        {"subject": {"type": "robot", "id": "ana"}},
        {"action": {"name": "fly"}},
        {"resource": {"type": "account", "id": "nowhere"}},
        {"resource": {"type": "moon", "id": "acme"}},
    ],
)
def test_what_is_unknown_is_denied_and_no_error(
    client: FlaskClient, changed: dict[str, object]
) -> None:
    assert answer(client, EVALUATION, {**LONG, **changed})["decision"] is False


def test_types_that_are_called_like_what_the_engine_keeps_are_unknown_too(
    client: FlaskClient,
) -> None:
    for name in ("reasons", "Reason"):
        said = {
            **LONG,
            "subject": {"type": name, "id": "x"},
            "resource": {"type": "not_granted", "id": "x"},
        }
        answer(client, EVALUATION, {**LONG, "subject": MALLORY})
        assert answer(client, EVALUATION, said)["decision"] is False


def decisions(told: dict[str, Any]) -> list[bool]:
    return [each["decision"] for each in told["evaluations"]]


@pytest.mark.parametrize("nothing", [{}, {"evaluations": []}])
def test_a_batch_without_items_is_a_single_question(
    client: FlaskClient, nothing: dict[str, object]
) -> None:
    told = answer(client, EVALUATIONS, {**LONG, **nothing})

    assert list(told) == ["decision", "context"]
    assert told["decision"] is True


def test_items_are_answered_in_their_order_with_the_defaults_of_the_batch(
    client: FlaskClient,
) -> None:
    items = [
        {},
        {"subject": MALLORY},
        {"resource": {"type": "account", "id": "harbor"}},
        {"subject": {"type": "user", "id": "dora"}},
    ]

    told = answer(client, EVALUATIONS, {**LONG, "evaluations": items})

    assert list(told) == ["evaluations"]
    assert decisions(told) == [True, False, False, True]


def test_an_item_replaces_a_default_whole(client: FlaskClient) -> None:
    number = {"type": "number", "id": "n", "properties": {"account": "acme"}}
    said = {**LONG, "action": {"name": "edit"}, "resource": number}

    told = answer(
        client,
        EVALUATIONS,
        {**said, "evaluations": [{}, {"resource": {"type": "number", "id": "n"}}]},
    )

    assert decisions(told) == [True, False]


def test_a_faulty_item_is_denied_and_spoils_no_other(client: FlaskClient) -> None:
    items = [7, {"subject": "alice"}, {"action": {"name": "numbers.view"}}]

    told = answer(
        client,
        EVALUATIONS,
        {"subject": LONG["subject"], "resource": LONG["resource"], "evaluations": items},
    )

    assert decisions(told) == [False, False, True]
    assert [each["context"]["error"] for each in told["evaluations"][:2]] == [
        {
            "status": 400,
            "message": "`evaluations[0]` must be an object",
            "member": "evaluations[0]",
        },
        {
            "status": 400,
            "message": "`evaluations[1].subject` must be an object",
            "member": "evaluations[1].subject",
        },
    ]


def test_a_member_that_stands_nowhere_is_an_error_of_each_item(client: FlaskClient) -> None:
    said = {"subject": LONG["subject"], "action": LONG["action"]}

    told = answer(
        client, EVALUATIONS, {**said, "evaluations": [{}, {"resource": LONG["resource"]}]}
    )

    assert decisions(told) == [False, True]
    assert told["evaluations"][0]["context"]["error"]["member"] == "evaluations[0].resource"


def test_a_faulty_default_is_blamed_where_it_stands(client: FlaskClient) -> None:
    said = {**LONG, "context": {"via_proxy": 1}, "evaluations": [{}, {"context": {}}]}

    told = answer(client, EVALUATIONS, said)

    assert decisions(told) == [False, True]
    assert told["evaluations"][0]["context"]["error"]["member"] == "context.via_proxy"


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [True, False, True, False]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_a_semantic_says_after_which_answer_a_batch_ends(
    client: FlaskClient, semantic: str, expected: list[bool]
) -> None:
    items = [{}, {"subject": MALLORY}, {}, {"subject": 7}]
    options = {"evaluations_semantic": semantic, "unknown": 1}

    told = answer(client, EVALUATIONS, {**LONG, "evaluations": items, "options": options})

    assert decisions(told) == expected


def test_a_faulty_item_ends_a_batch_that_ends_with_the_first_denial(client: FlaskClient) -> None:
    options = {"evaluations_semantic": "deny_on_first_deny"}

    told = answer(client, EVALUATIONS, {**LONG, "evaluations": [3, {}], "options": options})

    assert decisions(told) == [False]


def test_a_subject_search_ignores_the_id_and_finds_all_who_may(client: FlaskClient) -> None:
    said = {**LONG, "subject": {"type": "user", "id": 7}, "action": {"name": "team.manage"}}

    told = answer(client, SEARCHES[0], said)

    assert told == {"results": [{"type": "user", "id": "ana"}, {"type": "user", "id": "bob"}]}


def test_a_resource_search_finds_every_account_that_can_be_reached(client: FlaskClient) -> None:
    said = {**LONG, "action": {"name": "switch"}, "resource": {"type": "account", "id": None}}

    told = answer(client, SEARCHES[1], said)

    assert [found["id"] for found in told["results"]] == ["acme", "harbor"]


def test_an_action_search_ignores_the_action(client: FlaskClient) -> None:
    said = {**LONG, "subject": {"type": "user", "id": "wes"}, "action": 7}

    told = answer(client, SEARCHES[2], said)

    assert {"name": "numbers.view"} in told["results"]
    assert {"name": "numbers.edit"} not in told["results"]


@pytest.mark.parametrize("path", SEARCHES)
@pytest.mark.parametrize(
    "changed",
    [
        {"subject": {"type": "robot", "id": "r2"}},
        {"resource": {"type": "moon", "id": "m"}},
        {"subject": {"type": "robot", "id": "r2"}, "resource": {"type": "moon", "id": "m"}},
    ],
)
def test_a_search_for_what_is_unknown_finds_nothing(
    client: FlaskClient, path: str, changed: dict[str, object]
) -> None:
    assert answer(client, path, {**LONG, **changed}) == {"results": []}


# --- transport ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_a_405_that_names_the_right_one(
    client: FlaskClient, path: str, method: str
) -> None:
    response = client.open(path, method=method)

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert method == "HEAD" or response.get_json()["decision"] is False


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/authorize/",
        "//v1/authorize",
        "/v1//authorize",
        "/v1/%2e%2e/healthz",
        "/V1/authorize",
        "/v1/catalog/",
        "/static/x",
    ],
)
def test_any_other_path_is_a_404_in_json(client: FlaskClient, path: str) -> None:
    response = post(client, path, SHORT)

    assert (response.status_code, response.get_json()["decision"]) == (404, False)


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        (EVALUATION, LONG, 200),
        (EVALUATION, {}, 400),
        (EVALUATION, b" " * 70_000, 413),
        ("/nowhere", LONG, 404),
    ],
)
def test_the_id_of_a_request_comes_back_unchanged(
    client: FlaskClient, path: str, said: object, status: int
) -> None:
    response = post(client, path, said, **{"X-Request-ID": "a/b c;é=1"})

    assert (response.status_code, response.headers["X-Request-ID"]) == (status, "a/b c;é=1")


def test_without_an_id_of_the_request_there_is_none(client: FlaskClient) -> None:
    response = post(client, EVALUATION, LONG)

    assert "X-Request-ID" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [(EVALUATION, {}, 400), (EVALUATION, b" " * 70_000, 413), ("/nowhere", LONG, 404)],
)
def test_an_error_has_the_trace_id_of_its_request(
    client: FlaskClient, path: str, said: object, status: int
) -> None:
    traced = post(client, path, said, traceparent=f"00-{'4b' * 16}-{'01' * 8}-00")
    invalid = post(client, path, said, traceparent=f"00-{'4B' * 16}-{'01' * 8}-00")

    assert (traced.status_code, traced.get_json()["error"].pop("trace_id")) == (status, "4b" * 16)
    assert "trace_id" not in invalid.get_json()["error"]
    assert traced.get_json()["decision"] is False


def test_a_response_that_is_no_error_has_no_trace_id(client: FlaskClient) -> None:
    response = post(client, EVALUATION, LONG, traceparent=f"00-{'4b' * 16}-{'01' * 8}-00")

    assert response.status_code == 200
    assert b"trace_id" not in response.data


# --- errors of ours -----------------------------------------------------------------------------


def test_nothing_to_answer_from_is_a_503_to_ask_again() -> None:
    client = create_app(Fixed(None)).test_client()

    responses = [post(client, path, LONG) for path in POSTED]

    assert {response.status_code for response in responses} == {503}
    assert {response.get_json()["decision"] for response in responses} == {False}
    assert {response.headers["Retry-After"] for response in responses} == {"1"}


@pytest.fixture
def failing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> tuple[FlaskClient, list[Any]]:
    """A client whose next decision is what the test puts into the list: an answer or an error."""
    prepared: list[Any] = []

    def authorize(*_: object) -> Decision:
        if isinstance(prepared[0], Exception):
            raise prepared[0]
        decision: Decision = prepared[0]
        return decision

    monkeypatch.setattr(request_context, "authorize", authorize)
    return create_app(Fixed(pair)).test_client(), prepared


@pytest.mark.parametrize(
    "error", [EvaluationError("secret"), SidecarError("secret"), KeyError("x")]
)
def test_an_error_of_ours_is_a_500_that_says_nothing_and_allows_nothing(
    failing: tuple[FlaskClient, list[Any]], error: Exception
) -> None:
    client, prepared = failing
    prepared.append(error)

    response = post(client, AUTHORIZE, SHORT)

    assert (response.status_code, response.get_json()["decision"]) == (500, False)
    assert "secret" not in response.text


def test_a_rule_that_fails_is_told_to_the_log_and_not_to_the_caller(
    failing: tuple[FlaskClient, list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    client, prepared = failing
    prepared.append(
        Decision(
            allowed=False,
            reasons=(Reason("policy_error", "Tell the operator."),),
            obligations=(),
            revisions=Revisions("p", "d"),
            faults=("main.polar:7 failed",),
        )
    )

    with caplog.at_level(logging.ERROR):
        told = answer(client, AUTHORIZE, SHORT)

    assert "main.polar:7" not in json.dumps(told)
    assert f"main.polar:7 failed (decision {told['decision_id']})" in caplog.text


# --- health -------------------------------------------------------------------------------------


def test_a_sidecar_that_answers_is_ready(client: FlaskClient, pair: Pair) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.get_json()) == (
        200,
        {
            "ready": True,
            "revisions": {"policy": pair.policy.revision, "data": pair.snapshot.revision},
            "problems": [],
        },
    )


def test_a_sidecar_that_answers_from_the_last_good_files_is_ready_and_says_so(pair: Pair) -> None:
    client = create_app(Fixed(pair, (Problem("users.yaml", 3, "is wrong"),))).test_client()

    response = client.get("/readyz")

    assert (response.status_code, response.get_json()["problems"]) == (
        200,
        [{"file": "users.yaml", "line": 3, "message": "is wrong"}],
    )


def test_a_sidecar_without_anything_to_answer_from_lives_and_is_not_ready() -> None:
    client = create_app(Fixed(None, (Problem("data", 0, "cannot be read"),))).test_client()

    live, ready = client.get("/healthz"), client.get("/readyz")

    assert (live.status_code, ready.status_code) == (200, 503)
    assert ready.get_json()["ready"] is False
