"""How old facts may be, on files: what callers are told when the mount goes bad."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.running import EDIT, Sidecar, serving, start, until, write
from tests.patience import PATIENCE

pytestmark = pytest.mark.e2e

BOUND = 3.0
LONG = {
    "subject": {"type": "user", "id": "ana"},
    "action": {"name": "numbers.edit"},
    "resource": {"type": "account", "id": "acme"},
}


def reasons(sidecar: Sidecar, path: str, said: Mapping[str, object], **headers: str) -> list[str]:
    status, told = sidecar.ask(path, said, **headers)
    assert status == 200
    return [each["code"] for each in told.get("context", told)["reasons"]]


def test_while_the_mount_cannot_be_taken_nothing_is_allowed_from_facts_that_grew_old(
    root: Path,
) -> None:
    def each(path: str, said: Mapping[str, object], **headers: str) -> list[list[str]]:
        return sidecar.each(lambda: reasons(sidecar, path, said, **headers))

    def each_within(seconds: float) -> list[list[str]]:
        headers = {"Sidecar-Max-Age": str(seconds)}
        return sidecar.each(lambda: reasons(sidecar, "/access/v1/evaluation", LONG, **headers))

    native, standard = ("/v1/authorize", EDIT), ("/access/v1/evaluation", LONG)
    allowed: list[list[str]] = [[], []]
    stale = [["stale_data"], ["stale_data"]]
    with serving(root, "--max-staleness", str(BOUND)) as sidecar:
        users = sidecar.data / "users.yaml"
        good = users.read_text()
        until(lambda: each(*native) == each(*standard) == allowed)
        until(lambda: each_within(BOUND / 2) == allowed)

        users.unlink()
        os.mkfifo(users)  # nobody must wait for its writer
        until(lambda: each_within(BOUND / 2) == stale)
        until(lambda: sidecar.each(lambda: sidecar.ready()[0]) == [503, 503])
        until(lambda: each(*native) == stale)  # one worker makes all of them say 503
        beyond = (each(*native), each(*standard))
        asked = {"subject": "user:ana", "resource": "account:acme"}
        listed = sidecar.each(lambda: sidecar.ask("/v1/permissions", asked))
        problems = [each["message"] for each in sidecar.ready()[1]["problems"]]
        write(users, good)

        assert beyond == (stale, stale)
        assert [(status, told["decision"]) for status, told in listed] == [(503, False)] * 2
        assert problems[0] == "cannot be read: it is not a regular file"
        assert problems[1].startswith("nobody has seen for ")
        until(lambda: each(*native) == each(*standard) == allowed)
        until(lambda: sidecar.each(lambda: sidecar.ready()[0]) == [200, 200])


def test_a_bound_below_the_time_between_two_looks_is_trouble(root: Path) -> None:
    status = start(root, "--max-staleness", "0.1", "--port", "0").wait(PATIENCE)

    assert status == 2
    assert "say more than `--reload-seconds 0.1`" in (root / "log").read_text()
