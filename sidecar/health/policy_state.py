"""What is reported of a policy: its identity, and which of its rules are compiled."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from sidecar.engine.policy import Policy

MAX_RULES = 200
"""Rules that are reported of each sort."""


class UncompiledRule(Struct, frozen=True, kw_only=True):
    """A rule that Oso answers at request time, or that denies where Oso is not installed."""

    rule: str
    file: str
    line: int
    subject: str
    resource: str
    action: str
    cause: str


class PolicyState(Struct, frozen=True, kw_only=True):
    """A policy in use."""

    revision: str
    digest: str
    """SHA-256 of the document of a bundle; empty for a pack."""
    schema: str
    """Fingerprint of the schema."""
    files: tuple[str, ...]
    routes: int | None
    """How many routes of gateways it has; None where it has no file of them."""
    compiled: tuple[str, ...]
    """Such as ``allow``, ``forbid expired`` and ``oblige confirm``."""
    uncompiled: tuple[UncompiledRule, ...]


def policy_state(policy: Policy) -> PolicyState:
    """Return what is reported of a policy."""
    return PolicyState(
        revision=policy.revision,
        digest=policy.digest,
        schema=policy.schema.fingerprint,
        files=policy.files,
        routes=None if policy.routes is None else len(policy.routes.routes),
        compiled=tuple(sorted(set(_compiled(policy))))[:MAX_RULES],
        uncompiled=tuple(
            UncompiledRule(
                rule=each.rule,
                file=each.file,
                line=each.line,
                subject=each.subject,
                resource=each.resource,
                action=each.action,
                cause=each.cause,
            )
            for each in policy.uncompiled[:MAX_RULES]
        ),
    )


def _compiled(policy: Policy) -> Iterator[str]:
    for entry in policy.entries.values():
        if entry.granted is not None:
            yield "allow"
        for head, rules in (("forbid", entry.forbids), ("oblige", entry.obliges)):
            yield from (f"{head} {code}" for code, root in rules.items() if root is not None)
