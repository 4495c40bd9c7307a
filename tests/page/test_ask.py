"""The page that answers one question."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from sidecar.page.completion import MOST_IDS, ids_from
from sidecar.reload import Pair
from tests.page.pages import ASKED, client_of, page_of, pair_of, shipped_pair, tags_of, text_of
from tests.small_pack import put_pack

HOSTILE = '"><img src=x onerror=alert(1)>'
SCHEMA = """
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, secret: {type: string, sensitive: true}}
  note:
    table: notes
    key: id
    attributes: {id: string, writer: user}
    actions: {read: {}, burn: {}}
"""
RULES = """
allow(user: User, _: Action{name: "read"}, note: Note) if note.writer = user;
forbid(user: User, _: Action{name: "burn"}, _: Note, "hot") if user.secret = "known";
"""


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return client_of(page_of(shipped_pair()))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return a policy and facts with names that would be tags."""
    root = tmp_path_factory.mktemp("hostile")
    reasons = f"reasons: {{hot: 'It is <b>hot</b> {HOSTILE}'}}\n"
    policies, fixtures = put_pack(root, RULES, SCHEMA, reasons=reasons)
    data = root / "data"
    data.mkdir()
    (data / "users.yaml").write_text(f"- {{id: '{HOSTILE}', secret: known}}\n")
    (data / "notes.yaml").write_text(
        f"- {{id: '<script>alert(2)</script>', writer: '{HOSTILE}'}}\n"
    )
    return pair_of(policies, fixtures, data)


def asking(**fields: str) -> str:
    return f"/page/ask?{urlencode(fields)}"


@pytest.mark.parametrize(
    ("subject", "action", "verdict"),
    [
        ("ana", "team.manage", "Allowed"),
        ("finn", "billing.edit", "Allowed"),
        ("finn", "numbers.edit", "Denied"),
        ("nobody", "numbers.edit", "Denied"),
        ("ana", "undeclared", "Denied"),
    ],
)
def test_a_question_is_answered(
    client: FlaskClient, subject: str, action: str, verdict: str
) -> None:
    fields = {"subject": subject, "action": action, "resource_type": "account", "resource": "acme"}

    text = text_of(client.get(asking(**fields)).text)

    assert verdict in text
    assert f"user:{subject} {'may' if verdict == 'Allowed' else 'may not'} {action}" in text


def test_a_denial_shows_reason_facts_and_the_questions_of_the_diagram(client: FlaskClient) -> None:
    text = text_of(client.get(ASKED).text)

    assert "not_granted You may not do this" in text
    assert "resource.membership(subject).role finance_analyst mount" in text
    assert "Is it granted? No." in text
    assert "resource.owner = subject?" in text


def test_the_link_asks_the_same_question_again(client: FlaskClient) -> None:
    fields = {
        "subject_type": "user",
        "subject": "bob",
        "action": "change_role",
        "resource_type": "membership",
        "resource": "acme/dora",
        "at": "2026-12-01T12:00:00Z",
        "action.role": "admin",
    }
    document = client.get(asking(**fields)).text

    links = [each["href"] or "" for each in tags_of(document, "a")]
    (link,) = (each for each in links if each.startswith("/page/ask?"))

    assert {name: text for name, (text,) in parse_qs(urlsplit(link).query).items()} == fields
    assert "at 2026-12-01T12:00:00+00:00" in text_of(client.get(link).text)


def test_the_time_of_the_request_decides(client: FlaskClient) -> None:
    asked = {"subject": "bob", "action": "numbers.edit", "resource": "acme"}

    before = client.get(asking(**asked, resource_type="account", at="2026-12-01T12:00:00Z")).text
    after = client.get(asking(**asked, resource_type="account", at="2027-12-01T12:00:00Z")).text

    assert ("Allowed" in text_of(before), "Denied" in text_of(after)) == (True, True)


@pytest.mark.parametrize(
    ("field", "text"),
    [("at", "yesterday"), ("context.via_proxy", "perhaps"), ("subject", "a" * 1001)],
)
def test_what_cannot_be_sent_is_an_error_that_names_the_field(
    client: FlaskClient, field: str, text: str
) -> None:
    asked = {"subject": "bob", "action": "numbers.edit", "resource": "acme"}

    response = client.get(asking(**{**asked, "resource_type": "account", field: text}))

    assert response.status_code == 400
    assert f"`{field}`" in text_of(response.text)


def test_an_incomplete_question_is_a_form_with_the_ids_of_the_facts(client: FlaskClient) -> None:
    document = client.get("/page/ask?resource_type=membership").text

    options = {each.get("value") for each in tags_of(document, "option")}
    assert {"ana", "acme/dora"} <= options
    assert "Denied" not in text_of(document)


def test_an_id_is_completed_from_its_beginning(client: FlaskClient) -> None:
    document = client.get("/page/ids/resource?resource_type=membership&resource=acme/d").text

    assert {each["value"] for each in tags_of(document, "option")} == {"acme/dora"}


def test_undeclared_types_have_no_ids() -> None:
    facts = shipped_pair().snapshot

    assert list(ids_from(facts, "<type>", "")) == []
    assert len(list(ids_from(facts, "user", ""))) <= MOST_IDS


def test_hostile_names_of_facts_and_sentences_are_text(hostile: Pair) -> None:
    fields = {"subject": HOSTILE, "action": "burn", "resource": "<script>alert(2)</script>"}

    document = client_of(page_of(hostile)).get(asking(**fields)).text

    assert "It is <b>hot</b>" in text_of(document)
    assert list(tags_of(document, "img")) == []
    assert list(tags_of(document, "b")) == []
    assert "<script>alert" not in document
    assert HOSTILE in {each.get("value") for each in tags_of(document, "input")}


@pytest.mark.parametrize("field", ["subject_type", "action", "resource_type", "at", "action.<b>"])
def test_hostile_questions_are_text(client: FlaskClient, field: str) -> None:
    asked = {"subject": "bob", "action": "numbers.edit", "resource": "acme"}

    document = client.get(asking(**{**asked, field: HOSTILE})).text

    assert list(tags_of(document, "img")) == []


def test_sensitive_values_are_withheld(hostile: Pair) -> None:
    fields = {"subject": HOSTILE, "action": "burn", "resource": "x"}

    text = text_of(client_of(page_of(hostile)).get(asking(**fields)).text)

    assert "subject.secret withheld mount" in text


def test_where_there_are_no_tools_the_page_says_why(client: FlaskClient) -> None:
    text = text_of(client.get(ASKED.replace("/ask", "/why")).text)

    assert "There is no solver." in text
