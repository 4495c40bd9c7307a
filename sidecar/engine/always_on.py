"""The rules that hold whatever the policy says (requirements R20).

They ask whether the subject, the action and the resource are known, and whether what is to be
created exists already. Decisions, searches, proofs, diffs, coverage and replay all use them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from sidecar.schema import Action, EntityType


class Existence(Enum):
    """What an action needs of its resource."""

    REQUIRED = "required"
    EXCLUDED = "excluded"
    ANY = "any"
    """The action creates a resource that nobody mounts, so nobody can tell."""


def existence_of_resource(resource: EntityType, action: Action | None) -> Existence:
    """Return what an action needs of its resource; None stands for an undeclared action."""
    if action is None or not action.creates:
        return Existence.REQUIRED
    return Existence.EXCLUDED if resource.table else Existence.ANY


def always_on_reasons(
    resource: EntityType,
    action: Action | None,
    *,
    subject_exists: bool,
    resource_exists: bool,
    can_be_created: Callable[[], bool],
) -> list[str]:
    """Return the reasons of a denial that needs no policy, in the order in which they are reported.

    Args:
        resource: The declared type of the resource.
        action: The declared action; None for an undeclared one.
        subject_exists: Whether the subject exists.
        resource_exists: Whether the resource exists.
        can_be_created: Tells whether a resource can have the id of the request; called only for
            an action that creates.
    """
    reasons = [] if subject_exists else ["unknown_subject"]
    if action is None:
        reasons.append("unknown_action")
    needed = existence_of_resource(resource, action)
    if needed is Existence.REQUIRED:
        if not resource_exists:
            reasons.append("unknown_resource")
    elif needed is Existence.EXCLUDED and resource_exists:
        reasons.append("already_exists")
    elif not can_be_created():
        reasons.append("unknown_resource")
    return reasons
