"""Watching: fingerprints, stable files, and a loop that survives every error."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from sidecar.watch import (
    OVERDUE_SECONDS,
    PATIENCE_SECONDS,
    CheckLoop,
    Fingerprints,
    Stability,
    StabilityMonitor,
    is_complete,
    open_regular,
    read_file,
)
from tests.patience import PATIENCE


class Clock:
    """A clock that the tests set."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def make_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_link_to_device, Path.mkdir])
def test_a_file_that_is_not_regular_does_not_block(tmp_path: Path, make: object) -> None:
    make(tmp_path / "f")  # type: ignore[operator]  # each takes a path

    with pytest.raises(OSError, match=r"not a regular file|Is a directory|No such device"):
        read_file(tmp_path / "f")
    assert not is_complete(Fingerprints().take({"f": tmp_path / "f"}))


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    (tmp_path / "link").symlink_to("f")

    with open_regular(tmp_path / "link") as stream:
        assert stream.read() == b"x"


def replace_keeping_times(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_rename_keeping_times(path: Path) -> None:
    before, other = path.stat(), path.with_name("other")
    other.write_bytes(b"new")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("old", [True, False], ids=["long ago", "a moment ago"])
@pytest.mark.parametrize("replace", [replace_keeping_times, replace_by_rename_keeping_times])
def test_a_change_that_keeps_size_and_time_is_detected(
    tmp_path: Path, replace: object, *, old: bool
) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"old")
    if old:
        os.utime(file, (0, 0))
    fingerprints = Fingerprints()
    before = fingerprints.take({"f": file})

    replace(file)  # type: ignore[operator]  # each takes a path

    assert fingerprints.take({"f": file}) != before


def test_a_change_within_the_resolution_of_time_stamps_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system that counts whole seconds, a second change in one has the same stamp."""
    file = tmp_path / "f"
    file.write_bytes(b"old")
    status, second = file.stat(), time.time_ns() // 10**9 * 10**9
    fixed = os.stat_result((*status[:10],), {**_named(status), "st_mtime_ns": second,
                                             "st_ctime_ns": second})  # fmt: skip
    monkeypatch.setattr(Path, "stat", lambda _: fixed)
    monkeypatch.setattr(os, "fstat", lambda _: fixed)
    fingerprints = Fingerprints()
    before = fingerprints.take({"f": file})

    file.write_bytes(b"new")

    assert fingerprints.take({"f": file}) != before


def _named(status: os.stat_result) -> dict[str, object]:
    return {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}


def test_a_touched_file_has_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x")
    fingerprints = Fingerprints()
    before = fingerprints.take({"f": file})

    os.utime(file, (1, 1))

    assert fingerprints.take({"f": file}) == before


def test_files_that_keep_changing_become_overdue() -> None:
    clock = Clock()
    monitor = StabilityMonitor(clock)

    assert monitor.observe(1) is Stability.CHANGING
    assert monitor.observe(1) is Stability.STABLE
    monitor.mark_read()
    assert monitor.observe(2) is Stability.CHANGING
    clock.seconds += PATIENCE_SECONDS - 0.1
    assert monitor.observe(3) is Stability.CHANGING
    assert not monitor.is_overdue()
    clock.seconds += 0.1
    assert monitor.observe(4) is Stability.OVERDUE
    assert monitor.is_overdue()
    monitor.mark_read()
    assert monitor.observe(5) is Stability.CHANGING
    clock.seconds += PATIENCE_SECONDS  # parsing can take as long
    assert monitor.observe(6) is Stability.OVERDUE
    monitor.mark_read()
    monitor.mark_read()
    clock.seconds += PATIENCE_SECONDS
    assert monitor.observe(7) is Stability.CHANGING


def test_a_loop_survives_every_error_and_reports_it(caplog: pytest.LogCaptureFixture) -> None:
    stop, looks = threading.Event(), list[int]()

    def look() -> None:
        looks.append(1)
        if len(looks) == 5:
            stop.set()
        if len(looks) != 3:
            raise MemoryError

    loop = CheckLoop("facts", look)
    loop.run(0.001, stop)

    assert len(looks) == 5
    assert [str(each) for each in loop.problems()] == [
        "facts: a check failed and is repeated (`MemoryError`); see the log"
    ]
    assert caplog.text.count("a check failed") == 2


def test_a_check_that_does_not_end_is_reported() -> None:
    clock, begun, end = Clock(), threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        end.wait(PATIENCE)

    loop = CheckLoop("facts", hang, clock)
    loop.start(0.001)
    begun.wait(PATIENCE)
    before = loop.problems()
    clock.seconds += OVERDUE_SECONDS + 1
    after = loop.problems()
    end.set()

    assert before == ()
    assert [str(each) for each in after] == ["facts: a check has not ended for 11 s"]
