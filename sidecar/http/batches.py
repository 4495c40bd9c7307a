"""Batches of questions: defaults, and when to stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sidecar.errors import InvalidRequestError
from sidecar.http.asking import Asking
from sidecar.http.bodies import convert
from sidecar.http.faults import fault_of
from sidecar.http.questions import SEMANTICS, Batch, Evaluation

STOPS_AFTER: Mapping[str, bool | None] = dict(zip(SEMANTICS, (None, False, True), strict=True))
"""The semantics, and the decision after which each stops; the answer ends with it."""

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "subject": ("type", "id"),
    "action": ("name",),
    "resource": ("type", "id"),
    "context": (),
}
"""What has a default, and which of its own members are required."""


def evaluate(body: object, asking: Asking, max_evaluations: int) -> dict[str, object]:
    """Answer a batch; a faulty item is a denial of its own and spoils no other.

    Args:
        body: The JSON value that the caller sent.
        asking: The pair and the moment that hold for all items.
        max_evaluations: How many items one batch may have.

    Raises:
        InvalidRequestError: The batch as a whole is malformed, or it has no items and its
            members do not make a question.
    """
    batch = convert(body, Batch)
    semantic = batch.options.evaluations_semantic
    if semantic not in STOPS_AFTER:
        raise InvalidRequestError(
            "options.evaluations_semantic", f"must be one of {', '.join(STOPS_AFTER)}"
        )
    if not batch.evaluations:
        answered = asking.decide(convert(body, Evaluation).request())
        return {"decision": answered.decision.allowed, "context": answered.context()}
    if len(batch.evaluations) > max_evaluations:
        raise InvalidRequestError("evaluations", f"must have at most {max_evaluations} items")
    members = body if isinstance(body, dict) else {}
    defaults = {name: members[name] for name in _REQUIRED if name in members}
    return {"evaluations": list(_answers(batch, defaults, asking, STOPS_AFTER[semantic]))}


def _answers(
    batch: Batch, defaults: Mapping[str, object], asking: Asking, last: object
) -> Iterator[dict[str, object]]:
    for index, item in enumerate(batch.evaluations):
        answer = _answer(f"evaluations[{index}]", item, defaults, asking)
        yield answer
        if answer["decision"] is last:
            return


def _answer(
    place: str, item: object, defaults: Mapping[str, object], asking: Asking
) -> dict[str, object]:
    if not isinstance(item, dict):
        return _refusal(InvalidRequestError(place, "must be an object"))
    try:
        answered = asking.decide(convert(_with_defaults(item, defaults), Evaluation).request())
    except InvalidRequestError as error:
        return _refusal(placed(error, place, item, defaults))
    return {"decision": answered.decision.allowed, "context": answered.context()}


def _with_defaults(item: dict[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """Fill in what an item leaves out: whole members, and of those it has, what is required.

    Properties are never mixed: those of the item are all that there are.
    """
    whole = {**defaults, **item}
    for name, required in _REQUIRED.items():
        own, default = item.get(name), defaults.get(name)
        if isinstance(own, dict) and isinstance(default, dict):
            whole[name] = {**{each: default[each] for each in required if each in default}, **own}
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
    """Tell whether what is wrong was said as a default, and not by the item."""
    said_as_default: object = defaults
    said: object = item
    for name in error.member.split("."):
        if isinstance(said, dict) and name in said:
            said, said_as_default = said[name], _member(said_as_default, name)
        else:
            return isinstance(said_as_default, dict) and name in said_as_default
    return False


def _member(said: object, name: str) -> object:
    return said.get(name) if isinstance(said, dict) else None


def _refusal(error: InvalidRequestError) -> dict[str, object]:
    return {"decision": False, "context": {"error": fault_of(error)}}
