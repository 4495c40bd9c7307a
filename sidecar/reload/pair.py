"""What answers: one policy and one snapshot, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidecar.compiler import PackTexts, compile_cached
from sidecar.engine.policy import Policy
from sidecar.errors import Problem
from sidecar.facts import Snapshot
from sidecar.model import Revisions
from sidecar.reload.sources import BundleFile, PackDirectories, Source


@dataclass(frozen=True, slots=True)
class Places:
    """The directories that a pack and the facts are read from."""

    policies: Path
    fixtures: Path
    data: Path
    compiling: Callable[[PackTexts], Mapping[str, Any]] = compile_cached
    """Compiles the pack."""

    def source(self) -> Source:
        """Return what the policy is made from."""
        return PackDirectories(self.policies, self.fixtures, self.compiling)


@dataclass(frozen=True, slots=True)
class BundlePlaces:
    """The file that a bundle is read from, and the directory of the facts."""

    bundle: Path
    data: Path

    def source(self) -> Source:
        """Return what the policy is made from."""
        return BundleFile(self.bundle)


@dataclass(frozen=True, slots=True)
class Pair:
    """A policy and a snapshot of the same schema."""

    policy: Policy
    snapshot: Snapshot

    def revisions(self) -> Revisions:
        """Return the content hashes of both."""
        return Revisions(self.policy.revision, self.snapshot.revision)


@dataclass(frozen=True, slots=True)
class State:
    """What there is to know about the pair that answers."""

    revisions: Revisions | None
    """None while there is nothing to answer from."""
    problems: tuple[Problem, ...]
    """Why the newest files are not what answers; empty when they are."""
    stale: bool = False
    """Whether the facts are older than the operator lets them be."""
