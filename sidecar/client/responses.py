"""Reads answers, and takes none that is not exactly as it must be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from sidecar.client.model import (
    UNFULFILLED,
    Decision,
    Obligation,
    Permissions,
    Reason,
    UnavailableError,
)

T = TypeVar("T")

_LONGEST_MESSAGE = 200


def parse(body: bytes, ends: float) -> object:
    """Read a body as JSON.

    Args:
        body: All of it.
        ends: By when, on the monotonic clock. A long body takes long to read.

    Raises:
        UnavailableError: It is not JSON, two readers could understand it in two ways, or it is too
            late.
    """
    members = partial(_members, ends)
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=members, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UnavailableError("the answer is not JSON") from error


def check_in_time(ends: float) -> None:
    """Check that an answer is there before the deadline.

    Raises:
        UnavailableError: It is too late: what was answered counts no longer.
    """
    if time.monotonic() >= ends:
        raise UnavailableError("no answer: it took too long")


def read_decision(told: object, fulfils: frozenset[str]) -> Decision:
    """Return the decision that an answer holds.

    Args:
        told: One answer, or one item of a batch.
        fulfils: Codes of the obligations that the caller sees to.

    Raises:
        UnavailableError: It holds none.
    """
    members = _object(told)
    if "error" in members:
        raise UnavailableError(f"the question was refused: {error_message(told)}")
    allowed = _typed(members, "decision", bool)
    reasons = _coded(members, "reasons", Reason)
    obligations = _coded(members, "obligations", Obligation)
    if allowed is not (not reasons):
        raise UnavailableError("the answer contradicts itself: `decision` and `reasons`")
    unmet = tuple(
        Reason(UNFULFILLED, f"`{each.code}` is not seen to: {each.message}")
        for each in obligations
        if each.code not in fulfils
    )
    revisions = _typed(members, "revisions", dict)
    return Decision(
        allowed=allowed and not unmet,
        reasons=reasons or unmet,
        obligations=obligations,
        id=_typed(members, "decision_id", str),
        policy_revision=_typed(revisions, "policy", str),
        data_revision=_typed(revisions, "data", str),
    )


def read_items(told: object, count: int) -> list[object]:
    """Return the answers to the questions of a batch.

    Raises:
        UnavailableError: They are not as many.
    """
    items: list[object] = _typed(_object(told), "answers", list)
    if len(items) != count:
        raise UnavailableError("the answer has not one item for each question")
    return items


def read_permissions(told: object) -> Permissions:
    """Return the permissions that an answer holds.

    Raises:
        UnavailableError: It holds none.
    """
    members = _object(told)
    actions = _typed(members, "permissions", list)
    if not all(isinstance(action, str) for action in actions):
        raise UnavailableError("the answer is malformed: `permissions`")
    carried = _object(members.get("obligations", {}))
    obligations = {name: _coded(carried, name, Obligation) for name in carried}
    return Permissions(actions=tuple(actions), obligations=MappingProxyType(obligations))


def error_message(told: object) -> str:
    """Return what an error says, on one line; empty where it says nothing."""
    error = told.get("error") if isinstance(told, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return ascii(message[:_LONGEST_MESSAGE])[1:-1] if isinstance(message, str) else ""


def _coded(
    members: Mapping[str, object], name: str, make: Callable[[str, str], T]
) -> tuple[T, ...]:
    items = map(_object, _typed(members, name, list))
    return tuple(make(_typed(each, "code", str), _typed(each, "message", str)) for each in items)


def _object(told: object) -> Mapping[str, object]:
    if not isinstance(told, dict):
        raise UnavailableError("the answer is malformed: no object")
    return told


def _typed(members: Mapping[str, object], name: str, kind: type[T]) -> T:
    value = members.get(name)
    if not isinstance(value, kind):
        raise UnavailableError(f"the answer is malformed: `{name}`")
    return value


def _members(ends: float, pairs: list[tuple[str, object]]) -> dict[str, object]:
    check_in_time(ends)
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _refuse(constant: str) -> object:
    raise ValueError(f"`{constant}` is not JSON")
