"""Decisions without a server, and compiling, in processor time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from bench.packs import resource_types
from bench.traffic import WrongAnswerError
from bench.world import World
from sidecar.compiler import load_pack
from sidecar.compiler.child_process import compile_in_child
from sidecar.engine.authorizer import authorize
from sidecar.facts import read_directory
from sidecar.model import Reference, Request

ROOT = Path(__file__).resolve().parent.parent
DICTIONARY, UNCACHED = "dictionary", "sidecar, uncached decision"
TYPES = (10, 20, 40, 100)


def decisions(world: World, folder: Path, seconds: float) -> Mapping[str, float]:
    """Return microseconds a decision by name.

    Raises:
        WrongAnswerError: The sidecar decides otherwise than the tables of the world.
    """
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    snapshot = read_directory(policy.schema, folder / "mount")
    now = datetime.now(UTC)
    sample = world.sample(5_000)
    requests = [
        Request(
            subject=Reference("user", question.user),
            action=question.action,
            resource=Reference("account", question.account),
        )
        for question in sample
    ]
    for question, request in zip(sample, requests, strict=True):
        if authorize(request, policy, snapshot, now).allowed is not question.allowed:
            raise WrongAnswerError(f"in process: {request} is not {question.allowed}")
    return {
        DICTIONARY: _micro(
            lambda: [world.allows(q.user, q.action, q.account) for q in sample],
            len(sample),
            seconds,
        ),
        UNCACHED: _micro(
            lambda: [authorize(request, policy, snapshot, now) for request in requests],
            len(requests),
            seconds,
        ),
    }


def compiling(types: tuple[int, ...] = TYPES) -> Mapping[int, float]:
    """Return the seconds of compiling packs of so many types with 10 roles and 20 actions each."""
    measured = {}
    for count in types:
        with tempfile.TemporaryDirectory() as folder:
            pack = resource_types(Path(folder), types=count, roles=10, actions=20)
            started = perf_counter()
            load_pack(*pack, compile_in_child)
            measured[count] = perf_counter() - started
    return measured


def _micro(act: Callable[[], object], count: int, seconds: float) -> float:
    """Return the microseconds of each of `count`, as the median of rounds that take so long."""
    act()
    rounds: list[float] = []
    while sum(rounds) < seconds or len(rounds) < 3:
        started = process_time()
        act()
        rounds.append(process_time() - started)
    return median(rounds) / count * 1e6
