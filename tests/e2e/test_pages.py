"""Pages of searches across workers and restarts: whose key lives on, whose tokens do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Sidecar, serving, start
from tests.patience import PATIENCE

pytestmark = pytest.mark.e2e

PATH = "/access/v1/search/subject"
ASKED = {
    "subject": {"type": "user"},
    "action": {"name": "switch"},
    "resource": {"type": "account", "id": "acme"},
}


def first(sidecar: Sidecar) -> str:
    _, told = sidecar.ask(PATH, {**ASKED, "page": {"limit": 1}})
    token: str = told["page"]["next_token"]
    return token


def answers(sidecar: Sidecar, token: str, times: int = 1) -> list[tuple[int, Any]]:
    return [sidecar.ask(PATH, {**ASKED, "page": {"token": token}}) for _ in range(times)]


def test_every_worker_takes_the_tokens_of_every_other(root: Path) -> None:
    with serving(root, workers=3) as sidecar:
        told = [answers(sidecar, first(sidecar), 5) for _ in range(6)]

    assert {status for each in told for status, _ in each} == {200}
    assert all(answer == told[0][0] for each in told for answer in each)


def test_after_a_restart_callers_begin_again(root: Path) -> None:
    with serving(root) as before:
        token = first(before)
    with serving(root) as after:
        ((status, told),) = answers(after, token)

    assert (status, told["decision"], told["error"]["member"]) == (400, False, "page.token")


def test_with_a_key_of_its_own_tokens_outlive_a_restart(root: Path) -> None:
    key = root / "key"
    key.write_bytes(b"0123456789abcdef" * 2)
    with serving(root, "--page-key", str(key)) as before:
        token = first(before)
        ((_, expected),) = answers(before, token)
    with serving(root, "--page-key", str(key)) as after:
        ((status, told),) = answers(after, token)

    assert (status, told["results"]) == (200, expected["results"])


@pytest.mark.parametrize("key", ["none", "short"])
def test_a_key_that_cannot_be_used_is_trouble(root: Path, key: str) -> None:
    (root / "short").write_bytes(b"guess me")

    process = start(root, "--port", "0", "--page-key", key)

    assert process.wait(PATIENCE) == 2
    assert (root / "log").read_text().startswith(f"error: the key `{key}` ")
