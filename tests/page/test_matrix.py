"""The matrix, and what stands behind its cells."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from sidecar.config.settings import Settings
from sidecar.page.matrix import LONGEST_IN_CELL
from sidecar.page.reviewer import Reviewer
from sidecar.page.tasks import Result, Task, TaskFailedError, Tasks
from sidecar.reload import Pair
from tests.page.pages import client_of, page_of, shipped_pair, tags_of, text_of

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = ("it is very long, since nobody could say it shorter than in so many words",)
TOLD = {
    "sheets": [
        {
            "subject": "user",
            "resource": "account",
            "columns": [
                {"name": HOSTILE, "held": [["the user has the role"]]},
                {"name": "no role", "held": []},
            ],
            "actions": [
                {"name": "numbers.view", "cells": [{"kind": "yes"}, {"kind": "no"}]},
                {
                    "name": "land",
                    "cells": [
                        {"kind": "depends", "when": [["is_open(account)", "it is early"]]},
                        {"kind": "depends", "when": [LONG, ["it is late"]]},
                    ],
                },
            ],
        }
    ],
    "rules": {
        "user account land": [
            {"rule": "allow", "file": "account.polar", "line": 7, "text": f'"{HOSTILE}";'}
        ]
    },
    "helpers": [
        {"rule": "is_open", "file": "main.polar", "line": 3, "text": "is_open(_);", "role": ""},
        {"rule": "is_shut", "file": "main.polar", "line": 4, "text": "is_shut(_);", "role": ""},
        {"rule": "has_role", "file": "main.polar", "line": 5, "text": "the role", "role": HOSTILE},
    ],
}


@pytest.fixture(scope="module")
def pair() -> Pair:
    return shipped_pair()


def with_tools(pair: Pair, tell: Result | TaskFailedError) -> FlaskClient:
    settings = Settings()

    def run(_: Task) -> Result:
        if isinstance(tell, TaskFailedError):
            raise tell
        return tell

    reviewer = Reviewer(
        policies=settings.policies, fixtures=settings.fixtures, data=None, tasks=Tasks(run)
    )
    return client_of(page_of(pair, reviewer))


@pytest.fixture(scope="module")
def client(pair: Pair) -> FlaskClient:
    client = with_tools(pair, TOLD)
    while "aria-busy" in client.get("/page/matrix").text:
        pass  # the first request has started the task
    return client


def test_cells_say_yes_no_or_the_condition(client: FlaskClient) -> None:
    text = text_of(client.get("/page/matrix").text)

    assert "numbers.view yes no" in text
    assert "land if is_open(account) and it is early if [1]" in text
    assert "Conditions if one of these holds: it is very long" in text
    assert len(LONG[0]) > LONGEST_IN_CELL


def test_actions_are_grouped_by_area(client: FlaskClient) -> None:
    text = text_of(client.get("/page/matrix").text)

    assert "numbers numbers.view" in text
    assert "account land" in text


def test_hostile_names_of_roles_and_texts_of_rules_are_text(client: FlaskClient) -> None:
    for path in ("/page/matrix", cell_path(column=HOSTILE)):
        document = client.get(path).text

        assert HOSTILE in text_of(document)
        assert list(tags_of(document, "img")) == []


def cell_path(**fields: str) -> str:
    asked = {"subject": "user", "resource": "account", "action": "land", **fields}
    return f"/page/matrix/cell?{urlencode(asked)}"


def test_a_cell_shows_condition_rules_and_diagrams(client: FlaskClient) -> None:
    document = client.get(cell_path(column=HOSTILE)).text

    text = text_of(document)
    assert "is_open(account) it is early" in text
    assert "account.polar:7 allow" in text
    assert ("main.polar:3 is_open" in text, "is_shut" in text) == (True, False)
    assert "main.polar:5 has_role" in text
    assert "Is it granted?" in text
    assert len(list(tags_of(document, "svg"))) >= 1


@pytest.mark.parametrize("field", ["subject", "resource", "action"])
def test_a_cell_that_the_schema_does_not_declare_is_not_found(
    client: FlaskClient, field: str
) -> None:
    response = client.get(cell_path(**{field: HOSTILE}))

    assert (response.status_code, response.mimetype) == (404, "text/html")


def test_an_unknown_column_has_rules_and_diagrams_alone(client: FlaskClient) -> None:
    assert client.get(cell_path(column="nobody")).status_code == 200


def test_without_tools_the_matrix_says_why_and_shows_what_is_never_granted(pair: Pair) -> None:
    client = client_of(page_of(pair))

    text = text_of(client.get("/page/matrix").text)

    assert "There is no solver." in text
    assert "transfer no" in text
    assert "numbers.view it depends" in text
    assert "Is it granted?" in text_of(client.get(cell_path()).text)


def test_a_task_that_fails_says_why(pair: Pair) -> None:
    client = with_tools(pair, TaskFailedError("the files are others"))
    text = ""
    while "the files are others" not in text:
        text = text_of(client.get("/page/matrix").text)

    assert "numbers.view it depends" in text
