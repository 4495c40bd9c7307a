"""The certification scenario of AuthZEN 1.0, played against a sidecar as it is run.

A test has the numbers of the scenario's sections in its name, and its level above it: Basic,
Batch, Search and Discovery, each in its Core and its Properties.
"""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.running import Sidecar, serving
from tests.paths import PACKS

pytestmark = pytest.mark.e2e

PACK = PACKS / "certification"
PUBLIC = "https://pdp.example.com"
METADATA = "/.well-known/authzen-configuration"

EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
SUBJECT, RESOURCE, ACTION = (
    f"/access/v1/search/{kind}" for kind in ("subject", "resource", "action")
)

ALICE, BOB = {"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}
ADMIN = {**BOB, "properties": {"role": "admin"}}
READ, WRITE = {"name": "read"}, {"name": "write"}
ONE, TWO = {"type": "record", "id": "record-1"}, {"type": "record", "id": "record-2"}
ACTIVE = {**ONE, "properties": {"status": "active"}}
ARCHIVED = {**TWO, "properties": {"status": "archived"}}
CONTEXT = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}

PERMIT = {"subject": ALICE, "action": READ, "resource": ONE}
DENY = {"subject": BOB, "action": WRITE, "resource": ONE}

READERS = {"subject": {"type": "user"}, "action": READ, "resource": ONE}
READABLE = {"subject": ALICE, "action": READ, "resource": {"type": "record"}}
POSSIBLE = {"subject": ALICE, "resource": ONE}


@dataclass(frozen=True)
class Told:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  whatever was told
        return json.loads(self.body)


@dataclass(frozen=True)
class Harness:
    """Asks as the harness of the certification does, on one connection after the other."""

    sidecar: Sidecar

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Told:
        with closing(self.sidecar.connect()) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Told(response.status, response.headers, response.read())

    def ask(self, path: str, said: object, **headers: str) -> Told:
        headers = {"Content-Type": "application/json", **headers}
        return self.send("POST", path, json.dumps(said).encode(), **headers)

    def decide(self, said: object) -> bool:
        told = self.ask(EVALUATION, said)
        assert (told.status, told.headers["Content-Type"]) == (200, "application/json")
        assert isinstance(told.json["decision"], bool)
        assert isinstance(told.json.get("context", {}), dict)
        decision: bool = told.json["decision"]
        return decision

    def batch(self, said: dict[str, Any]) -> list[bool]:
        told = self.ask(EVALUATIONS, said)
        assert (told.status, told.headers["Content-Type"]) == (200, "application/json")
        answers = told.json["evaluations"]
        assert len(answers) == len(said["evaluations"])
        assert "decision" not in told.json
        assert all(isinstance(each["decision"], bool) for each in answers)
        return [each["decision"] for each in answers]

    def search(self, path: str, said: dict[str, Any]) -> list[str]:
        told = self.ask(path, said)
        assert (told.status, told.headers["Content-Type"]) == (200, "application/json")
        name = "name" if path == ACTION else "id"
        kind = {SUBJECT: "subject", RESOURCE: "resource"}.get(path)
        for each in told.json["results"]:
            assert isinstance(each[name], str)
            assert kind is None or each["type"] == said[kind]["type"]
        return [each[name] for each in told.json["results"]]


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    root = tmp_path_factory.mktemp("certification")
    shutil.copytree(PACK / "policies", root / "policies")
    shutil.copytree(PACK / "fixtures", root / "fixtures")
    shutil.copytree(PACK / "fixtures" / "worlds" / "certification", root / "data")
    with serving(root, "--public-url", PUBLIC) as sidecar:
        yield Harness(sidecar)


def without(said: dict[str, Any], member: str, part: str = "") -> dict[str, Any]:
    if not part:
        return {name: value for name, value in said.items() if name != member}
    return {**said, member: without(said[member], part)}


# --- Basic Core ---------------------------------------------------------------------------------


def test_1_4_the_four_decisions_of_identifiers_are_those_of_the_fixture(harness: Harness) -> None:
    said = [
        {"subject": who, "action": what, "resource": ONE}
        for who in (ALICE, BOB)
        for what in (READ, WRITE)
    ]

    assert [harness.decide(each) for each in said] == [True, True, True, False]


@pytest.mark.parametrize(("said", "expected"), [(PERMIT, True), (DENY, False)])
def test_2_2_1_and_2_2_2_fixture_requests_are_permitted_and_denied(
    harness: Harness, said: dict[str, Any], *, expected: bool
) -> None:
    assert harness.decide(said) is expected


@pytest.mark.parametrize(("said", "expected"), [(PERMIT, True), (DENY, False)])
def test_2_2_3_a_context_changes_nothing(
    harness: Harness, said: dict[str, Any], *, expected: bool
) -> None:
    assert harness.decide({**said, "context": CONTEXT}) is expected


def test_2_2_8_further_properties_are_accepted(harness: Harness) -> None:
    said = {
        "subject": {**ALICE, "properties": {"department": "Sales", "role": "manager"}},
        "action": {**READ, "properties": {"method": "GET"}},
        "resource": {**ONE, "properties": {"status": "active", "owner": "bob"}},
    }

    assert harness.decide(said) is True


