"""What the child process sends of a pack that it compiled."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Raw, Struct

from sidecar.bundle.model import DiagramRows
from sidecar.errors import InvalidPackError, Problem


class Compiled(DiagramRows):
    """A compiled pack as plain data."""

    never: tuple[tuple[str, int, str], ...] = ()
    """Rules that never hold, which a pack must not have."""
    queries: int = 0
    """How many queries were put to Oso."""
    late: bool = False
    """Whether there was no time to explore something."""


class Reply(Struct, omit_defaults=True):
    """A compiled pack, or what is wrong with it."""

    compiled: Compiled | None = None
    problems: tuple[tuple[str, int, str], ...] = ()
    findings: Raw = Raw(b"null")
    """What `sidecar.compiler.findings` writes; null where nothing is kept."""

    def usable(self) -> Compiled:
        """Return the compiled pack.

        Raises:
            InvalidPackError: With every fault of the policy.
        """
        if self.compiled is None or self.compiled.never:
            problems = self.problems if self.compiled is None else self.compiled.never
            raise InvalidPackError([Problem(*problem) for problem in problems])
        return self.compiled


@dataclass(frozen=True, slots=True)
class CompiledPack:
    """A compiled pack, and what compiling another text of its policy can take over."""

    compiled: Compiled
    findings: bytes
    """What `sidecar.compiler.findings` writes; empty where nothing is known."""
