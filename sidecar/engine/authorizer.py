"""The decision: granted, and not forbidden, from one policy and one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sidecar.engine import BoundRule, Frame, RequestKind, Window, kind_of
from sidecar.engine.admission import admit_context
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot
from sidecar.model import Decision, Obligation, Reason, Reference, Request, Revisions
from sidecar.schema import EntityType, Schema, key_of

MOST_REMEMBERED = 16_384
"""Answers that are remembered, 250 to 1,050 bytes each; then all are forgotten."""

Plain = tuple[str, str, str, str, str]
"""A question beside which nothing is said: type and id of the subject, the action, type and id of
the resource."""

Asked = Plain | bytes | tuple[str, bytes] | tuple[str, bytes, bytes] | tuple[str, "Asked"]
"""A whole question, to remember its answer: plain, or in the bytes of a caller. Bytes alone are
those of one question for a decision in the form of the standard; what else they can be has a name
before them."""


def authorize(request: Request, policy: Policy, snapshot: Snapshot, now: datetime) -> Decision:
    """Answer a request from one policy and one snapshot: granted, and not forbidden (R20).

    Pure, and total over well-formed requests: what does not exist is denied with a reason. `now`
    is aware; it is the only clock that the policy sees.

    Raises:
        InvalidRequestError: A declared property has the wrong JSON type.
    """
    decisions = decisions_of(policy, snapshot)
    plain = plain_of(request)
    if plain is not None:
        known = decisions.recall(plain, now)
        if known is not None:
            decision: Decision = known.answer
            return decision
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None:
        admit_context(policy.schema, request.context)
        return _denial(_undeclared(request, policy, snapshot, now), policy, snapshot)
    frame = kind.frame(request, snapshot, now)
    return decisions.decide(kind, request.action, frame, plain)


def plain_of(request: Request) -> Plain | None:
    """Return a question beside which nothing is said; None for any other."""
    if (
        request.context
        or request.subject_properties
        or request.resource_properties
        or request.action_properties
    ):
        return None
    subject, resource = request.subject, request.resource
    return (subject.type, subject.id, request.action, resource.type, resource.id)


def decisions_of(policy: Policy, snapshot: Snapshot) -> Decisions:
    """Return what decides from both, with all that it remembers."""
    decisions: Decisions | None = policy.remembered.get(snapshot)
    if decisions is None:
        policy.remembered.clear()
        decisions = policy.remembered[snapshot] = Decisions(policy, snapshot)
    return decisions


class Known:
    """An answer that was given, and what was written of it."""

    __slots__ = ("answer", "line", "since", "until")

    def __init__(self, window: Window, answer: Any) -> None:  # noqa: ANN401  whatever was asked for
        self.since, self.until = window
        """It is certain between these instants, neither of which belongs to it."""
        self.answer = answer
        self.line: Any = None
        """What the decision log says of it, if that is known (`sidecar.decision_log`)."""


class Decisions:
    """Decides from one policy and one snapshot, and remembers it.

    What depends on nothing but the two, and on the moment only as far as it is compared with other
    instants (`engine.validity`), is the same until the moment passes the next of them.
    """

    __slots__ = ("_known", "_made", "_policy", "_snapshot", "sorted_ids")

    def __init__(self, policy: Policy, snapshot: Snapshot) -> None:
        self._policy = policy
        self._snapshot = snapshot
        self._known: dict[Asked, Known] = {}
        self._made: dict[tuple[object, ...], Decision] = {}
        self.sorted_ids: dict[str, list[str]] = {}
        """All ids of a type that a search went through, sorted."""

    def recall(self, asked: Asked, now: datetime) -> Known | None:
        """Return what was answered to a question before, if it is certain to be so `now`."""
        known = self._known.get(asked)
        return known if known is not None and known.since < now < known.until else None

    def recall_each(self, asked: Iterable[Asked], now: datetime) -> list[Known | None]:
        """Return the same for each of several questions."""
        return [
            known if known is not None and known.since < now < known.until else None
            for known in map(self._known.get, asked)
        ]

    def remember(self, asked: Asked, window: Window | None, answer: object) -> None:
        """Keep an answer for the time between two instants; None where that is not known."""
        if window is not None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[asked] = Known(window, answer)

    def decide(
        self, kind: RequestKind, action: str, frame: Frame, asked: Asked | None = None
    ) -> Decision:
        """Answer a request whose subject and resource are found.

        Args:
            kind: Of the request.
            action: What is asked.
            frame: The subject and the resource, with what the caller said and the moment.
            asked: The whole question; None where the answer is not to be remembered.
        """
        decision = self._decide(kind, action, frame)
        if asked is not None and not decision.faults:
            self.remember(asked, kind.window(frame, action), decision)
        return decision

    def _decide(self, kind: RequestKind, action: str, frame: Frame) -> Decision:
        entry = kind.entry(action)
        faults: list[str] = []

        always_on = kind.always_on_reasons(action, frame)
        grantable = not always_on and not frame.outside
        if entry.allowed is not None:
            granted = grantable and entry.allowed(frame) is True
            reasons = [] if granted else _holding(kind, entry.forbids, action, frame, faults)
        else:
            granted = grantable and kind.holds(entry.grant, action, frame, faults)
            reasons = _holding(kind, entry.forbids, action, frame, faults)
        obliged = []
        if granted and entry.obliges:
            obliged = _holding(kind, entry.obliges, action, frame, faults)
        if granted and not reasons and not faults:  # the one way to an allow
            return self._equal(_allow, obliged)
        codes = [*reasons, *always_on]
        if faults:
            codes.append("policy_error")
        if faults or frame.outside:
            codes = codes or ["not_granted"]
            return _denial(codes, self._policy, self._snapshot, faults, frame.outside)
        return self._equal(_denial, codes or ["not_granted"])

    def _equal(
        self, make: Callable[[Sequence[str], Policy, Snapshot], Decision], codes: Sequence[str]
    ) -> Decision:
        """Return the answer with these obligations or reasons; equal ones are one object."""
        key = (make, *codes)
        answer = self._made.get(key)
        if answer is None:
            answer = self._made[key] = make(codes, self._policy, self._snapshot)
        return answer


def _holding(
    kind: RequestKind, rules: Sequence[BoundRule], action: str, frame: Frame, faults: list[str]
) -> list[str]:
    """Return the reasons or obligations whose rules hold."""
    return [rule[1] for rule in rules if kind.holds(rule, action, frame, faults)]


def _allow(obligations: Sequence[str], policy: Policy, snapshot: Snapshot) -> Decision:
    sentences = policy.sentences.obligations
    return Decision(
        allowed=True,
        reasons=(),
        obligations=tuple(Obligation(code, sentences[code]) for code in obligations),
        revisions=Revisions(policy.revision, snapshot.revision),
    )


def _denial(
    codes: Sequence[str],
    policy: Policy,
    snapshot: Snapshot,
    faults: Sequence[str] = (),
    outside: tuple[str, ...] = (),
) -> Decision:
    sentences = policy.sentences.reasons
    return Decision(
        allowed=False,
        reasons=tuple(Reason(code, sentences.get(code, code)) for code in dict.fromkeys(codes)),
        obligations=(),
        revisions=Revisions(policy.revision, snapshot.revision),
        faults=tuple(faults),
        outside=outside,
    )


def stale(policy: Policy, snapshot: Snapshot) -> Decision:
    """Return the denial of a request that asks for newer facts than there are."""
    return _denial(["stale_data"], policy, snapshot)


def _undeclared(
    request: Request, policy: Policy, snapshot: Snapshot, now: datetime
) -> Sequence[str]:
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


def _is_mounted(schema: Schema, declared: EntityType, id_text: str, snapshot: Snapshot) -> bool:
    """Tell whether an entity has a row, or is of a type that needs none."""
    key = key_of(schema, declared.name, id_text)
    if not declared.table or declared.implied is not None:
        return key is not None
    return key in snapshot.rows(declared.name)
