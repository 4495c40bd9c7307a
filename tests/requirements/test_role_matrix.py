"""R4, cell by cell: the compiled policy against the table of the requirement."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Reference, Request
from tests.paths import ROOT, TESTS

WITH_ROLE = {
    "owner": "ana",
    "admin": "bob",
    "developer": "dora",
    "finance_analyst": "finn",
    "support": "sue",
}
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ONLY_NAMED = {"land", "create", "transfer"}
"""Actions on accounts that R15, R18 and R3 decide, and not the matrix."""


def _cells() -> list[tuple[str, str, bool]]:
    """Return permission, role and expectation of each cell of the table."""
    with (TESTS / "role_matrix.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    cells = [(row["permission"], role, row[role]) for row in rows for role in WITH_ROLE]
    assert {value for _, _, value in cells} == {"yes", "no"}
    return [(permission, role, value == "yes") for permission, role, value in cells]


@pytest.fixture(scope="module")
def pack() -> tuple[Policy, Snapshot]:
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    return policy, read_directory(policy.schema, ROOT / "fixtures" / "worlds" / "demo")


@pytest.mark.parametrize(("permission", "role", "allowed"), _cells())
def test_compiled_policy_agrees_with_the_cell_of_the_role_matrix(
    pack: tuple[Policy, Snapshot], permission: str, role: str, *, allowed: bool
) -> None:
    policy, snapshot = pack
    request = Request(
        subject=Reference("user", WITH_ROLE[role]),
        action=permission,
        resource=Reference("account", "acme"),
    )

    decision = authorize(request, policy, snapshot, NOW)

    assert decision.allowed is allowed
    assert [reason.code for reason in decision.reasons] == ([] if allowed else ["not_granted"])


def test_role_matrix_names_every_action_of_accounts_that_a_role_gives(
    pack: tuple[Policy, Snapshot],
) -> None:
    actions = set(pack[0].schema.types["account"].actions)

    assert {permission for permission, _, _ in _cells()} == actions - ONLY_NAMED
