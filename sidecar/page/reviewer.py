"""What the reviewers' tools say of the policy in use, each time in a process of its own."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from sidecar.config.settings import Settings
from sidecar.engine.policy import Policy
from sidecar.facts import Facts
from sidecar.facts.store.snapshot import StoredSnapshot
from sidecar.model import Request
from sidecar.page.packs import Other, PackFolder
from sidecar.page.tasks import Pending, Result, Task, Tasks, missing
from sidecar.reload import Pair

CHANGES_SECONDS = 60.0
"""How long the nearest changes are shown before they are searched anew: they depend on the time."""

COMPARED_SECONDS = 600.0
"""How long a verdict is shown before it is made anew: the files of another policy can change."""


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """Asks the tools about the files of a pack."""

    policies: Path
    fixtures: Path
    data: Path | None
    """The directory of the facts; None where they are in a store."""
    folder: PackFolder | None = None
    """Where packs may be read that the policy in use is compared with; None for nowhere."""
    tasks: Tasks = field(default_factory=Tasks)

    def explain(self, asked: Request, pair: Pair, moment: datetime, at: str) -> Result | Pending:
        """Return the rules behind a decision, and the nearest changes that would turn it.

        Args:
            asked: The request.
            pair: In use.
            moment: Of the decision.
            at: As it was stated; empty where it is the present.

        Raises:
            TaskFailedError: There is no result.
        """
        key = ("explain", pair.revisions(), str(asked), at)
        written = msgspec.json.encode(asked, enc_hook=dict)  # of read-only mappings
        arguments: Mapping[str, bytes | str] = {"request": written, "moment": moment.isoformat()}
        task = partial(self._task, "explain", arguments, pair.snapshot)
        return self.tasks.result(key, task, CHANGES_SECONDS)

    def matrix(self, policy: Policy) -> Result | Pending:
        """Return the matrix of the policy in use, and the clauses behind it.

        Raises:
            TaskFailedError: There is no result.
        """
        task = partial(self._task, "matrix", {"revision": policy.revision}, None)
        return self.tasks.result(("matrix", policy.revision), task)

    def compare(self, pair: Pair, other: Other) -> Result | Pending:
        """Return the verdict on another policy in the place of the one in use.

        Raises:
            TaskFailedError: There is no result.
        """
        arguments: Mapping[str, bytes | str] = {
            "revision": pair.policy.revision,
            "other": pickle.dumps(other),
        }
        task = partial(self._task, "compare", arguments, pair.snapshot)
        return self.tasks.result(("compare", pair.policy.revision, other), task, COMPARED_SECONDS)

    def _task(
        self, name: str, arguments: Mapping[str, bytes | str], snapshot: Facts | None
    ) -> Task:
        store = None
        if isinstance(snapshot, StoredSnapshot):
            file = snapshot.store
            store = (file.path, pickle.dumps(file.layout))
        return Task(
            name=name,
            policies=self.policies,
            fixtures=self.fixtures,
            data=None if store else self.data,
            store=store,
            arguments=arguments,
        )


def reviewer_of(settings: Settings) -> Reviewer | str:
    """Return the tools for the pack of a sidecar, or why there are none."""
    if settings.bundle is not None:
        return "This needs the files of the policy; the sidecar serves a bundle, which has none."
    lacking = missing()
    if lacking:
        return lacking
    root = settings.compare_root
    return Reviewer(
        policies=settings.policies.absolute(),
        fixtures=settings.fixtures.absolute(),
        data=None if isinstance(settings.data, str) else settings.mount().absolute(),
        folder=None if root is None else PackFolder(root.absolute()),
    )
