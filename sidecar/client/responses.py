"""Decode responses strictly: a response of any other form is no response."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from sidecar.client.model import (
    UNFULFILLED,
    Decision,
    Obligation,
    Permissions,
    Reason,
    Revisions,
    UnavailableError,
)

T = TypeVar("T")

_MAX_MESSAGE_CHARACTERS = 200


def parse(body: bytes, deadline: float) -> object:
    """Return the JSON of a body.

    Args:
        body: The whole body.
        deadline: On the monotonic clock; it is checked while parsing, as long bodies take long.

    Raises:
        UnavailableError: The body is not JSON, has a repeated member, or the deadline has passed.
    """
    members = partial(_unique_members, deadline)
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=members, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UnavailableError("the response is not JSON") from error


def check_deadline(deadline: float) -> None:
    """Check that a deadline on the monotonic clock has not passed.

    Raises:
        UnavailableError: It has: a late response counts as none.
    """
    if time.monotonic() >= deadline:
        raise UnavailableError("no response: it took too long")


def read_decision(response: object, fulfils: frozenset[str]) -> Decision:
    """Return the decision of a response.

    Args:
        response: The JSON of a response, or of one item of a batch.
        fulfils: Codes of the obligations that the caller fulfils.

    Raises:
        UnavailableError: The response has no decision.
    """
    members = _object(response)
    if "error" in members:
        raise UnavailableError(f"the question was refused: {error_message(response)}")
    allowed = _typed(members, "decision", bool)
    reasons = _parse_coded(members, "reasons", Reason)
    obligations = _parse_coded(members, "obligations", Obligation)
    if allowed is not (not reasons):
        raise UnavailableError("the response contradicts itself: `decision` and `reasons`")
    unmet = tuple(
        Reason(UNFULFILLED, f"`{obligation.code}` is not fulfilled: {obligation.message}")
        for obligation in obligations
        if obligation.code not in fulfils
    )
    revisions = _typed(members, "revisions", dict)
    return Decision(
        allowed=allowed and not unmet,
        reasons=reasons or unmet,
        obligations=obligations,
        decision_id=_typed(members, "decision_id", str),
        revisions=Revisions(_typed(revisions, "policy", str), _typed(revisions, "data", str)),
    )


def read_items(response: object, count: int) -> list[object]:
    """Return the items of the response to a batch.

    Raises:
        UnavailableError: There is not one for each question.
    """
    items: list[object] = _typed(_object(response), "answers", list)
    if len(items) != count:
        raise UnavailableError("the response does not have one item for each question")
    return items


def read_permissions(response: object) -> Permissions:
    """Return the permissions of a response.

    Raises:
        UnavailableError: The response has none.
    """
    members = _object(response)
    actions = _typed(members, "permissions", list)
    if not all(isinstance(action, str) for action in actions):
        raise UnavailableError("the response is malformed: `permissions`")
    by_action = _object(members.get("obligations", {}))
    obligations = {name: _parse_coded(by_action, name, Obligation) for name in by_action}
    return Permissions(actions=tuple(actions), obligations=MappingProxyType(obligations))


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the results of a search."""

    ids: tuple[str, ...]
    obligations: tuple[tuple[str, Obligation], ...]
    """Each with the id of a result that carries it."""
    next_token: str
    """Empty on the last page."""


def read_page(response: object, type_name: str) -> Page:
    """Return the page of a response to a search for resources of a type.

    Raises:
        UnavailableError: The response has none.
    """
    members = _object(response)
    results = [*map(_object, _typed(members, "results", list))]
    if any(_typed(item, "type", str) != type_name for item in results):
        raise UnavailableError("the response is malformed: a result is of another type")
    obligations: list[tuple[str, Obligation]] = []
    carried = _typed(_object(members.get("context", {"obligations": []})), "obligations", list)
    for item in map(_object, carried):
        obligation = Obligation(_typed(item, "code", str), _typed(item, "message", str))
        ids = _typed(item, "results", list)
        if not all(isinstance(each, str) for each in ids):
            raise UnavailableError("the response is malformed: `results` of an obligation")
        obligations += [(each, obligation) for each in ids]
    # A response without a page is complete.
    page = _object(members.get("page", {"next_token": ""}))
    return Page(
        tuple(_typed(item, "id", str) for item in results),
        tuple(obligations),
        _typed(page, "next_token", str),
    )


def error_message(response: object) -> str:
    """Return the message of an error response on one line; empty if there is none."""
    error = response.get("error") if isinstance(response, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return ascii(message[:_MAX_MESSAGE_CHARACTERS])[1:-1] if isinstance(message, str) else ""


def _parse_coded(
    members: Mapping[str, object], name: str, make: Callable[[str, str], T]
) -> tuple[T, ...]:
    items = map(_object, _typed(members, name, list))
    return tuple(make(_typed(item, "code", str), _typed(item, "message", str)) for item in items)


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise UnavailableError("the response is malformed: no object")
    return value


def _typed(members: Mapping[str, object], name: str, kind: type[T]) -> T:
    value = members.get(name)
    if not isinstance(value, kind):
        raise UnavailableError(f"the response is malformed: `{name}`")
    return value


def _unique_members(deadline: float, pairs: list[tuple[str, object]]) -> dict[str, object]:
    check_deadline(deadline)
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _refuse(constant: str) -> object:
    raise ValueError(f"`{constant}` is not JSON")
