"""One row of the results: a peer under load, and what that cost."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from threading import Event

from bench import machine
from bench.load import CONNECTIONS, load
from bench.servers import Peer, Running, running
from bench.shapes import Shape, check

SERVER_CORES, LOAD_CORE = "0", 1
SHORTENED_SECONDS = 0.02
"""How often a log is emptied under load."""
LONGEST_SECONDS = 60
"""Of one load: a server that answers nothing until then is taken to be broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured of one peer and one kind of request; latencies in microseconds."""

    peer: str
    transport: str
    shape: str
    decisions: int
    """In each request."""
    throughput: float
    p50: float
    p99: float
    p999: float
    cpu: float
    """Microseconds of processor time of the server's processes, for each request."""
    rss: float
    """Megabytes of the largest process, after the load."""
    pss: float
    """Megabytes of all its processes, what they share counted once."""
    start: float
    """Seconds until the first answer."""
    foreign: float
    """Share of one core that others took meanwhile."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    seconds: int
    warm_seconds: int


QUICK = Effort(seconds=1, warm_seconds=0)
FULL = Effort(seconds=3, warm_seconds=1)


def measure(peers: Sequence[Peer], effort: Effort, folder: Path) -> Iterator[Row]:
    """Check the answers of each peer, then time it; one server runs at a time.

    Raises:
        WrongAnswerError: A peer's answer is not the policy's.
        NotStartedError: A peer does not answer.
        LoadError: The load could not be made, or was refused.
    """
    for peer in peers:
        if peer.place.path:
            peer.place.path.unlink(missing_ok=True)
        with running(peer, SERVER_CORES, folder) as server:
            who = f"{peer.name} over {peer.place.transport}"
            alone = [check(who, peer.place, shape) for shape in peer.shapes]
            for shape, each in zip(peer.shapes, alone, strict=True):
                row = timed(peer, server, shape, _enough(effort, each), folder)
                print(
                    f"  {row.peer:<36} {row.transport}  {row.shape:<21} "
                    f"{row.throughput:>9,.0f}/s  p99 {row.p99 / 1000:.2f} ms",
                    file=sys.stderr,
                )
                yield row


def in_rounds(
    peers: Sequence[Peer], effort: Effort, rounds: int, folder: Path
) -> Iterator[list[Row]]:
    """Time all peers again and again, all of them up; what they share is the state of the machine.

    Raises:
        WrongAnswerError: A peer's answer is not the policy's.
        NotStartedError: A peer does not answer.
        LoadError: The load could not be made, or was refused.
    """
    with ExitStack() as up:
        servers = []
        for number, peer in enumerate(peers):
            (place := folder / f"side{number}").mkdir(exist_ok=True)
            servers.append(up.enter_context(running(peer, SERVER_CORES, place)))
            for shape in peer.shapes:
                check(peer.name, peer.place, shape)
        for number in range(rounds):
            print(f"  round {number + 1} of {rounds}, side by side", file=sys.stderr)
            yield [
                timed(peer, server, shape, effort, folder)
                for peer, server in zip(peers, servers, strict=True)
                for shape in peer.shapes
            ]


def timed(peer: Peer, server: Running, shape: Shape, effort: Effort, folder: Path) -> Row:
    """Load a running peer with one kind of request.

    Raises:
        LoadError: The load could not be made, or was refused.
    """
    with _kept_short(peer.log):
        if effort.warm_seconds:
            load(peer.place, shape, effort.warm_seconds, LOAD_CORE, folder)
        before, spent, ours = machine.usage(), machine.cpu_seconds(server.pid), _own_seconds()
        loaded = load(peer.place, shape, effort.seconds, LOAD_CORE, folder)
        cost = machine.cpu_seconds(server.pid) - spent
        others = machine.foreign(before, machine.usage(), cost + _own_seconds() - ours)
    rss, pss = machine.memory(server.pid)
    return Row(
        peer=peer.name,
        transport=peer.place.transport,
        shape=shape.name,
        decisions=shape.decisions,
        throughput=loaded.throughput,
        p50=loaded.p50,
        p99=loaded.p99,
        p999=loaded.p999,
        cpu=cost / loaded.requests * 1e6,
        rss=rss,
        pss=pss,
        start=server.start_seconds,
        foreign=others,
    )


@contextmanager
def _kept_short(log: Path | None) -> Iterator[None]:
    """Empty a log again and again, from the core of the load.

    So it is always written to the same few pages of memory. Those that it would otherwise need
    must first be given by the host of a virtual machine, which takes ten times as long as to write
    them, and be written down by the disk: both in the middle of this load or of another's.
    """
    if log is None:
        yield
        return
    ended = Event()

    def empty() -> None:
        os.sched_setaffinity(0, {LOAD_CORE})
        while not ended.wait(SHORTENED_SECONDS):
            os.truncate(log, 0)

    with ThreadPoolExecutor(1) as pool:
        emptying = pool.submit(empty)
        try:
            yield
        finally:
            ended.set()
            emptying.result()
    os.truncate(log, 0)


def _enough(effort: Effort, alone: float) -> Effort:
    """Give a slow peer the time to answer every connection: `alone` is what one request takes."""
    needed = min(ceil(1.2 * CONNECTIONS * alone), LONGEST_SECONDS)
    if needed <= effort.seconds:
        return effort
    # In the time for warming it might answer nothing, and its check has warmed it.
    return replace(effort, seconds=needed, warm_seconds=0)


def _own_seconds() -> float:
    """Return the processor time of this process and of the load generators that have ended."""
    return sum(os.times()[:4])
