"""One row that breaks the schema, with `--bad-rows deny`: the rest of the change is seen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.e2e.databases import make_database
from tests.e2e.running import EDIT, Sidecar, serving, until, write

pytestmark = pytest.mark.e2e

Row = dict[str, str | None]


class Yaml:
    """The memberships of the demo world in a file."""

    options: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        self.file = root / "data" / "memberships.yaml"
        self.rows: list[Row] = yaml.safe_load(self.file.read_text())

    def set_role(self, roles: Mapping[str, str | None]) -> None:
        """Give members of acme other roles, at once."""
        for row in self.rows:
            if row["account"] == "acme" and row["status"] == "active" and row["user"] in roles:
                row["role"] = roles[str(row["user"])]
        self.write()

    def write(self) -> None:
        write(self.file, "".join(f"- {json.dumps(row)}\n" for row in self.rows))


class JsonLines(Yaml):
    options = ("--store", "store")

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.file.unlink()
        self.file = self.file.with_suffix(".jsonl")
        self.write()

    def write(self) -> None:
        write(self.file, "".join(f"{json.dumps(row)}\n" for row in self.rows))


class Sqlite:
    options = ("--data", "sqlite:facts.sqlite", "--store", "store")

    def __init__(self, root: Path) -> None:
        self.file = root / "facts.sqlite"
        make_database(self.file, root / "fixtures", root / "data")

    def set_role(self, roles: Mapping[str, str | None]) -> None:
        with closing(sqlite3.connect(self.file, timeout=30)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = 1")
            for user, role in roles.items():
                connection.execute(
                    "UPDATE memberships SET role = ? WHERE account = 'acme' AND user = ?"
                    " AND status = 'active'",
                    (role, user),
                )


def reasons(sidecar: Sidecar, user: str) -> list[str]:
    answer = sidecar.ask("/v1/authorize", {**EDIT, "subject": f"user:{user}"})[1]
    return [reason["code"] for reason in answer["reasons"]]


def problems(sidecar: Sidecar) -> str:
    return "\n".join(each["message"] for each in sidecar.ready()[1]["problems"])


def editors(sidecar: Sidecar) -> set[str]:
    """Return the users that a search finds."""
    found = sidecar.ask(
        "/access/v1/search/subject",
        {
            "subject": {"type": "user"},
            "action": {"name": "numbers.edit"},
            "resource": {"type": "account", "id": "acme"},
        },
    )[1]
    return {each["id"] for each in found["results"]}


@pytest.mark.parametrize("source", [Yaml, JsonLines, Sqlite])
def test_a_bad_row_is_denied_and_later_revocations_are_seen(
    root: Path, source: Callable[[Path], Yaml | JsonLines | Sqlite]
) -> None:
    facts = source(root)
    dora = {"subject": "user:dora", "resource": "account:acme"}
    with serving(root, *facts.options, "--bad-rows", "deny", workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        assert (reasons(sidecar, "bob"), reasons(sidecar, "dora")) == ([], [])
        assert {"bob", "dora"} <= editors(sidecar)
        assert sidecar.ask("/v1/permissions", dora)[1]["permissions"]

        facts.set_role({"dora": "boss", "bob": "support"})

        until(lambda: reasons(sidecar, "bob") == ["not_granted"])
        assert reasons(sidecar, "dora") == ["data_error"]
        assert not {"bob", "dora"} & editors(sidecar)
        assert sidecar.ask("/v1/permissions", dora)[1]["permissions"] == []
        assert "denied `data_error`" in problems(sidecar)
        assert "`boss` is not one of" in problems(sidecar)
        assert sidecar.ready()[0] == 200
        assert "taken: " in sidecar.log()
        assert "not taken" not in sidecar.log()

        facts.set_role({"bob": "admin"})
        until(lambda: reasons(sidecar, "bob") == [])
        assert reasons(sidecar, "dora") == ["data_error"]

        facts.set_role({"dora": "developer"})
        until(lambda: reasons(sidecar, "dora") == [])
        until(lambda: problems(sidecar) == "")


def test_a_row_that_look_ups_could_not_find_is_refused_with_the_whole_change(root: Path) -> None:
    """Of a removed member nobody would know whether the row is the current one."""
    facts = Sqlite(root)
    with serving(root, *facts.options, "--bad-rows", "deny", workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        with closing(sqlite3.connect(facts.file, timeout=30)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = 1")
            connection.execute("UPDATE memberships SET status = 'maybe' WHERE user = 'dora'")
            connection.execute("UPDATE memberships SET role = 'support' WHERE user = 'bob'")

        until(lambda: "`maybe` is no" in problems(sidecar))
        assert "not taken" in sidecar.log()
        assert reasons(sidecar, "bob") == []


@pytest.mark.parametrize("source", [Yaml, JsonLines, Sqlite])
def test_a_schema_that_makes_rows_bad_waits_for_rows_that_fit_it(
    root: Path, source: Callable[[Path], Yaml | JsonLines | Sqlite]
) -> None:
    """One by which only the same rows are bad does not wait."""
    facts = source(root)
    schema = root / "fixtures" / "schema.yaml"
    old = schema.read_text()
    narrow = old.replace("type: account, optional: true, may_dangle", "type: account, may_dangle")
    wide = old.replace("[active, removed]", "[active, removed, paused]")
    assert old not in {narrow, wide}
    with serving(root, *facts.options, "--bad-rows", "deny", workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        facts.set_role({"dora": "boss"})
        until(lambda: reasons(sidecar, "dora") == ["data_error"])

        write(schema, narrow)
        until(lambda: "the newer pack waits" in problems(sidecar))
        facts.set_role({"bob": "support"})
        until(lambda: reasons(sidecar, "bob") == ["not_granted"])
        assert reasons(sidecar, "ana") == []

        write(schema, wide)
        until(lambda: "the newer pack waits" not in problems(sidecar))
        facts.set_role({"bob": "admin"})
        until(lambda: reasons(sidecar, "bob") == [])
        assert reasons(sidecar, "dora") == ["data_error"]


def test_the_rows_that_a_restarted_sidecar_has_taken_are_bad_still(root: Path) -> None:
    facts = Sqlite(root)
    with serving(root, *facts.options, "--bad-rows", "deny", workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        facts.set_role({"dora": "boss"})
        until(lambda: reasons(sidecar, "dora") == ["data_error"])
    with serving(root, *facts.options, "--bad-rows", "deny", workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        assert reasons(sidecar, "dora") == ["data_error"]
        until(lambda: "denied `data_error`" in problems(sidecar))
        assert "reading all rows" not in sidecar.log()
    with serving(root, *facts.options) as sidecar:
        until(lambda: "`boss` is not one of" in problems(sidecar))
        assert sidecar.ready()[0] == 503, "without the option the same facts are refused"
