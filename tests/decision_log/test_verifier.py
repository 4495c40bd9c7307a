"""Chains of lines: whoever removes, edits, moves or inserts a line is found out."""

from __future__ import annotations

import hmac
import json
import random
import re
import resource
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.errors import DecisionLogError
from tests.decision_log.chains import KEY, in_process, lines, search, verified, written

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

Lines = Sequence[bytes]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return written(tmp_path_factory.mktemp("log") / "log")


def faults(*files: Lines, key: bytes | None = KEY) -> list[str]:
    return [f"{place}: {message}" for place, message in verified(*files, key=key).faults]


def test_a_log_as_it_was_written_is_whole(log: list[bytes]) -> None:
    result = verified(log)

    assert (result.faults, result.doubts, result.open_chains()) == ([], {}, [])
    assert (result.lines, len(result.chains)) == (len(log), 4)


def test_lines_have_the_number_and_the_chain_that_they_belong_to(log: list[bytes]) -> None:
    of_first = [json.loads(line) for line in log if b'.1","sequence"' in line[:60]]

    assert [line["sequence"] for line in of_first] == list(range(1, 8))
    assert [line["kind"] for line in of_first] == [*["decision"] * 6, "end"]
    assert of_first[0]["begin"]["chains"] == {}
    assert json.loads(log[-1])["end"]["chains"] == {"1": 7, "2": 7, "4": 7}


def test_hashes_are_those_that_the_documentation_describes(tmp_path: Path) -> None:
    """By code of the test's own: the line with the hash of its members in place of these."""
    found = written(tmp_path / "log", key=None)
    previous: dict[bytes, bytes] = {}
    waiting: dict[bytes, bytes] = {}
    seen = 0
    for line in found:
        chain = line.split(b'"')[3]
        sealed = re.search(rb',"hash":"([0-9a-f]{64})"\}\n$', line)
        whole = line[: sealed.start()] + b"}\n" if sealed else line
        if b',"revisions":' in whole:
            begin, members = whole.split(b',"revisions":')
            moment = b'{"value":"context.now","type":"instant","text":"%b"'
            members = members.replace(moment % b"2026-12-01T12:00:00+00:00", moment % b"\0")
            whole = begin + b"," + sha256(b'"revisions":' + members).digest()
        waiting[chain] = waiting.get(chain, b"") + whole
        if sealed:
            data = previous.get(chain, bytes(32)) + waiting.pop(chain)
            assert sha256(data).hexdigest().encode() == sealed[1]
            previous[chain], seen = sha256(data).digest(), seen + 1

    assert (seen, waiting) == (15, {})


def test_hashes_with_a_key_are_made_by_a_key_that_follows_from_it(log: list[bytes]) -> None:
    name = sha256(b"").hexdigest()  # no hash of a value, nor the name of the key
    key = Hashing(KEY).seal()

    mac = key.of(b"x").hex()

    assert mac not in {hmac.digest(KEY, b"x", "sha256").hex(), name}
    assert all(
        b',"kind":' in line and b'"hash":"' not in line.split(b',"kind":')[1] for line in log
    )


def test_a_removed_line_is_missed(log: list[bytes]) -> None:
    for at in range(1, len(log) - 1):
        result = verified(log[:at] + log[at + 1 :])
        number = json.loads(log[at])["sequence"]
        assert any(f"line {number} of chain" in f.message for f in result.faults), log[at]


def test_lines_that_are_cut_from_the_end_leave_an_open_chain_or_are_missed(
    log: list[bytes],
) -> None:
    for length in range(3, len(log)):
        result = verified(log[:length])
        assert result.open_chains() or b'"kind":"end"' in log[length - 1]


def test_lines_that_are_cut_from_one_chain_are_missed_when_another_one_begins_or_ends(
    log: list[bytes],
) -> None:
    """A killed process leaves no end, but those that begin later know how far it was."""
    ends = max(at for at, line in enumerate(log) if b'.2","sequence"' in line[:60])

    (fault,) = faults(log[: ends - 1] + log[ends + 1 :])

    assert re.fullmatch(
        r"log\.0:\d+: lines 6 to 7 of chain [0-9a-f]{16}\.2 are missing before this line;"
        rf" the one before is log\.0:{ends - 1}",
        fault,
    )


def test_a_chain_that_is_removed_as_a_whole_is_missed(log: list[bytes]) -> None:
    result = faults([line for line in log if b'.2","sequence"' not in line[:60]])

    assert re.search(r"chain \w+\.2 is missing, which had 7 lines by then", result[0])


def test_a_file_that_is_missing_between_others_is_missed(log: list[bytes]) -> None:
    result = faults(log[:5], log[9:])

    assert re.fullmatch(
        r"log\.1:1: (line|lines) [\d to]+ of chain \w+\.\d (is|are) missing before this line.*",
        result[0],
    )


def test_older_files_need_not_be_there(log: list[bytes]) -> None:
    result = verified(log[3:])

    assert (result.faults, result.doubts) == ([], {})
    assert [chain.cut_in for chain in result.chains.values()] == [True, False, False, False]


