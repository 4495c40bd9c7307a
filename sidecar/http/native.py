"""The short form of the questions, for a person with curl and a service that wants all of it."""

from __future__ import annotations

from hashlib import sha256
from math import inf
from typing import TypeVar

from flask import Blueprint, Response, request
from msgspec import UNSET, UnsetType

from sidecar.decide import stale
from sidecar.errors import InvalidRequestError
from sidecar.explaining import explain
from sidecar.http.answers import Answer, Permitted, PermittedOn, PermittedOnMany, Refusal
from sidecar.http.asking import Asking, Desk, answer, body
from sidecar.http.batches import placed
from sidecar.http.bodies import convert
from sidecar.http.faults import fault_of
from sidecar.http.questions import ANY, Entity, as_request
from sidecar.http.short import (
    Authorize,
    AuthorizeMany,
    Permissions,
    PermissionsOfMany,
    entity,
)
from sidecar.model import Reason
from sidecar.search import permissions

T = TypeVar("T")


def blueprint(desk: Desk, most: int) -> Blueprint:
    """Return the views under `/v1` that answer questions.

    Args:
        desk: Where questions come in.
        most: How many questions, or resources, one request may have.
    """
    views = Blueprint("native", __name__, url_prefix="/v1")

    @views.post("/authorize")
    def authorize() -> Response:
        """Answer one question, or a batch; a denial is a 200 with its reasons."""
        said = body()
        if isinstance(said, dict) and "requests" in said:
            asked = _bounded("requests", convert(said, AuthorizeMany).requests, most)
            defaults = {name: said[name] for name in _DEFAULTS if name in said}
            asking = desk.open()
            places = (f"requests[{index}]" for index in range(len(asked)))
            told = [_item(*each, defaults, asking) for each in zip(places, asked, strict=True)]
            return answer({"answers": told})
        question = convert(said, Authorize)
        return answer(_answer(question, desk.open()))

    @views.post("/permissions")
    def list_permissions() -> Response:
        """Answer which actions would be allowed, on one resource or on many."""
        said = body()
        if isinstance(said, dict) and "resources" in said:
            many = convert(said, PermissionsOfMany)
            _bounded("resources", many.resources, most)
            return _unless_known(_permitted_on_many(many, desk.open()))
        one = convert(said, Permissions)
        return _unless_known(_permitted(one, desk.open()))

    return views


# --- authorize ----------------------------------------------------------------------------------

_DEFAULTS = Authorize.__struct_fields__


def _answer(question: Authorize, asking: Asking) -> Answer:
    asked = question.request()
    max_age = inf if question.max_age is UNSET else question.max_age
    answered = asking.decide(asked, max_age)
    if not question.explain or asking.age > max_age:
        return Answer.of(answered)
    pair = asking.pair
    return Answer.of(answered, explain(asked, pair.policy, pair.snapshot, asking.now))


def _item(
    place: str, item: object, defaults: dict[str, object], asking: Asking
) -> Answer | Refusal:
    if not isinstance(item, dict):
        return Refusal(error=fault_of(InvalidRequestError(place, "must be an object")))
    try:
        return _answer(convert({**defaults, **item}, Authorize), asking)
    except InvalidRequestError as error:
        return Refusal(error=fault_of(placed(error, place, item, defaults)))


# --- permissions --------------------------------------------------------------------------------


def _permitted(question: Permissions, asking: Asking) -> Permitted:
    asked = as_request(entity(question.subject), ANY, entity(question.resource), question.context)
    found = asking.search(permissions, asked)
    reasons = _too_old(question.max_age, asking)
    permitted = found if reasons is UNSET else ()
    asking.tell_permitted(asked, permitted)
    return Permitted(permitted, asking.pair.revisions(), reasons)


def _permitted_on_many(question: PermissionsOfMany, asking: Asking) -> PermittedOnMany:
    subject = entity(question.subject)
    reasons = _too_old(question.max_age, asking)

    def on(index: int, resource: Entity) -> PermittedOn:
        asked = as_request(subject, ANY, resource, question.context)
        try:
            found = asking.search(permissions, asked)
        except InvalidRequestError as error:
            raise _renamed(error, f"resources[{index}]") from error
        permitted = found if reasons is UNSET else ()
        asking.tell_permitted(asked, permitted)
        return PermittedOn(str(asked.resource), permitted)

    answers = tuple(on(*each) for each in enumerate(map(entity, question.resources)))
    return PermittedOnMany(answers, asking.pair.revisions(), reasons)


def _renamed(error: InvalidRequestError, place: str) -> InvalidRequestError:
    head, dot, rest = error.member.partition(".")
    if head != "resource":
        return error
    message = str(error).removeprefix(f"`{error.member}` ")
    return InvalidRequestError(f"{place}{dot}{rest}", message)


def _too_old(max_age: float | UnsetType, asking: Asking) -> tuple[Reason, ...] | UnsetType:
    """Return why nothing is permitted, where the facts are older than the caller lets them be."""
    if max_age is UNSET or asking.age <= max_age:
        return UNSET
    return stale(asking.pair.policy, asking.pair.snapshot).reasons


def _unless_known(told: object) -> Response:
    """Return the answer, or a 304 to a caller that has this very answer.

    It is made anew each time: a policy may look at the clock, so that equal revisions are no proof.
    """
    response = answer(told)
    tag = sha256(response.get_data()).hexdigest()[:32]
    if not request.if_none_match.star_tag and request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    response.set_etag(tag)
    # A caller keeps it, and asks each time whether it still holds.
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _bounded(member: str, items: list[T], most: int) -> list[T]:
    if len(items) > most:
        raise InvalidRequestError(member, f"must have at most {most} items")
    return items
