"""The memory that the processes of a sidecar may use, and which of them is to end without it."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

_CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_SCORE = Path("/proc/self/oom_score_adj")
_NO_LIMIT = 1 << 60
_MEBIBYTE = 1 << 20

BUILDER_SCORE, FOLLOWER_SCORE = 1000, 500
"""How readily the system ends a process when memory is short: both can be started again without
a loss, while the workers answer."""


def limit() -> int | None:
    """Return how many bytes a process may use at most; None if nothing limits it."""
    limits = [resource.getrlimit(each)[0] for each in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    limits = [each for each in limits if each != resource.RLIM_INFINITY]
    for path in _CGROUPS:
        with suppress(OSError, ValueError):
            limits.append(int(path.read_text(encoding="ascii")))
    return min((each for each in limits if each < _NO_LIMIT), default=None)


def shortage() -> str:
    """Return the mend for a process that had too little memory."""
    bound = limit()
    present = "" if bound is None else f", where the limit is {bound // _MEBIBYTE} MiB"
    return f"give the sidecar more memory{present}"


def end_before_others(score: int) -> None:
    """Have the system end this process rather than others when memory is short."""
    with suppress(OSError):
        _SCORE.write_text(str(score), encoding="ascii")
