"""`sidecar replay`: a decision log asked again of other policies, and what it tells."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.http import create_app
from sidecar.reload import Places, Reloading
from sidecar.review.replay import Outcome, replay

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
KEY = b"a key for tests that is long"


@dataclass
class Logged:
    """A sidecar with the shipped pack and a decision log, and another pack to try."""

    client: FlaskClient
    directory: Path

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def ask(self, subject: str, action: object, resource: object, **rest: object) -> None:
        said = {"subject": subject, "action": action, "resource": resource, **rest}
        assert self.client.post("/v1/authorize", json=said).status_code == 200

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.directory / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def rule(self, text: str) -> None:
        with (self.directory / "policies" / "account.polar").open("a") as file:
            file.write(text + "\n")

    def replay(self, *args: str) -> Result:
        pack = [f"--{name}={self.directory / name}" for name in ("policies", "fixtures")]
        return CliRunner().invoke(main, ["replay", str(self.log), *pack, *args])

    def told(self) -> Mapping[str, object]:
        found: Mapping[str, object] = json.loads(self.replay("--json").stdout)
        return found


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Logged]:
    shipped = Settings()
    for place in (shipped.policies, shipped.fixtures):
        shutil.copytree(place, tmp_path / place.name)
    reloading = Reloading(Places(shipped.policies, shipped.fixtures, shipped.mount()))
    reloading.load()
    file = LineFile(str(tmp_path / "log"))
    log = DecisionLog(file, Hashing(KEY), OnFailure.REFUSE)
    yield Logged(create_app(reloading, lambda: NOW, log=log).test_client(), tmp_path)
    file.close()


def invite(email: str) -> dict[str, object]:
    properties = {"account": "acme", "email": email, "role": "support"}
    return {"type": "invitation", "id": "new", "properties": properties}


def test_the_same_policies_change_nothing(logged: Logged) -> None:
    for subject in ("user:ana", "user:sue", "user:mallory", "user:nobody", "robot:r2"):
        logged.ask(subject, "cards.view", "account:acme")
    logged.ask("user:ana", "fly", "account:acme")
    logged.ask("user:ana", "create", invite("zoe@gmail.com"))

    result = logged.replay()

    total = "0 of 7 decisions change, 7 stay as they are, 0 cannot be judged\n"
    assert (result.exit_code, result.stdout) == (EXIT_YES, total)


def test_equal_changes_are_printed_as_one_with_their_lines(logged: Logged) -> None:
    for subject in ("user:sue", "user:finn", "user:mallory") * 3:
        logged.ask(subject, "cards.view", "account:acme")
    logged.rule('forbid(_: User, _: Action{name: "cards.view"}, _: Account, "via_proxy");')

    result = logged.replay()

    asked = "user cards.view account"
    assert result.exit_code == EXIT_NO
    assert result.stdout.splitlines() == [
        "9 of 9 decisions change, 0 stay as they are, 0 cannot be judged",
        f"6 lines: {asked}: was allowed, now denied: via_proxy (lines 1, 2, 4, 5, 7, …)",
        f"3 lines: {asked}: was denied: not_granted, now denied: via_proxy (lines 3, 6, 9)",
    ]


def test_a_fact_that_the_old_policies_never_read_is_named(logged: Logged) -> None:
    logged.ask("user:ana", "cards.view", "account:acme")
    logged.rule(
        'forbid(_: User, _: Action{name: "cards.view"}, account: Account, "via_proxy") if\n'
        "  account.monthly_commitment > 5000;"
    )

    told = logged.told()

    assert told["unjudged"] == [
        {
            "subject": "user",
            "action": "cards.view",
            "resource": "account",
            "what": "decision",
            "missing": ["`resource.monthly_commitment`"],
            "lines": 1,
            "first": [1],
        }
    ]


def test_properties_that_no_rule_read_are_known(logged: Logged) -> None:
    for context in ({"via_proxy": True}, {"via_proxy": False}, {}):
        logged.ask("user:ana", "cards.view", "account:acme", context=context)
    logged.rule(
        'forbid(_: User, _: Action{name: "cards.view"}, _: Account, "via_proxy") if\n'
        "  context.via_proxy = true;"
    )

    result = logged.replay()

    assert "1 of 3 decisions change, 2 stay as they are, 0 cannot be judged" in result.stdout


def test_the_time_of_a_line_is_that_of_its_decision(logged: Logged) -> None:
    logged.ask("user:ana", "cards.view", "account:acme")
    logged.edit("fixtures/schema.yaml", "settings:", "settings:\n  since: instant\n")
    since = "since: 2026-12-01T12:00:00Z\n"
    logged.edit("fixtures/settings.yaml", "minimum_commitment", f"{since}minimum_commitment")
    logged.rule(
        'forbid(_: User, _: Action{name: "cards.view"}, _: Account, "via_proxy") if\n'
        "  context.now >= settings.since;"
    )

    at = logged.replay()
    logged.edit("fixtures/settings.yaml", "12:00:00Z", "12:00:00.000001Z")
    before = logged.replay()

    assert (at.exit_code, before.exit_code) == (EXIT_NO, EXIT_YES)


def test_a_test_of_another_list_in_the_settings_decides_nothing(logged: Logged) -> None:
    logged.ask("user:ana", "create", invite("zoe@work.example"))
    logged.edit(
        "fixtures/personal_email_settings.yaml", "  - aol.com\n", "  - aol.com\n  - work.example\n"
    )
    (logged.directory / "key").write_bytes(KEY)

    without = logged.replay()
    with_key = logged.replay("--decision-log-key", str(logged.directory / "key"))

    assert "not recorded: `resource.email.domain`, of which it holds a hash" in without.stdout
    assert "was allowed, now denied: personal_email" in with_key.stdout


def test_a_literal_is_compared_with_a_hash_by_its_key_and_no_other(logged: Logged) -> None:
    logged.ask("user:ana", "create", invite("zoe@work.example"))
    logged.rule(
        'forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "via_proxy") if\n'
        '  invitation.email = "zoe@work.example";'
    )
    (logged.directory / "key").write_bytes(KEY)
    (logged.directory / "other").write_bytes(KEY[::-1])

    without = logged.replay()
    other = logged.replay("--decision-log-key", str(logged.directory / "other"))
    with_key = logged.replay("--decision-log-key", str(logged.directory / "key"))

    assert "0 of 1 decisions change, 0 stay as they are, 1 cannot be judged" in without.stdout
    assert other.stdout == without.stdout
    assert "was allowed, now denied: via_proxy" in with_key.stdout


def test_hashes_of_different_attributes_are_compared_by_the_line(
    logged: Logged,
) -> None:
    """`invitation.email = user.email` is asked of two hashes that never are the same."""
    logged.ask("user:cy", "accept", "invitation:inv-7")
    logged.ask("user:dora", "accept", "invitation:inv-7")
    lines = [json.loads(line) for line in logged.log.read_text().splitlines()]
    for line in lines:
        hashes = [fact["hash"] for fact in line["facts"] if "hash" in fact]
        assert len(set(hashes)) == 2
        del line["rules"]  # by which it would be known without its facts
    logged.log.write_text("".join(json.dumps(line) + "\n" for line in lines))

    result = logged.replay()

    assert "0 of 2 decisions change, 2 stay as they are, 0 cannot be judged" in result.output


def test_an_unchanged_rule_is_judged_without_the_key(logged: Logged) -> None:
    rule = (
        'forbid(_: User, _: Action{name: "create"}, invitation: Invitation, "via_proxy") if\n'
        '  invitation.email = "zoe@work.example";'
    )
    logged.rule(rule)
    places = Places(
        logged.directory / "policies", logged.directory / "fixtures", Settings().mount()
    )
    reloading = Reloading(places)
    reloading.load()
    file = LineFile(str(logged.log))
    log = DecisionLog(file, Hashing(KEY), OnFailure.REFUSE)
    logged.client = create_app(reloading, lambda: NOW, log=log).test_client()
    logged.ask("user:ana", "create", invite("zoe@work.example"))
    logged.edit("policies/account.polar", rule, rule + "\n# the same")

    result = logged.replay()

    file.close()
    assert "0 of 1 decisions change, 1 stay as they are, 0 cannot be judged" in result.output


def test_a_line_of_another_schema_is_counted_and_not_judged(logged: Logged) -> None:
    logged.ask("user:ana", "cards.view", "account:acme")
    logged.edit("fixtures/schema.yaml", "context:", "context:\n  device: string")

    result = logged.replay()

    headline, line = result.stdout.splitlines()
    assert result.exit_code == EXIT_TROUBLE
    assert headline.startswith("incomplete, no line could be judged: 0 of 0 decisions change")
    assert line == "1 line: not judged: written under another schema (line 1)"


def test_searches_are_counted_and_torn_lines_named_and_the_others_go_on(logged: Logged) -> None:
    logged.client.post("/v1/permissions", json={"subject": "user:sue", "resource": "account:acme"})
    logged.ask("user:ana", "cards.view", "account:acme")
    whole = logged.log.read_text().splitlines()[1]
    fact = '{"exists":"subject","answer":true}'
    lies = (
        whole.replace(fact, f"{fact},{fact.replace('true', 'false')}"),
        whole.replace(fact, '{"x":1}'),
    )
    logged.log.write_text("\n".join((logged.log.read_text() + whole[:90], "hello", *lies, whole)))

    result = logged.replay()

    assert result.exit_code == EXIT_TROUBLE
    headline, *rest = result.stdout.splitlines()
    assert headline.startswith("incomplete, 5 of 7 lines could not be judged: 0 of 2 decisions")
    assert rest == [
        "1 line: not judged: lists of permissions (line 1)",
        "4 lines: cannot be read (lines 3, 4, 5, 6)",
    ]
    told = result.stderr.splitlines()[1:]
    assert [line.partition(" is ")[0].partition(" has ")[0] for line in told[:2]] == [
        "error: line 3",
        "error: line 4",
    ]
    assert told[2] == "error: line 5 contradicts itself about `subject`"
    assert told[3].startswith("error: line 6 has a fact that cannot be read")


def test_stale_denials_are_counted_and_not_judged(logged: Logged) -> None:
    logged.ask("user:ana", "cards.view", "account:acme")
    text = logged.log.read_text()
    stale = text.replace(
        '"decision":true,"reasons":[]', '"decision":false,"reasons":["stale_data"]'
    )
    logged.log.write_text(stale)

    assert "1 line: not judged: denied as stale" in logged.replay().stdout


def test_denials_because_of_a_bad_row_are_counted_and_not_judged(logged: Logged) -> None:
    rows = logged.directory / "data"
    shutil.copytree(Settings().mount(), rows)
    memberships = rows / "memberships.yaml"
    memberships.write_text(memberships.read_text().replace("role: developer", "role: emperor", 1))
    policies, fixtures = logged.directory / "policies", logged.directory / "fixtures"
    reloading = Reloading(Places(policies, fixtures, rows, takes_bad_rows=True))
    reloading.load()
    file = LineFile(str(logged.log))
    log = DecisionLog(file, Hashing(KEY), OnFailure.REFUSE)
    logged.client = create_app(reloading, lambda: NOW, log=log).test_client()
    logged.ask("user:ana", "numbers.edit", "account:acme")
    logged.ask("user:dora", "cards.view", "account:acme")
    file.close()

    result = logged.replay()

    assert result.stdout.splitlines() == [
        "0 of 1 decisions change, 1 stay as they are, 0 cannot be judged",
        "1 line: not judged: denied because of a row that does not fit the schema (line 2)",
    ]
    assert result.exit_code == EXIT_YES


@pytest.mark.parametrize("log", ["", "hello\n"])
def test_a_log_without_judged_lines_is_an_error(logged: Logged, log: str) -> None:
    logged.log.write_text(log)

    result = logged.replay()

    assert result.exit_code == EXIT_TROUBLE
    assert result.stdout.startswith("incomplete, no line could be judged: 0 of 0 decisions change")
    assert logged.told()["complete"] is False


DEAR = """forbid(_: User, _: Action{name: "cards.view"}, account: Account, "via_proxy") if
  account.monthly_commitment > 5000;"""


def test_unjudged_lines_have_precedence_over_changes(logged: Logged) -> None:
    logged.ask("user:ana", "cards.view", "account:acme")
    logged.ask("user:ana", "switch", "account:acme")
    logged.rule(f'{DEAR}\nforbid(_: User, _: Action{{name: "switch"}}, _: Account, "via_proxy");')

    result = logged.replay()

    assert result.exit_code == EXIT_TROUBLE
    assert result.stdout.startswith("incomplete, 1 of 2 lines could not be judged: 1 of 2")
    assert logged.told()["not_judged"] == 1


def test_a_mount_supplies_facts_that_the_log_does_not_hold_and_they_are_marked(
    logged: Logged,
) -> None:
    logged.ask("user:ana", "cards.view", "account:acme")
    logged.rule(DEAR)
    world = logged.directory / "fixtures" / "worlds" / "demo"

    same = logged.replay("--data", str(world))
    logged.edit("policies/account.polar", "> 5000", "> 10")
    changed = logged.replay("--data", str(world))
    told = json.loads(logged.replay("--data", str(world), "--json").stdout)
    logged.edit(
        "fixtures/worlds/demo/accounts.yaml", "id: acme, owner: ana", "id: acme, owner: bob"
    )
    another = logged.replay("--data", str(world))

    facts = "`resource.monthly_commitment` from --data"
    assert same.stdout.splitlines() == [
        "0 of 1 decisions change, 1 stay as they are, 0 cannot be judged",
        f"1 line: stay as they are, with {facts} (line 1)",
    ]
    assert f"was allowed, now denied: via_proxy; with {facts} (line 1)" in changed.output
    assert told["changes"][0]["facts_from_data"] == ["`resource.monthly_commitment`"]
    assert (same.exit_code, changed.exit_code) == (EXIT_YES, EXIT_NO)
    assert another.exit_code == EXIT_NO  # the account is the one of the line, whoever owns it now


def test_a_mount_that_contradicts_the_line_supplies_nothing(logged: Logged) -> None:
    logged.ask("user:cy", "accept", "invitation:inv-7")
    logged.rule(
        'forbid(user: User, _: Action{name: "accept"}, invitation: Invitation, "via_proxy") if\n'
        "  not invitation.account.owner = user;"
    )
    world = logged.directory / "fixtures" / "worlds" / "demo"

    agreeing = logged.replay("--data", str(world))
    invitations = world / "invitations.yaml"
    moved = re.sub(r"(id: inv-7, account: )\w+", r"\1oak", invitations.read_text())
    invitations.write_text(moved)
    moved_away = logged.replay("--data", str(world))

    assert agreeing.exit_code == EXIT_NO
    assert moved_away.exit_code == EXIT_TROUBLE
    assert "`resource.account.owner`" in moved_away.output


def test_changes_are_printed_as_markdown_and_json(logged: Logged) -> None:
    logged.ask("user:ana", "remove", "membership:acme/bob")
    rule = 'oblige(_: User, _: Action{name: "remove"}, _: Membership,'
    logged.edit("policies/membership.polar", rule, rule.replace("remove", "restore"))

    printed = logged.replay("--markdown").stdout.splitlines()

    was = "allowed and obliged to confirm_irreversible"
    assert printed[0].startswith("1 of 1 decisions change")
    assert printed[4] == f"| 1 | user remove membership | {was} | allowed | 1 |"
    policy = (
        Reloading(
            Places(logged.directory / "policies", logged.directory / "fixtures", Settings().mount())
        )
        .load()
        .policy
    )
    with logged.log.open("rb") as log:
        ((change, lines),) = replay(log, policy).changes.items()
    assert (change.after, lines.count) == (Outcome(allowed=True, codes=()), 1)
