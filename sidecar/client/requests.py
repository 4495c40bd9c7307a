"""Encode questions as JSON, and divide them into batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sidecar.client.model import Entity, Question

_BEGIN, _END = b'{"requests":[', b"]}"


def obligation_codes(fulfils: object) -> frozenset[str]:
    """Return the codes of the obligations that a caller fulfils: one text is one code.

    Raises:
        TypeError: The value is neither text nor a collection of texts. A mapping is refused: it
            could declare that a code is *not* fulfilled.
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
    """Encode a question for a decision.

    Raises:
        TypeError: The argument is not a `Question`, or has a member that is not of JSON.
        ValueError: A member cannot be encoded.
    """
    if not isinstance(question, Question):
        raise TypeError("it must be a `Question`")
    return _encode(
        {
            "subject": _entity("subject", question.subject),
            "action": _action(question),
            "resource": _entity("resource", question.resource),
            "context": _properties("context", question.context),
        }
    )


def encode_list_query(
    subject: object, resource: object, action_properties: object, context: object
) -> bytes:
    """Encode a request for permissions.

    Raises:
        TypeError: A member is not of JSON.
        ValueError: A member cannot be encoded.
    """
    return _encode(
        {
            "subject": _entity("subject", subject),
            "resource": _entity("resource", resource),
            "action": {"properties": _properties("action_properties", action_properties)},
            "context": _properties("context", context),
        }
    )


def encode_resource_search(question: Question, page_token: str) -> bytes:
    """Encode a search for the resources of a type.

    Args:
        question: Its resource is the type; the id is not sent.
        page_token: That of the page before; empty for the first page.

    Raises:
        TypeError: A member is not of JSON.
        ValueError: A member cannot be encoded.
    """
    resource = _entity("resource", question.resource)
    del resource["id"]
    return _encode(
        {
            "subject": _entity("subject", question.subject),
            "action": _action(question),
            "resource": resource,
            "context": _properties("context", question.context),
            "page": {"token": _text("page.token", page_token)},
        }
    )


def encode_batch(questions: Sequence[bytes]) -> bytes:
    """Return the body of a batch of encoded questions."""
    return _BEGIN + b",".join(questions) + _END


def divide(
    questions: Iterable[tuple[int, bytes]], max_bytes: int, max_count: int
) -> Iterator[list[tuple[int, bytes]]]:
    """Yield the encoded questions, with their indexes, in batches within both limits.

    A question that is too large is a batch of its own: the server may have a higher limit, and if
    not, no other question is refused with it.
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
    # UTF-8 refuses lone surrogates, as every server does.
    text = json.dumps(members, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8")


def _action(question: Question) -> dict[str, object]:
    return {
        "name": _text("action", question.action),
        "properties": _properties("action_properties", question.action_properties),
    }


def _entity(member: str, value: object) -> dict[str, object]:
    if not isinstance(value, str | Entity):
        raise TypeError(f"`{member}` must be `type:id` or an `Entity`")
    entity = Entity.of(value)
    return {
        "type": _text(f"{member}.type", entity.type),
        "id": _text(f"{member}.id", entity.id),
        "properties": _properties(f"{member}.properties", entity.properties),
    }


def _text(member: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"`{member}` must be a text")
    return value


def _properties(member: str, value: object) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"`{member}` must be a mapping")
    members = dict(value)
    if not all(isinstance(name, str) for name in members):
        raise TypeError(f"the names in `{member}` must be texts")
    return members
