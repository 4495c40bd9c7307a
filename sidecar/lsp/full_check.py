"""What takes seconds, in processes of its own that end when the author goes on typing.

`sidecar check` itself, with the compiled policy, and what hovers show of it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from sidecar.lsp.explanations import Explanations

_SECONDS_TO_END = 2.0
T = TypeVar("T")


class Place(Struct, frozen=True):
    """A fault, as `sidecar check --json` prints it."""

    file: str
    line: int
    message: str


class Found(Struct, frozen=True):
    """A finding, as `sidecar check --json` prints it."""

    file: str
    line: int
    column: int
    message: str
    fix: str


class CheckResult(Struct, frozen=True):
    """The output of `sidecar check --json`."""

    usable: bool
    problems: tuple[Place, ...] = ()
    notices: tuple[Place, ...] = ()
    findings: tuple[Found, ...] = ()


class CheckFailedError(Exception):
    """A process had no result; its last words say why."""


async def check(policies: Path, fixtures: Path) -> CheckResult:
    """Run `sidecar check`.

    Raises:
        CheckFailedError: It has no result.
    """
    place = ("--policies", str(policies), "--fixtures", str(fixtures))
    return await _run(CheckResult, "-m", "sidecar", "check", "--json", *place)


async def explain(policies: Path, fixtures: Path) -> Explanations:
    """Return what hovers show of a pack without faults.

    Raises:
        CheckFailedError: Nothing can be found out.
    """
    return await _run(Explanations, "-m", "sidecar.lsp.explain_pack", str(policies), str(fixtures))


async def _run(kind: type[T], *arguments: str) -> T:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,  # a signal to the editor's own group is not for it
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            await _end(process)
    try:
        return msgspec.json.decode(output, type=kind)
    except msgspec.DecodeError as error:
        words = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise CheckFailedError(words or f"it ended with status {process.returncode}") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process: with a signal that lets it end its own processes, or else at once."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _SECONDS_TO_END)
            return
        process.kill()
        await process.wait()
