"""Who of a mount gains and loses what, each with the role that they have there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sidecar.decision_log.hashing import Hashing
from sidecar.engine.evaluator import Evaluator, evaluate
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.engine.request_kind import kind_of
from sidecar.errors import BadRowError, InvalidRequestError
from sidecar.facts import read_directory
from sidecar.model import Reference, Request
from sidecar.review.entitlements import ActionKey, Entitlement, Given, changed
from sidecar.review.matrix import ANYBODY, NO_ROLE
from sidecar.review.verdict.access import RoleProbes
from sidecar.review.verdict.model import Holder, Holders
from sidecar.schema.messages import in_line


@dataclass(frozen=True, slots=True)
class Mount:
    """The facts in which people are looked for."""

    name: str
    """As the reviewer knows it."""
    directories: tuple[Path, Path]
    """For the old and the new pack; mostly the same."""
    now: datetime
    is_demanded: bool = True
    """Whether the reviewer named them; others that do not fit a schema are only mentioned."""
    hashing: Hashing | None = None
    """Hashes the ids of subjects; None where they are shown."""


def holders(
    policies: tuple[Policy, Policy],
    probes: RoleProbes,
    mount: Mount,
    only: frozenset[ActionKey],
) -> Holders:
    """Return who gains and loses what.

    Args:
        policies: The old and the new pack, as they decide.
        probes: The rules that say who has which role.
        mount: The facts.
        only: The kinds of request whose decisions can have changed.

    Raises:
        InvalidSnapshotError: The facts do not fit one of the schemas.
    """
    snapshots = [
        read_directory(policy.schema, directory)
        for policy, directory in zip(policies, mount.directories, strict=True)
    ]
    given = [
        Given(policy, each, mount.now) for policy, each in zip(policies, snapshots, strict=True)
    ]
    gained, lost, unlisted = changed(given[0], given[1], only)
    found: list[Holder] = []
    for side, entitlements in ((1, gained), (0, lost)):
        roles = _Roles(given[side], probes, side)
        found += _held(entitlements, roles.of, mount.hashing, gains=side == 1)
    return Holders(source=mount.name, holders=tuple(found), unlisted=unlisted)


def _held(
    entitlements: tuple[Entitlement, ...],
    role_of: Callable[[str, str], str],
    hashing: Hashing | None,
    *,
    gains: bool,
) -> Iterator[Holder]:
    actions: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for each in entitlements:
        actions[each.subject, each.resource][each.action] = None
    found = [
        Holder(
            gains=gains,
            role=role_of(subject, resource),
            subject=_named(subject, hashing),
            resource=_named(resource, hashing),
            actions=tuple(names),
        )
        for (subject, resource), names in actions.items()
    ]
    yield from sorted(found, key=lambda each: (each.role, each.subject, each.resource))


def _named(reference: str, hashing: Hashing | None) -> str:
    if hashing is None:
        return reference
    kind, _, identifier = reference.partition(":")
    return f"{kind}:{hashing.of(('type', kind, 'id'), identifier)[:12]}"


UNKNOWN_ROLE = "role not known"
"""Where Oso is asked at request time who has a role."""


class _Roles:
    """Tells the roles that subjects have on resources, by the diagrams of rules about roles."""

    def __init__(self, given: Given, probes: RoleProbes, side: int) -> None:
        self._given = given
        self._names = probes.names
        self._above = probes.above[side]
        self._evaluators: dict[tuple[str, str], tuple[Reader, Evaluator]] = {}

    def of(self, subject: str, resource: str) -> str:
        """Return the highest roles of a subject on a resource, as ``read, auditor``."""
        pair = [each.partition(":") for each in (subject, resource)]
        types = (pair[0][0], pair[1][0])
        roles = [key[2] for key in self._above if key[:2] == types]
        if not roles:
            return ANYBODY
        declared = self._given.policy.schema.types[types[1]]
        action = next(iter(declared.actions))
        probes = self._given.policy.probes
        if any(
            probes.get((self._names[*types, role], *types, action), 0) is None for role in roles
        ):
            return UNKNOWN_ROLE
        request = Request(
            subject=Reference(types[0], pair[0][2]),
            action=action,
            resource=Reference(types[1], pair[1][2]),
        )
        held = {role for role in roles if self._holds(self._names[*types, role], request)}
        highest = [role for role in held if not self._above[*types, role] & held]
        return ", ".join(in_line(role) for role in roles if role in highest) or NO_ROLE

    def _holds(self, name: str, request: Request) -> bool:
        policy, snapshot, now = self._given.policy, self._given.snapshot, self._given.now
        types = (request.subject.type, request.resource.type)
        root = policy.probes.get((name, *types, request.action))
        kind = kind_of(*types, policy)
        if root is None or kind is None:
            return False
        if types not in self._evaluators:
            declared = policy.schema.types
            reader = Reader(policy.schema, policy.settings, declared[types[0]], declared[types[1]])
            self._evaluators[types] = reader, Evaluator(reader, policy.tests)
        reader, evaluator = self._evaluators[types]
        try:
            bound = evaluator.bind(root)
            frame = kind.frame(request, snapshot, now)
            frame.cache = []
            reader.make_room(frame)
            return evaluate(bound, frame) is True
        except (BadRowError, InvalidRequestError):
            return False
