"""This sidecar, by its command line: over TCP and a Unix socket, with and without decision log."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.peers import Asked
from bench.places import Place, free_port
from bench.servers import Peer
from bench.shapes import JSON, Shape, authzen, batch, constant, dense, single
from sidecar.engine.search import permissions
from sidecar.model import Reference, Request

NAME = "sidecar"
LOGGED = "sidecar, decision log on"
FORGETFUL = "sidecar, each question new"
FLOOR = "floor: the same worker, a constant"
LOGGING_FLOOR = "floor, decision log on"
TOKEN = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"  # noqa: S105  of a run
HEADERS = {**JSON, "Authorization": f"Bearer {TOKEN}"}


def peers(asked: Asked) -> Iterator[Peer]:
    """Yield it with everything that it can be asked, and the floor below it."""
    every = shapes(asked)
    few = [each for each in every if not each.name.startswith("search")]
    for place in _places(asked):
        yield peer(asked, place, every)
    for place in _places(asked):
        yield peer(asked, place, few, logged=True)
    for place in _places(asked):
        yield _floor(asked, place, every[0])
    yield forgetful(asked, Place(free_port()), few)


def side_by_side(asked: Asked) -> list[Peer]:
    """Return those that are compared by ratios, with what these need."""
    needed = [
        each
        for each in shapes(asked)
        if each.name in {"evaluation", "permissions"} or each.decisions > 1
    ]
    ports = [Place(free_port()) for _ in range(5)]
    # The nearer two loads are in time, the more alike the machine is: each floor is just before its
    # sidecar's single evaluations.
    return [
        _floor(asked, ports[0], needed[0]),
        peer(asked, ports[1], needed),
        _floor(asked, ports[2], needed[0], asked.folder / "floor.log"),
        peer(asked, ports[3], needed, logged=True),
        forgetful(asked, ports[4], needed),
    ]


def forgetful(asked: Asked, place: Place, asking: Sequence[Shape]) -> Peer:
    """Return a sidecar to which every question is new."""
    return Peer(
        name=FORGETFUL,
        command=[
            *(sys.executable, "-m", "bench.peers.forgetful", "serve", "--workers", "1"),
            *_listening(asked, place),
        ],
        place=place,
        shapes=asking,
    )


def peer(  # noqa: PLR0913  what can differ from one measurement to the next
    asked: Asked,
    place: Place,
    asking: Sequence[Shape],
    workers: int = 1,
    *,
    logged: bool = False,
    further: Sequence[str] = (),
) -> Peer:
    """Return a sidecar that listens there."""
    log = asked.folder / "decisions.log" if logged else None
    return Peer(
        name=LOGGED if logged else NAME,
        command=[
            *(sys.executable, "-m", "sidecar", "serve", "--workers", str(workers)),
            *_listening(asked, place),
            *(["--decision-log", str(log)] if log else []),
            *further,
        ],
        log=log,
        place=place,
        shapes=asking,
    )


def shapes(asked: Asked) -> list[Shape]:
    """Return all that is asked of it; single evaluations come first."""
    return [
        with_token(each)
        for each in (
            single(asked.questions, authzen),
            _native(asked),
            batch(asked.grouped, authzen),
            _permissions(asked),
            *_searches(asked),
        )
    ]


def with_token(shape: Shape) -> Shape:
    """Return the same requests with a bearer token."""
    return Shape(
        name=shape.name,
        path=shape.path,
        bodies=shape.bodies,
        answers=shape.answers,
        read=shape.read,
        decisions=shape.decisions,
        headers=HEADERS,
    )


def _places(asked: Asked) -> tuple[Place, Place]:
    return Place(free_port()), Place(free_port(), asked.folder / "sidecar.sock")


def _listening(asked: Asked, place: Place) -> list[str]:
    tokens = asked.file("tokens", f"bench {TOKEN}\n")
    at = ["--bind", f"unix:{place.path}"] if place.path else ["--port", str(place.port)]
    return [*at, "--tokens", str(tokens), "--log-level", "error"]


def _floor(asked: Asked, place: Place, shape: Shape, log: Path | None = None) -> Peer:
    return Peer(
        name=LOGGING_FLOOR if log else FLOOR,
        command=[
            *(sys.executable, "-m", "bench.peers.floor", "serve", "--workers", "1"),
            *_listening(asked, place),
            *(["--decision-log", str(log)] if log else []),
        ],
        log=log,
        place=place,
        shapes=[constant(shape)],
    )


def _native(asked: Asked) -> Shape:
    return Shape(
        name="/v1/authorize",
        path="/v1/authorize",
        bodies=tuple(
            dense(
                {
                    "subject": f"user:{each.user}",
                    "action": each.action,
                    "resource": f"account:{each.account}",
                }
            )
            for each in asked.questions
        ),
        answers=tuple((each.allowed,) for each in asked.questions),
        read=lambda said: (said["decision"] is True,),
    )


def _pairs(asked: Asked) -> list[tuple[str, str]]:
    return list(dict.fromkeys((each.user, each.account) for each in asked.questions))


def _permissions(asked: Asked) -> Shape:
    pairs = _pairs(asked)
    return Shape(
        name="permissions",
        path="/v1/permissions",
        bodies=tuple(
            dense({"subject": f"user:{user}", "resource": f"account:{account}"})
            for user, account in pairs
        ),
        answers=tuple(_permitted(asked, *pair) for pair in pairs),
        read=lambda said: frozenset(said["permissions"]),
    )


def _permitted(asked: Asked, user: str, account: str) -> frozenset[str]:
    """Ask the core for all permissions, and each single decision whether it says the same.

    Raises:
        AssertionError: They differ.
    """
    oracle = asked.oracle
    subject, resource = Reference("user", user), Reference("account", account)
    question = Request(subject=subject, action="any", resource=resource)
    found = frozenset(permissions(question, oracle.policy, oracle.snapshot, oracle.now))
    actions = oracle.policy.schema.types["account"].actions
    one_by_one = {action for action in actions if oracle.allows(user, action, account)}
    if found != one_by_one:
        raise AssertionError(f"permissions of {user} on {account} are not the decisions")
    return found


def _searches(asked: Asked) -> Iterator[Shape]:
    facts, allows = asked.facts, asked.oracle.allows
    yield _search(
        "resource",
        [
            {"subject": {"type": "user", "id": user}, "resource": {"type": "account"}}
            for user in facts.users
        ],
        "switch",
        [{acc for acc in facts.accounts if allows(user, "switch", acc)} for user in facts.users],
    )
    yield _search(
        "subject",
        [
            {"subject": {"type": "user"}, "resource": {"type": "account", "id": account}}
            for account in facts.accounts
        ],
        "billing.view",
        [
            {user for user in facts.users if allows(user, "billing.view", account)}
            for account in facts.accounts
        ],
    )
    pairs = _pairs(asked)
    yield Shape(
        name="search for actions",
        path="/access/v1/search/action",
        bodies=tuple(
            dense(
                {
                    "subject": {"type": "user", "id": user},
                    "resource": {"type": "account", "id": account},
                }
            )
            for user, account in pairs
        ),
        answers=tuple(_permitted(asked, *pair) for pair in pairs),
        read=lambda said: frozenset(each["name"] for each in said["results"]),
    )


def _search(
    what: str, bodies: Sequence[dict[str, Any]], action: str, answers: Sequence[set[str]]
) -> Shape:
    return Shape(
        name=f"search for {what}s",
        path=f"/access/v1/search/{what}",
        bodies=tuple(dense({**each, "action": {"name": action}}) for each in bodies),
        answers=tuple(frozenset(each) for each in answers),
        read=lambda said: frozenset(each["id"] for each in said["results"]),
    )
