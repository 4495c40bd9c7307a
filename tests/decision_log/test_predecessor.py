"""Which line stood last in a log when a chain began, and what is found out by that."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.decision_log.predecessor import BLOCK_BYTES, predecessor_in
from tests.decision_log.chains import KEY, lines, search, verified


def start(path: Path, *, ends: bool = True) -> str:
    """Write the lines of one start of the sidecar: two, and one; return the name of its chain."""
    file = LineFile(str(path))
    log = DecisionLog(file, Hashing(KEY), OnFailure.REFUSE)
    log.write(lines(log, 2))
    log.write(lines(log, 1))
    if ends:
        log.end()
    file.close()
    last = path.read_bytes().splitlines()[-1]
    return str(json.loads(last)["chain"])


def before(path: Path, chain: str) -> object:
    """Return what the first line of a chain tells of the one before."""
    for line in path.read_bytes().splitlines():
        members = json.loads(line)
        if members["chain"] == chain and "begin" in members:
            return members["begin"]["before"]
    raise AssertionError(f"{chain} does not begin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.log"


def read(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def without(log: list[bytes], chain: str) -> list[bytes]:
    return [line for line in log if not line.startswith(b'{"chain":"%b"' % chain.encode())]


def test_the_first_line_of_a_chain_names_the_last_hash_before_it(path: Path) -> None:
    first = start(path)
    last = json.loads(path.read_bytes().splitlines()[-1])
    second = start(path)

    assert before(path, first) is None
    assert before(path, second) == {
        "chain": first,
        "sequence": last["sequence"],
        "hash": last["mac"],
    }
    assert verified(read(path)).faults == []


def test_a_start_of_the_sidecar_that_is_removed_as_a_whole_is_missed(path: Path) -> None:
    start(path)
    removed = start(path)
    start(path)

    found = verified(without(read(path), removed))

    assert [fault.message for fault in found.faults] == [
        f"chain {removed} is missing, which had 4 lines by then"
    ]


def test_it_is_missed_where_it_had_a_file_of_its_own(path: Path) -> None:
    first = start(path)
    path.rename(old := path.with_name(f"{path.name}.20261201T120000.000000Z"))
    removed = start(path)
    path.rename(middle := path.with_name(f"{path.name}.20261202T120000.000000Z"))
    last = start(path)

    assert verified(read(old), read(middle), read(path)).faults == []
    found = verified(read(old), read(path))
    assert [fault.message for fault in found.faults] == [
        f"chain {removed} is missing, which had 4 lines by then"
    ]
    assert {first, last} == {*found.chains}


def test_the_end_of_a_killed_process_is_missed_once_another_start_has_written(path: Path) -> None:
    killed = start(path, ends=False)
    start(path)
    log = read(path)

    found = verified(log[:2] + log[3:])

    assert verified(log).faults == []
    assert [fault.message for fault in found.faults] == [
        f"line 3 of chain {killed} is missing before this line; the one before is log.0:2"
    ]


def test_an_end_that_was_written_anew_is_missed(path: Path) -> None:
    """With the same key and as many lines, such as from another copy of the log."""
    killed = start(path, ends=False)
    other = start(path, ends=False)
    log = read(path)
    told = json.loads(log[3])["begin"]["before"]["hash"]
    log[3] = log[3].replace(told.encode(), b"0" * 64)

    messages = [fault.message for fault in verified(log).faults]

    assert f"tells of another hash of line 3 of chain {killed}" in messages
    assert other in verified(log).chains


def test_lines_before_the_first_are_named_and_no_fault(path: Path) -> None:
    older = start(path)
    start(path)

    found = verified(without(read(path), older))

    assert found.faults == []
    assert found.older is not None
    assert (found.older.chain, found.older.sequence) == (older, 4)


def test_a_log_of_a_version_that_named_no_line_before_is_whole() -> None:
    old = read(Path(__file__).with_name("without_predecessors.log"))

    found = verified(old)

    assert (found.fault_count, found.doubts, len(found.chains)) == (0, {}, 2)
    assert verified(old[:4]).fault_count == verified(old[3:]).fault_count == 0


def test_starts_that_write_in_turn_find_each_other(path: Path) -> None:
    """As during an upgrade, when the old one and the new one answer."""
    logs = [DecisionLog(LineFile(str(path)), Hashing(KEY), OnFailure.REFUSE) for _ in range(2)]
    for _ in range(3):
        for log in logs:
            log.write(lines(log, 2))
    for log in logs:
        log.end()

    assert verified(read(path)).faults == []
    # The older files, with the beginnings of both, may be gone.
    assert verified(read(path)[3:]).faults == []


@pytest.mark.parametrize("rest", [b"", b'{"chain":"0123456789abcdef.1","sequence":9,"kind":"dec'])
def test_the_last_hash_is_found_before_what_a_killed_process_left(path: Path, rest: bytes) -> None:
    chain = start(path)
    with path.open("ab") as file:
        file.write(rest)

    found = predecessor_in(path)

    assert found is not None
    assert (found.chain, found.sequence) == (chain, 4)


def test_the_last_hash_is_found_at_the_end_of_a_long_line(path: Path) -> None:
    log = DecisionLog(LineFile(str(path)), Hashing(KEY), OnFailure.REFUSE)
    log.write([search(log, 3 * BLOCK_BYTES)])

    found = predecessor_in(path)

    assert found is not None
    assert found.sequence == 1


def test_of_a_compressed_file_and_of_none_nothing_is_told(path: Path) -> None:
    start(path)
    moved = path.with_name(f"{path.name}.20261201T120000.000000Z")
    path.rename(moved)
    assert predecessor_in(path) is not None

    moved.with_name(f"{moved.name}.gz").write_bytes(gzip.compress(moved.read_bytes()))
    moved.unlink()

    assert predecessor_in(path) is None
    assert predecessor_in(Path("/dev/null")) is None
    assert predecessor_in(path.parent / "nowhere" / "log") is None
