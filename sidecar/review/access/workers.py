"""Parts of a report made beside each other, by processes that share the memory of this one."""

from __future__ import annotations

import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import Any, TypeVar

from sidecar.errors import SidecarError

Part = TypeVar("Part")
Made = TypeVar("Made")
FEWEST = 20_000
"""Entities of a type of subjects from which on starting processes takes less time than it saves."""
_AHEAD = 4
"""Parts for each process that are made before they are taken: they bound the memory."""


class LostWorkerError(SidecarError):
    """A process that made a part of a report was ended; whoever runs the command must act."""


def workers_for(subjects: int) -> int:
    """Return in how many processes to make a report of so many subjects: one for each core."""
    return len(os.sched_getaffinity(0)) if subjects >= FEWEST else 1


def in_workers(
    make: Callable[[Part], Made], parts: Iterable[Part], workers: int
) -> Generator[Made, None, None]:
    """Yield what is made of each part, in their order.

    Args:
        make: Makes it; it is called in a copy of this process. What it returns is pickled.
        parts: What to call it with.
        workers: How many processes there are.

    Raises:
        LostWorkerError: A process was ended.
    """
    gc.freeze()  # the collector would write to the memory that the processes share
    pool = ProcessPoolExecutor(workers, get_context("fork"), initializer=_start, initargs=(make,))
    waiting: deque[Future[Made]] = deque()
    try:
        for part in parts:
            waiting.append(pool.submit(_call, part))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        message = "the report is incomplete: one of its processes was ended, perhaps for its memory"
        raise LostWorkerError(message) from error
    finally:
        pool.shutdown(cancel_futures=True)
        gc.unfreeze()


_makers: list[Callable[[Any], Any]] = []
"""The one function of a worker process."""


def _start(make: Callable[[Any], Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process is interrupted, and ends this
    _makers.append(make)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _call(part: Any) -> Any:  # noqa: ANN401
    return _makers[0](part)
