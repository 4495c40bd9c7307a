"""Progress on standard error: late, in place on a terminal, and a line for each phase elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from sidecar.cli import progress
from sidecar.cli.progress import Progress

_END = "<end>"


class LateAtOnce:
    """A timer for which the time is over when it starts."""

    def __init__(self, _seconds: float, function: Callable[[], object]) -> None:
        self.start = function

    def cancel(self) -> None:
        """Do nothing: the function has been called."""


class Never(LateAtOnce):
    """A timer for which the time is never over."""

    def __init__(self, _seconds: float, _function: Callable[[], object]) -> None:
        super().__init__(_seconds, lambda: None)


def two_phases() -> None:
    with Progress("one") as shown:
        shown.begin("two")
        shown.count(3, 8)


def test_a_command_that_is_quick_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "Timer", Never)

    two_phases()

    assert capsys.readouterr() == ("", "")


def test_each_phase_is_a_line_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "Timer", LateAtOnce)

    two_phases()

    assert capsys.readouterr() == ("", "one …\ntwo …\n")


def test_on_a_terminal_one_line_is_written_anew_and_erased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "Timer", LateAtOnce)

    assert on_a_terminal(monkeypatch, "stderr", two_phases) == (
        "\r\x1b[Kone …\r\x1b[Ktwo …\r\x1b[Ktwo, 3 of 8 …\r\x1b[K"
    )


def test_a_timer_that_fires_at_the_end_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fire: list[Callable[[], object]] = []

    def keep(_seconds: float, function: Callable[[], object]) -> Never:
        fire.append(function)
        return Never(_seconds, function)

    monkeypatch.setattr(progress, "Timer", keep)
    two_phases()
    fire[0]()

    assert capsys.readouterr() == ("", "")


def test_output_on_a_terminal_ends_the_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "Timer", LateAtOnce)

    def listing() -> None:
        with Progress("one") as shown:
            for line in shown.before(["first", "second"]):
                shown.begin("two")
                sys.stdout.write(f"{line}\n")

    assert on_a_terminal(monkeypatch, "stdout", listing) == "first\r\nsecond\r\n"
    assert capsys.readouterr().err == "one …\n"


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, name: str, call: Callable[[], None]) -> str:
    """Return the text that a call prints on one of its streams, which is a terminal."""
    master, slave = os.openpty()
    try:
        with os.fdopen(slave, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
            patch.setattr(sys, name, terminal)
            call()
            terminal.write(_END)
            terminal.flush()
            read = b""
            while not read.endswith(_END.encode()):  # a terminal hands out what it has in parts
                read += os.read(master, 4096)
            return read.decode().removesuffix(_END)
    finally:
        os.close(master)
