"""A process that builds a store: its memory goes back to the system with its end."""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sidecar.errors import Problem
from sidecar.reload.memory import BUILDER_SCORE, end_before_others, shortage
from sidecar.reload.store_builder import Built


class BuildProcess:
    """A child process that builds a store."""

    def __init__(self, build: Callable[[], Built]) -> None:
        """Start to build.

        Raises:
            OSError: There is no process to be had.
        """
        self._read, write = os.pipe()
        self._status = 0
        self._process = os.fork()
        if self._process == 0:
            with _ending():
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                end_before_others(BUILDER_SCORE)
                # Where memory ends in an extension written in Rust, writing where it was would need
                # some more, and the process would wait for itself.
                os.environ["RUST_BACKTRACE"] = "0"  # noqa: TID251  of a process of our own
                gc.disable()  # rows hold no cycles, and there are millions of them
                os.close(self._read)
                result = pickle.dumps(_built(build))
                with os.fdopen(write, "wb") as stream:
                    stream.write(result)
        os.close(write)

    def is_running(self) -> bool:
        """Return whether there is no outcome yet."""
        if not self._process:
            return False
        ended, self._status = os.waitpid(self._process, os.WNOHANG)
        if ended:
            self._process = 0
        return not ended

    def outcome(self, name: str) -> Built:
        """Return the outcome of a process that runs no more.

        Args:
            name: The source, for problems.
        """
        with os.fdopen(self._read, "rb") as stream:
            content = stream.read()
        with suppress(Exception):
            result: Any = pickle.loads(content)  # noqa: S301  of our own child
            if isinstance(result, Built):
                return result
        number = os.WTERMSIG(self._status) if os.WIFSIGNALED(self._status) else 0
        cause = f"was ended by signal {number}" if number else "was interrupted"
        message = f"reading all rows {cause}, perhaps by lack of memory; {shortage()}"
        return Built(None, (Problem(name, 0, message),), was_cut_off=True)

    def stop(self) -> None:
        """End the process."""
        if self._process:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._process, 0)
            self._process = 0


def _built(build: Callable[[], Built]) -> Built:
    """Return the outcome of building, if it is lack of memory too."""
    try:
        return build()
    except MemoryError:
        message = f"reading all rows takes more memory than there is; {shortage()}"
        return Built(None, (Problem("memory", 0, message),), was_cut_off=True)


@contextmanager
def _ending() -> Iterator[None]:
    """End the process with the context: nothing of the process that was forked runs on."""
    status = 1
    try:
        yield
        status = 0
    finally:
        os._exit(status)
