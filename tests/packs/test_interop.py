"""Two scenarios of the AuthZEN working group, as packs: every cell of their tables over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from sidecar.compiler import load_pack
from sidecar.facts import read_directory
from sidecar.http import Standard, create_app
from sidecar.reload import Pair
from sidecar.suites import read_suites, run_suite
from tests.edge import Still, told
from tests.paths import PACKS

EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
RICK, MORTY, SUMMER, BETH, JERRY = PIDS = (
    "UmljayBTYW5jaGV6", "TW9ydHkgU21pdGg=", "U3VtbWVyIFNtaXRo", "QmV0aCBTbWl0aA==",
    "SmVycnkgU21pdGg=",
)  # fmt: skip
ADDRESSES = {
    RICK: "rick@citadel.example", MORTY: "morty@citadel.example", SUMMER: "summer@smiths.example",
    BETH: "beth@smiths.example", JERRY: "jerry@smiths.example",
}  # fmt: skip
EDITORS = {MORTY, SUMMER}

Question = dict[str, Any]


def load(name: str) -> Pair:
    policy = load_pack(PACKS / name / "policies", PACKS / name / "fixtures")
    assert policy.notices == ()
    return Pair(policy, read_directory(policy.schema, PACKS / name / "fixtures/worlds/demo"))


@pytest.fixture(scope="module", params=["todo", "gateway"])
def scenario(request: pytest.FixtureRequest) -> tuple[str, Pair]:
    return request.param, load(request.param)


def todo() -> list[tuple[Question, bool]]:
    found: list[tuple[Question, str, Question, bool]] = []
    for pid in PIDS:
        subject = {"type": "user", "id": pid}
        for identifier in (*PIDS, *ADDRESSES.values()):
            resource: Question = {"type": "user", "id": identifier}
            found.append((subject, "can_read_user", resource, True))
        for owner in (RICK, MORTY, SUMMER, JERRY):
            entry = {"type": "todo", "id": "1", "properties": {"ownerID": ADDRESSES[owner]}}
            own = pid in EDITORS and pid == owner
            writes = pid == RICK or pid in EDITORS
            found += [
                (subject, "can_read_todos", entry, True),
                (subject, "can_create_todo", entry, writes),
                (subject, "can_update_todo", entry, pid == RICK or own),
                (subject, "can_delete_todo", entry, pid == RICK or own),
            ]
    return [_question(*each) for each in found]


def gateway() -> list[tuple[Question, bool]]:
    found: list[tuple[Question, str, Question, bool]] = []
    for pid in PIDS:
        writes = pid == RICK or pid in EDITORS
        for path in ("/todos", "/todos/{todoId}", "/users/{userId}"):
            raw = {"uri": "https://api.example/todos/1?x=y", "path": "/todos/1", "ip": "::1"}
            for resource in (
                {"type": "route", "id": path},
                {"type": "route", "id": path, "properties": raw},
            ):
                for action in ("GET", "POST", "PUT", "DELETE"):
                    allowed = action == "GET" or (writes and path != "/users/{userId}")
                    found.append(({"type": "identity", "id": pid}, action, resource, allowed))
    return [_question(*each) for each in found]


def _question(
    subject: Question,
    action: str,
    resource: Question,
    allowed: bool,  # noqa: FBT001
) -> tuple[Question, bool]:
    return {"subject": subject, "action": {"name": action}, "resource": resource}, allowed


TABLES = {"todo": todo(), "gateway": gateway()}


@pytest.fixture
def strict(scenario: tuple[str, Pair]) -> FlaskClient:
    return create_app(Still(scenario[1]), standard=Standard(context=False)).test_client()


def test_each_question_is_answered_by_its_decision_alone(
    scenario: tuple[str, Pair], strict: FlaskClient
) -> None:
    for question, allowed in TABLES[scenario[0]]:
        assert told(strict, EVALUATION, question) == {"decision": allowed}, question


def test_a_batch_of_all_of_them_is_answered_in_order(
    scenario: tuple[str, Pair], strict: FlaskClient
) -> None:
    table = TABLES[scenario[0]]

    answer = told(strict, EVALUATIONS, {"evaluations": [question for question, _ in table]})

    assert answer == {"evaluations": [{"decision": allowed} for _, allowed in table]}


def test_defaults_of_a_batch_ask_the_same(scenario: tuple[str, Pair], strict: FlaskClient) -> None:
    table = TABLES[scenario[0]]
    for pid in PIDS:
        of_one = [each for each in table if each[0]["subject"]["id"] == pid]
        first = of_one[0][0]
        items = [
            {name: said for name, said in question.items() if said != first[name]}
            for question, _ in of_one
        ]
        answer = told(strict, EVALUATIONS, {**first, "evaluations": items})

        assert answer == {"evaluations": [{"decision": allowed} for _, allowed in of_one]}


def test_whoever_is_not_known_may_do_nothing(
    scenario: tuple[str, Pair], strict: FlaskClient
) -> None:
    for question, _ in TABLES[scenario[0]]:
        subject = question["subject"]
        assert isinstance(subject, dict)
        for nobody in ("nobody", ADDRESSES[RICK]):
            said = {**question, "subject": {**subject, "id": nobody}}
            assert told(strict, EVALUATION, said) == {"decision": False}, said


def test_the_suites_pass(scenario: tuple[str, Pair]) -> None:
    name, pair = scenario
    worlds = PACKS / name / "fixtures" / "worlds"
    for suite in read_suites(PACKS / name / "policies"):
        failures = [cell.failure for cell in run_suite(suite, pair.policy, worlds)]
        assert set(failures) == {None}
