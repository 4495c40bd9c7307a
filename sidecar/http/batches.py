"""AuthZEN's questions, one or a batch of them: defaults, and when to stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.errors import InvalidRequestError
from sidecar.http import quick
from sidecar.http.asking import END_OF_STANDARD, STANDARD, Asking, Desk
from sidecar.http.bodies import convert
from sidecar.http.faults import fault_of
from sidecar.http.identifiers import new_ids
from sidecar.http.incoming import Incoming
from sidecar.http.messages import OK, PLAIN, Fields, Told
from sidecar.http.questions import SEMANTICS, Batch, Evaluation
from sidecar.http.quick import MOST_KEPT_BYTES, Quickly
from sidecar.model import Decision

STOPS_AFTER: Mapping[str, bool | None] = dict(zip(SEMANTICS, (None, False, True), strict=True))
"""The semantics, and the decision after which each stops; the answer ends with it."""

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "subject": ("type", "id"),
    "action": ("name",),
    "resource": ("type", "id"),
    "context": (),
}
"""What has a default, and which of its own members are required."""


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
    return Told(OK, PLAIN, asking.decide(question, asked=body).standard(), asking.lines())


def evaluation_again(body: bytes, fields: Fields, desk: Desk) -> Told | None:
    """Answer a question by what was decided of the same bytes before."""
    return desk.decided_again(body, fields, STANDARD, END_OF_STANDARD)


def evaluations(incoming: Incoming) -> Told:
    """Answer a batch from one pair and one moment.

    A faulty item is a denial of its own and spoils no other.

    Raises:
        SidecarError: There is no answer: the batch as a whole is malformed, or it has no items and
            its members do not make a question.
        TakesLongError: Others would wait too long for it.
    """
    batch = incoming.quickly(_QUICK_BATCH)
    if batch is not None and (answers := _quick_answers(batch, incoming)) is not None:
        return answers
    return _evaluate(incoming.json(), incoming)


_QUICK_EVALUATION: Quickly[Evaluation | quick.Evaluation] = Quickly(quick.Evaluation)
_QUICK_BATCH = Quickly(quick.Batch)


def _evaluate(body: object, incoming: Incoming) -> Told:
    batch = convert(body, Batch)
    semantic = batch.options.evaluations_semantic
    if semantic not in STOPS_AFTER:
        raise InvalidRequestError(
            "options.evaluations_semantic", f"must be one of {', '.join(STOPS_AFTER)}"
        )
    asking = incoming.open(aged=False)
    if not batch.evaluations:
        answer = asking.decide(convert(body, Evaluation)).standard()
        return Told(OK, PLAIN, answer, asking.lines())
    most = incoming.limits.max_evaluations
    if len(batch.evaluations) > most:
        raise InvalidRequestError("evaluations", f"must have at most {most} items")
    incoming.bound(len(batch.evaluations))
    members = body if isinstance(body, dict) else {}
    defaults = {name: members[name] for name in _REQUIRED if name in members}
    items = enumerate(batch.evaluations)
    answers = (_answer(f"evaluations[{at}]", item, defaults, asking) for at, item in items)
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
    place: str, item: object, defaults: Mapping[str, object], asking: Asking
) -> tuple[bool, bytes]:
    if not isinstance(item, dict):
        return _refusal(InvalidRequestError(place, "must be an object"))
    try:
        answered = asking.decide(convert(_with_defaults(item, defaults), Evaluation))
    except InvalidRequestError as error:
        return _refusal(placed(error, place, item, defaults))
    return answered.decision.allowed, answered.standard()


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


def _refusal(error: InvalidRequestError) -> tuple[bool, bytes]:
    refusal = {"decision": False, "context": {"error": fault_of(error)}}
    return False, msgspec.json.encode(refusal)


# --- batches that were read in one step -----------------------------------------------------------


class _Whole(NamedTuple):
    """An item with all that it has from defaults."""

    subject: quick.Entity
    action: quick.Act
    resource: quick.Entity
    context: dict[str, Any] | UnsetType


_QUICK_PART = Quickly(quick.PartOfEvaluation)


def _quick_answers(batch: quick.Batch, incoming: Incoming) -> Told | None:
    """Answer a batch in which nothing is wrong; None for any other, which nothing is told of."""
    options = batch.options
    said = UNSET if options is UNSET else options.evaluations_semantic
    semantic = SEMANTICS[0] if said is UNSET else said
    items = batch.evaluations
    if semantic not in STOPS_AFTER or not 0 < len(items) <= incoming.limits.max_evaluations:
        return None
    incoming.bound(len(items))
    spoken = _defaults(batch)
    defaults = _QUICK_PART.read(spoken)
    if defaults is None:
        return None
    asking = incoming.open(aged=False).sharing()
    recall, now, last = asking.pair.decisions.recall, asking.now, STOPS_AFTER[semantic]
    entries = asking.entries
    leads, ids, alone = [], new_ids(len(items)), spoken == _NOTHING
    for at, raw in enumerate(items):
        item = bytes(raw)
        # Without defaults an item is a question of its own.
        asked = item if alone else (_BATCH, spoken, item)
        decision: Decision | None = recall(asked, now)
        lead = decision.written.get(STANDARD) if decision else None
        if (
            decision is None
            or lead is None
            or not (entries is None or entries.decided_again(asked, decision, ids[at]))
        ):
            question = _whole(_QUICK_PART.read(item), defaults)
            if question is None:
                return None
            try:
                short = len(item) + len(spoken) <= MOST_KEPT_BYTES
                answered = asking.decide(question, asked=asked if short else None)
            except InvalidRequestError:
                return None
            decision, ids[at] = answered.decision, answered.id.encode()
            lead = answered.lead()
        leads.append(lead)
        if decision.allowed is last:
            # What follows is not answered; it is read all the same.
            if any(_QUICK_PART.read(bytes(rest)) is None for rest in items[at + 1 :]):
                return None
            break
    answers = [lead + each for lead, each in zip(leads, ids, strict=False)]
    body = b'{"evaluations":[%b%b]}' % (_NEXT.join(answers), END_OF_STANDARD)
    return Told(OK, PLAIN, body, asking.lines())


_NEXT = END_OF_STANDARD + b","
_NOTHING = b"{}"
_BATCH = "batch"
"""Names a question that is an item of a batch with defaults."""


def _defaults(batch: quick.Batch) -> bytes:
    """Write the defaults of a batch as if they were an item, each as it was said."""
    members = [
        b'"%b":%b' % (name.encode(), bytes(said))
        for name in _REQUIRED
        if (said := getattr(batch, name)) is not UNSET
    ]
    return b"{%b}" % b",".join(members)


def _whole(item: quick.PartOfEvaluation | None, defaults: quick.PartOfEvaluation) -> _Whole | None:
    """Fill in what an item leaves out; None where something is missing all the same."""
    if item is None:
        return None
    subject = _filled(item.subject, defaults.subject)
    action = item.action or defaults.action
    resource = _filled(item.resource, defaults.resource)
    if subject is None or action is UNSET or resource is None:
        return None
    context = defaults.context if item.context is UNSET else item.context
    return _Whole(subject, action, resource, context)


def _filled(
    own: quick.PartOfEntity | UnsetType, default: quick.PartOfEntity | UnsetType
) -> quick.Entity | None:
    """Fill in a type and an id that an item leaves out; None where there are none."""
    if own is UNSET:
        own = default
    elif default is not UNSET and (own.type is UNSET or own.id is UNSET):
        own = quick.PartOfEntity(own.type or default.type, own.id or default.id, own.properties)
    if own is UNSET or own.type is UNSET or own.id is UNSET:
        return None
    return cast("quick.Entity", own)
