"""Progress of a command on standard error, where it takes longer than people wait gladly."""

from __future__ import annotations

from threading import Lock, Timer
from typing import Self

import click

SECONDS = 2.0
"""How long a command is silent."""


class Progress:
    """Prints what a command does, once it has taken `SECONDS`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._phase = ""
        self._is_late = False
        self._timer = Timer(SECONDS, self._speak)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def begin(self, phase: str) -> None:
        """Note what begins, and print it where the command is late."""
        with self._lock:
            self._phase = phase
            if self._is_late:
                _print(phase)

    def _speak(self) -> None:
        with self._lock:
            self._is_late = True
            if self._phase:
                _print(self._phase)


def _print(phase: str) -> None:
    click.echo(f"{phase} …", err=True)
