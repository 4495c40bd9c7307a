"""The pair of policy and snapshot behind all decisions, and the paths of its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sidecar.compiler import Compiled, PackTexts, compile_cached
from sidecar.engine.policy import Policy
from sidecar.errors import Problem
from sidecar.facts import Facts
from sidecar.model import Revisions
from sidecar.reload.sources import BundleFile, PackDirectories, Source


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of a pack and of the facts."""

    policies: Path
    fixtures: Path
    data: Path
    compiling: Callable[[PackTexts], Compiled] = compile_cached
    """The compiler."""
    takes_bad_rows: bool = False
    """Whether rows that break the schema are taken, so that they cannot be read."""

    def source(self) -> Source:
        """Return the source of the policy."""
        return PackDirectories(self.policies, self.fixtures, self.compiling)


@dataclass(frozen=True, slots=True)
class BundlePlaces:
    """The file of a bundle, and the directory of the facts."""

    bundle: Path
    data: Path
    takes_bad_rows: bool = False
    """Whether rows that break the schema are taken, so that they cannot be read."""

    def source(self) -> Source:
        """Return the source of the policy."""
        return BundleFile(self.bundle)


@dataclass(frozen=True, slots=True)
class Pair:
    """A policy and a snapshot of the same schema."""

    policy: Policy
    snapshot: Facts

    def revisions(self) -> Revisions:
        """Return the hashes of both."""
        return Revisions(self.policy.revision, self.snapshot.revision)


@dataclass(frozen=True, slots=True)
class State:
    """The state of the current pair."""

    pair: Pair | None
    """None before there is one."""
    problems: tuple[Problem, ...]
    """Why the newest files are not in use; empty if they are."""
    waiting: str = ""
    """The revision of the newest pack while it waits for facts that fit; empty if none does."""
