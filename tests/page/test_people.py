"""Who can do what: by page, and as a file."""

from __future__ import annotations

import csv
from io import StringIO
from itertools import count
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from sidecar.page.people import PAGE_SIZE, search
from sidecar.page.question import Question
from sidecar.reload import Pair
from tests.page.pages import NOW, client_of, page_of, pair_of, shipped_pair, tags_of, text_of
from tests.small_pack import put_pack

HOSTILE = "=HYPERLINK(1)<img src=x onerror=alert(1)>"
SCHEMA = """
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  note: {table: notes, key: id, attributes: {id: string}, actions: {read: {}}}
"""
RULES = 'allow(_: User, _: Action{name: "read"}, _: Note);\n'


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return a policy by which everybody may read, with enough people for three pages."""
    root = tmp_path_factory.mktemp("crowd")
    policies, fixtures = put_pack(root, RULES, SCHEMA)
    data = root / "data"
    data.mkdir()
    people = "".join(f"- {{id: u{number:03}}}\n" for number in range(2 * PAGE_SIZE + 7))
    (data / "users.yaml").write_text(f"- {{id: '{HOSTILE}'}}\n{people}")
    (data / "notes.yaml").write_text("- {id: n}\n")
    return pair_of(policies, fixtures, data)


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return client_of(page_of(shipped_pair()))


def people(find: str, path: str = "people", **fields: str) -> str:
    return f"/page/{path}?{urlencode({'find': find, 'resource_type': 'account', **fields})}"


def test_everybody_who_can_do_this_is_found(client: FlaskClient) -> None:
    document = client.get(people("subjects", action="billing.edit", resource="acme")).text

    text = text_of(document)
    assert "ana none why?" in text
    assert "finn none why?" in text
    assert "dora none" not in text


def test_all_that_a_person_can_do_is_found(client: FlaskClient) -> None:
    text = text_of(client.get(people("actions", subject="finn", resource="acme")).text)

    assert "billing.edit none why?" in text
    assert "numbers.edit none" not in text


def test_the_resources_of_a_person_are_found(client: FlaskClient) -> None:
    text = text_of(client.get(people("resources", subject="finn", action="billing.edit")).text)

    assert "acme none why?" in text


def test_nobody_is_said_where_nobody_can(client: FlaskClient) -> None:
    text = text_of(client.get(people("subjects", action="transfer", resource="acme")).text)

    assert "Nobody." in text


def test_pages_together_hold_everybody_once(crowd: Pair) -> None:
    client = client_of(page_of(crowd))
    path = people("subjects", resource_type="note", action="read", resource="n")
    found: list[str] = []
    while path:
        document = client.get(path).text
        why = [each.get("aria-label") or "" for each in tags_of(document, "a")]
        found += [label for label in why if label.startswith("Why ")]
        links = [each["href"] or "" for each in tags_of(document, "a")]
        path = next((each for each in links if "after=" in each), "")

    assert len(found) == len(set(found)) == 2 * PAGE_SIZE + 8


def test_a_page_ends_when_its_time_is_over_and_leads_on(crowd: Pair) -> None:
    asked = {"resource_type": "note", "action": "read", "resource": "n"}
    question = Question.of(asked, crowd.policy.schema)
    ticks = count()

    first = search("subjects", question, crowd, NOW, seconds=3, clock=lambda: next(ticks))
    rest = search("subjects", question, crowd, NOW, first.after)

    assert 0 < len(first.found) < PAGE_SIZE
    assert first.after == first.found[-1].id
    assert rest.found[0].id > first.after


def test_a_file_has_all_of_them_and_no_formula(crowd: Pair) -> None:
    path = people("subjects", "people.csv", resource_type="note", action="read", resource="n")

    response = client_of(page_of(crowd)).get(path)

    assert response.mimetype == "text/csv"
    assert "attachment" in response.headers["Content-Disposition"]
    head, *rows = csv.reader(StringIO(response.text))
    assert head[:3] == ["subject", "action", "resource"]
    assert len(rows) == 2 * PAGE_SIZE + 8
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert any(HOSTILE in row[0] for row in rows)


def test_a_file_of_actions_begins_no_cell_with_a_formula(client: FlaskClient) -> None:
    path = people("actions", "people.csv", subject="finn", resource="acme")

    _, *rows = csv.reader(StringIO(client.get(path).text))

    assert ["user:finn", "billing.edit", "account:acme"] in [row[:3] for row in rows]


def test_hostile_names_are_text(crowd: Pair) -> None:
    path = people("subjects", resource_type="note", action="read", resource="n")

    document = client_of(page_of(crowd)).get(path).text

    assert HOSTILE in text_of(document)
    assert list(tags_of(document, "img")) == []


@pytest.mark.parametrize("find", ["", "everything", "subjects"])
def test_an_incomplete_question_finds_nothing(client: FlaskClient, find: str) -> None:
    assert "Choose a question" in text_of(client.get(people(find)).text)
    assert client.get(people(find, "people.csv")).status_code == 400
