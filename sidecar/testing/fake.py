"""A fake PDP: it answers as it is told, denies everything else, and records the requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.client import Entity, Obligation, Reason, UnavailableError
from sidecar.client.exchange import Post, Response
from sidecar.testing.clients import InProcessPDP

NOT_TOLD = Reason("not_granted", "The fake PDP was not told to allow this.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request as the fake received it; a batch is recorded as one for each question."""

    path: str
    """``/v1/authorize``, ``/v1/permissions`` or ``/access/v1/search/resource``."""
    subject: Entity
    action: str
    """Empty in a request for permissions."""
    resource: Entity
    """Its id is empty in a search."""
    context: Mapping[str, object]
    action_properties: Mapping[str, object]
    min_revision: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """What the fake was told; None stands for any."""

    subject: Entity | None
    action: str | None
    resource: Entity | None
    reasons: tuple[Reason, ...]
    """Empty if it allows."""
    obligations: tuple[Obligation, ...] = ()

    def fits(self, subject: Entity, action: str, resource: Entity) -> bool:
        return (
            _fits(self.subject, subject)
            and self.action in {None, action}
            and _fits(self.resource, resource)
        )


class FakePDP(InProcessPDP):
    """A PDP that answers as it is told.

    ::

        fake = FakePDP()
        fake.allow("user:ana", "numbers.edit", "account:acme")
        service = create_app(fake.client())

    The rule that was told last counts. What no rule fits is denied with the reason `not_granted`.
    """

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self.requests: list[RecordedRequest] = []
        """The requests in their order, those included that found it unavailable."""
        self.is_unavailable = False
        """Whether it gives no response, like a sidecar that is down."""

    def allow(
        self,
        subject: str | Entity | None = None,
        action: str | None = None,
        resource: str | Entity | None = None,
        *,
        obligations: str | Iterable[str] = (),
    ) -> None:
        """Allow the requests that all given parts fit.

        Args:
            subject: ``type:id``, or an `Entity` whose properties the request must have; None for
                any subject.
            action: The name of the action; None for any.
            resource: As the subject.
            obligations: Codes of obligations, one or several.

        Raises:
            ValueError: A subject or resource is not written ``type:id``.
        """
        codes = (obligations,) if isinstance(obligations, str) else tuple(obligations)
        duties = tuple(Obligation(code, f"Fulfil `{code}`.") for code in codes)
        self._rules.append(_Rule(_entity(subject), action, _entity(resource), (), duties))

    def deny(
        self,
        subject: str | Entity | None = None,
        action: str | None = None,
        resource: str | Entity | None = None,
        *,
        reasons: str | Iterable[str] = NOT_TOLD.code,
    ) -> None:
        """Deny the requests that all given parts fit.

        Args:
            subject: As of `allow`.
            action: As of `allow`.
            resource: As of `allow`.
            reasons: Codes of reasons, one or several.

        Raises:
            ValueError: A subject or resource is not written ``type:id``, or there is no reason.
        """
        codes = (reasons,) if isinstance(reasons, str) else tuple(reasons)
        if not codes:
            raise ValueError("a denial needs a reason")
        told = tuple(Reason(code, f"The fake PDP denies: `{code}`.") for code in codes)
        self._rules.append(_Rule(_entity(subject), action, _entity(resource), told))

    def respond(self, post: Post) -> Response:
        """Record a request, and return the response to it.

        Raises:
            UnavailableError: `is_unavailable`.
        """
        body = json.loads(post.body)
        items = body.get("requests", [body])
        requests = [_request(post, item) for item in items]
        self.requests += requests
        if self.is_unavailable:
            raise UnavailableError("the fake PDP is unavailable")
        if post.path == "/v1/permissions":
            content = self._permissions(requests[0])
        elif post.path == "/v1/authorize":
            answers = [self._decision(request) for request in requests]
            content = {"answers": answers} if "requests" in body else answers[0]
        else:
            content = self._results(requests[0])
        return Response(200, "application/json", "", json.dumps(content).encode())

    def _rule(self, subject: Entity, action: str, resource: Entity) -> _Rule:
        fitting = (rule for rule in reversed(self._rules) if rule.fits(subject, action, resource))
        return next(fitting, _DENIAL)

    def _decision(self, request: RecordedRequest) -> dict[str, Any]:
        rule = self._rule(request.subject, request.action, request.resource)
        return {
            "decision": not rule.reasons,
            "reasons": [*_coded(rule.reasons)],
            "obligations": [*_coded(rule.obligations)],
            "revisions": {"policy": "fake", "data": "fake"},
            "decision_id": f"fake-{len(self.requests)}",
        }

    def _permissions(self, request: RecordedRequest) -> dict[str, Any]:
        """Return the actions of rules that are allowed, in the order in which they were told."""
        names = dict.fromkeys(rule.action for rule in self._rules if rule.action is not None)
        rules = {name: self._rule(request.subject, name, request.resource) for name in names}
        allowed = {name: rule for name, rule in rules.items() if not rule.reasons}
        obliged = {name: [*_coded(rule.obligations)] for name, rule in allowed.items()}
        return {
            "permissions": [*allowed],
            "obligations": {name: duties for name, duties in obliged.items() if duties},
        }

    def _results(self, request: RecordedRequest) -> dict[str, Any]:
        """Return the resources of rules on which the action is allowed, sorted by id."""
        told = {
            rule.resource.id: rule.resource
            for rule in self._rules
            if rule.resource is not None and rule.resource.type == request.resource.type
        }
        obligations: dict[Obligation, list[str]] = {}
        results = []
        for identifier in sorted(told):
            rule = self._rule(request.subject, request.action, told[identifier])
            if not rule.reasons:
                results.append({"type": request.resource.type, "id": identifier})
                for obligation in rule.obligations:
                    obligations.setdefault(obligation, []).append(identifier)
        carried = [
            {"code": duty.code, "message": duty.message, "results": ids}
            for duty, ids in obligations.items()
        ]
        return {"results": results, "context": {"obligations": carried}}


_DENIAL = _Rule(None, None, None, (NOT_TOLD,))


def _entity(reference: str | Entity | None) -> Entity | None:
    return None if reference is None else Entity.of(reference)


def _fits(told: Entity | None, entity: Entity) -> bool:
    if told is None:
        return True
    return (told.type, told.id) == (entity.type, entity.id) and all(
        name in entity.properties and entity.properties[name] == value
        for name, value in told.properties.items()
    )


def _coded(items: Iterable[Reason | Obligation]) -> Iterator[dict[str, str]]:
    return ({"code": item.code, "message": item.message} for item in items)


def _request(post: Post, item: Mapping[str, Any]) -> RecordedRequest:
    subject, resource = (
        Entity(part["type"], part.get("id", ""), part["properties"])
        for part in (item["subject"], item["resource"])
    )
    return RecordedRequest(
        path=post.path,
        subject=subject,
        action=item["action"].get("name", ""),
        resource=resource,
        context=item["context"],
        action_properties=item["action"]["properties"],
        min_revision=post.headers.get("Sidecar-Min-Revision"),
        request_id=post.headers["X-Request-ID"],
    )
