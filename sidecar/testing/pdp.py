"""A PDP in the process of a test: the decisions of a pack on the facts of a world."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sidecar.bundle.file import decode, read_bundle
from sidecar.client.exchange import Post, Response, make_response
from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.facts import Facts
from sidecar.http.authentication import Access
from sidecar.http.environment import Environment, Limits, utc_now
from sidecar.http.json_body import prepare
from sidecar.http.message import RequestHead
from sidecar.http.pagination import Paging
from sidecar.http.service import Service
from sidecar.reload import Pair
from sidecar.schema.instants import parse_instant
from sidecar.testing.clients import InProcessPDP
from sidecar.testing.world_facts import WorldFacts


class PDP(InProcessPDP):
    """The decisions of a pack; responses are those of a sidecar that serves the same files.

    ::

        pdp = PDP.of_pack("policies", "fixtures", world="demo")
        pdp.at("2026-03-08T00:00:00Z")
        pdp.facts.put("memberships", account="acme", user="bob", role="support")
        assert not pdp.client().authorize("user:bob", "numbers.edit", "account:acme")

    Each PDP has facts and a clock of its own. Without `at`, the clock is that of the machine.
    """

    def __init__(self, policy: Policy, world: Path) -> None:
        """Decide by a policy on the facts of a directory.

        Raises:
            InvalidSnapshotError: The world cannot be read, or does not fit; all its faults.
        """
        prepare()
        self._policy, self._world = policy, world
        self._moment: datetime | None = None
        self.facts = WorldFacts(policy.schema, world)
        """The facts, which may be changed at any time."""
        self._pair = Pair(policy, self.facts.snapshot)
        environment = Environment(
            current=self._current,
            age=lambda _: 0.0,
            follows=self._follows,
            now=lambda: utc_now() if self._moment is None else self._moment,
            limits=Limits(),
            paging=Paging(),
        )
        self._service = Service(environment, Access())

    @classmethod
    def of_pack(
        cls, policies: str | Path, fixtures: str | Path | None = None, *, world: str | Path
    ) -> Self:
        """Compile a pack, which takes as long as ``sidecar check``.

        Args:
            policies: The directory of the Polar files.
            fixtures: The directory of schema, settings and sentences; `fixtures` beside the
                policies if it is left out.
            world: The name of a directory in ``worlds`` of the fixtures, or the path of another.

        Raises:
            InvalidPackError: The pack is invalid; all its faults.
            InvalidSnapshotError: The world is.
        """
        policies = Path(policies)
        fixtures = policies.parent / "fixtures" if fixtures is None else Path(fixtures)
        directory = fixtures / "worlds" / world if isinstance(world, str) else world
        return cls(load_pack(policies, fixtures), directory)

    @classmethod
    def of_bundle(cls, bundle: str | Path, *, world: str | Path) -> Self:
        """Read a bundle, for which neither Oso nor the pack is needed.

        Args:
            bundle: The file.
            world: The directory of the facts.

        Raises:
            InvalidPackError: The bundle is invalid.
            InvalidSnapshotError: The world is.
            OSError: The file cannot be read.
        """
        policy = Policy.of(decode(read_bundle(Path(bundle)), str(bundle)))
        return cls(policy, Path(world))

    def fresh(self) -> Self:
        """Return another PDP with the same policy, the facts of the world, and its own clock."""
        return type(self)(self._policy, self._world)

    def at(self, moment: str | datetime | None) -> Self:
        """Set the clock, and return the PDP.

        Args:
            moment: An instant, as text of RFC 3339 or aware; None for the clock of the machine.

        Raises:
            ValueError: The text is no instant, or the instant has no time zone.
        """
        if isinstance(moment, datetime) and moment.tzinfo is None:
            raise ValueError(f"`{moment}` has no time zone")
        instant = parse_instant(moment) if isinstance(moment, str) else moment
        self._moment = None if instant is None else instant.astimezone(UTC)
        return self

    def respond(self, post: Post) -> Response:
        """Return the response of the sidecar to a request."""
        headers = {name.lower().encode(): value.encode() for name, value in post.headers.items()}
        head = RequestHead(headers, method="POST", target=post.path.encode())
        response = self._service.answer(post.path, head, post.body)
        return make_response(response.status, response.headers, response.body)

    def _current(self) -> Pair:
        snapshot = self.facts.snapshot
        if self._pair.snapshot is not snapshot:
            self._pair = Pair(self._policy, snapshot)
        return self._pair

    def _follows(self, snapshot: Facts, revision: str) -> bool:
        return snapshot is self.facts.snapshot and revision in self.facts.revisions
