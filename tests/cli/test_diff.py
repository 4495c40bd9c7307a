"""`sidecar diff` as a reviewer types it: directories, revisions, mounts, logs."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.decision_log import Hashing
from sidecar.decision_log.json_text import encode
from sidecar.decision_log.line import Lines
from sidecar.decision_log.timestamps import instant
from sidecar.engine.authorizer import authorize
from sidecar.engine.trace import facts_read
from sidecar.facts import read_directory
from sidecar.model import Reference, Request
from tests.paths import ROOT

WIDENED = (
    '  "credentials.view" if "developer";\n',
    '  "credentials.view" if "developer"; "credentials.view" if "support";\n',
)
AT = "2026-12-01T12:00:00Z"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped pack, in which the test stands."""
    for name in ("policies", "fixtures"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIDECAR_POLICIES", "policies")
    monkeypatch.setenv("SIDECAR_FIXTURES", "fixtures")
    return tmp_path


def _widen(directory: Path) -> None:
    file = directory / "policies" / "account.polar"
    text = file.read_text()
    assert text.count(WIDENED[0]) == 1
    file.write_text(text.replace(*WIDENED))


def _diff(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", *arguments])


def _git(*arguments: str) -> None:
    who = ["-c", "user.name=ann", "-c", "user.email=ann@acme.example"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)  # noqa: S603, S607


def test_a_revision_is_compared_with_the_files_as_they_are(checkout: Path) -> None:
    _git("init", "--quiet")
    _git("add", ".")
    _git("commit", "--quiet", "--message", "as it was")
    _widen(checkout)

    edited = _diff("HEAD")
    _git("commit", "--quiet", "--all", "--message", "widened")
    committed = _diff("HEAD~1", "HEAD")
    back = _diff("HEAD", "HEAD~1")

    assert edited.stdout == committed.stdout
    assert (edited.exit_code, back.exit_code) == (1, 1)
    assert edited.stdout.startswith("actions: 1 newly allowed\n")
    assert back.stdout.startswith("actions: 1 newly denied\n")


def test_what_is_neither_a_directory_nor_a_revision_is_trouble(checkout: Path) -> None:
    assert (checkout / "policies").is_dir()

    result = _diff("nowhere", ".")

    assert result.exit_code == 2
    assert "`nowhere` is neither a directory with a pack nor a revision of git" in result.output


def test_an_edit_of_facts_tells_who_gains_and_who_loses(checkout: Path) -> None:
    shutil.copytree(checkout / "fixtures/worlds/demo", checkout / "after")
    rows = checkout / "after" / "memberships.yaml"
    before = "{account: acme, user: sue, role: support, status: active}"
    assert before in rows.read_text()
    rows.write_text(rows.read_text().replace(before, before.replace("support", "developer")))

    result = _diff(".", ".", "--old-data", "fixtures/worlds/demo", "--data", "after", "--at", AT)

    lines = result.stdout.splitlines()
    assert "+ user:sue credentials.view account:acme" in lines
    assert "- user:sue cards.view account:acme" in lines
    assert all(line[2:].startswith("user:sue ") for line in lines[1:] if line[0] in "+-")
    assert result.exit_code == 1


def test_a_log_tells_how_many_lines_a_change_would_have_affected(checkout: Path) -> None:
    log = checkout / "decisions.log"
    log.write_bytes(b"".join(_logged(user) for user in ("sue", "sue", "dora", "finn")))
    _widen(checkout)

    result = _diff(str(ROOT), ".", "--log", str(log), "--json")

    answer = json.loads(result.stdout)
    assert [change["log_lines"] for change in answer["changes"]] == [2]
    assert answer["log_lines_not_judged"] == 0


def _logged(user: str) -> bytes:
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    snapshot = read_directory(policy.schema, ROOT / "fixtures/worlds/demo")
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    request = Request(
        subject=Reference("user", user),
        action="credentials.view",
        resource=Reference("account", "acme"),
    )
    hashing = Hashing(b"0123456789abcdef")
    writing = Lines(hashing)
    decision = authorize(request, policy, snapshot, now)
    facts = facts_read(request, policy, snapshot, now)
    head = {
        "kind": "decision",
        "decision_id": user,
        "time": instant(now),
        "request_id": None,
        "revisions": {
            "policy": policy.revision,
            "data": snapshot.revision,
            "schema": policy.schema.fingerprint,
        },
        "key": hashing.key_name(),
    }
    line = {
        **head,
        **writing.asked(request, policy.schema),
        **writing.answered(decision, facts, policy.settings),
    }
    return encode(line) + b"\n"


def test_a_new_role_is_one_that_the_old_pack_did_not_know(checkout: Path) -> None:
    schema = checkout / "fixtures" / "schema.yaml"
    text = schema.read_text().replace(
        "    support:\n      label: Support\n",
        "    auditor:\n      label: Auditor\n      assignable: true\n"
        "    support:\n      label: Support\n",
    )
    schema.write_text(
        text.replace(
            "[admin, developer, finance_analyst, support]",
            "[admin, developer, finance_analyst, support, auditor]",
        )
    )
    file = checkout / "policies" / "account.polar"
    file.write_text(
        file.read_text()
        .replace('"finance_analyst", "support"];', '"finance_analyst", "support", "auditor"];')
        .replace(
            '  "logs.view" if "developer";',
            '  "logs.view" if "developer"; "logs.view" if "auditor";',
        )
    )

    result = _diff(str(ROOT), ".", "--json")

    changes = [each for each in json.loads(result.stdout)["changes"] if not each["reason"]]
    seen = [change for change in changes if "logs.view" in change["actions"]]
    assert [change["what"] for change in seen] == ["allowed"]
    clauses = [(clause["names"], clause["holds"]) for clause in seen[0]["when"][0]]
    assert clauses == [(["auditor"], True), (["support"], False)]
    assert all(change["what"] == "allowed" for change in changes)


def test_a_fact_with_another_meaning_cannot_be_compared(checkout: Path) -> None:
    schema = checkout / "fixtures" / "schema.yaml"
    text = schema.read_text()
    schema.write_text(
        text.replace("via_proxy: {type: boolean, default: false}", "via_proxy: boolean")
    )

    result = _diff(str(ROOT), ".")

    assert result.exit_code == 2
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "what could be compared is decided as before; 1 action could not be compared;"
        " 2 declared differently"
    )
    assert "declared: `default` of member `via_proxy` of the context was false, now empty" in lines
    cause = "`default` of `context.via_proxy` changes"
    assert f"not compared: `create` on a `invitation`: {cause}" in lines


def test_another_list_in_the_settings_is_a_difference(checkout: Path) -> None:
    settings = checkout / "fixtures" / "personal_email_settings.yaml"
    settings.write_text(settings.read_text().replace("  - aol.com\n", ""))

    result = _diff(str(ROOT), ".")

    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("actions: 1 newly allowed; ")
    assert "newly allowed: create on invitation, for user" in lines
    assert lines[-1] == "declared: member `aol.com` of setting `personal_email_domains` is gone"


def test_another_route_of_gateways_is_a_difference(checkout: Path) -> None:
    routes = checkout / "fixtures" / "routes.yaml"
    text = routes.read_text()
    text = text.replace("billing: {action: billing.edit", "billing: {action: billing.view")
    text = text.replace("  GET /accounts/{account}/logs:", "  HEAD /accounts/{account}/logs:")
    routes.write_text(text.replace("header: x-user-id", "header: x-user"))

    result = _diff(str(ROOT), ".")

    assert result.exit_code == 1
    logs, row = "/accounts/{account}/logs", "action logs.view, resource account:{account}"
    billing = "route `PUT /accounts/{account}/billing`"
    assert result.stdout.splitlines()[-4:] == [
        "declared: `header` of the subject of routes was x-user-id, now x-user",
        f"declared: `action` of {billing} was billing.edit, now billing.view",
        f"declared: route `HEAD {logs}` is new: {row}",
        f"declared: route `GET {logs}` is gone: {row}",
    ]


def test_a_lost_obligation_is_a_difference(checkout: Path) -> None:
    file = checkout / "policies" / "membership.polar"
    rule = 'oblige(_: User, _: Action{name: "remove"}, _: Membership, "confirm_irreversible");\n'
    assert rule in file.read_text()
    file.write_text(file.read_text().replace(rule, ""))

    result = _diff(str(ROOT), ".")

    assert result.exit_code == 1
    assert "no longer obliged (confirm_irreversible): remove on membership" in result.stdout


def test_a_pull_request_is_told_in_markdown(checkout: Path) -> None:
    _widen(checkout)
    file = checkout / "policies" / "account.polar"
    condition = "  account.contract = settings.required_contract and\n"
    assert file.read_text().count(condition) == 1
    file.write_text(file.read_text().replace(condition, ""))

    output = _diff(
        str(ROOT), ".", "--markdown", "--data", "fixtures/worlds/demo", "--at", AT
    ).stdout

    assert output.startswith("**Access:** actions: ")
    assert "Rule `plan_holds(account)` now also holds" in output
    assert "**Newly allowed**: `credentials.view` on account, for user" in output
    assert "| gains | `user:sue` | `credentials.view account:acme` |" in output
