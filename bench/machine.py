"""The machine: what processes cost, and what else runs on it while we measure."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")

FOREIGN = 0.05
"""Of one core: more than this, by others than server and load, makes a result doubtful."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds that all cores together were busy, or taken by the hypervisor, since it started."""

    busy: float
    stolen: float
    at: float


def usage() -> Usage:
    """Read the machine's counters."""
    fields = (_PROC / "stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(each) for each in fields[:8])
    busy = user + nice + system + irq + softirq
    return Usage(busy / _TICKS, steal / _TICKS, time.monotonic())


def foreign(before: Usage, after: Usage, ours: float) -> float:
    """Return which share of one core others took between two readings, stolen time included.

    `ours` is the processor time of server and load. Counters tick, so it is never below zero.
    """
    taken = after.busy - before.busy + after.stolen - before.stolen - ours
    return max(0.0, taken / (after.at - before.at))


def at_rest(seconds: float) -> float:
    """Return which share of one core others take while we do nothing."""
    before = usage()
    spent = time.process_time()
    time.sleep(seconds)
    return foreign(before, usage(), time.process_time() - spent)


def pressure() -> str:
    """Return the load average, and where the kernel tells it the share of time that tasks wait."""
    parts = ["load average " + " ".join((_PROC / "loadavg").read_text().split()[:3])]
    try:
        some = (_PROC / "pressure" / "cpu").read_text().split()
    except OSError:
        return parts[0]
    parts.append("tasks waiting for a core " + some[1].removeprefix("avg10=") + "% of 10 s")
    return ", ".join(parts)


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *(below for child in _children(pid) for below in tree(child))]


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and all that descend from it, ended ones too."""
    total = 0
    for each in tree(pid):
        if fields := _stat(each):
            total += sum(int(field) for field in fields[11:15])
    return total / _TICKS


def memory(pid: int) -> tuple[float, float]:
    """Return megabytes: resident in the largest process of a tree, and in all by their shares."""
    largest, shares = 0.0, 0.0
    for each in tree(pid):
        try:
            lines = (_PROC / str(each) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        told = dict(line.split()[:2] for line in lines[1:])
        largest = max(largest, int(told["Rss:"]) / 1000)
        shares += int(told["Pss:"]) / 1000
    return largest, shares


def described() -> str:
    """Return what the machine is, in a line."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in (_PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{cpu}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}"


def _children(pid: int) -> Iterator[int]:
    try:
        for task in (_PROC / str(pid) / "task").iterdir():
            yield from (int(each) for each in (task / "children").read_text().split())
    except OSError:
        return


def _stat(pid: int) -> list[str]:
    """Return the fields of a process that follow its name, which may hold anything."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
