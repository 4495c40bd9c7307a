"""The decision: granted, and not forbidden, from one policy and one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from sidecar.engine import BoundRule, Frame, RequestKind, kind_of
from sidecar.engine.admission import admit_properties, sendable_context
from sidecar.engine.policy import Policy
from sidecar.engine.request_kind import DataFault
from sidecar.errors import BadRowError
from sidecar.facts import Facts
from sidecar.model import Decision, Obligation, Reason, Reference, Request, Revisions, Window
from sidecar.schema import EntityType, Schema, key_of
from sidecar.schema.secrecy import names_secret

_DATA, _POLICY = "data_error", "policy_error"
"""Reasons of a denial because a rule fails: because of the facts, or by itself."""


STALE_DATA = "stale_data"
"""The reason of `deny_stale`."""


def authorize(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> Decision:
    """Decide a request from one policy and one snapshot: granted, and not forbidden (R20).

    Pure, and total over well-formed requests: what does not exist is denied with a reason. `now`
    is aware; it is the only clock that the policy sees.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    try:
        return _authorize(request, policy, snapshot, now)
    except BadRowError as error:
        return Decision(
            allowed=False,
            reasons=_reasons([_DATA], policy),
            obligations=(),
            revisions=Revisions(policy.revision, snapshot.revision),
            faults=(_fault(error, policy.schema),),
        )


def _fault(error: BadRowError, schema: Schema) -> DataFault:
    """Return what logs tell of a bad row: without its key, where that holds a sensitive one."""
    declared = schema.types.get(error.type_name)
    if declared is None or names_secret(schema, declared):
        return DataFault(BadRowError(error.type_name, error.table, "a row"))
    return DataFault(error)


def _authorize(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> Decision:
    """Decide a request.

    Raises:
        BadRowError: A row would have to be read that does not fit the schema.
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        _admit_context(request, policy.schema)
        return _denial(_undeclared(request, policy, snapshot, now), policy, snapshot)
    action, frame = request.action, kind.frame(request, snapshot, now)
    entry = kind.entry(action)
    faults: list[str] = []

    always_on = kind.always_on_reasons(action, frame)
    grantable = not always_on and not frame.outside
    if entry.allowed is not None:
        granted = grantable and entry.allowed(frame) is True  # as `is_denied`
        reasons = [] if granted else _holding(kind, entry.forbids, action, frame, faults)
    else:
        granted = grantable and kind.holds(entry.grant, action, frame, faults)
        reasons = _holding(kind, entry.forbids, action, frame, faults)
    obliged = []
    if granted and entry.obliges:
        obliged = _holding(kind, entry.obliges, action, frame, faults)
    valid = None if faults else entry.window(frame)
    if granted and not reasons and not faults:  # the one way to an allow
        return _allow(obliged, policy, snapshot, valid)
    codes = [*reasons, *always_on]
    codes += [_DATA if isinstance(fault, DataFault) else _POLICY for fault in faults]
    return Decision(
        allowed=False,
        reasons=_reasons(codes or ["not_granted"], policy),
        obligations=(),
        revisions=Revisions(policy.revision, snapshot.revision),
        faults=tuple(faults),
        outside=frame.outside,
        valid=valid,
    )


def is_denied(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> bool:
    """Tell whether `authorize` surely denies a request, in less time; a search denies most of them.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        return False
    allowed = kind.entry(request.action).allowed
    if allowed is None:
        return False
    try:
        frame = kind.frame(request, snapshot, now)
        if frame.outside or kind.always_on_reasons(request.action, frame):
            return True
        return allowed(frame) is not True
    except BadRowError:
        return True


def deny_stale(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> Decision:
    """Deny a request that asks for newer facts than there are.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type, as for `authorize`.
    """
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        _admit_context(request, policy.schema)
    else:
        with suppress(BadRowError):
            kind.frame(request, snapshot, now)
    return _denial([STALE_DATA], policy, snapshot)


def needs_interpreter(request: Request, policy: Policy) -> bool:
    """Tell whether a rule that decides the request was not compiled, so that it takes long."""
    if not policy.uncompiled:  # as of most packs
        return False
    kind = kind_of(request.subject.type, request.resource.type, policy)
    return kind is not None and kind.entry(request.action).asks_oso


def _admit_context(request: Request, schema: Schema) -> None:
    """Refuse a malformed context where a type is undeclared, so that no frame is built.

    Raises:
        InvalidRequestError: A declared member of the context has the wrong JSON type.
    """
    admit_properties(schema, sendable_context(schema), request.context, "context")


def _holding(
    kind: RequestKind, rules: Sequence[BoundRule], action: str, frame: Frame, faults: list[str]
) -> list[str]:
    """Return the reasons or obligations whose rules hold."""
    return [rule[1] for rule in rules if kind.holds(rule, action, frame, faults)]


def _allow(
    obligations: Sequence[str], policy: Policy, snapshot: Facts, valid: Window | None
) -> Decision:
    sentences = policy.sentences.obligations
    return Decision(
        allowed=True,
        reasons=(),
        obligations=tuple([Obligation(code, sentences[code]) for code in obligations]),
        revisions=Revisions(policy.revision, snapshot.revision),
        valid=valid,
    )


def _denial(codes: Sequence[str], policy: Policy, snapshot: Facts) -> Decision:
    return Decision(
        allowed=False,
        reasons=_reasons(codes, policy),
        obligations=(),
        revisions=Revisions(policy.revision, snapshot.revision),
    )


def _reasons(codes: Sequence[str], policy: Policy) -> tuple[Reason, ...]:
    """Return reasons with their sentences, each once; equal ones are made once for a policy."""
    key = (Reason, *codes)  # no type of a request has the name of this class
    reasons: tuple[Reason, ...] | None = policy.derived.get(key)
    if reasons is None:
        sentences = policy.sentences.reasons
        reasons = tuple(Reason(code, sentences.get(code, code)) for code in dict.fromkeys(codes))
        policy.derived[key] = reasons
    return reasons


def _undeclared(request: Request, policy: Policy, snapshot: Facts, now: datetime) -> Sequence[str]:
    """Return the reasons where the schema lacks a type, so that the policy cannot be asked.

    A subject of an undeclared type is as unknown as a missing one of a declared type: what
    is told about the resource is the same for both.
    """
    types = policy.schema.types
    subject = types.get(request.subject.type)
    known = (
        subject is not None
        and subject.subject
        and _is_mounted(policy.schema, subject, request.subject.id, snapshot)
    )
    reasons = [] if known else ["unknown_subject"]
    asker = Reference(policy.schema.subjects()[0], request.subject.id)
    kind = kind_of(asker.type, request.resource.type, policy)
    if kind is not None:
        frame = kind.frame(replace(request, subject=asker, subject_properties={}), snapshot, now)
        reasons += kind.always_on_reasons(request.action, frame)
        return list(dict.fromkeys(reasons))
    reasons.append("unknown_resource")
    if not any(request.action in declared.actions for declared in types.values()):
        reasons.append("unknown_action")
    return reasons


def _is_mounted(schema: Schema, declared: EntityType, id_text: str, snapshot: Facts) -> bool:
    """Tell whether an entity has a row, or is of a type that needs none."""
    key = key_of(schema, declared.name, id_text)
    if not declared.table or declared.implied is not None:
        return key is not None
    return key in snapshot.rows(declared.name)
