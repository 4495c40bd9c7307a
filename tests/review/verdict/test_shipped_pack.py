"""Twenty planted edits of the shipped pack, as a reviewer sees them: verdict, first lines, length.

The expected verdicts follow from the requirements that the comments of the pack name (R1 to R21).
One is tried in `make test`, all of them in `make deep`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from tests.depth import deep
from tests.paths import ROOT

ACCOUNT, MEMBERSHIP = "policies/account.polar", "policies/membership.polar"
INVITATION, SCHEMA = "policies/invitation.polar", "fixtures/schema.yaml"
NO_CHANGE, NARROWS, WIDENS, BREAKS = "NO CHANGE", "NARROWS", "WIDENS", "BREAKS AN INVARIANT"
STATUS = {NO_CHANGE: 0, NARROWS: 0, WIDENS: 1, BREAKS: 1}
MOST_LINES, FIRST = 60, 10


@dataclass(frozen=True)
class Planted:
    """One edit, the verdict, and the words that stand in the first ten lines."""

    name: str
    verdict: str
    file: str
    was: str
    now: str
    says: str


EDITS = [
    Planted(
        "R4: support no longer sees the logs",
        NARROWS,
        ACCOUNT,
        '"logs.view" if "support";',
        "",
        "`logs.view` on Account is no longer given to `support`",
    ),
    Planted(
        "R4: support sees credentials",
        BREAKS,
        ACCOUNT,
        '"credentials.view" if "developer";',
        '"credentials.view" if "developer"; "credentials.view" if "support";',
        "`credentials.view` on Account is now given to `support`",
    ),
    Planted(
        "R4: a permission that admin and owner have through finance analysts is gone",
        BREAKS,
        ACCOUNT,
        '  "cards.edit" if "finance_analyst";\n',
        "\n",
        "`cards.edit` on Account is no longer given to `finance_analyst`",
    ),
    Planted(
        "R8: a removed membership works again",
        BREAKS,
        ACCOUNT,
        '  membership.status = "active" and\n  membership.role',
        "  membership.role",
        'no longer needs `membership.status = "active"`',
    ),
    Planted(
        "R5: a lower minimum lets more accounts work",
        WIDENS,
        "fixtures/settings.yaml",
        "minimum_commitment: 750.00",
        "minimum_commitment: 500.00",
        "setting `minimum_commitment` was 750, now 500",
    ),
    Planted(
        "R5: the minimum itself is no longer enough; landing elsewhere is then newly allowed (R18)",
        WIDENS,
        ACCOUNT,
        "monthly_commitment >= settings",
        "monthly_commitment > settings",
        "now needs `account.monthly_commitment > settings.minimum_commitment`",
    ),
    Planted(
        "R9: a personal provider is no longer one",
        WIDENS,
        "fixtures/personal_email_settings.yaml",
        "  - gmail.com\n",
        "",
        "member `gmail.com` of setting `personal_email_domains` is gone",
    ),
    Planted(
        "R13: an invitation holds at the instant at which it expires",
        BREAKS,
        INVITATION,
        "invitation.expires_at <= context.now",
        "invitation.expires_at < context.now",
        "now needs `invitation.expires_at < context.now`",
    ),
    Planted(
        "R3: a member may be given the role owner",
        BREAKS,
        SCHEMA,
        "      change_role:\n        properties:\n"
        "          role: {type: role, only: [admin, developer, finance_analyst, support]}\n"
        "      remove",
        "      change_role:\n        properties:\n          role: role\n      remove",
        "`only` of property `role` of action `change_role` of type `membership`",
    ),
    Planted(
        "R8: a removal needs no confirmation",
        BREAKS,
        MEMBERSHIP,
        'oblige(_: User, _: Action{name: "remove"}, _: Membership, "confirm_irreversible");\n',
        "",
        "obligation `confirm_irreversible` on Membership: a rule is gone",
    ),
    Planted(
        "R12: what was accepted or revoked can be accepted",
        BREAKS,
        INVITATION,
        'not invitation.status = "pending"',
        'invitation.status = "pending"',
        'now needs `invitation.status = "pending"`, before `not invitation.status = "pending"`',
    ),
    Planted(
        "R18: whoever owns an account may land on another",
        WIDENS,
        ACCOUNT,
        "  user.owned_account.exists = false and\n",
        "",
        "no longer needs `user.owned_account.exists = false`",
    ),
    Planted(
        "an address is no longer sensitive",
        WIDENS,
        SCHEMA,
        "email: {type: email, sensitive: true}",
        "email: email",
        "`sensitive` of attribute `email` of type `user` was true, now false",
    ),
    Planted(
        "a kind of contract that no rule names",
        NO_CHANGE,
        SCHEMA,
        "contract: [annual, monthly, none]",
        "contract: [annual, biennial, monthly, none]",
        "value `biennial` of enum `contract` is new",
    ),
    Planted(
        "R14: a sentence is reworded",
        NO_CHANGE,
        "fixtures/reasons.yaml",
        "A removal cannot be undone",
        "Removing cannot be undone",
        "reason `irreversible` was",
    ),
    Planted(
        "R8: restoring is denied by no rule, and granted by none",
        NO_CHANGE,
        MEMBERSHIP,
        'forbid(_: User, _: Action{name: "restore"}, _: Membership, "irreversible");\n',
        "",
        "prohibition `irreversible` on Membership: a rule is gone",
    ),
    Planted(
        "a helper is extracted",
        NO_CHANGE,
        ACCOUNT,
        '  membership.status = "active" and\n  membership.role = role and\n  plan_holds(account);',
        "  is_active(membership) and\n  membership.role = role and\n  plan_holds(account);\n\n"
        'is_active(membership: Membership) if membership.status = "active";',
        "rule `is_active` on Membership",
    ),
    Planted(
        "a rule has another name, which invariants do not know yet",
        NO_CHANGE,
        ACCOUNT,
        "plan_holds",
        "plan_is_good",
        "rule `plan_holds` on Account is now rule `plan_is_good` on Account",
    ),
    Planted(
        "an invariant is gone",
        WIDENS,
        "policies/invariants.yaml",
        "  - name: nobody but owner, admin and developer can ever see or edit credentials\n"
        "    never:\n"
        "      resource: account\n"
        "      action: credentials.*\n"
        "      unless: role in [owner, admin, developer]\n",
        "",
        "invariant is gone: nobody but owner, admin and developer can ever see or edit",
    ),
    Planted(
        "a suite checks a reason no longer",
        WIDENS,
        "policies/number_test.yaml",
        "      finn: {all: not_granted}\n",
        "",
        "suite case `who may view or edit an account's numbers",
    ),
]


@pytest.mark.many  # each command looks at all states
@pytest.mark.parametrize(
    "planted",
    EDITS[:1] if deep(1) == 1 else EDITS,
    ids=lambda planted: planted.name,
)
def test_the_verdict_is_right_and_the_edit_is_named_at_once(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("policies", "fixtures"):
        shutil.copytree(ROOT / name, tmp_path / name)
    file = tmp_path / planted.file
    text = file.read_text()
    assert planted.was in text
    file.write_text(text.replace(planted.was, planted.now))
    monkeypatch.setenv("COLUMNS", "100")

    result = CliRunner().invoke(
        main, ["review", str(ROOT), str(tmp_path), "--at", "2026-12-01T12:00:00Z"]
    )

    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{planted.verdict}: "), result.stdout
    assert result.exit_code == STATUS[planted.verdict]
    assert planted.says in " ".join(" ".join(lines[:FIRST]).split())
    assert len(lines) <= MOST_LINES
