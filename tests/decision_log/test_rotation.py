"""Rotation: by size, by time, by others, and which files are kept."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sidecar.decision_log import DecisionLog, Hashing, Limits, LineFile, LogBusyError, OnFailure
from sidecar.decision_log.files import lines_of, log_files
from sidecar.decision_log.rotation import rotated_files
from tests.decision_log.chains import KEY, in_process, lines, search, verified

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

NOON = 1_796_126_400.0
"""2026-12-01T12:00:00Z"""


def log_at(path: Path, limits: Limits, clock: Callable[[], float] = lambda: NOON) -> DecisionLog:
    return DecisionLog(LineFile(str(path), limits, clock), Hashing(KEY), OnFailure.REFUSE)


def all_lines(path: Path) -> list[list[bytes]]:
    return [list(lines_of(each)) for each in log_files([path])]


def test_no_file_is_larger_than_its_limit_and_the_chain_goes_through_all(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = log_at(path, Limits(max_bytes=5_000))

    for _ in range(19):
        log.write([search(log, 700)])
    log.end()

    files = all_lines(path)
    assert len(files) == 4
    assert all(sum(map(len, each)) <= 5_000 for each in files)
    result = verified(*files)
    assert (result.faults, result.doubts, result.lines) == ([], {}, 20)
    assert not result.open_chains()


def test_one_write_that_is_longer_than_the_limit_has_a_file_of_its_own(tmp_path: Path) -> None:
    log = log_at(tmp_path / "log", Limits(max_bytes=5_000))

    for size in (100, 9_000, 100):
        log.write([search(log, size)])

    assert [len(each) for each in all_lines(tmp_path / "log")] == [1, 1, 1]


def test_names_are_those_of_the_moment_and_in_the_order_of_the_files(tmp_path: Path) -> None:
    """Even where the clock stands still, or is set back."""
    path, moments = tmp_path / "log", iter([NOON, NOON, NOON - 60, NOON + 1])
    now = [NOON]
    log = log_at(path, Limits(max_bytes=5_000), lambda: now[0])

    for moment in moments:
        now[0] = moment
        log.write([search(log, 4_000)])

    assert [each.name for each in rotated_files(path)] == [
        "log.20261201T120000.000000Z",
        "log.20261201T120000.000001Z",
        "log.20261201T120001.000000Z",
    ]
    assert verified(*all_lines(path)).faults == []


def test_a_file_has_the_lines_of_one_period_in_utc(tmp_path: Path) -> None:
    path, now = tmp_path / "log", [0.0]
    log = log_at(path, Limits(max_seconds=86_400), lambda: now[0])

    for moment in (NOON, NOON + 3600, NOON + 43_199, NOON + 43_200, NOON + 5 * 86_400):
        now[0] = moment
        log.write([search(log, 10)])
        os.utime(path, (moment, moment))  # the kernel's clock is not the one of this test

    assert [len(each) for each in all_lines(path)] == [3, 1, 1]


def test_a_file_without_new_lines_is_renamed_once_its_period_is_over(tmp_path: Path) -> None:
    path, now = tmp_path / "log", [NOON]
    file = LineFile(str(path), Limits(max_seconds=86_400), lambda: now[0])
    log = DecisionLog(file, Hashing(KEY), OnFailure.REFUSE)
    log.write([search(log, 10)])
    os.utime(path, (NOON, NOON))

    file.look()
    before = rotated_files(path)
    now[0] += 43_200
    at_once(3, file.look)

    assert (before, [each.name for each in rotated_files(path)]) == (
        [],
        ["log.20261202T000000.000000Z"],
    )
    assert not path.exists()
    log.write([search(log, 10)] * 2)
    assert [len(each) for each in all_lines(path)] == [1, 2]
    assert verified(*all_lines(path)).faults == []


def test_older_files_than_are_kept_are_deleted_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "log"
    others = [tmp_path / name for name in ("log.1", "log.20261201T120000.000000Z.sig", "logs", "a")]
    for each in others:
        each.write_text("")
    now = [NOON]
    log = log_at(path, Limits(max_bytes=5_000, keep=2), lambda: now[0])

    for number in range(5):
        now[0] = NOON + number
        log.write([search(log, 4_000)])

    assert [each.name for each in rotated_files(path)] == [
        "log.20261201T120003.000000Z",
        "log.20261201T120004.000000Z",
    ]
    assert all(each.exists() for each in others)
    assert verified(*all_lines(path)).faults == []


def test_who_may_not_wait_leaves_the_rotation_to_others(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = log_at(path, Limits(max_bytes=5_000))
    log.write([search(log, 4_000)])

    with pytest.raises(LogBusyError):
        log.write([search(log, 4_000)], wait=False)
    before = rotated_files(path)
    log.write([search(log, 4_000)])
    log.write([search(log, 10)], wait=False)

    assert (before, len(rotated_files(path))) == ([], 1)
    assert verified(*all_lines(path)).faults == []


def test_a_file_that_cannot_be_renamed_grows_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    log = log_at(tmp_path / "log", Limits(max_bytes=5_000))
    monkeypatch.setattr(Path, "rename", fail)

    for _ in range(3):
        log.write([search(log, 4_000)])
    log.write([search(log, 10)], wait=False)

    assert len(all_lines(tmp_path / "log")) == 1
    assert caplog.messages == [
        f"the decision log {tmp_path / 'log'} cannot be renamed: Permission denied"
    ]


def test_an_old_file_that_cannot_be_deleted_keeps_no_line_from_being_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, kept = tmp_path / "log", tmp_path / "log.20200101T000000.000000Z"
    (kept / "file").mkdir(parents=True)
    log = log_at(path, Limits(max_bytes=5_000, keep=1), lambda: NOON)

    for _ in range(3):
        log.write([search(log, 4_000)])

    files = [each for each in rotated_files(path) if each.is_file()]
    assert (kept.is_dir(), len(files), path.stat().st_size > 0) == (True, 1, True)
    assert any(str(kept) in each and "cannot be deleted" in each for each in caplog.messages)


@pytest.mark.parametrize("name", ["20261399T000000.000000Z", "99991231T235959.999999Z"])
def test_a_file_that_somebody_else_has_named_keeps_no_line_from_being_written(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "log"
    (tmp_path / f"log.{name}").write_text("")
    log = log_at(path, Limits(max_bytes=5_000))

    for _ in range(3):
        log.write([search(log, 4_000)])

    whole = [*rotated_files(path), path]
    assert sum(each.read_bytes().count(b'"found"') for each in whole) == 3


def at_once(processes: int, work: Callable[[], None]) -> None:
    """Do the same in several processes, which begin before any of them has ended."""

    def start() -> None:
        children = []
        for _ in range(processes):
            if not (child := os.fork()):
                work()
                os._exit(0)
            children.append(child)
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)

    in_process(start)


def test_processes_that_rotate_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = log_at(path, Limits(max_bytes=8_000))

    def work() -> None:
        for _ in range(60):
            with suppress(LogBusyError):
                log.write([search(log, 700)], wait=False)
            log.write([search(log, 700)])
        log.end()

    at_once(3, work)

    files = all_lines(path)
    result = verified(*files)
    assert (result.faults, result.doubts, len(result.chains)) == ([], {}, 3)
    assert len(files) > 20
    assert all(sum(map(len, each)) <= 8_000 for each in files)


def test_starts_of_the_sidecar_that_rotate_at_once_leave_lines_in_their_order(
    tmp_path: Path,
) -> None:
    """While one takes over from another, both write to the same file, each in its own turns."""
    path = tmp_path / "log"

    def work() -> None:
        log = log_at(path, Limits(max_bytes=3_000))
        for _ in range(150):
            log.write([search(log, 700)])
        log.end()

    at_once(4, work)

    files = all_lines(path)
    result = verified(*files)
    assert (result.faults, result.doubts, len(result.chains)) == ([], {}, 4)
    assert len(files) > 20


def test_files_that_others_renamed_belong_to_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = log_at(path, Limits())
    log.write(lines(log, 3))
    path.rename(tmp_path / "log.1")
    log.write(lines(log, 3))

    assert verified(*all_lines(tmp_path / "log.1"), *all_lines(path)).faults == []


def test_compressed_files_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = log_at(path, Limits(max_bytes=5_000))
    for _ in range(3):
        log.write([search(log, 4_000)])
    first, second = rotated_files(path)
    first.with_name(f"{first.name}.gz").write_bytes(gzip.compress(first.read_bytes()))
    first.unlink()

    files = log_files([path])

    assert [each.suffix for each in files[:1]] == [".gz"]
    assert files[1:] == [second, path]
    assert verified(*map(lines_of, files)).faults == []
    assert re.fullmatch(r"log\.\d{8}T\d{6}\.\d{6}Z\.gz", files[0].name)
