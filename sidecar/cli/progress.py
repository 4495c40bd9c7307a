"""Progress of a command on standard error, where it takes longer than people wait gladly."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from threading import Lock, Timer
from typing import Self

import click

SECONDS = 2.0
"""How long a command is silent."""

_ERASE = "\r\x1b[K"


class Progress:
    """Prints what a command does, once it has taken `SECONDS`.

    On a terminal one line is written anew for each phase, and erased at the end; elsewhere each
    phase is a line. The result is printed after the end, so that the two do not mix.

    Args:
        phase: What begins first.
    """

    def __init__(self, phase: str = "") -> None:
        self._lock = Lock()
        self._phase = phase
        self._count = ""
        self._is_late = self._is_over = False
        self._in_place = bool(sys.stderr) and sys.stderr.isatty()  # it may be closed
        self._timer = Timer(SECONDS, self._speak)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            if self._is_late and self._in_place:
                click.echo(_ERASE, err=True, nl=False)
            self._is_late, self._is_over = False, True

    def begin(self, phase: str) -> None:
        """Note what begins, and print it where the command is late."""
        with self._lock:
            self._phase, self._count = phase, ""
            if self._is_late:
                self._print()

    def count(self, done: int, total: int) -> None:
        """Note how much of the phase is done; it is printed on a terminal only."""
        with self._lock:
            self._count = f", {done} of {total}"
            if self._is_late and self._in_place:
                self._print()

    def before(self, output: Iterable[str]) -> Iterator[str]:
        """Yield the parts of an output that is made while it is printed.

        Where it is printed on a terminal, its first part ends the progress.
        """
        for part in output:
            if sys.stdout and sys.stdout.isatty():
                self.__exit__()
            yield part

    def _speak(self) -> None:
        with self._lock:
            self._is_late = not self._is_over  # the timer may fire while the command ends
            if self._is_late and self._phase:
                self._print()

    def _print(self) -> None:
        if self._in_place:
            click.echo(f"{_ERASE}{self._phase}{self._count} …", err=True, nl=False)
        else:
            click.echo(f"{self._phase} …", err=True)
