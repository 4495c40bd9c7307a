"""The short form of ``/v1``, for a person with curl and a service that wants all there is."""

from __future__ import annotations

from msgspec import UNSET, UnsetType
from msgspec.json import encode
from msgspec.structs import replace

from sidecar.decision_log import Entry
from sidecar.engine.explanation import Explanation, explain
from sidecar.engine.search import list_permissions, needs_interpreter
from sidecar.errors import InvalidRequestError
from sidecar.http.answer_cache import Answer, validated
from sidecar.http.batches import BatchAnswers, read_batch
from sidecar.http.cancellation import check as check_cancelled
from sidecar.http.decision_ids import new_id
from sidecar.http.errors import fault_of
from sidecar.http.freshness import NO_DEMAND
from sidecar.http.json_body import convert
from sidecar.http.message import JSON_HEADERS, OK, Response
from sidecar.http.request_context import MAX_ITEMS_AT_ONCE, RequestContext
from sidecar.http.requests import Authorize, AuthorizeMany, Permissions, PermissionsOfMany
from sidecar.http.responses import Answer as NativeAnswer
from sidecar.http.responses import Permitted, PermittedOn, PermittedOnMany, Refusal, write_native
from sidecar.metrics.counters import Tally
from sidecar.metrics.layout import NOTHING
from sidecar.model import Decision, PermittedActions, Request, Revisions


def authorize(context: RequestContext) -> Response:
    """Answer one request, or a batch; a denial is a 200 with its reasons.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Other connections would wait too long for it.
    """
    batch = read_batch(context, "requests")
    document = batch.document
    if batch.items is None and not (isinstance(document, dict) and "requests" in document):
        identifier = new_id()
        answer = _decide(context, convert(document, Authorize), identifier)
        return context.respond(answer, identifier)
    items = batch.items
    answers = BatchAnswers(
        context,
        batch,
        convert(document, AuthorizeMany).requests if items is None else items,
        name="requests",
        defaulted=Authorize.__struct_fields__,
        decide=lambda item, identifier: _decide(context, convert(item, Authorize), identifier),
        refuse=_refusal,
    )
    body = b'{"answers":%b}' % answers.body()
    return Response(OK, JSON_HEADERS, body, context.log_lines, answers.counted)


def _decide(context: RequestContext, query: Authorize, identifier: bytes) -> Answer:
    context.allow_slow(slow=query.explain)
    request, demand = query.request(), query.demand()
    if not query.explain:
        return context.decide(request, write_native, identifier, demand)

    explanation: Explanation | UnsetType = UNSET
    if not context.is_stale(demand):
        explanation = explain(request, context.policy, context.snapshot, context.now)

    def write(decision: Decision) -> tuple[bytes, bytes]:
        return encode(NativeAnswer.of(decision, identifier.decode(), explanation)), b""

    return replace(context.decide(request, write, identifier, demand), valid=None)


def _refusal(error: InvalidRequestError) -> bytes:
    return encode(Refusal(error=fault_of(error)))


# --- permissions --------------------------------------------------------------------------------

_DECISIONS_A_LIST = 25
"""Decisions that a list of permissions costs as much as, or fewer."""


def permissions(context: RequestContext) -> Response:
    """Answer which actions would be allowed, on one resource or on many.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Other connections would wait too long for it.
    """
    document = context.document()
    if isinstance(document, dict) and "resources" in document:
        return _on_many(context, convert(document, PermissionsOfMany))
    query = convert(document, Permissions)
    demand = query.demand()
    context.require_fresh(demand)
    permitted, entry = _permitted(context, query.request())
    body = encode(Permitted(permitted.actions, permitted.obligations, _revisions(context)))
    valid = permitted.valid if demand is NO_DEMAND else None
    cell = context.environment.counters.list_cell
    return context.respond(validated(body, entry, cell, valid))


def _on_many(context: RequestContext, query: PermissionsOfMany) -> Response:
    most = context.environment.limits.max_evaluations
    if len(query.resources) > most:
        raise InvalidRequestError("resources", f"must have at most {most} items")
    context.allow_slow(slow=len(query.resources) * _DECISIONS_A_LIST > MAX_ITEMS_AT_ONCE)
    context.require_fresh(query.demand())

    def on(index: int, request: Request) -> PermittedOn:
        check_cancelled()
        try:
            permitted, entry = _permitted(context, request)
        except InvalidRequestError as error:
            raise _placed(error, f"resources[{index}]") from error
        context.log(entry)
        return PermittedOn(str(request.resource), permitted.actions, permitted.obligations)

    answers = tuple(on(*each) for each in enumerate(query.requests()))
    body = encode(PermittedOnMany(answers, _revisions(context)))
    counted = Tally(cells=[context.environment.counters.list_cell - 1] * len(answers))
    answer = validated(body, None, NOTHING, None)
    return answer.response(b"", context.head, context.log_lines, counted)


def _permitted(context: RequestContext, request: Request) -> tuple[PermittedActions, Entry | None]:
    context.allow_slow(slow=needs_interpreter(request, context.policy))
    permitted = list_permissions(request, context.policy, context.snapshot, context.now)
    log = context.environment.log
    if log is None:
        return permitted, None
    return permitted, log.permissions(request, permitted, context.policy, context.snapshot)


def _revisions(context: RequestContext) -> Revisions:
    return Revisions(context.policy.revision, context.snapshot.revision)


def _placed(error: InvalidRequestError, place: str) -> InvalidRequestError:
    head, dot, rest = error.member.partition(".")
    if head != "resource":
        return error
    message = str(error).removeprefix(f"`{error.member}` ")
    return InvalidRequestError(f"{place}{dot}{rest}", message)
