"""What is left to a process of its own: it needs the compiler or the solver, and may take long.

The process gets a task by its standard input, pickled by its own parent, and writes JSON.
"""

from __future__ import annotations

import os
import pickle
import resource
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition, Thread
from typing import Any

import msgspec

from sidecar.errors import SidecarError

SECONDS = 300.0
"""How long one task may take; it is killed then."""

MEMORY_BYTES = 4 << 30
"""Address space of its process."""

PATIENCE_SECONDS = 0.02
"""How long a page waits for a result before it says that it is not there yet."""

KEPT = 64
"""Results that are kept, the last used ones."""

FAILURE_SECONDS = 5.0
"""How long a failure is shown before the task is tried again."""

_MODULE = "import sidecar.page.child_main as child; child.main()"
_KEPT_VARIABLES = ("HOME", "PATH", "TMPDIR", "XDG_CACHE_HOME")
"""What of the environment the process gets: where compiled packs are kept, and git."""


class TaskFailedError(SidecarError):
    """A task has no result; the message is for the person who asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the process is to do, and from which files."""

    name: str
    """That of a function of `sidecar.page.child_main`."""
    policies: Path
    fixtures: Path
    data: Path | None = None
    """The directory of the facts."""
    store: tuple[Path, bytes] | None = None
    """The file of a store and its layout, pickled, in place of a directory."""
    arguments: Mapping[str, bytes | str]


class Pending:
    """There is no result yet: it is being made, or another one is."""

    def __init__(self, *, is_running: bool) -> None:
        self.is_running = is_running
        """False where another task has to end first."""


Result = Mapping[str, Any]


class Tasks:
    """Runs one task at a time, and keeps results. Any number of threads may ask."""

    def __init__(self, run: Callable[[Task], Result] | None = None) -> None:
        """Run nothing yet.

        Args:
            run: Does a task; by default a process does.
        """
        self._run = run or run_in_process
        self._changed = Condition()
        self._running: Hashable = None
        self._results: OrderedDict[Hashable, tuple[float, Result | TaskFailedError]] = OrderedDict()

    def result(
        self, key: Hashable, task: Callable[[], Task], seconds: float = inf
    ) -> Result | Pending:
        """Return the result of a task, which is begun if nobody has asked for it.

        Args:
            key: All that the result depends on, but for the time.
            task: Returns the task.
            seconds: How long the result is shown before it is made anew.

        Raises:
            TaskFailedError: It has none.
        """
        with self._changed:
            found = self._kept(key, seconds)
            if found is None and self._running is None:
                self._running = key
                Thread(target=self._do, args=(key, task()), daemon=True).start()
            if found is None and self._running == key:
                self._changed.wait_for(lambda: self._running != key, PATIENCE_SECONDS)
                found = self._kept(key, seconds)
            if found is None:
                return Pending(is_running=self._running == key)
            if isinstance(found, TaskFailedError):
                raise found
            return found

    def _kept(self, key: Hashable, seconds: float) -> Result | TaskFailedError | None:
        made, found = self._results.get(key, (0.0, None))
        if isinstance(found, TaskFailedError):
            seconds = FAILURE_SECONDS
        if found is None or time.monotonic() - made > seconds:
            return None
        self._results.move_to_end(key)
        return found

    def _do(self, key: Hashable, task: Task) -> None:
        result: Result | TaskFailedError = TaskFailedError("it failed; the log says how")
        try:
            result = self._run(task)
        except TaskFailedError as error:
            result = error
        finally:
            with self._changed:
                self._results[key] = (time.monotonic(), result)
                while len(self._results) > KEPT:
                    self._results.popitem(last=False)
                self._running = None
                self._changed.notify_all()


def missing() -> str:
    """Return why tasks cannot be done here; empty where they can."""
    # The package of the distribution `oso` is called `polar`.
    if find_spec("polar") is None:
        return "This needs the compiler, which is not installed here: Oso has no wheel for it."
    if find_spec("z3") is None:
        return "This needs the solver, which is not installed here: install `sidecar[review]`."
    return ""


def run_in_process(task: Task) -> Result:
    """Return what a process of its own makes of a task.

    Raises:
        TaskFailedError: It failed, or took too long or too much memory.
    """
    known = os.environ  # noqa: TID251  for a process of ours
    environment = {
        **{name: known[name] for name in _KEPT_VARIABLES if name in known},
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "LC_ALL": "C.UTF-8",
    }
    try:
        # An empty directory: no name that a person has typed is a file there.
        with TemporaryDirectory(prefix="sidecar-page-") as empty:
            done = subprocess.run(  # noqa: S603  our own interpreter and module
                [sys.executable, "-c", _MODULE],
                input=pickle.dumps(task),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=empty,
                timeout=SECONDS,
                check=False,
                process_group=0,
            )
    except subprocess.TimeoutExpired as error:
        raise TaskFailedError(f"it took longer than {SECONDS:.0f} s and was ended") from error
    except OSError as error:
        raise TaskFailedError(f"its process does not start: {error.strerror}") from error
    try:
        said = msgspec.json.decode(done.stdout, type=dict[str, Any])
    except ValueError as error:
        raise TaskFailedError("its process has ended, perhaps for want of memory") from error
    if "failure" in said:
        raise TaskFailedError(str(said["failure"]))
    return said


def limit_this_process() -> None:
    """Set the limits of the process of a task."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
