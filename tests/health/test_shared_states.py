"""The reports of processes, in memory that they share."""

from __future__ import annotations

import os

import pytest

from sidecar.health import ProcessState, SharedStates, Trouble


def state(pid: int, *troubles: Trouble) -> ProcessState:
    return ProcessState(kind="worker", pid=pid, started=1.5, reported=2.5, problems=troubles)


@pytest.fixture
def states() -> SharedStates:
    return SharedStates(3)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12, with threads
def test_another_process_reads_what_one_has_reported(states: SharedStates) -> None:
    trouble = Trouble("users.yaml", 3, "`zoë` is wrong", 12.25)
    process = os.fork()
    if process == 0:
        states.publish(1, state(7, trouble))
        os._exit(0)
    os.waitpid(process, 0)
    states.publish(2, state(8))

    assert states.read() == (state(7, trouble), state(8))


def test_a_shorter_report_replaces_a_longer_one(states: SharedStates) -> None:
    states.publish(0, state(7, Trouble("a", 1, "x" * 5000, 0.0)))
    states.publish(0, state(8))

    assert states.read() == (state(8),)


def test_a_report_that_its_writer_did_not_complete_is_not_returned(states: SharedStates) -> None:
    states.publish(0, state(7))
    states.publish(1, state(8))
    middle = states._memory.find(b'"pid":7') + 6  # noqa: SLF001  as a process that dies leaves it
    states._memory[middle : middle + 1] = b"9"  # noqa: SLF001

    assert states.read() == (state(8),)


def test_slots_of_processes_that_have_ended_are_cleared_and_used_again(
    states: SharedStates,
) -> None:
    for slot in range(3):
        states.publish(slot, state(slot))

    full, states_used = states.free([0, 1, 2]), [0, 2, None]
    states.keep_only(states_used)

    assert full is None
    assert [each.pid for each in states.read()] == [0, 2]
    assert states.free(states_used) == 1


def test_of_a_report_without_room_the_first_problems_are_kept(states: SharedStates) -> None:
    troubles = [Trouble("users.yaml", line, "\0" * 1000, 0.0) for line in range(100)]
    states.publish(0, state(7, *troubles))
    states.publish(1, state(8))

    long, short = states.read()
    assert 5 < len(long.problems) < 100
    assert long.problems == tuple(troubles[: len(long.problems)])
    assert short == state(8)
