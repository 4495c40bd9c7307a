"""A request that waits for newer facts has the source looked at before its time."""

from __future__ import annotations

import mmap
from pathlib import Path
from select import select

import pytest

from sidecar.facts.sources import default_mapping, source_of
from sidecar.reload.follower import Progress
from sidecar.reload.wakeup import Wakeup
from sidecar.schema import read_schema
from sidecar.server.follower_process import FollowerProcess
from tests.e2e.running import until
from tests.facts.world import SCHEMA, mount

AGES = 10_000.0
"""Seconds for which no test waits."""


def is_called(wakeup: Wakeup) -> bool:
    return bool(select([wakeup], [], [], 0)[0])


def test_calls_before_a_look_are_one() -> None:
    wakeup = Wakeup()
    before = is_called(wakeup)
    for _ in range(100_000):  # more than the pipe holds
        wakeup.call()

    called = is_called(wakeup)
    wakeup.clear()
    wakeup.clear()

    assert (before, called, is_called(wakeup)) == (False, True, False)


@pytest.mark.parametrize("kind", ["directory", "sqlite"])
def test_a_call_ends_the_wait_for_a_source(kind: str, tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    schema = read_schema(tmp_path / "schema.yaml")
    data = str(mount(tmp_path)) if kind == "directory" else f"sqlite:{tmp_path}/facts.db"
    source, wakeup = source_of(data, schema, default_mapping(schema)), Wakeup()
    wakeup.call()

    source.wait(AGES, wakeup)

    source.close()


class Counting:
    """A follower that counts its looks in memory that the parent reads."""

    def __init__(self) -> None:
        self.looks = mmap.mmap(-1, mmap.PAGESIZE)

    def step(self) -> None:
        self.looks[0] += 1

    def progress(self) -> Progress:
        return Progress("", None, "", is_building=False)

    def wait(self, seconds: float, wakeup: Wakeup) -> None:
        select([wakeup], [], [], seconds)
        wakeup.clear()

    def close(self) -> None:
        pass


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12, with threads
def test_another_process_has_the_follower_look_at_once() -> None:
    follower = Counting()
    process = FollowerProcess(lambda: follower, AGES)  # type: ignore[arg-type, return-value]
    process.keep_running(lambda: None)
    try:
        until(lambda: follower.looks[0] == 1)
        process.request_look()

        until(lambda: follower.looks[0] == 2)
    finally:
        process.stop()
