"""Starts the process in which Oso runs, and speaks to it with a time limit."""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sidecar.compiler.compiled import Compiled, CompiledPack, Reply
from sidecar.compiler.pack import PackTexts
from sidecar.diagram.questions import Answer, Question
from sidecar.errors import DataError, EvaluationError, InvalidPackError, OsoMissingError, Problem

T = TypeVar("T")
_Said = dict[str, Any]
"""A message about a question at request time."""

_MODULE = "import sidecar.compiler.child_main as child; child.main()"


QUERY_MILLISECONDS = 5_000
"""How long Oso may take for one path; its own limit is 30 s, and an ordinary path takes 1 ms."""


OUT_OF_MEMORY = 77
"""Exit status of a child that needed more memory than it may have."""

_LONG_CONDITION = "look for a condition that is very long or calls itself"
_MORE_MEMORY = "give the sidecar more memory, or divide the pack"


_EXIT_SECONDS = 5.0
"""How long a process that has closed its end may take to end."""


class ChildFailedError(Exception):
    """The child ended, was too slow, or said what is no answer."""

    def __init__(self, message: str, mend: str = _LONG_CONDITION) -> None:
        super().__init__(message)
        self.mend = mend


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


class Child:
    """One process with one pack in it."""

    def __init__(self, task: str, pack: PackTexts, seconds: float, earlier: bytes = b"") -> None:
        """Start the process and send it the pack.

        Args:
            task: ``compile``, ``vary`` or ``answer``.
            pack: The pack.
            seconds: The limit for its first answer.
            earlier: Findings of another text of the pack, or nothing.

        Raises:
            ChildFailedError: Where it does not start, or ends at once.
            OsoMissingError: Where Oso is not installed.
        """
        if not _is_installed("polar"):  # the package of the distribution `oso`
            raise OsoMissingError
        root = str(Path(__file__).resolve().parents[2])
        environment = {
            "PYTHONPATH": root,
            "POLAR_TIMEOUT_MS": str(QUERY_MILLISECONDS),
            "LC_ALL": "C.UTF-8",
        }
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-c", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                # Not a session of its own: Linux would starve that while the machine is busy.
                process_group=0,
            )
        except OSError as error:
            message = f"the process does not start: {error.strerror or error}"
            raise ChildFailedError(message, _MORE_MEMORY) from error
        # A policy that is replaced, or a test's that is forgotten, takes its process with it.
        self._end = weakref.finalize(self, _end, self._process, os.getpid())
        self._deadline = time.monotonic() + seconds
        self._buffer = b""
        try:
            self.send(pickle.dumps((task, pack, earlier)))
        except ChildFailedError:
            self.close()
            raise

    def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            ChildFailedError: Where the process has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            self._process.stdin.write(len(message).to_bytes(4, "big") + message)
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error

    def receive(self, kind: type[T]) -> T:
        """Return the next message, which is of this kind.

        Raises:
            ChildFailedError: Where the process has ended, or the time is up.
        """
        size = int.from_bytes(self._read(4), "big")
        try:
            return msgspec.json.decode(self._read(size), type=kind)
        except ValueError as error:
            raise ChildFailedError("it said what is no answer") from error

    def allow(self, seconds: float) -> None:
        """Set the time limit for what is received from now on."""
        self._deadline = time.monotonic() + seconds

    def close(self) -> None:
        """End the process."""
        self._end()

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        descriptor = self._process.stdout.fileno()
        poll = select.poll()  # select() itself fails beyond 1,024 open files
        poll.register(descriptor, select.POLLIN)
        while len(self._buffer) < size:
            left = self._deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise ChildFailedError("it took too long")
            chunk = os.read(descriptor, 1 << 20)
            if not chunk:
                raise self._ended()
            self._buffer += chunk
        message, self._buffer = self._buffer[:size], self._buffer[size:]
        return message

    def _ended(self) -> ChildFailedError:
        """Return why the process has ended."""
        try:
            status = self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return ChildFailedError("the process does not answer any more")
        if status in {OUT_OF_MEMORY, -signal.SIGABRT}:  # Rust aborts where it cannot allocate
            return ChildFailedError("the process ended for want of memory", _MORE_MEMORY)
        if status == -signal.SIGKILL:  # as Linux does where all memory is used
            return ChildFailedError("the process ended", f"it was killed, so {_MORE_MEMORY}")
        return ChildFailedError("the process ended")


