"""Comparing the policy in use with another one, and what may not be compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sidecar.config.settings import Settings
from sidecar.errors import InvalidRequestError
from sidecar.page.packs import MOST_PACKS, Edit, PackFolder, Revision, editable_files
from sidecar.page.reviewer import Reviewer
from sidecar.page.tasks import Result, Task, Tasks
from sidecar.reload import Pair
from tests.page.pages import client_of, page_of, pair_of, shipped_pair, tags_of, text_of
from tests.small_pack import put_pack

SCHEMA = """
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  note: {table: notes, key: id, attributes: {id: string, writer: user}, actions: {read: {}}}
"""
RULES = 'allow(user: User, _: Action{name: "read"}, note: Note) if note.writer = user;\n'
EVERYBODY = 'allow(_: User, _: Action{name: "read"}, _: Note);\n'
HOSTILE = "<img src=x onerror=alert(1)>"
FROM_HERE = {"Origin": "http://localhost"}
TOLD: Result = {
    "verdict": "widens",
    "title": f"WIDENS {HOSTILE}",
    "summary": HOSTILE,
    "sections": [
        {"title": HOSTILE, "is_detail": detail, "entries": [{"text": HOSTILE, "depth": 1}]}
        for detail in (True, False)
    ],
}


@pytest.fixture
def pair() -> Pair:
    return shipped_pair()


def reviewing(tmp_path: Path, asked: list[Task]) -> Reviewer:
    def run(task: Task) -> Result:
        asked.append(task)
        return TOLD

    settings = Settings()
    return Reviewer(
        policies=settings.policies,
        fixtures=settings.fixtures,
        data=None,
        folder=PackFolder(tmp_path),
        tasks=Tasks(run),
    )


def put(directory: Path) -> None:
    directory.mkdir(parents=True)
    put_pack(directory, RULES, SCHEMA)


def post(client: FlaskClient, **form: str) -> TestResponse:
    return client.post("/page/compare", data=form, headers=FROM_HERE)


def result_at(client: FlaskClient, path: str) -> str:
    while "aria-busy" in (document := client.get(path).text):
        pass
    return document


def test_an_edited_text_has_a_verdict_in_which_all_is_text(tmp_path: Path, pair: Pair) -> None:
    asked: list[Task] = []
    client = client_of(page_of(pair, reviewing(tmp_path, asked)))

    response = post(client, **{"with": "text", "file": "policies/main.polar", "text": "a\r\nb"})
    document = result_at(client, response.headers["Location"])

    assert response.status_code == 303
    assert f"WIDENS {HOSTILE}" in text_of(document)
    assert list(tags_of(document, "img")) == []
    assert b"a\nb" in bytes(asked[0].arguments["other"])  # type: ignore[arg-type]


def test_the_form_shows_the_text_of_the_file_and_the_packs(tmp_path: Path, pair: Pair) -> None:
    put(tmp_path / "team" / HOSTILE.replace("/", ""))
    client = client_of(page_of(pair, reviewing(tmp_path, [])))

    document = client.get("/page/compare?file=policies/number.polar").text

    assert (Settings().policies / "number.polar").read_text().splitlines()[0] in document
    assert f"team/{HOSTILE}" in text_of(document)
    assert list(tags_of(document, "img")) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "policies/../../etc/passwd",
        "/etc/passwd",
        "policies/nothing.polar",
        "fixtures/schema.yaml",
    ],
)
def test_only_files_of_the_policy_can_be_edited(tmp_path: Path, pair: Pair, name: str) -> None:
    client = client_of(page_of(pair, reviewing(tmp_path, [])))

    response = post(client, **{"with": "text", "file": name, "text": "x"})

    assert response.status_code == 400
    if name:
        assert client.get(f"/page/compare?file={name}").status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"with": "everything"},
        {"with": "pack", "pack": "../other"},
        {"with": "pack", "pack": "/"},
        {"with": "pack", "pack": "."},
        {"with": "revision", "revision": "HEAD"},  # the policy is not below the directory
    ],
)
def test_nothing_else_is_compared(tmp_path: Path, pair: Pair, form: dict[str, str]) -> None:
    put(tmp_path / "root" / "one")
    put(tmp_path / "other")
    asked: list[Task] = []
    client = client_of(page_of(pair, reviewing(tmp_path / "root", asked)))

    assert post(client, **form).status_code == 400
    assert asked == []


def test_a_form_of_another_site_compares_nothing(tmp_path: Path, pair: Pair) -> None:
    asked: list[Task] = []
    client = client_of(page_of(pair, reviewing(tmp_path, asked)))

    response = client.post(
        "/page/compare",
        data={"with": "text", "file": "policies/main.polar", "text": ""},
        headers={"Origin": "http://attacker.example"},
    )

    assert response.status_code == 403


def test_an_unknown_comparison_is_not_found(tmp_path: Path, pair: Pair) -> None:
    client = client_of(page_of(pair, reviewing(tmp_path, [])))

    assert client.get("/page/compare/0123").status_code == 404


def test_packs_are_found_below_the_root_and_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root / "team" / "one")
    put(root / ".hidden")
    put(tmp_path / "outside")
    (root / "link").symlink_to(tmp_path / "outside")
    put(root / "leads-out")
    (root / "leads-out" / "policies" / "stolen.polar").symlink_to(tmp_path / "outside")
    put(root / "a" / "b" / "c" / "d" / "e")

    folder = PackFolder(root)

    assert [each.name for each in folder.packs()] == ["team/one"]
    assert folder.pack("link") is None
    assert folder.pack("../outside") is None
    assert folder.holds(root / "team")
    assert not folder.holds(root / "link")
    assert not folder.holds(root / ".." / "outside")


def test_only_so_many_packs_are_offered(tmp_path: Path) -> None:
    for number in range(MOST_PACKS + 1):
        for part in ("policies", "fixtures"):
            (tmp_path / f"pack{number}" / part).mkdir(parents=True)

    assert len(PackFolder(tmp_path).packs()) == MOST_PACKS


@pytest.mark.parametrize("name", ["HEAD", "HEAD~3", "main", "release/1.2", "v1.0^", "0a1b2c3"])
def test_names_of_revisions_are_accepted(name: str) -> None:
    assert Revision.of(name).name == name


@pytest.mark.parametrize(
    "name",
    ["", "-o", "--output=/tmp/x", "/etc", "../x", "a..b", "HEAD:policies", "HEAD^{commit}", "a b",
     "HEAD\n", "main@{1}", "x" * 200],
)  # fmt: skip
def test_what_git_could_take_otherwise_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        Revision.of(name)


def test_an_edited_text_is_compiled_in_a_process_and_judged(tmp_path: Path) -> None:
    policies, fixtures = put_pack(tmp_path, RULES, SCHEMA)
    data = tmp_path / "data"
    data.mkdir()
    (data / "users.yaml").write_text("- {id: ann}\n- {id: bob}\n")
    (data / "notes.yaml").write_text("- {id: n, writer: ann}\n")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    pair = pair_of(policies, fixtures, data)
    client = client_of(page_of(pair, Reviewer(policies=policies, fixtures=fixtures, data=data)))

    response = post(client, **{"with": "text", "file": "policies/main.polar", "text": EVERYBODY})
    text = text_of(result_at(client, response.headers["Location"]))

    assert "WIDENS: more is possible than before" in text
    assert "read on note" in text
    assert re.search(r"user:bob on note:n", text)
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


def test_the_files_that_can_be_edited_are_polar_and_settings() -> None:
    settings = Settings()

    names = set(editable_files(settings.policies, settings.fixtures))

    assert {"policies/account.polar", "fixtures/settings.yaml"} <= names
    assert all(name.endswith((".polar", "settings.yaml")) for name in names)


def test_an_edit_is_told_by_its_file() -> None:
    assert str(Edit("policies/main.polar", "text")) == "the edited text of policies/main.polar"
