"""Logs of several processes, written by real ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sidecar.decision_log import DecisionLog, Hashing, Limits, LineFile, OnFailure
from sidecar.decision_log.chain import Line
from sidecar.decision_log.entry import DECISION, entry_of, entry_of_decision
from sidecar.decision_log.verifier import Verification

KEY = b"a key for tests that is long"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
MOMENT = {"value": "context.now", "type": "instant", "text": "2026-12-01T12:00:00+00:00"}


def lines(log: DecisionLog, count: int, subject: str = "ana") -> list[Line]:
    """Return lines of decisions, each second of which read the moment."""
    stamp = log.stamp(NOW, "r-1")
    found = []
    for number in range(count):
        members = {"revisions": {}, "subject": {"type": "user", "id": subject}, "decision": True}
        facts = [MOMENT] if number % 2 else []
        entry = entry_of_decision({**members, "facts": facts, "key": "…"})
        found.append((entry, b"%032d" % number, stamp))
    return found


def in_process(work: Callable[[], None]) -> None:
    """Do something in a process of its own, as workers do."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def written(
    path: Path,
    *,
    key: bytes | None = KEY,
    writes: Sequence[int] = (1, 3, 2),
    limits: Limits | None = None,
) -> list[bytes]:
    """Write the log of a sidecar with three workers, of which the last ends last.

    Args:
        path: Of the log.
        key: Of the hashes; None for a log whose hashes need none.
        writes: How many lines each worker writes at once.
        limits: When the file is rotated.

    Returns:
        All lines of the file that is there in the end.
    """
    file = LineFile(str(path), limits or Limits())
    hashing = Hashing.for_this_start() if key is None else Hashing(key)
    log = DecisionLog(file, hashing, OnFailure.REFUSE)

    def work(name: str) -> None:
        for count in writes:
            log.write(lines(log, count, name))
        log.end()

    for name in ("ana", "bob"):
        in_process(lambda name=name: work(name))  # type: ignore[misc]  # bound at once
    log.write(lines(log, 2, "cy"))
    in_process(lambda: work("dora"))
    log.write(lines(log, 2, "cy"))
    log.end()
    file.close()
    return path.read_bytes().splitlines(keepends=True)


def verified(*files: Iterable[bytes], key: bytes | None = KEY) -> Verification:
    result = Verification(None if key is None else Hashing(key))
    for number, each in enumerate(files):
        result.read(f"log.{number}", each)
    result.finish()
    return result


def search(log: DecisionLog, size: int) -> Line:
    """Return a line of about so many bytes."""
    return (
        entry_of(DECISION, {"revisions": {}, "found": ["x" * size]}),
        b"1",
        log.stamp(NOW, None),
    )
