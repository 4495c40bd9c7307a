"""How old facts may be, on files: what a caller who says so is told when the mount goes bad."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.e2e.running import EDIT, Sidecar, until, write

pytestmark = pytest.mark.e2e

FRESH = {**EDIT, "max_age": 2}


def reasons(sidecar: Sidecar, said: Mapping[str, object]) -> list[str]:
    status, told = sidecar.ask("/v1/authorize", said)
    assert status == 200
    return [each["code"] for each in told["reasons"]]


def told_by_each(sidecar: Sidecar, said: Mapping[str, object]) -> list[list[str]]:
    return sidecar.each(lambda: reasons(sidecar, said))


def test_while_the_mount_cannot_be_taken_nothing_is_allowed_from_facts_that_grew_old(
    sidecar: Sidecar,
) -> None:
    users = sidecar.data / "users.yaml"
    good = users.read_text()
    until(lambda: told_by_each(sidecar, FRESH) == [[], []])

    write(users, "[{id: ana")
    until(lambda: told_by_each(sidecar, FRESH) == [["stale_data"], ["stale_data"]])
    whoever_says_nothing = told_by_each(sidecar, EDIT)
    write(users, good)

    assert whoever_says_nothing == [[], []]
    until(lambda: told_by_each(sidecar, FRESH) == [[], []])
