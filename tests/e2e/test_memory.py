"""A sidecar with too little memory for its facts says so, and goes on when it gets more."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
import yaml

from tests.e2e.running import EDIT, Sidecar, serving, until

pytestmark = pytest.mark.e2e

USERS = 40_000


def followers(sidecar: Sidecar) -> list[int]:
    children = Path(f"/proc/{sidecar.process.pid}/task/{sidecar.process.pid}/children").read_text()
    return sorted({int(pid) for pid in children.split()} - set(sidecar.workers()))


def limit(sidecar: Sidecar, spare: int) -> None:
    """Give the follower, and what it starts, so much memory beside what it uses."""
    (pid,) = followers(sidecar)
    (line,) = [
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmData")
    ]
    used = 1024 * int(line.split()[1])
    resource.prlimit(pid, resource.RLIMIT_DATA, (used + spare, resource.RLIM_INFINITY))


def test_a_first_reading_without_enough_memory_is_reported_and_tried_again(root: Path) -> None:
    users, twice = root / "data" / "users.yaml", root / "data" / "accounts.jsonl"
    rows = yaml.safe_load(users.read_text())
    rows += [{"id": f"more{n}", "email": f"more{n}@x.example"} for n in range(USERS)]
    twice.write_text("{}\n")  # a fault, so that there are no facts yet
    with serving(root, "--store", "store", workers=1) as sidecar:
        until(lambda: "accounts" in json.dumps(sidecar.ready()[1]["problems"]))
        limit(sidecar, 4 << 20)
        users.unlink()
        users.with_suffix(".jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        twice.unlink()

        until(lambda: "give the sidecar more memory" in json.dumps(sidecar.ready()[1]["problems"]))
        problems = json.dumps(sidecar.ready()[1]["problems"])
        assert "tried again in" in problems
        assert sidecar.ready()[0] == 503
        assert "give the sidecar more memory" in sidecar.log()

        (pid,) = followers(sidecar)
        resource.prlimit(pid, resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)

        until(lambda: sidecar.ready()[0] == 200)
        assert sidecar.ask("/v1/authorize", EDIT)[1]["decision"] is True
        assert followers(sidecar) == [pid], "nothing was started again"
