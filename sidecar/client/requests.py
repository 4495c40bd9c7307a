"""Writes questions as JSON, each by itself, and divides many into batches that a server takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sidecar.client.model import Entity, Question

_BEGIN, _END = b'{"requests":[', b"]}"


def obligation_codes(fulfils: object) -> frozenset[str]:
    """Return the codes of obligations that a caller sees to: one text is one code.

    Raises:
        TypeError: It is neither a text nor a collection of texts. A mapping is none: it could say
            of a code that it is *not* seen to.
    """
    if isinstance(fulfils, str):
        return frozenset((fulfils,))
    if not isinstance(fulfils, Iterable) or isinstance(fulfils, Mapping | bytes | bytearray):
        raise TypeError("`fulfils` must be a collection of codes of obligations")
    codes: frozenset[Any] = frozenset(fulfils)
    if not all(isinstance(code, str) for code in codes):
        raise TypeError("`fulfils` must hold codes of obligations as texts")
    return codes


def encode_question(question: object) -> bytes:
    """Write one question for a decision.

    Raises:
        TypeError: It is no `Question`, or a part of it has a type that JSON does not have.
        ValueError: A part of it cannot be written as JSON that has one meaning.
    """
    if not isinstance(question, Question):
        raise TypeError("it must be a `Question`")
    action = {
        "name": _text("action", question.action),
        "properties": _members("action_properties", question.action_properties),
    }
    return _encode(
        {
            "subject": _entity("subject", question.subject),
            "action": action,
            "resource": _entity("resource", question.resource),
            "context": _members("context", question.context),
        }
    )


def encode_list_query(subject: object, resource: object, context: object) -> bytes:
    """Write the question which actions are allowed.

    Raises:
        TypeError: A part of it has a type that JSON does not have.
        ValueError: A part of it cannot be written as JSON that has one meaning.
    """
    return _encode(
        {
            "subject": _entity("subject", subject),
            "resource": _entity("resource", resource),
            "context": _members("context", context),
        }
    )


def encode_batch(questions: Sequence[bytes]) -> bytes:
    """Join questions to the body of one request."""
    return _BEGIN + b",".join(questions) + _END


def divided(
    questions: Iterable[tuple[int, bytes]], max_bytes: int, max_count: int
) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the questions in batches, each within both bounds.

    A question that is too large by itself is a batch by itself: the server may take more than we
    know of, and if it does not, no other question is refused with it.
    """
    batch: list[tuple[int, bytes]] = []
    size = len(_BEGIN) + len(_END)
    for index, question in questions:
        if batch and (size + len(question) + 1 > max_bytes or len(batch) >= max_count):
            yield batch
            batch, size = [], len(_BEGIN) + len(_END)
        batch.append((index, question))
        size += len(question) + 1
    if batch:
        yield batch


def _encode(members: Mapping[str, object]) -> bytes:
    # As UTF-8, in which a lone surrogate cannot be written: no server takes one.
    text = json.dumps(members, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8")


def _entity(member: str, value: object) -> dict[str, object]:
    if not isinstance(value, str | Entity):
        raise TypeError(f"`{member}` must be `type:id` or an `Entity`")
    entity = Entity.of(value)
    return {
        "type": _text(f"{member}.type", entity.type),
        "id": _text(f"{member}.id", entity.id),
        "properties": _members(f"{member}.properties", entity.properties),
    }


def _text(member: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"`{member}` must be a text")
    return value


def _members(member: str, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"`{member}` must be a mapping")
    members = dict(value)
    if not all(isinstance(name, str) for name in members):
        raise TypeError(f"the names in `{member}` must be texts")
    return members