def test_2_2_9_unknown_members_are_ignored(harness: Harness) -> None:
    assert harness.decide({**PERMIT, "foo": "bar", "futureField": {"nested": True}}) is True


@pytest.mark.parametrize(
    "said",
    [
        *(without(PERMIT, member) for member in PERMIT),
        *(without(PERMIT, "subject", part) for part in ("type", "id")),
        without(PERMIT, "action", "name"),
        *(without(PERMIT, "resource", part) for part in ("type", "id")),
        {**PERMIT, "subject": "alice"},
        {**PERMIT, "action": {"name": 123}},
    ],
    ids=str,
)
def test_2_4_1_2_4_2_2_4_6_what_is_missing_or_of_a_wrong_type_is_a_400(
    harness: Harness, said: dict[str, Any]
) -> None:
    told = harness.ask(EVALUATION, said)

    assert (told.status, isinstance(told.json, dict)) == (400, True)


def test_2_4_3_another_content_type_is_a_400(harness: Harness) -> None:
    body = json.dumps(PERMIT).encode()

    assert harness.send("POST", EVALUATION, body, **{"Content-Type": "text/plain"}).status == 400
    assert harness.send("POST", EVALUATION, body).status == 400


@pytest.mark.parametrize("body", [b'{"subject": {', b"", None, b"[]", b"null", b"7"])
def test_2_4_4_2_4_5_malformed_and_empty_bodies_are_a_400(
    harness: Harness, body: bytes | None
) -> None:
    headers = {"Content-Type": "application/json"}

    assert harness.send("POST", EVALUATION, body, **headers).status == 400


def test_2_5_the_id_of_a_request_is_echoed_and_may_be_missing(harness: Harness) -> None:
    request_id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"

    good = harness.ask(EVALUATION, PERMIT, **{"X-Request-ID": request_id})
    bad = harness.ask(EVALUATION, {}, **{"X-Request-ID": request_id})

    assert [each.headers["X-Request-ID"] for each in (good, bad)] == [request_id] * 2
    assert harness.ask(EVALUATION, PERMIT).status == 200


def test_2_6_the_same_request_has_the_same_answer_from_every_worker(harness: Harness) -> None:
    assert {harness.decide(PERMIT) for _ in range(20)} == {True}
    assert {harness.decide(DENY) for _ in range(20)} == {False}


# --- Basic Properties ---------------------------------------------------------------------------


@pytest.mark.parametrize("context", [{}, {"context": CONTEXT}])
def test_2_2_4_to_2_2_7_properties_make_the_decision(
    harness: Harness, context: dict[str, Any]
) -> None:
    deletes = [{"name": "delete", "properties": {"soft": soft}} for soft in (True, False)]
    said = [
        {"subject": ALICE, "action": WRITE, "resource": ARCHIVED},
        {"subject": ADMIN, "action": WRITE, "resource": ARCHIVED},
        *({"subject": ALICE, "action": delete, "resource": ONE} for delete in deletes),
    ]

    assert [harness.decide({**each, **context}) for each in said] == [False, True, True, False]


# --- Batch Core ---------------------------------------------------------------------------------


def test_3_2_1_3_3_a_batch_has_an_answer_for_each_item(harness: Harness) -> None:
    said = {"subject": ALICE, "action": READ, "evaluations": [{"resource": ONE}, {"resource": TWO}]}

    assert harness.batch(said) == [True, True]


def test_3_2_2_3_3_2_answers_come_in_the_order_of_the_items(harness: Harness) -> None:
    said = {"subject": BOB, "resource": ONE, "evaluations": [{"action": READ}, {"action": WRITE}]}

    assert harness.batch(said) == [True, False]


def test_3_2_5_items_may_say_everything_themselves(harness: Harness) -> None:
    assert harness.batch({"evaluations": [PERMIT, DENY]}) == [True, False]


def test_3_2_6_a_context_is_a_default_too(harness: Harness) -> None:
    later = {"time": "2025-06-27T19:00-07:00", "source": "batch-override"}
    items = [{"resource": ONE}, {"resource": TWO, "context": later}]

    said = {"subject": ALICE, "action": READ, "context": CONTEXT, "evaluations": items}

    assert harness.batch(said) == [True, True]


def test_3_4_1_an_incomplete_item_is_denied_alone(harness: Harness) -> None:
    said = {"subject": ALICE, "action": READ, "evaluations": [{"resource": ONE}, {}]}

    assert harness.batch(said) == [True, False]


@pytest.mark.parametrize("nothing", [{}, {"evaluations": []}])
def test_3_4_2_3_4_3_without_items_there_is_one_answer(
    harness: Harness, nothing: dict[str, Any]
) -> None:
    told = harness.ask(EVALUATIONS, {**PERMIT, **nothing})

    assert (told.status, told.json["decision"], "evaluations" in told.json) == (200, True, False)


# --- Batch Properties ---------------------------------------------------------------------------


def test_3_2_3_properties_of_resources_count_item_by_item(harness: Harness) -> None:
    items = [{"resource": ACTIVE}, {"resource": ARCHIVED}]

    said = {"subject": ALICE, "action": WRITE, "evaluations": items}

    assert harness.batch(said) == [True, False]


