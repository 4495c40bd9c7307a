"""Requests of reverse proxies, answered by status: 200, 401 or 403."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

from msgspec import structs

from sidecar.http.answer_cache import Answer
from sidecar.http.decision_ids import new_id
from sidecar.http.errors import LOG, Rejection
from sidecar.http.gateways import (
    DECISION_ID,
    DIALECTS,
    OBLIGATIONS,
    SUBJECT,
    SUBJECT_TYPE,
    GatewayRequestError,
    Original,
    original_request,
)
from sidecar.http.message import JSON_HEADERS, OK, Headers, Response
from sidecar.http.request_context import RequestContext
from sidecar.http.responses import write_native
from sidecar.http.subjects import NotIdentifiedError, bearer_token, subject_by_header
from sidecar.model import Decision, Reason, Reference, Revisions
from sidecar.routes import AmbiguousTargetError, Match, Route, parse_target
from sidecar.routes.model import METHODS

AMBIGUOUS_PATH = "ambiguous_path"
GATEWAY_HEADERS = "gateway_headers"
NO_ROUTE = "no_route"
NOT_IDENTIFIED = "not_identified"
UNMET_OBLIGATION = "unmet_obligation"
"""Reasons of denials that no policy gives."""

NO_OBLIGATIONS = "-"
"""What the field of the obligations says where there are none. Caddy leaves an empty field out, and
with it lets through what the client sent."""

_FORBIDDEN = HTTPStatus.FORBIDDEN.value
_UNAUTHORIZED = HTTPStatus.UNAUTHORIZED.value

_CHALLENGE = 'Bearer realm="gateway"'

_PLAIN = "!$&'()*/:=@"
"""What stands unescaped in the id of a subject, beside letters, digits and `-._~`."""


class _Refusal(NamedTuple):
    """Why a request is denied before a policy is asked."""

    reason: str
    detail: str
    original: Original | None = None
    route: Route | None = None
    status: int = _FORBIDDEN
    challenge: str = ""


def gateway(context: RequestContext) -> Response:
    """Answer whether a proxy may let a request of its client through.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Other connections would wait too long for it.
    """
    routes = context.policy.routes
    if routes is None:
        _warn_without_routes(context.policy.revision)
        return Rejection.NO_ROUTES.response()
    try:
        original = original_request(context.endpoint, context.head)
    except GatewayRequestError as error:
        return _refuse(context, _Refusal(GATEWAY_HEADERS, str(error)))
    try:
        match = routes.match(original.method, parse_target(original.target))
    except AmbiguousTargetError as error:
        return _refuse(context, _Refusal(AMBIGUOUS_PATH, f"the path {error}", original))
    if match is None:
        return _refuse(context, _Refusal(NO_ROUTE, "", original))
    try:
        subject = _identify(context, match)
    except NotIdentifiedError as error:
        challenge = f'{_CHALLENGE}, error="invalid_token"' if error.has_token else _CHALLENGE
        detail, route = str(error), match.route
        refusal = _Refusal(NOT_IDENTIFIED, detail, original, route, _UNAUTHORIZED, challenge)
        return _refuse(context, refusal)
    return _decide(context, match, subject)


@lru_cache(maxsize=1)
def _warn_without_routes(revision: str) -> None:
    """Tell the operator once that gateways let nothing through by this policy."""
    LOG.warning(
        "a gateway asks, and gets a 404 for each request: policy %s has no routes; write a"
        " `routes.yaml` beside its `schema.yaml`",
        revision,
    )


def _identify(context: RequestContext, match: Match) -> str:
    """Return the id of the subject.

    Raises:
        NotIdentifiedError: It is not known.
        TakesLongError: A token has to be verified, and other connections wait.
    """
    identification = match.route.identification
    if identification.header:
        return subject_by_header(identification, context.head)
    token = bearer_token(context.head)
    verifier = context.environment.tokens
    if verifier is None:
        raise NotIdentifiedError("there are no keys to verify tokens by: `--jwks FILE`")
    subject = verifier.known(token, identification, context.now)
    if subject is not None:
        return subject
    context.allow_slow(slow=True)
    return verifier.verify(token, identification, context.now)


# --- decisions ----------------------------------------------------------------------------------


def _decide(context: RequestContext, match: Match, subject: str) -> Response:
    identifier = new_id()
    route = match.route
    # Escaped, a segment holds no slash.
    captured = "/".join(match.captured.values())
    key = (context.endpoint, route.method, route.template, captured, subject)
    answer = context.cache.get(key, context.now) if context.uses_cache else None
    if answer is None:
        answer = _answer(context, match, subject, identifier)
        context.cache.put(key, answer)
        counted = answer.cell - 1
    else:
        counted = answer.cell
    context.log(answer.entry, identifier)
    status = OK if answer.allowed else _FORBIDDEN
    headers = (*answer.headers, (DECISION_ID, identifier.decode()))
    return Response(status, headers, answer.body(identifier), context.log_lines, counted)


def _answer(context: RequestContext, match: Match, subject: str, identifier: bytes) -> Answer:
    """Decide, and return the answer: an allow only if the service sees to its obligations."""
    route = match.route
    request = match.request(subject)
    decision = context.decision(request, identifier)
    given = decision
    if decision.allowed and not {each.code for each in decision.obligations} <= route.passes_on:
        reasons = (_reason(context, UNMET_OBLIGATION),)
        given = structs.replace(decision, allowed=False, reasons=reasons, obligations=())
    status = OK if given.allowed else _FORBIDDEN
    entry = context.entry(request, decision, _origin(context.endpoint, route.method, route, status))
    prefix, suffix = write_native(given)
    lasts = entry is None or entry.is_lasting
    return Answer(
        prefix,
        suffix,
        given.allowed,
        entry,
        headers=_identity(request.subject, given) if given.allowed else JSON_HEADERS,
        cell=context.cell(request, given),
        valid=decision.valid if lasts else None,
    )


def _identity(subject: Reference, decision: Decision) -> Headers:
    """Return the fields that the service behind the proxy gets; none of them is ever empty."""
    obligations = ",".join(each.code for each in decision.obligations)
    return (
        *JSON_HEADERS,
        (SUBJECT_TYPE, subject.type),
        (SUBJECT, quote(subject.id, safe=_PLAIN)),
        (OBLIGATIONS, obligations or NO_OBLIGATIONS),
    )


# --- denials that no policy gives ---------------------------------------------------------------


def _refuse(context: RequestContext, refusal: _Refusal) -> Response:
    identifier = new_id()
    reason = _reason(context, refusal.reason)
    revisions = Revisions(context.policy.revision, context.snapshot.revision)
    denial = Decision(allowed=False, reasons=(reason,), obligations=(), revisions=revisions)
    method = refusal.original.method if refusal.original else ""
    origin = _origin(context.endpoint, method, refusal.route, refusal.status)
    log = context.environment.log
    if log is not None:
        told = {**origin, "detail": refusal.detail} if refusal.detail else origin
        entry = log.refusal(refusal.reason, told, context.policy, context.snapshot)
        context.log(entry, identifier)
    prefix, suffix = write_native(denial)
    headers = (*JSON_HEADERS, (DECISION_ID, identifier.decode()))
    if refusal.challenge:
        headers = (*headers, ("WWW-Authenticate", refusal.challenge))
    counted = context.environment.counters.denial_cell(refusal.reason) - 1
    body = prefix + identifier + suffix
    return Response(refusal.status, headers, body, context.log_lines, counted)


def _reason(context: RequestContext, code: str) -> Reason:
    return Reason(code, context.policy.sentences.reasons[code])


def _origin(endpoint: str, method: str, route: Route | None, status: int) -> Mapping[str, object]:
    """Return what the log tells of a request; never a path, which may hold what is secret."""
    return {
        "dialect": DIALECTS[endpoint].name,
        "method": method if method in METHODS else None,
        "route": None if route is None else route.template,
        "status": status,
    }