def test_lines_that_changed_their_places_are_noticed(log: list[bytes]) -> None:
    for at in range(len(log) - 1):
        same_chain = log[at].split(b'"')[3] == log[at + 1].split(b'"')[3]
        moved = [*log[:at], log[at + 1], log[at], *log[at + 2 :]]
        assert bool(verified(moved).fault_count) or not same_chain


def test_a_line_that_stands_twice_is_noticed(log: list[bytes]) -> None:
    for at, line in enumerate(log):
        result = verified([*log[: at + 1], line, *log[at + 1 :]])
        assert "stands here again, or was moved" in result.faults[0].message


def test_an_edited_line_is_noticed_wherever_the_edit_is(log: list[bytes]) -> None:
    chance = random.Random(1)  # noqa: S311  which bytes are edited
    for at, line in enumerate(log):
        for place in chance.sample(range(len(line)), 10):
            other = chance.choice([b for b in b'0a}",' if b != line[place]])
            edited = line[:place] + bytes([other]) + line[place + 1 :]
            result = verified([*log[:at], edited, *log[at + 1 :]])
            # The end of the log may be torn, as far as anybody can tell.
            is_torn = result.torn and line is log[-1]
            assert result.fault_count or result.doubts or is_torn, (line, edited)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"decision":true', b'"decision":false'),
        (b'"id":"bob"', b'"id":"eve"'),
        (b"12:00:00.000000Z", b"12:00:00.000001Z"),
        (b'"text":"2026-12-01T12:00:00+00:00"', b'"text":""'),
        (b'"text":"2026-12-01T12:00:00+00:00"', b'"text":"2026-12-01T12:00:01+00:00"'),
    ],
)
def test_an_edit_that_leaves_a_line_well_formed_is_named(
    log: list[bytes], old: bytes, new: bytes
) -> None:
    ats = [at for at, line in enumerate(log) if old in line and b'.2","sequence"' in line[:60]]

    for at in ats:
        (fault,) = faults([*log[:at], log[at].replace(old, new), *log[at + 1 :]])
        assert re.search(r"has a hash of chain \w+\.2 that differs: .* was edited", fault)
    assert ats


def test_an_inserted_line_is_noticed(log: list[bytes]) -> None:
    at = 4
    foreign = b'{"kind":"decision","decision":true}\n'
    numbered = re.sub(rb'"sequence":\d+', b'"sequence":99', log[at])

    assert faults([*log[:at], foreign, *log[at:]]) == [
        "log.0:5: belongs to no chain: it was inserted or edited"
    ]
    assert "are missing before this line" in faults([*log[:at], numbered, *log[at:]])[0]
    assert "follows the end of chain" in faults([*log, _after(log[-1])])[0]


@pytest.mark.parametrize("behind", [b" \n", b"\r\n", b"\x00\n", b"{\n", b' {"n":1}\n'])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_line_that_other_readers_take_for_whole_does_not_pass_for_torn(
    log: list[bytes],
    behind: bytes,
    *,
    sealed: bool,
) -> None:
    """Torn lines are no fault at the end of an open chain, or of one whose lines are not there."""
    members = log[1][log[1].index(b',"kind"') : -1]
    if not sealed:
        members = re.sub(rb',"mac":"[0-9a-f]{64}"', b"", members)
    unknown = b'{"chain":"ffffffffffffffff.1","sequence":1' + members + behind
    running = [line for line in log if b'.3","sequence"' in line[:60]][:3]
    next_of_it = _after(running[-1])[:-1] if sealed else running[-1][:38] + b"4" + members

    assert "log.0:5: is no whole line of a chain: it was edited or inserted" in faults(
        [*log[:4], unknown, *log[4:]]
    )
    assert faults([*running, next_of_it + behind])


def test_a_chain_of_another_start_that_has_no_beginning_leaves_a_doubt(log: list[bytes]) -> None:
    """Of its first write there is no hash to compare."""
    inserted = log[3].replace(log[3].split(b'"')[3], b"ffffffffffffffff.2")

    for older, at in ((log, 1), (log, len(log)), (log[3:], 0), (log[3:], 4)):
        result = verified([*older[:at], inserted, *older[at:]])
        assert (result.faults, len(result.doubts)) == ([], 1)


def test_a_chain_that_a_later_line_does_not_know_was_inserted(log: list[bytes]) -> None:
    begun_before = log[3:]
    name = log[3].split(b'"')[3]
    inserted = log[4].replace(log[4].split(b'"')[3], name[:-1] + b"9")

    assert any(
        f"chain {name[:-1].decode()}9 was not there by then: it was inserted" in each
        for each in faults([begun_before[0], inserted, *begun_before[1:]])
    )