def _end(process: subprocess.Popen[bytes], parent: int) -> None:
    if os.getpid() == parent:  # a fork's copy is not its to end
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:  # what could not be sent to it any more
                continue


def compile_in_child(pack: PackTexts) -> Compiled:
    """Compile a pack in a process of its own, every clause anew.

    Raises:
        InvalidPackError: With every fault of the policy, or that compiling failed as a whole.
    """
    return compile_with_findings(pack, b"").compiled


def compile_with_findings(pack: PackTexts, earlier: bytes) -> CompiledPack:
    """Compile a pack in a process of its own.

    Args:
        pack: The pack.
        earlier: Findings of another text of it, of any origin: what does not fit is not used.

    Raises:
        InvalidPackError: With every fault of the policy, or that compiling failed as a whole.
    """
    # What exploring may take, and as much again for reading, joining and writing.
    try:
        child = Child("compile", pack, pack.seconds * 2 + 10, earlier)
        try:
            reply = child.receive(Reply)
        finally:
            child.close()
    except ChildFailedError as error:
        raise failed(pack, error) from error
    return CompiledPack(reply.usable(), bytes(reply.findings))


def failed(pack: PackTexts, error: ChildFailedError) -> InvalidPackError:
    """Return what is told of a pack whose child failed."""
    message = f"compiling failed: {error}; {error.mend}"
    return InvalidPackError([Problem(next(iter(pack.texts), "policies"), 0, message)])


class Oso:
    """Answers, at request time, what could not be compiled; in a process that can be ended.

    One question at a time: Oso gets slower with threads, and such questions are meant to be rare.
    """

    def __init__(self, pack: PackTexts, seconds: float) -> None:
        """Prepare to answer questions, each within `seconds`. The process starts with the first."""
        self._pack = pack
        self._seconds = seconds
        self._child: Child | None = None
        self._lock = threading.Lock()
        self._owner = os.getpid()

    def holds(self, asked: Mapping[str, str | None], answer: Callable[[Question], Answer]) -> bool:
        """Ask whether a rule holds; `answer` answers what it wants to know of the facts.

        Raises:
            EvaluationError: Where the rule fails, or takes too long.
        """
        return bool(self._said(asked, answer, self._seconds)["holds"])

    def prove(
        self,
        asked: Mapping[str, str | None],
        answer: Callable[[Question], Answer | None],
        seconds: float,
    ) -> Mapping[str, Any]:
        """Ask as `holds` does, and for the whole proof (`sidecar.compiler.oso_proof.prove`).

        Answers that the facts do not have are None: a proof is also asked what would be if.

        Raises:
            EvaluationError: Where Oso takes too long. A rule that fails is told in the proof.
        """
        return self._said({**asked, "proof": "yes"}, answer, seconds)

    def _said(
        self,
        asked: Mapping[str, str | None],
        answer: Callable[[Question], Answer | None],
        seconds: float,
    ) -> Mapping[str, Any]:
        with self._lock:
            try:
                return self._ask(asked, answer, seconds)
            except ChildFailedError as error:
                self._forget()
                raise EvaluationError(
                    f"`{asked['rule']}` for `{asked['action']}`: {error}"
                ) from error

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._forget()

    def _ask(
        self,
        asked: Mapping[str, str | None],
        answer: Callable[[Question], Answer | None],
        seconds: float,
    ) -> Mapping[str, Any]:
        child = self._started()
        child.allow(seconds)
        child.send(json.dumps(asked).encode())
        try:
            while "ask" in (said := child.receive(_Said)):
                question = msgspec.convert(said["ask"], Question)
                child.send(json.dumps(answer(question)).encode())
        except BaseException:
            # The conversation is broken off in the middle: the process cannot be asked again.
            self._forget()
            raise
        if "data_fault" in said:
            raise DataError(said["data_fault"])
        if "fault" in said:
            raise EvaluationError(said["fault"])
        return said

    def _started(self) -> Child:
        if self._child is not None and self._owner != os.getpid():
            self._child = None  # a fork's: it belongs to the process that started it
        if self._child is None:
            self._owner = os.getpid()
            self._child = Child("answer", self._pack, 30)
            if "ready" not in self._child.receive(_Said):
                raise ChildFailedError("it does not load the policy any more")
        return self._child

    def _forget(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None
