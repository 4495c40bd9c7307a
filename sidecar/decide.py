"""The decision: granted, and not forbidden, from one policy and one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sidecar.evaluation import Frame, RequestKind, Rule, kind_of
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
        admit_context(policy.schema, request.context)
        return _denial(_undeclared(request, policy, snapshot), policy, snapshot)
    frame = kind.frame(request, snapshot, now)
    return decide_on(kind, request.action, frame, policy, snapshot)


def decide_on(
    kind: RequestKind, action: str, frame: Frame, policy: Policy, snapshot: Snapshot
) -> Decision:
    """Answer a request whose subject and resource are found: what `decide` does with its frame."""
    entry = kind.entry(action)
    faults: list[str] = []

    standing = kind.standing(action, frame)
    if entry.allowed is not None:
        granted = not standing and entry.allowed(frame) is True
        reasons = [] if granted else _holding(kind, entry.forbids, action, frame, faults)
    else:
        granted = not standing and kind.holds(entry.grant, action, frame, faults)
        reasons = _holding(kind, entry.forbids, action, frame, faults)
    obliged = []
    if granted and entry.obliges:
        obliged = _holding(kind, entry.obliges, action, frame, faults)
    if granted and not reasons and not faults:  # the one way to an allow
        return _kept(_allow, obliged, policy, snapshot)
    codes = [*reasons, *standing]
    if faults:
        return _denial([*codes, "policy_error"], policy, snapshot, faults)
    return _kept(_denial, codes or ["not_granted"], policy, snapshot)


def _holding(
    kind: RequestKind, rules: Sequence[Rule], action: str, frame: Frame, faults: list[str]
) -> list[str]:
    """Return the reasons or obligations whose rules hold."""
    return [rule[1] for rule in rules if kind.holds(rule, action, frame, faults)]


def _kept(
    make: Callable[[Sequence[str], Policy, Snapshot], Decision],
    codes: Sequence[str],
    policy: Policy,
    snapshot: Snapshot,
) -> Decision:
    """Return the answer with these obligations or reasons; each is made once for a snapshot."""
    answers = policy.answers.get(snapshot.revision)
    if answers is None:
        policy.answers.clear()
        answers = policy.answers[snapshot.revision] = {}
    key = (make, *codes)
    answer: Decision | None = answers.get(key)
    if answer is None:
        answer = answers[key] = make(codes, policy, snapshot)
    return answer


def _allow(obligations: Sequence[str], policy: Policy, snapshot: Snapshot) -> Decision:
    sentences = policy.sentences.obligations
    return Decision(
        allowed=True,
        reasons=(),
        obligations=tuple(Obligation(code, sentences[code]) for code in obligations),
        revisions=Revisions(policy.revision, snapshot.revision),
    )


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
