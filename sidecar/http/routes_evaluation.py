"""AuthZEN: one evaluation, or a batch of them."""

from __future__ import annotations

from msgspec.json import encode

from sidecar.errors import InvalidRequestError
from sidecar.http.answer_cache import Answer
from sidecar.http.batches import INHERITED, BatchAnswers, read_batch
from sidecar.http.decision_ids import new_id
from sidecar.http.errors import fault_of
from sidecar.http.json_body import convert
from sidecar.http.message import JSON_HEADERS, OK, Response
from sidecar.http.request_context import RequestContext, Write
from sidecar.http.requests import Batch, Evaluation
from sidecar.http.responses import Blame, Faulty, write_authzen, write_bare


def evaluation(context: RequestContext) -> Response:
    """Answer one request; what is told beside the decision stands in `context`.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Other connections would wait too long for it.
    """
    return _single(context, context.read(Evaluation))


def evaluations(context: RequestContext) -> Response:
    """Answer a batch from one pair and one moment.

    A malformed item is a denial of its own and spoils no other.

    Raises:
        SidecarError: There is no answer: the batch as a whole is malformed, or it has no items and
            its members do not make a request.
        TakesLongError: Other connections would wait too long for it.
    """
    batch = read_batch(context, "evaluations")
    whole = convert(batch.document, Batch)
    stops_after = whole.stops_after()
    items = batch.items or whole.evaluations
    if not items:
        return _single(context, convert(batch.document, Evaluation))
    write = _write(context)

    def decide(item: dict[str, object], identifier: bytes) -> Answer:
        return context.decide(convert(item, Evaluation).request(), write, identifier)

    answers = BatchAnswers(
        context,
        batch,
        items,
        name="evaluations",
        defaulted=tuple(INHERITED),
        decide=decide,
        refuse=_refusal,
    )
    body = b'{"evaluations":%b}' % answers.body(stops_after)
    return Response(OK, JSON_HEADERS, body, context.log_lines, answers.counted)


def _single(context: RequestContext, query: Evaluation) -> Response:
    identifier = new_id()
    answer = context.decide(query.request(), _write(context), identifier)
    return context.respond(answer, identifier)


def _write(context: RequestContext) -> Write:
    return write_authzen if context.environment.with_context else write_bare


def _refusal(error: InvalidRequestError) -> bytes:
    return encode(Faulty(decision=False, context=Blame(fault_of(error))))
