"""Names as callers send them, in all that takes or shows them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from sidecar.cli import EXIT_NO, EXIT_YES, main
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.diagram.path_text import path_of, show
from sidecar.diagram.paths import ACTION, ACTION_NAME, RESOURCE, Literal, LookupPath, Member
from sidecar.diagram.paths import Path as FactPath
from sidecar.http import create_app
from sidecar.reload import Pair, Places, Reloading
from sidecar.schema.names import class_of, word_of
from tests.edge import Still, told
from tests.paths import PACKS

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
PACK = PACKS / "names"
AT = ("--at", "2026-11-30T12:00:00Z")

ASSET = {"type": "resource", "id": "/todos"}
TEMPLATE = {"type": "resource", "id": "/todos/{todoId}"}
SEARCH = {"name": "search", "ownerID": "ana", "max-tokens": 5}
MINE = {"x-forwarded-for": "me"}
UNIT = {**ASSET, "properties": {"Ünit": "x"}}
DUE = {"due-date": "2026-12-01T00:00:00Z"}
ASKED: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, str], bool]] = [
    ("ana", {"name": "GET"}, ASSET, {}, True),
    ("ana", {"name": "get"}, ASSET, {}, False),
    ("ana", {"name": "Get"}, ASSET, {}, False),
    ("bob", {"name": "get"}, ASSET, {}, True),
    ("bob", {"name": "GET"}, ASSET, {}, False),
    ("cy", {"name": "s3:GetObject"}, ASSET, {}, True),
    ("cy", {"name": "s3:getobject"}, ASSET, {}, False),
    ("dan", {"name": "?"}, ASSET, {}, True),
    ("dan", {"name": "??"}, ASSET, {}, False),
    ("eve", {"name": "*"}, ASSET, {}, True),
    ("fay", {"name": 'say "hi"\\now'}, ASSET, {}, True),
    ("gus", {"name": "all"}, ASSET, {}, True),
    ("eve", {"name": "two words"}, {"type": "resource", "id": "new"}, {}, True),
    ("ana", {"name": "tools/call", "properties": SEARCH}, ASSET, {}, True),
    ("ana", {"name": "tools/call", "properties": {**SEARCH, "max-tokens": 6}}, ASSET, {}, False),
    ("ana", {"name": "tools/call", "properties": {**SEARCH, "name": "find"}}, ASSET, {}, False),
    ("bob", {"name": "tools/call", "properties": SEARCH}, ASSET, {}, False),
    # As Polar calls it is not as callers do.
    ("ana", {"name": "tools/call", "properties": {"tool": "search", "max_tokens": 5}}, ASSET, {},
     False),
    ("ana", {"name": "pods/exec"}, UNIT, MINE, True),
    ("ana", {"name": "pods/exec"}, UNIT, {"x_forwarded_for": "me"}, False),
    ("ana", {"name": "pods/exec"}, {**TEMPLATE, "properties": {"Ünit": "x"}}, MINE, False),
    ("ana", {"name": "View"}, {"type": "com.example.Doc", "id": "p//todos/{todoId}"}, {}, True),
    ("bob", {"name": "View"}, {"type": "com.example.Doc", "id": "p//todos/{todoId}"}, {}, False),
    ("ana", {"name": "done"}, {"type": "todo-item", "id": "true", "properties": DUE}, {}, True),
    ("ana", {"name": "done"}, {"type": "todo-item", "id": "lt", "properties": DUE}, {}, False),
]  # fmt: skip
"""User, action, resource, context, and whether it is allowed."""


@pytest.fixture(scope="module")
def pair() -> Pair:
    places = Places(PACK / "policies", PACK / "fixtures", PACK / "fixtures" / "worlds" / "demo")
    return Reloading(places).load()


@pytest.fixture(scope="module")
def client(pair: Pair) -> FlaskClient:
    return create_app(Still(pair), lambda: NOW).test_client()


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    shutil.copytree(PACK, tmp_path / "pack")
    return tmp_path / "pack"


def run(pack: Path, command: str, *args: str) -> Result:
    places = [f"--{name}={pack / name}" for name in ("policies", "fixtures")]
    return CliRunner().invoke(main, [command, *args, *places])


def requests() -> Iterator[tuple[dict[str, Any], bool]]:
    for user, action, resource, context, allowed in ASKED:
        subject = {"type": "user", "id": user}
        said = {"subject": subject, "action": action, "resource": resource, "context": context}
        yield said, allowed


def test_requests_are_decided_by_names_as_they_are_sent(client: FlaskClient) -> None:
    singles = [told(client, "/access/v1/evaluation", said)["decision"] for said, _ in requests()]
    natives = [told(client, "/v1/authorize", said)["decision"] for said, _ in requests()]
    batch = told(
        client, "/access/v1/evaluations", {"evaluations": [each for each, _ in requests()]}
    )

    expected = [allowed for _, allowed in requests()]
    assert singles == expected
    assert natives == expected
    assert [each["decision"] for each in batch["evaluations"]] == expected


def test_searches_and_lists_return_names_as_they_are_sent(client: FlaskClient) -> None:
    fay, eve = ({"type": "user", "id": name} for name in ("fay", "eve"))
    found = told(client, "/access/v1/search/action", {"subject": fay, "resource": ASSET})
    listed = told(client, "/v1/permissions", {"subject": "user:eve", "resource": ASSET})
    subjects = told(
        client,
        "/access/v1/search/subject",
        {"subject": {"type": "user"}, "action": {"name": "*"}, "resource": ASSET},
    )
    resources = told(
        client,
        "/access/v1/search/resource",
        {"subject": eve, "action": {"name": "*"}, "resource": {"type": "resource"}},
    )
    catalog = client.get("/v1/catalog").get_json()

    assert found["results"] == [{"name": 'say "hi"\\now'}]
    assert listed["permissions"] == ["*"]
    assert subjects["results"] == [eve]
    assert resources["results"] == [ASSET, TEMPLATE]
    types = {each["name"]: each for each in catalog["types"]}
    actions = {each["name"]: each for each in types["resource"]["actions"]}
    assert [each["name"] for each in actions["tools/call"]["properties"]] == list(SEARCH)
    assert [each["name"] for each in types["todo-item"]["properties"]] == ["due-date"]
    assert [each["name"] for each in catalog["context"]] == ["x-forwarded-for"]


def test_explanations_quote_names_that_polar_cannot_write(client: FlaskClient) -> None:
    said = {**next(requests())[0], "action": {"name": "tools/call", "properties": SEARCH}}
    explained = told(client, "/v1/authorize", {**said, "explain": True})["explanation"]
    facts = {each["path"]: each["value"] for each in explained["facts"]}

    assert facts['action."name"'] == "search"
    assert facts['action."max-tokens"'] == "5"
    assert facts["action.ownerID"] == "ana"


def test_lines_of_the_decision_log_are_judged_again(pair: Pair, pack: Path) -> None:
    log = pack / "log"
    writing = DecisionLog(
        LineFile(str(log)), Hashing(b"a key for tests that is long"), OnFailure("refuse")
    )
    client = create_app(Still(pair), lambda: NOW, log=writing).test_client()
    for said, _ in requests():
        told(client, "/access/v1/evaluation", said)

    replayed = json.loads(run(pack, "replay", str(log), "--json").stdout)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["action"]["name"] for line in lines] == [each[1]["name"] for each in ASKED]
    counts = [replayed[each] for each in ("decisions", "same", "changes", "unjudged")]
    assert counts == [len(ASKED), len(ASKED), [], []]


def test_commands_take_names_as_they_are_sent(pack: Path) -> None:
    called = ("--property", "name=search", "--property", "ownerID=ana", "--property")
    exec_said = ("--resource-property", "Ünit=x", "--context", "x-forwarded-for=me")
    asked = ("user:ana", "tools/call", "resource:/todos", *called)

    assert run(pack, "authorize", *asked, "max-tokens=5").exit_code == EXIT_YES
    assert run(pack, "authorize", *asked, "max-tokens=6").exit_code == EXIT_NO
    explained = run(pack, "explain", "user:ana", "pods/exec", "resource:/todos", *exec_said, *AT)
    assert explained.exit_code == EXIT_YES, explained.output
    assert 'resource."Ünit" is x' in explained.stdout
    listed = run(pack, "permissions", "user:fay", "resource:/todos")
    assert listed.stdout == '"say \\"hi\\"\\\\now"\n'
    tree = run(pack, "tree", "done", "todo-item").stdout
    assert 'example.com/viewer, Viewer, viewer, "a b, c", lt, "q\\"u\\\\o": no' in tree


def test_suites_and_invariants_hold(pack: Path) -> None:
    assert run(pack, "check").exit_code == EXIT_YES
    tested = run(pack, "test", "--coverage", "--json")
    assert tested.exit_code == EXIT_YES, tested.output
    proved = run(pack, "prove")
    assert proved.exit_code == EXIT_YES, proved.output


def test_suggested_cases_pass(pack: Path) -> None:
    cases = json.loads(run(pack, "test", "--coverage", "--json").stdout)["coverage"]["cases"]
    suite = pack / "policies" / "names_test.yaml"
    pasted = "".join(f"  {line}\n" for case in cases for line in case.splitlines())
    suite.write_text(suite.read_text() + pasted)

    tested = run(pack, "test")

    assert len(cases) > 5
    assert tested.exit_code == EXIT_YES, tested.output


def test_matrix_and_differences_show_such_names(pack: Path, tmp_path: Path) -> None:
    matrix = run(pack, "matrix")
    shutil.copytree(pack, tmp_path / "new")
    policy = tmp_path / "new" / "policies" / "main.polar"
    policy.write_text(policy.read_text().replace('"get" if "Viewer"', '"get" if "viewer"'))
    changed = CliRunner().invoke(main, ["diff", str(pack), str(tmp_path / "new")])

    assert '  "say \\"hi\\"\\\\now"' in matrix.stdout
    assert "  GET " in matrix.stdout
    assert "newly allowed: get on resource, for user\n" in changed.stdout
    assert "user has role viewer on resource\n" in changed.stdout
    assert "user has role Viewer on resource\n" in changed.stdout


PATHS: list[tuple[FactPath, str]] = [
    (Member(RESOURCE, "ownerID"), "resource.ownerID"),
    (Member(RESOURCE, "owner-id"), 'resource."owner-id"'),
    (Member(Member(RESOURCE, "a.b"), 'c"d'), 'resource."a.b"."c\\"d"'),
    (Member(RESOURCE, "exists"), 'resource."exists"'),
    (Member(RESOURCE, "(x)"), 'resource."(x)"'),
    (ACTION_NAME, "action.name"),
    (Member(ACTION, "name"), 'action."name"'),
    (
        Member(LookupPath(RESOURCE, "sharedWith", (Literal("a.b"), RESOURCE)), "Ünit"),
        'resource.sharedWith("a.b", resource)."Ünit"',
    ),
]


@pytest.mark.parametrize(("path", "text"), PATHS)
def test_a_shown_path_is_parsed_back(path: FactPath, text: str) -> None:
    assert show(path) == text
    assert path_of(text) == path


@pytest.mark.parametrize(
    ("name", "polar"),
    [
        ("ownerID", "ownerID"),
        ("owner_id", "owner_id"),
        ("owner-id", "owner_id"),
        ("a.b:c/d", "a_b_c_d"),
        ("_id", "id"),
        ("$ref", "ref"),
        ("a__b", "a__b"),
        ("größe", ""),
        ("4th", ""),
        ("-", ""),
    ],
)
def test_an_attribute_keeps_its_name_in_polar_if_it_can(name: str, polar: str) -> None:
    assert word_of(name) == polar


@pytest.mark.parametrize(
    ("name", "polar"),
    [
        ("person", "Person"),
        ("phone_number", "PhoneNumber"),
        ("com.example.Doc", "ComExampleDoc"),
        ("todo-item", "TodoItem"),
        ("userProfile", "UserProfile"),
        ("s3", "S3"),
        ("größe", ""),
        ("3d", ""),
    ],
)
def test_the_class_of_a_type_has_capitalised_words(name: str, polar: str) -> None:
    assert class_of(name) == polar
