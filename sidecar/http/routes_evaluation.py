"""AuthZEN's questions, one or a batch of them: defaults, and when to stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeGuard

import msgspec

from sidecar.errors import InvalidRequestError
from sidecar.http import fast_batches as quick_batches
from sidecar.http import fast_decoder as quick
from sidecar.http.authzen_requests import INHERITED, STOPS_AFTER, Batch, Evaluation
from sidecar.http.cancellation import check
from sidecar.http.errors import fault_of
from sidecar.http.fast_decoder import Quickly
from sidecar.http.incoming_request import Incoming
from sidecar.http.json_body import convert
from sidecar.http.message import OK, PLAIN, Told
from sidecar.http.request_context import Asking


def evaluation(incoming: Incoming) -> Told:
    """Answer one question; what we tell beside the decision stands in `context`.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Others would wait too long for it.
    """
    asking = incoming.open(aged=False)
    question, body = incoming.quickly(_QUICK_EVALUATION), incoming.short_body
    if question is None:
        question, body = convert(incoming.json(), Evaluation), None
    answer = asking.decide(question, asked=body).standard(with_context=incoming.desk.with_context)
    return Told(OK, PLAIN, answer, asking.lines())


def evaluations(incoming: Incoming) -> Told:
    """Answer a batch from one pair and one moment.

    A faulty item is a denial of its own and spoils no other.

    Raises:
        SidecarError: There is no answer: the batch as a whole is malformed, or it has no items and
            its members do not make a question.
        TakesLongError: Others would wait too long for it.
    """
    return quick_batches.answers(incoming) or _evaluate(incoming.json(), incoming)


_QUICK_EVALUATION: Quickly[Evaluation | quick.Evaluation] = Quickly(quick.Evaluation)


def _evaluate(body: object, incoming: Incoming) -> Told:
    batch = convert(body, Batch)
    semantic = batch.options.evaluations_semantic
    if semantic not in STOPS_AFTER:
        raise InvalidRequestError(
            "options.evaluations_semantic", f"must be one of {', '.join(STOPS_AFTER)}"
        )
    asking, with_context = incoming.open(aged=False), incoming.desk.with_context
    if not batch.evaluations:
        answer = asking.decide(convert(body, Evaluation)).standard(with_context=with_context)
        return Told(OK, PLAIN, answer, asking.lines())
    most = incoming.limits.max_evaluations
    if len(batch.evaluations) > most:
        raise InvalidRequestError("evaluations", f"must have at most {most} items")
    incoming.bound(len(batch.evaluations))
    members = body if isinstance(body, dict) else {}
    defaults = {name: members[name] for name in INHERITED if name in members}
    answers = (
        _answer(f"evaluations[{at}]", item, defaults, asking, with_context=with_context)
        for at, item in enumerate(batch.evaluations)
    )
    return Told(OK, PLAIN, _until(STOPS_AFTER[semantic], answers), asking.lines())


def _until(last: object, answers: Iterable[tuple[bool, bytes]]) -> bytes:
    """Write answers up to the first that ends the batch."""
    written = []
    for allowed, answer in answers:
        written.append(answer)
        if allowed is last:
            break
    return b'{"evaluations":[%b]}' % b",".join(written)


def _answer(
    place: str,
    item: object,
    defaults: Mapping[str, object],
    asking: Asking,
    *,
    with_context: bool,
) -> tuple[bool, bytes]:
    check()
    if not isinstance(item, dict):
        return _refusal(InvalidRequestError(place, "must be an object"))
    try:
        answered = asking.decide(convert(with_defaults(item, defaults), Evaluation))
    except InvalidRequestError as error:
        return _refusal(placed(error, place, item, defaults))
    return answered.decision.allowed, answered.standard(with_context=with_context)


def with_defaults(item: dict[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """Fill in what an item leaves out: whole members, and the type of an entity that it has.

    What else an entity of the item lacks is missing, even where the default has it.
    """
    whole = {**defaults, **item}
    for name, inherited in INHERITED.items():
        own, default = item.get(name), defaults.get(name)
        if isinstance(own, dict) and _has(default, inherited):
            whole[name] = {inherited: default[inherited], **own}
    return whole


def placed(
    error: InvalidRequestError,
    place: str,
    item: Mapping[str, object],
    defaults: Mapping[str, object],
) -> InvalidRequestError:
    """Return the error of an item with the place where it was said: there, or in a default.

    Args:
        error: What is wrong with the item and its defaults.
        place: Of the item in the body.
        item: As it was said.
        defaults: What stands beside the items.
    """
    if _stands_in(defaults, item, error):
        return error
    message = str(error).removeprefix(f"`{error.member}` ")
    return InvalidRequestError(f"{place}.{error.member}", message)


def _stands_in(
    defaults: Mapping[str, object], item: Mapping[str, object], error: InvalidRequestError
) -> bool:
    """Tell whether what is wrong stands in a default, and not in the item."""
    name, _, member = error.member.partition(".")
    if name not in item:
        return name in defaults
    own = item[name]
    missing = isinstance(own, dict) and member not in own
    return missing and member == INHERITED.get(name) and _has(defaults.get(name), member)


def _has(default: object, inherited: str) -> TypeGuard[dict[str, object]]:
    """Tell whether a default has the member that an item may inherit of it."""
    return bool(inherited) and isinstance(default, dict) and inherited in default


def _refusal(error: InvalidRequestError) -> tuple[bool, bytes]:
    refusal = {"decision": False, "context": {"error": fault_of(error)}}
    return False, msgspec.json.encode(refusal)