def test_a_line_without_its_end_is_judged_as_whole(log: list[bytes]) -> None:
    """It is read as one, by `sidecar log show` and by others."""
    running = [line for line in log if b'.1","sequence"' in line[:60]][:3]
    whole = [*running[:2], running[2].removesuffix(b"\n")]
    edited = [*running[:2], running[2].removesuffix(b"\n").replace(b'"r-1"', b'"r-2"')]

    assert (verified(whole).torn, verified(edited).torn) == (0, 0)
    assert (faults(whole), bool(verified(edited).faults or verified(edited).doubts)) == ([], True)


@pytest.mark.parametrize("count", [1, 3])
def test_a_write_of_which_only_the_end_of_a_line_failed_breaks_no_chain(
    tmp_path: Path, count: int
) -> None:
    path = tmp_path / "log"

    def work(room: int) -> None:
        file = LineFile(str(path))
        log = DecisionLog(file, Hashing(KEY), OnFailure.COUNT)
        log.write(lines(log, 1))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
        log.write(lines(log, count))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        log.write(lines(log, 1))
        log.end()

    in_process(partial(work, 100_000))
    found = path.read_bytes().splitlines(keepends=True)
    sizes = [len(line) for line in found[1 : 1 + count]]
    for whole in range(1, count + 1):
        path.unlink()
        in_process(partial(work, sum(sizes[:whole]) - 1))

        result = verified(path.read_bytes().splitlines(keepends=True))
        assert (result.faults, result.doubts, result.torn) == ([], {}, 0)
        assert result.lost == count - whole


def _after(line: bytes) -> bytes:
    number = json.loads(line)["sequence"]
    return line.replace(b'"sequence":%d' % number, b'"sequence":%d' % (number + 1))


def test_hashes_of_an_unknown_key_leave_a_doubt(log: list[bytes]) -> None:
    assert list(verified(log, key=None).doubts) == [
        "the hashes are made with a key; give it with --decision-log-key"
    ]
    assert list(verified(log, key=b"another key that is long").doubts) == [
        "hashes are made with another key than the one given"
    ]
    assert verified(log, key=b"another key that is long").faults == []


def test_a_log_that_somebody_wrote_without_the_key_leaves_a_doubt(tmp_path: Path) -> None:
    forged = written(tmp_path / "log", key=None)

    doubt = "hashes are made without a key, which whoever edits the file can do"
    assert doubt in verified(forged).doubts


@pytest.mark.parametrize("text", [[], [b'{"kind":"decision"}\n']])
def test_of_lines_without_chains_nothing_can_be_told(text: list[bytes]) -> None:
    result = verified(text)

    assert (result.faults, "there is no line of a chain" in result.doubts) == ([], True)


# --- what could not be written, and processes that die ------------------------------------------


@pytest.mark.parametrize("on_failure", OnFailure)
@pytest.mark.parametrize("room", [0, 50, 700, 2500, 3000, 5000])
def test_lines_that_were_lost_or_torn_are_told_by_the_chain(
    tmp_path: Path, on_failure: OnFailure, room: int
) -> None:
    path = tmp_path / "log"

    def work() -> None:
        file = LineFile(str(path))
        log = DecisionLog(file, Hashing(KEY), on_failure)
        log.write(lines(log, 2))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
        for _ in range(2):
            with suppress(DecisionLogError):
                log.write([search(log, 1000)] * 4)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        log.write(lines(log, 2))
        log.end()

    in_process(work)

    result = verified(path.read_bytes().splitlines(keepends=True))
    whole = re.findall(rb'^\{.*"revisions":\{\},"found".*\}$', path.read_bytes(), re.MULTILINE)
    assert (result.faults, result.doubts, result.open_chains()) == ([], {}, [])
    assert result.torn == (room > 0)
    if on_failure is OnFailure.COUNT:
        assert result.lost + len(whole) == 8
    else:
        assert result.lost == 0


def test_the_end_of_a_killed_process_is_open_and_its_torn_line_no_fault(log: list[bytes]) -> None:
    killed = [line for line in log if b'.3","sequence"' in line[:60]][:3]
    rest = _after(killed[-1])

    for length in (1, 9, 40, len(rest) - 2):
        result = verified([*killed, rest[:length] + b"\n"])
        assert (result.faults, result.torn) == ([], 1)
        assert len(result.open_chains()) == 1


def test_a_torn_line_of_which_nothing_tells_is_a_fault(log: list[bytes]) -> None:
    """Its chain goes on, so that its process would have told of it."""
    at = 5

    assert "log.0:6: is no whole line of a chain: it was edited or inserted" in faults(
        [*log[:at], log[at][:60] + b"\n", *log[at:]]
    )


def test_a_process_that_is_forked_off_begins_a_chain_of_its_own(tmp_path: Path) -> None:
    file = LineFile(str(tmp_path / "log"))
    log = DecisionLog(file, Hashing(KEY), OnFailure.REFUSE)
    log.write(lines(log, 1))

    in_process(partial(log.write, lines(log, 1)))
    log.write(lines(log, 1))

    found = (tmp_path / "log").read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["chain"][-2:] for line in found] == [".1", ".2", ".1"]
    assert verified(found).faults == []
