"""The short form of the questions, for a person with curl and a service that wants all of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from http import HTTPStatus
from math import inf
from typing import Any, NamedTuple, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.json import encode
from werkzeug.http import parse_etags

from sidecar.engine.explanation import explain
from sidecar.errors import InvalidRequestError
from sidecar.http import fast_decoder as quick
from sidecar.http.authzen_requests import Act, Entity, any_action
from sidecar.http.cancellation import check
from sidecar.http.errors import fault_of
from sidecar.http.fast_decoder import Quickly
from sidecar.http.freshness import NO_DEMAND, Demand
from sidecar.http.incoming_request import Incoming
from sidecar.http.json_body import convert
from sidecar.http.message import LASTING, OK, PLAIN, Fields, Pairs, Told
from sidecar.http.native_requests import (
    Authorize,
    AuthorizeMany,
    Permissions,
    PermissionsOfMany,
    entity,
)
from sidecar.http.native_responses import Answer, Permitted, PermittedOn, PermittedOnMany, Refusal
from sidecar.http.request_context import Asking, TakesLongError, request_of
from sidecar.http.routes_evaluation import placed, with_defaults

T = TypeVar("T")


def authorize(incoming: Incoming) -> Told:
    """Answer one question, or a batch; a denial is a 200 with its reasons.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Others would wait too long for it.
    """
    question = incoming.quickly(_QUICK_AUTHORIZE)
    if question is not None and _is_short(question.subject, question.resource):
        plain = question.max_age is UNSET and not question.explain
        return _one(question, incoming, incoming.short_body if plain else None)
    said = incoming.json()
    if not isinstance(said, dict) or "requests" not in said:
        return _one(convert(said, Authorize), incoming)
    many = convert(said, AuthorizeMany).requests
    asked = _bounded("requests", many, incoming.limits.max_evaluations)
    incoming.bound(len(asked))
    defaults = {name: said[name] for name in _DEFAULTS if name in said}
    asking = incoming.open()
    places = (f"requests[{index}]" for index in range(len(asked)))
    answers = [_item(*each, defaults, asking) for each in zip(places, asked, strict=True)]
    return Told(OK, PLAIN, b'{"answers":[%b]}' % b",".join(answers), asking.lines())


def list_permissions(incoming: Incoming) -> Told:
    """Answer which actions would be allowed, on one resource or on many.

    Raises:
        SidecarError: There is no answer.
        TakesLongError: Others would wait too long for it.
    """
    question = incoming.quickly(_QUICK_PERMISSIONS)
    if question is not None and _is_short(question.subject, question.resource):
        body = incoming.short_body if question.max_age is UNSET else None
        return _list(question, incoming, body)
    said = incoming.json()
    if isinstance(said, dict) and "resources" in said:
        many = convert(said, PermissionsOfMany)
        _bounded("resources", many.resources, incoming.limits.max_evaluations)
        incoming.bound(len(many.resources) * _AS_MANY)
        asking = incoming.open()
        answers = encode(_permitted_on_many(many, asking))
        return unless_known(answers, incoming.fields, asking.lines())
    return _list(convert(said, Permissions), incoming)


_QUICK_AUTHORIZE = Quickly(quick.Authorize)
_QUICK_PERMISSIONS = Quickly(quick.Permissions)

_AS_MANY = 25
"""Decisions that a list of permissions costs as much as, or fewer."""


NATIVE = "native"
"""The form of an answer; that of a decision goes up to its id, and what follows is
`END_OF_NATIVE`."""

END_OF_NATIVE = b'"}'


def _is_short(*nouns: object) -> bool:
    """Tell whether texts among these are references; a faulty one is to be named."""
    for each in nouns:
        if isinstance(each, str):
            name, _, identifier = each.partition(":")
            if not name or not identifier:
                return False
    return True


# --- authorize ----------------------------------------------------------------------------------

_DEFAULTS = Authorize.__struct_fields__


class _Long(NamedTuple):
    """A question in the short form, with its references written out."""

    subject: Entity | quick.Entity
    action: Act | quick.Act
    resource: Entity | quick.Entity
    context: dict[str, Any] | UnsetType


def _one(
    question: Authorize | quick.Authorize, incoming: Incoming, body: bytes | None = None
) -> Told:
    if question.explain and incoming.brief:
        raise TakesLongError
    asking = incoming.open()
    return Told(OK, PLAIN, _answer(question, asking, body), asking.lines())


def _answer(
    question: Authorize | quick.Authorize, asking: Asking, body: bytes | None = None
) -> bytes:
    said = question.action
    action = Act(said) if isinstance(said, str) else said
    asked = _Long(entity(question.subject), action, entity(question.resource), question.context)
    demand = _demand(question)
    answered = asking.decide(asked, demand, None if body is None else (NATIVE, body))
    if question.explain and not asking.is_stale(demand):
        pair = asking.pair
        explanation = explain(request_of(asked), pair.policy, pair.snapshot, asking.now)
        return encode(Answer.of(answered, explanation))
    written = answered.decision.written
    lead = written.get(NATIVE)
    if lead is None:
        whole = encode(Answer.of(answered._replace(id=b"")))
        lead = written[NATIVE] = whole.removesuffix(END_OF_NATIVE)
    return lead + answered.id + END_OF_NATIVE


def _item(place: str, item: object, defaults: dict[str, object], asking: Asking) -> bytes:
    check()
    if not isinstance(item, dict):
        return _refusal(InvalidRequestError(place, "must be an object"))
    try:
        question = convert(with_defaults(item, defaults), Authorize)
        if question.explain and asking.brief:
            raise TakesLongError
        return _answer(question, asking)
    except InvalidRequestError as error:
        return _refusal(placed(error, place, item, defaults))


def _refusal(error: InvalidRequestError) -> bytes:
    return encode(Refusal(error=fault_of(error)))


# --- permissions --------------------------------------------------------------------------------


def _list(
    question: Permissions | quick.Permissions, incoming: Incoming, body: bytes | None = None
) -> Told:
    asking = incoming.open()
    asking.require_fresh(_demand(question))
    subject, resource = entity(question.subject), entity(question.resource)
    said = question.action if isinstance(question, Permissions) else None
    asked = request_of(_Long(subject, any_action(said), resource, question.context))
    found = asking.permitted(asked, body)
    asking.tell_permitted(asked, found)
    written = encode(Permitted(found.actions, found.obligations, asking.pair.revisions()))
    found.written[NATIVE] = written
    return unless_known(written, incoming.fields, asking.lines())


def _permitted_on_many(question: PermissionsOfMany, asking: Asking) -> PermittedOnMany:
    subject, action = entity(question.subject), any_action(question.action)
    asking.require_fresh(_demand(question))

    def on(index: int, resource: Entity | quick.Entity) -> PermittedOn:
        check()
        asked = request_of(_Long(subject, action, resource, question.context))
        try:
            found = asking.permitted(asked)
        except InvalidRequestError as error:
            raise _renamed(error, f"resources[{index}]") from error
        asking.tell_permitted(asked, found)
        return PermittedOn(str(asked.resource), found.actions, found.obligations)

    answers = tuple(on(*each) for each in enumerate(map(entity, question.resources)))
    return PermittedOnMany(answers, asking.pair.revisions())


def _renamed(error: InvalidRequestError, place: str) -> InvalidRequestError:
    head, dot, rest = error.member.partition(".")
    if head != "resource":
        return error
    message = str(error).removeprefix(f"`{error.member}` ")
    return InvalidRequestError(f"{place}{dot}{rest}", message)


def _demand(
    question: Authorize | Permissions | PermissionsOfMany | quick.Authorize | quick.Permissions,
) -> Demand:
    """Return what a question says of how new the facts have to be."""
    if isinstance(question, quick.Authorize | quick.Permissions):
        return NO_DEMAND if question.max_age is UNSET else Demand(question.max_age)
    max_age = inf if question.max_age is UNSET else question.max_age
    return Demand(max_age, question.min_revision)


def unless_known(body: bytes, fields: Fields, lines: Sequence[bytes]) -> Told:
    """Return the answer, or a 304 to a caller that has this very answer.

    It is compared each time: a policy may look at the clock, so that equal revisions are no proof.
    """
    tag, kept = _validators(body)
    if fields.if_none_match is not None:
        known = parse_etags(fields.if_none_match)
        if not known.star_tag and known.contains_weak(tag):
            return Told(HTTPStatus.NOT_MODIFIED, kept, b"", lines)
    return Told(OK, (_JSON, *kept), body, lines)


@lru_cache(maxsize=1000)
def _validators(body: bytes) -> tuple[str, Pairs]:
    """Return the tag of an answer, and the header fields that say it."""
    tag = sha256(body).hexdigest()[:32]
    return tag, (("ETag", f'"{tag}"'), *_VALIDATED)


_JSON = ("Content-Type", "application/json")
# A caller keeps it, and asks each time whether it still holds.
_VALIDATED = (("Cache-Control", "private, no-cache"), *LASTING)


def _bounded(member: str, items: list[T], most: int) -> list[T]:
    if len(items) > most:
        raise InvalidRequestError(member, f"must have at most {most} items")
    return items
