"""Every process is killed again and again: no decision that a caller was given is missing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.e2e.killing import kill_often

pytestmark = pytest.mark.e2e

KILLS = int(os.environ.get("STRESS_KILLS") or 100)  # noqa: TID251  the tests' own


def test_every_decision_that_was_told_is_in_the_log_and_its_chains_are_whole(root: Path) -> None:
    outcome = kill_often(root, KILLS)

    verification = outcome.verification
    sys.stdout.write(
        f"\n{outcome.kills} kills: {len(outcome.told)} decisions told, {len(outcome.logged)} in"
        f" {outcome.files} files, {len(verification.chains)} chains, {verification.torn} torn\n"
    )
    assert set(outcome.told) <= set(outcome.logged)
    assert len(outcome.logged) == len(set(outcome.logged))
    assert verification.faults == []
    assert list(verification.doubts) == []
    assert outcome.kills == KILLS