def test_3_2_4_properties_of_subjects_count_item_by_item(harness: Harness) -> None:
    items = [{"subject": ALICE}, {"subject": ADMIN}]

    said = {"action": WRITE, "resource": ARCHIVED, "evaluations": items}

    assert harness.batch(said) == [False, True]


def test_3_2_7_an_item_takes_a_missing_type_from_the_default(harness: Harness) -> None:
    said = {
        "subject": ALICE,
        "action": WRITE,
        "resource": {"type": "record"},
        "evaluations": [{"resource": without(ACTIVE, "type")}, {"resource": ARCHIVED}],
    }

    assert harness.batch(said) == [True, False]


# --- Search Core --------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [{}, {"context": CONTEXT}])
@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        (SUBJECT, READERS, {"alice", "bob"}),
        (RESOURCE, READABLE, {"record-1", "record-2", "record-3"}),
        (ACTION, POSSIBLE, {"read", "write"}),
    ],
)
def test_4_2_1_4_3_1_4_4_1_searches_find_what_the_fixture_allows(
    harness: Harness,
    path: str,
    said: dict[str, Any],
    expected: set[str],
    context: dict[str, Any],
) -> None:
    assert set(harness.search(path, {**said, **context})) == expected


@pytest.mark.parametrize(
    ("path", "said"), [(SUBJECT, READERS), (RESOURCE, READABLE), (ACTION, POSSIBLE)]
)
def test_4_5_pages_are_all_that_there_is_whichever_worker_answers(
    harness: Harness, path: str, said: dict[str, Any]
) -> None:
    for _ in range(5):
        results: list[dict[str, str]] = []
        page: dict[str, object] = {"limit": 1}
        while True:
            told = harness.ask(path, {**said, "page": page})
            assert (told.status, len(results) < 10) == (200, True)
            assert next(iter(told.json)) == "page"
            results += told.json["results"]
            if not (token := told.json["page"]["next_token"]):
                break
            page = {"token": token}

        assert results == harness.ask(path, said).json["results"]


def test_4_5_2_a_token_for_another_question_is_a_400_that_names_it(harness: Harness) -> None:
    token = harness.ask(SUBJECT, {**READERS, "page": {"limit": 1}}).json["page"]["next_token"]

    told = harness.ask(SUBJECT, {**READERS, "resource": TWO, "page": {"token": token}})

    assert (told.status, told.json["error"]["member"]) == (400, "page.token")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (ACTION, {**POSSIBLE, "subject": {"type": "user", "id": "nonexistent-user"}}),
        (SUBJECT, {**READERS, "subject": {"type": "spaceship"}}),
        (RESOURCE, {**READABLE, "resource": {"type": "spaceship"}}),
        (RESOURCE, {**READABLE, "subject": {"type": "user", "id": "nonexistent-user"}}),
    ],
)
def test_4_6_what_is_unknown_has_empty_results(
    harness: Harness, path: str, said: dict[str, Any]
) -> None:
    told = harness.ask(path, said)

    assert (told.status, told.json) == (200, {"results": []})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (SUBJECT, without(READERS, "action")),
        (RESOURCE, without(READABLE, "subject")),
        (ACTION, without(POSSIBLE, "resource")),
        (SUBJECT, without(READERS, "resource", "id")),
        (RESOURCE, without(READABLE, "subject", "id")),
    ],
)
def test_4_7_an_incomplete_search_is_a_400(
    harness: Harness, path: str, said: dict[str, Any]
) -> None:
    assert harness.ask(path, said).status == 400


# --- Search Properties --------------------------------------------------------------------------


def test_4_2_4_a_subject_search_takes_properties_of_the_resource(harness: Harness) -> None:
    said = {"subject": {"type": "user"}, "action": WRITE, "resource": ARCHIVED}

    assert harness.search(SUBJECT, said) == ["bob"]


def test_4_3_3_a_resource_search_takes_properties_of_the_subject(harness: Harness) -> None:
    said = {"subject": ADMIN, "action": WRITE, "resource": {"type": "record"}}

    assert harness.search(RESOURCE, said) == ["record-2"]


def test_4_4_3_an_action_search_takes_properties_of_both(harness: Harness) -> None:
    assert harness.search(ACTION, {"subject": ADMIN, "resource": ARCHIVED}) == ["write"]


# --- Discovery ----------------------------------------------------------------------------------


def test_6_metadata_name_the_endpoints_under_the_public_url(harness: Harness) -> None:
    told = harness.send("GET", METADATA, Host="evil.example")

    assert (told.status, told.headers["Content-Type"]) == (200, "application/json")
    assert told.json["policy_decision_point"] == PUBLIC
    assert told.json["access_evaluation_endpoint"] == PUBLIC + EVALUATION
    assert {value for name, value in told.json.items() if name.endswith("_endpoint")} == {
        PUBLIC + path for path in (EVALUATION, EVALUATIONS, SUBJECT, RESOURCE, ACTION)
    }
    assert b"evil" not in told.body
