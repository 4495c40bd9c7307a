"""When the master starts the follower again."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from sidecar.reload import Follower
from sidecar.server.follower_process import FollowerProcess
from sidecar.server.kept_process import MAX_RESTART_SECONDS
from tests.e2e.running import until


class Master:
    """A master with a clock of its own, and a follower that ends at once or waits."""

    def __init__(self, directory: Path) -> None:
        self.starts = directory / "starts"
        self.lasts = directory / "lasts"
        self.now = 1000.0
        self.process = FollowerProcess(self.follower, 0.1, lambda: self.now)

    def follower(self) -> Follower:
        """Begin in the process of the follower."""
        with self.starts.open("a") as file:
            file.write(f"{os.getpid()}\n")
        while self.lasts.exists():
            signal.pause()
        os._exit(1)

    def pids(self) -> list[int]:
        return [int(line) for line in self.starts.read_text().split()]

    def keep(self, seconds: float) -> int:
        """Let time pass; return how often the follower was started."""
        before = len(self.pids()) if self.starts.exists() else 0
        end = self.now + seconds
        while self.now < end:
            known = len(self.pids()) if self.starts.exists() else 0
            self.process.keep_running(lambda: None)
            if self.process._started_at == self.now:  # noqa: SLF001  wait for what was started
                until(lambda known=known: self.starts.exists() and len(self.pids()) > known)  # type: ignore[misc]
                if not self.lasts.exists():
                    until(self._has_ended)
            self.now += 0.25
        return len(self.pids()) - before

    def _has_ended(self) -> bool:
        try:
            return Path(f"/proc/{self.pids()[-1]}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True


@pytest.fixture
def master(tmp_path: Path) -> Master:
    return Master(tmp_path)


def test_a_follower_that_ends_at_once_is_started_less_and_less_often(master: Master) -> None:
    assert master.keep(8.0) == 5, "after 0, 0.5, 1.5, 3.5 and 7.5 s"
    assert "has ended 5 times in sequence, perhaps by lack of memory" in master.process.fault
    assert "give the sidecar more memory" in master.process.fault

    master.keep(200.0)
    assert master.keep(10 * MAX_RESTART_SECONDS) == 10, "for ever, at the longest interval"


def test_a_system_without_room_for_a_process_is_reported_and_tried_again(
    master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    master.lasts.touch()
    with monkeypatch.context() as without_room:
        without_room.setattr(os, "fork", fork)
        master.process.keep_running(lambda: None)
        fault = master.process.fault
    master.now += 1.0

    assert fault == (
        "the follower cannot be started, and is tried again: Resource temporarily unavailable"
    )
    assert master.keep(4.0) == 1
    assert master.process.fault == ""
    os.kill(master.pids()[-1], signal.SIGKILL)


def test_a_follower_that_lasts_is_reported_no_longer_and_started_again_at_once(
    master: Master,
) -> None:
    master.keep(4.0)
    master.lasts.touch()
    assert master.keep(4.0) == 1
    assert master.keep(60.0) == 0
    assert master.process.fault == ""

    os.kill(master.pids()[-1], signal.SIGKILL)
    until(master._has_ended)  # noqa: SLF001

    assert master.keep(1.0) == 1
    os.kill(master.pids()[-1], signal.SIGKILL)
