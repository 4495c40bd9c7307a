"""The decision: granted, and not forbidden, from one policy and one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sidecar.evaluation import kind_of
from sidecar.facts import Snapshot
from sidecar.model import Decision, Obligation, Reason, Request, Revisions
from sidecar.policy import Policy
from sidecar.requests import admit_context, key_of_id
from sidecar.schema import EntityType


def decide(request: Request, policy: Policy, snapshot: Snapshot, now: datetime) -> Decision:
    """Answer a request from one policy and one snapshot: granted, and not forbidden (R20).

    Pure, and total over well-formed requests: what does not exist is denied with a reason. `now`
    is aware; it is the only clock that the policy sees.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        admit_context(policy.schema, request.context, now)
        return _denial(_undeclared(request, policy, snapshot), policy, snapshot)
    frame = kind.frame(request, snapshot, now)
    action, entry, faults = request.action, kind.entry(request.action), list[str]()

    granted = kind.holds(("allow", None, entry.granted), action, frame, faults)
    reasons = [
        code
        for code, tree in entry.forbids
        if kind.holds(("forbid", code, tree), action, frame, faults)
    ]
    reasons += kind.standing(action, frame)
    obliged = [
        code
        for code, tree in entry.obliges
        if granted and kind.holds(("oblige", code, tree), action, frame, faults)
    ]
    if granted and not reasons and not faults:  # the one way to an allow
        return Decision(
            allowed=True,
            reasons=(),
            obligations=tuple(
                Obligation(code, policy.sentences.obligations[code]) for code in obliged
            ),
            revisions=Revisions(policy.revision, snapshot.revision),
        )
    if faults:
        reasons.append("policy_error")
    return _denial(reasons or ["not_granted"], policy, snapshot, faults)


def stale(policy: Policy, snapshot: Snapshot) -> Decision:
    """Return the denial of a request that asks for newer facts than there are."""
    return _denial(["stale_data"], policy, snapshot)


def _undeclared(request: Request, policy: Policy, snapshot: Snapshot) -> list[str]:
    """Return the reasons where the schema lacks a type, so that the policy cannot be asked."""
    types = policy.schema.types
    subject, resource = types.get(request.subject.type), types.get(request.resource.type)
    reasons = []
    if (
        subject is None
        or not subject.subject
        or not _is_mounted(subject, request.subject.id, snapshot)
    ):
        reasons.append("unknown_subject")
    if resource is None or not _is_mounted(resource, request.resource.id, snapshot):
        reasons.append("unknown_resource")
    asked = types.values() if resource is None else (resource,)
    if not any(request.action in declared.actions for declared in asked):
        reasons.append("unknown_action")
    return reasons


def _is_mounted(declared: EntityType, id_text: str, snapshot: Snapshot) -> bool:
    """Tell whether an entity has a row, or is of a type that needs none."""
    if not declared.table or declared.implied is not None:
        return True
    return key_of_id(declared, id_text) in snapshot.rows(declared.name)


def _denial(
    codes: Sequence[str], policy: Policy, snapshot: Snapshot, faults: Sequence[str] = ()
) -> Decision:
    sentences = policy.sentences.reasons
    return Decision(
        allowed=False,
        reasons=tuple(Reason(code, sentences.get(code, code)) for code in dict.fromkeys(codes)),
        obligations=(),
        revisions=Revisions(policy.revision, snapshot.revision),
        faults=tuple(faults),
    )
