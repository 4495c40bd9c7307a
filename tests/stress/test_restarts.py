"""Restarts and policy reloads under load: no request fails, and no answer is wrong."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.running import Sidecar, serving, until, write
from tests.stress.load import ALWAYS, REQUESTS, Load, asked, is_right, is_sound, load, tell

pytestmark = pytest.mark.e2e

RESTARTS = 5
RELOADS = 20


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until_gone(workers: list[int]) -> None:
    until(lambda: not any(lives(worker) for worker in workers))


def test_workers_are_replaced_under_load_and_no_request_fails(root: Path) -> None:
    with serving(root) as sidecar, load(sidecar.port, ALWAYS) as clients:
        for number in range(1, RESTARTS + 1):
            clients.reach(REQUESTS * number / RESTARTS)
            old = sidecar.workers()
            sidecar.process.send_signal(signal.SIGHUP)
            until_gone(old)

    tell(f"{RESTARTS} restarts of the workers", clients)
    assert is_sound(clients)
    assert clients.answered >= REQUESTS


def test_the_master_is_replaced_under_load_and_no_request_fails(root: Path) -> None:
    """As at an upgrade: the new one is started with SIGUSR2, and the old one then stopped."""
    with serving(root) as sidecar, load(sidecar.port, ALWAYS) as clients:
        old = sidecar.process.pid
        sidecar.process.send_signal(signal.SIGUSR2)
        until(lambda: len(sidecar.workers()) == 4)
        new = _parent(sidecar.workers()[-1])
        assert new != old
        try:
            clients.reach(REQUESTS / 2)
            sidecar.process.terminate()
            assert sidecar.process.wait() == 0
            clients.reach(REQUESTS)
        finally:
            os.kill(new, signal.SIGTERM)

    tell("a new master", clients)
    assert is_sound(clients)


def _parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(status[1])


def test_policies_are_reloaded_under_load_and_every_answer_is_that_of_its_revision(
    root: Path,
) -> None:
    """Each version lets exactly one of two strangers see the team.

    Once all workers have taken one, an answer of another one is wrong.
    """
    strangers = {name: asked(name, "team.view") for name in ("mallory", "rex")}
    with serving(root) as sidecar:
        revisions = [_reload(sidecar, 0)]
        with load(sidecar.port, {**ALWAYS, **strangers}) as clients:
            for number in range(1, RELOADS + 1):
                clients.reach(REQUESTS * number / (RELOADS + 1))
                clients.begin_phase()
                revisions.append(_reload(sidecar, number))
                clients.begin_phase()
            clients.reach(REQUESTS)

    tell(f"{RELOADS} reloads", clients)
    assert is_sound(clients)
    assert _wrong(clients, revisions) == []


def _reload(sidecar: Sidecar, number: int) -> str:
    """Let another one of the two see the team; return the revision once all workers have it."""
    rule = 'allow(_: User{{id: "{}"}}, _: Action{{name: "team.view"}}, _: Account);'
    text = f"# {number}\n{rule.format('rex' if number % 2 else 'mallory')}\n"
    write(sidecar.policies / "more.polar", text)
    until(sidecar.has_taken(2 * number + 3))
    revision = sidecar.ready()[1]["revisions"]["policy"]
    assert isinstance(revision, str)
    return revision


def _wrong(clients: Load, revisions: list[str]) -> list[object]:
    wrong: list[object] = []
    for seen in clients.decisions:
        if seen.revision not in revisions[seen.sent // 2 : (seen.received + 1) // 2 + 1]:
            wrong.append(seen)
        elif seen.name in {"mallory", "rex"}:
            number = revisions.index(seen.revision)
            if seen.decision != (seen.name == ("rex" if number % 2 else "mallory")):
                wrong.append(seen)
    return wrong


def test_after_the_master_was_killed_its_workers_end_and_another_takes_the_port(
    root: Path,
) -> None:
    with serving(root) as sidecar:
        port, old = sidecar.port, sidecar.workers()
        with load(port, ALWAYS) as clients:
            clients.reach(REQUESTS / 20)
            sidecar.process.kill()
            until_gone(old)
    with serving(root, "--port", str(port)) as again, load(port, ALWAYS) as later:
        assert again.port == port
        later.reach(REQUESTS / 20)

    assert is_right(clients)
    assert is_sound(later)
