"""AuthZEN's batches that were read in one step, and in which nothing is wrong.

Whatever else a batch is, `batches` finds out, and has the words for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from msgspec import UNSET, UnsetType

from sidecar.engine.authorizer import Asked, Known
from sidecar.errors import InvalidRequestError
from sidecar.http import fast_decoder as quick
from sidecar.http.authzen_requests import INHERITED, SEMANTICS, STOPS_AFTER
from sidecar.http.decision_ids import new_ids
from sidecar.http.fast_decoder import MOST_KEPT_BYTES, Quickly
from sidecar.http.incoming_request import Incoming
from sidecar.http.message import OK, PLAIN, Told
from sidecar.http.request_context import END_OF_STANDARD, STANDARD, Asking


def answers(incoming: Incoming) -> Told | None:
    """Answer a batch from one pair and one moment; None where nobody is told anything of it.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Others would wait too long for it.
    """
    # What is kept of an answer has a `context`, so bare answers are not written here.
    batch = _read(incoming) if incoming.desk.with_context else None
    if batch is None:
        return None
    asking, ids = incoming.open(aged=False), new_ids(len(batch.items))
    known: Sequence[Known | None] = [None] * len(batch.items)
    if not asking.is_stale():
        known = asking.pair.decisions.recall_each(batch.asked, asking.now)
    leads = _each_again(known, ids, asking) if batch.last is None else None
    if leads is None:
        leads = _each(batch, known, ids, asking.sharing())
    return None if leads is None else Told(OK, PLAIN, _joined(leads, ids), asking.lines())


class _Batch(NamedTuple):
    """A batch as it was read."""

    items: Sequence[bytes]
    defaults: quick.PartOfEvaluation | None
    """None where there are none: each item is a question of its own."""
    asked: Sequence[Asked]
    """By what the answer to each item is remembered, unless the item is too long."""
    longest: int
    """In bytes, of an item that is not too long."""
    last: bool | None
    """Which decision ends the batch."""


def _read(incoming: Incoming) -> _Batch | None:
    """Read a batch, all but its items."""
    batch = incoming.quickly(_BATCHES)
    if batch is None:
        return None
    items = list(map(bytes, batch.evaluations))
    said = UNSET if batch.options is UNSET else batch.options.evaluations_semantic
    semantic = SEMANTICS[0] if said is UNSET else said
    if semantic not in STOPS_AFTER or not 0 < len(items) <= incoming.limits.max_evaluations:
        return None
    incoming.bound(len(items))
    last, spoken = STOPS_AFTER[semantic], _defaults(batch)
    if spoken == _NOTHING:
        return _Batch(items, None, items, MOST_KEPT_BYTES, last)
    defaults = _PARTS.read(spoken)
    if defaults is None:
        return None
    asked = [(_BATCH, spoken, item) for item in items]
    return _Batch(items, defaults, asked, MOST_KEPT_BYTES - len(spoken), last)


def _each(
    batch: _Batch, known: Sequence[Known | None], ids: list[bytes], asking: Asking
) -> list[bytes] | None:
    """Answer one item after the other, each up to its id; None where one is not understood."""
    leads = []
    for at, before in enumerate(known):
        if before is not None and (lead := _again(before, ids[at], asking)):
            allowed = before.answer.allowed
        else:
            item = batch.items[at]
            question = _question(item, batch.defaults)
            if question is None:
                return None
            try:
                short = len(item) <= batch.longest
                answered = asking.decide(question, asked=batch.asked[at] if short else None)
            except InvalidRequestError:
                return None
            allowed, lead = answered.decision.allowed, answered.lead()
            ids[at] = answered.id
        leads.append(lead)
        if allowed is batch.last:
            # What follows is not answered; it is read all the same.
            rest = batch.items[at + 1 :]
            return None if any(_PARTS.read(each) is None for each in rest) else leads
    return leads


_BATCHES = Quickly(quick.Batch)
_PARTS = Quickly(quick.PartOfEvaluation)
_WHOLE = Quickly(quick.Evaluation)

_NOTHING = b"{}"
_BATCH = "batch"
"""Names a question that is an item of a batch with defaults."""

_NEXT = END_OF_STANDARD + b","


def _each_again(
    known: Sequence[Known | None], ids: Sequence[bytes], asking: Asking
) -> list[bytes] | None:
    """Answer all items by what was decided before; None where something is not known."""
    every = [each for each in known if each is not None]
    leads = [each.answer.written.get(STANDARD) for each in every]
    if len(every) < len(known) or not all(leads):
        return None
    if asking.entries is not None and not asking.entries.each_decided_again(every, ids):
        return None
    return leads


def _again(known: Known, identifier: bytes, asking: Asking) -> bytes | None:
    """Answer one item so, up to its id."""
    lead: bytes | None = known.answer.written.get(STANDARD)
    if lead and (asking.entries is None or asking.entries.decided_again(known, identifier)):
        return lead
    return None


def _joined(leads: Sequence[bytes], ids: Sequence[bytes]) -> bytes:
    """Write answers, whose ids are the first of these."""
    count = len(leads)
    pieces = [_NEXT] * (3 * count)
    pieces[0::3] = leads
    pieces[1::3] = ids[:count]
    pieces[-1] = END_OF_STANDARD
    return b'{"evaluations":[%b]}' % b"".join(pieces)


class _Whole(NamedTuple):
    """An item with all that it has from defaults."""

    subject: quick.Entity
    action: quick.Act
    resource: quick.Entity
    context: dict[str, Any] | UnsetType


def _defaults(batch: quick.Batch) -> bytes:
    """Write the defaults of a batch as if they were an item, each as it was said."""
    members = [
        b'"%b":%b' % (name.encode(), bytes(said))
        for name in INHERITED
        if (said := getattr(batch, name)) is not UNSET
    ]
    return b"{%b}" % b",".join(members)


def _question(
    said: bytes, defaults: quick.PartOfEvaluation | None
) -> quick.Evaluation | _Whole | None:
    """Read an item and fill in what it leaves out; None where something is missing all the same."""
    if defaults is None:
        return _WHOLE.read(said)
    item = _PARTS.read(said)
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
    """Fill in an entity or a type that an item leaves out; None where it lacks anything else."""
    if own is UNSET:
        own = default
    elif default is not UNSET and own.type is UNSET:
        own = quick.PartOfEntity(default.type, own.id, own.properties)
    if own is UNSET or own.type is UNSET or own.id is UNSET:
        return None
    return cast("quick.Entity", own)
