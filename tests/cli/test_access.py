"""`sidecar access`: a report as text, CSV, JSON and a sheet, from any source, safe to open."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.facts.sources import default_mapping
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.schema import read_schema
from tests.paths import ROOT

PACK = ["--policies", str(ROOT / "policies"), "--fixtures", str(ROOT / "fixtures")]
AT = ["--at", "2026-12-01T12:00:00Z"]
HOSTILE = '=cmd|"<script>alert(1)</script>'
ESCAPE = "x\x1b[2J\u202eana"


def _access(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["access", *PACK, *AT, *arguments])


@pytest.mark.parametrize(
    ("arguments", "status", "pairs"),
    [
        (["--user", "bob", "--account", "acme"], EXIT_YES, ["user:bob  account:acme  admin"]),
        (
            ["--subject", "user:bob", "--resource", "account:acme"],
            EXIT_YES,
            ["user:bob  account:acme  admin"],
        ),
        (
            ["--action", "team.manage", "--account=acme"],
            EXIT_YES,
            ["user:ana  account:acme  owner", "user:bob  account:acme  admin"],
        ),
        (
            ["--user", "bob", "--type", "account"],
            EXIT_YES,
            ["user:bob  account:acme  admin"],
        ),
        (["--user", "mallory"], EXIT_NO, []),
    ],
)
def test_options_say_what_a_report_is_about(
    arguments: list[str], status: int, pairs: list[str]
) -> None:
    result = _access(*arguments)

    assert result.exit_code == status
    assert [line for line in result.stdout.splitlines() if line.startswith("user:")] == pairs
    assert "access at 2026-12-01T12:00:00Z" in result.stdout
    assert re.search(r"policy revision [0-9a-f]{16}, facts revision [0-9a-f]+", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "bobb"], "`user:bobb` is not in the facts"),
        (["--usr", "bob"], "the schema has no type `usr`; did you mean `user`?"),
        (["--action", "team.mange"], "no action is called `team.mange`"),
        (["--subject", "account:acme"], "`account` is no type of subjects"),
        (["--user", "bob", "--subject", "user:ana"], "the subject is named twice"),
        (["--type", "acount"], "the schema has no type `acount`; did you mean `account`?"),
        (["--type", "account", "--account", "acme"], "leave `--type` out"),
        (["--user"], "option `--user` requires an id"),
        (["bob"], "`bob` is not expected here"),
    ],
)
def test_a_slip_is_an_error_and_no_empty_report(arguments: list[str], message: str) -> None:
    result = _access(*arguments)

    assert result.exit_code == EXIT_TROUBLE
    assert message in result.output


def test_csv_and_json_have_the_same_rows() -> None:
    table = list(csv.DictReader(_access("--csv").stdout.splitlines()))
    document = json.loads(_access("--json").stdout)

    assert document["version"] == 1
    assert len(table) == len(document["rows"]) > 50
    for cells, row in zip(table, document["rows"], strict=True):
        assert (cells["subject"], cells["resource"]) == (
            row["subject"]["id"],
            row["resource"]["id"],
        )
        certain = [each["name"] for each in row["actions"] if each["when"] is None]
        assert cells["allowed"] == ", ".join(certain)
        assert cells["policy_revision"] == document["policy_revision"]
    (change,) = [
        each["when"]
        for row in document["rows"]
        for each in row["actions"]
        if (row["subject"]["id"], row["resource"]["id"]) == ("bob", "acme/dora")
        and each["name"] == "change_role"
    ]
    assert change == [["action.role is given"]]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A mount in which people and accounts are called what harms a terminal, a sheet or a page."""
    mount = tmp_path / "mount"
    mount.mkdir()
    plan = {"plan": "pay_as_you_go", "monthly_commitment": "0", "contract": "none"}
    for table, rows in {
        "users": [{"id": HOSTILE, "email": "a@a.example"}, {"id": ESCAPE, "email": "b@a.example"}],
        "accounts": [{"id": each, "owner": each, **plan} for each in (HOSTILE, ESCAPE)],
        "memberships": [],
        "invitations": [],
    }.items():  # fmt: skip
        lines = "".join(f"{json.dumps(row)}\n" for row in rows) or "[]\n"
        (mount / f"{table}.jsonl").write_text(lines)
    return mount


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_names_harm_no_reader(hostile: Path) -> None:
    text, table, sheet = (
        _access("--data", str(hostile), *more).stdout for more in ([], ["--csv"], ["--sheet"])
    )

    for output in (text, table, sheet):
        assert "\x1b" not in output
        assert "\u202e" not in output
    cells = [cell for row in csv.reader(table.splitlines()) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert f"'{HOSTILE}" in cells
    page = _Text()
    page.feed(sheet)
    assert "script" not in page.tags
    assert HOSTILE in page.text
    assert "default-src 'none'" in sheet


def test_a_sheet_is_one_file_with_revisions_date_and_a_place_to_sign() -> None:
    sheet = _access("--sheet", "--account", "acme").stdout

    page = _Text()
    page.feed(sheet)
    assert "2026-12-01T12:00:00Z" in page.text
    for words in (
        "Policy revision",
        "Facts revision",
        "Reviewed by",
        "account.polar:59 (role `admin`)",
    ):
        assert words in page.text
    assert not re.findall(r"(src|href)=", sheet)
    assert "@media print" in sheet


def test_facts_come_from_a_database_too(tmp_path: Path) -> None:
    schema = read_schema(ROOT / "fixtures" / "schema.yaml")
    path = tmp_path / "facts.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(sqlite_ddl(schema, default_mapping(schema)))
        connection.execute("INSERT INTO users (id, email) VALUES ('zoe', 'zoe@a.example')")
        connection.execute(
            "INSERT INTO accounts (id, owner, plan, monthly_commitment, contract)"
            " VALUES ('zen', 'zoe', 'pay_as_you_go', '0', 'none')"
        )

    result = _access("--data", f"sqlite:{path}")

    assert result.exit_code == EXIT_YES
    assert "user:zoe  account:zen  owner" in result.stdout
