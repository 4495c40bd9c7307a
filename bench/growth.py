"""How cost grows: with memberships, the policy, batches, workers and threads."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from bench import machine
from bench.forgetting import forgetting
from bench.inprocess import micro
from bench.measuring import SERVER_CORES, Effort, Row, measure
from bench.packs import memberships, roles_and_permissions
from bench.peers import Asked, ours
from bench.places import Place, free_port
from bench.questions import Oracle, batches, request
from bench.servers import Peer, Running, running
from bench.shapes import authzen, batch
from sidecar.compiler import load_pack
from sidecar.diagram.nodes import Node
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, Table, build
from sidecar.model import Reference, Request


@dataclass(frozen=True, slots=True)
class Grown:
    """One point: where on its axes, and what was measured there by name."""

    axis: str
    size: tuple[int, ...]
    measured: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Started:
    """So many workers, started together on one core."""

    workers: int
    sidecars: int
    """That they belong to: the workers of one share what was compiled and read before them."""
    pss: float
    """Megabytes of all processes, what they share counted once."""
    seconds: float
    """Until the last of the sidecars had answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """How far it goes."""

    memberships: Sequence[int]
    policies: Sequence[tuple[int, int]]
    """Roles and permissions."""
    batches: Sequence[int]
    workers: Sequence[int]
    threads: Sequence[int]


QUICK = Axes(
    memberships=(100, 10_000),
    policies=((5, 10), (5, 100)),
    batches=(1, 100),
    workers=(1, 2),
    threads=(1, 4),
)
FULL = Axes(
    memberships=(100, 1_000, 10_000, 100_000, 1_000_000),
    policies=((5, 10), (5, 100), (5, 1_000), (20, 100), (50, 10), (50, 100), (50, 1_000)),
    batches=(1, 10, 100, 1_000),
    workers=(1, 2, 4),
    threads=(1, 2, 4, 8, 16),
)


def with_memberships(oracle: Oracle, sizes: Iterable[int], seconds: float) -> Iterator[Grown]:
    """Decide in snapshots of these sizes: members, owners and strangers of accounts all over."""
    for count in sizes:
        gc.collect()
        started = perf_counter()
        snapshot = build(oracle.policy.schema, memberships(count))
        building = perf_counter() - started
        accounts = count // 10
        asked = [
            request(
                f"u{(number * 7919 + number % 14) % accounts}",
                action,
                f"a{number * 7919 % accounts}",
            )
            for number in range(1_000)
            for action in ("numbers.view", "team.manage")
        ]

        def act(asked: Sequence[Request] = asked, facts: Snapshot = snapshot) -> None:
            for each in asked:
                authorize(each, oracle.policy, facts, oracle.now)

        gc.freeze()  # as a server does: collections do not walk the snapshot
        with forgetting():
            cost = micro(act, len(asked), seconds)
        yield Grown("memberships", (count,), (("us a decision", cost), ("s to build", building)))
        gc.unfreeze()


def with_policy(
    oracle: Oracle, sizes: Iterable[tuple[int, int]], seconds: float
) -> Iterator[Grown]:
    """Compile generated policies of these sizes, count their nodes, and decide by them."""
    for roles, permissions in sizes:
        with tempfile.TemporaryDirectory() as folder:
            written = roles_and_permissions(Path(folder), roles=roles, permissions=permissions)
            started = perf_counter()
            policy = load_pack(*written)
            compiling = perf_counter() - started
        if policy.notices:
            raise AssertionError(f"not explored: {policy.notices[0]}")
        yield Grown(
            "policy",
            (roles, permissions),
            (
                ("s to compile", compiling),
                ("nodes", float(count_nodes(policy))),
                ("us a decision", _deciding(policy, oracle, permissions, seconds)),
            ),
        )


def _deciding(policy: Policy, oracle: Oracle, permissions: int, seconds: float) -> float:
    snapshot = build(
        policy.schema,
        {
            "user": Table("users.yaml", [(1, {"id": "u"})]),
            "document": Table("documents.yaml", [(1, {"id": "d"})]),
            "member": Table(
                "members.yaml", [(1, {"document": "d", "user": "u", "role": "role_1"})]
            ),
        },
    )
    subject, resource = Reference("user", "u"), Reference("document", "d")
    asked = [
        Request(subject=subject, action=f"do.p{number}", resource=resource)
        for number in range(permissions)
    ]
    allowed = [authorize(each, policy, snapshot, oracle.now).allowed for each in asked]
    if allowed != [(number + 1) % 2 == 0 for number in range(permissions)]:
        raise AssertionError("the generated policy is not decided as it was written")
    forgetful = replace(policy)  # a copy remembers nothing to begin with
    with forgetting():
        return micro(
            lambda: [authorize(each, forgetful, snapshot, oracle.now) for each in asked],
            len(asked),
            seconds,
        )


def count_nodes(policy: Policy) -> int:
    """Return how many nodes the trees of all entries have, what they share counted once."""
    seen: set[int] = set()
    waiting: list[Node | None] = [
        root
        for entry in policy.entries.values()
        for root in (entry.granted, entry.allowed, *entry.forbids.values(), *entry.obliges.values())
    ]
    while waiting:
        node = waiting.pop()
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            waiting.extend(node.branches)
    return len(seen)


def with_batches(asked: Asked, sizes: Iterable[int], effort: Effort) -> Iterator[Row]:
    """Ask batches of these sizes of one sidecar."""
    place = Place(free_port())
    asking = [ours.with_token(batch(batches(asked.questions, size, 20), authzen)) for size in sizes]
    peer = ours.peer(asked, place, asking, further=("--max-body-bytes", "1000000"))
    yield from measure([peer], effort, asked.folder)


def with_workers(asked: Asked, counts: Iterable[int], effort: Effort) -> Iterator[tuple[int, Row]]:
    """Ask single evaluations of sidecars with so many workers, all on the same core."""
    for count in counts:
        peer: Peer = ours.peer(asked, Place(free_port()), ours.shapes(asked)[:1], count)
        for row in measure([peer], effort, asked.folder):
            yield count, row


def with_threads(asked: Asked, counts: Iterable[int], effort: Effort) -> Iterator[tuple[int, Row]]:
    """Ask searches, which threads answer, of one worker that has so many of them."""
    searching = next(each for each in ours.shapes(asked) if each.name.startswith("search"))
    for count in counts:
        further = ("--threads", str(count))
        peer = ours.peer(asked, Place(free_port()), [searching], further=further)
        for row in measure([peer], effort, asked.folder):
            yield count, row


def with_preload(asked: Asked, counts: Iterable[int]) -> Iterator[Started]:
    """Start so many workers of one sidecar, and as many sidecars of one: nothing is preloaded."""
    for count in counts:
        yield _started(asked, [count])
        if count > 1:
            yield _started(asked, [1] * count)


def _started(asked: Asked, workers: Sequence[int]) -> Started:
    """Start sidecars at the same moment, each with so many workers."""
    shape = ours.shapes(asked)[:1]
    peers = [ours.peer(asked, Place(free_port()), shape, each) for each in workers]

    with ExitStack() as up, ThreadPoolExecutor(len(peers)) as pool:

        def start(peer: Peer) -> Running:
            (folder := asked.folder / str(peer.place.port)).mkdir(exist_ok=True)
            return up.enter_context(running(peer, SERVER_CORES, folder))

        servers = list(pool.map(start, peers))
        return Started(
            workers=sum(workers),
            sidecars=len(workers),
            pss=sum(machine.memory(server.pid)[1] for server in servers),
            seconds=max(server.start_seconds for server in servers),
        )
