"""Searches for resources: all pages of the results."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from sidecar.client.exchange import Call
from sidecar.client.model import Entity, Obligation, Question, Resources, UnavailableError
from sidecar.client.requests import encode_resource_search
from sidecar.client.responses import read_page

SEARCH_PATH = "/access/v1/search/resource"


def collect(
    question: Question, limit: int | None, send: Callable[[bytes], Call[object]]
) -> Call[Resources]:
    """Return the results of all pages, or the first ones up to a limit.

    Args:
        question: The question; only the type and the properties of its resource count.
        limit: The most results; None for all of them.
        send: Sends the body of a search, and returns the JSON of the response.

    Raises:
        TypeError: A member of the question is not of JSON.
        UnavailableError: A page is missing or malformed.
        ValueError: A member of the question cannot be encoded, or the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError("`limit` must be a positive number, or None")
    type_name = Entity.of(question.resource).type
    ids: list[str] = []
    obligations: dict[str, tuple[Obligation, ...]] = {}
    token = ""
    while True:
        response = yield from send(encode_resource_search(question, token))
        page = read_page(response, type_name)
        ids += page.ids
        for identifier, obligation in page.obligations:
            obligations[identifier] = (*obligations.get(identifier, ()), obligation)
        is_full = limit is not None and len(ids) >= limit
        if is_full or not page.next_token:
            break
        if page.next_token == token:
            raise UnavailableError("the response is malformed: a page leads to itself")
        token = page.next_token
    shown = tuple(ids[:limit])
    return Resources(
        ids=shown,
        obligations=MappingProxyType({i: obligations[i] for i in shown if i in obligations}),
    )
