"""How new the facts of an answer have to be, as the operator and the caller demand it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from sidecar.errors import InvalidRequestError

MAX_AGE = "Sidecar-Max-Age"
"""The header that demands `max_age` at every path: AuthZEN has unknown members ignored."""

MIN_REVISION = "Sidecar-Min-Revision"
"""The header that demands `min_revision` at every path."""

MAX_AGE_HEADER, MIN_REVISION_HEADER = (name.lower().encode() for name in (MAX_AGE, MIN_REVISION))

SECONDS_PATTERN = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
REVISION_PATTERN = r"(?:[0-9a-f]{1,64}|[a-z]{1,16}:[0-9a-f.-]{1,80}:[0-9]{1,20})"
"""A revision of an answer, or the token of a writer, whose transaction the facts must contain."""

REVISION_SECONDS = 0.005
"""Between two looks whether the facts are as new as a request wants them."""

STALE = "the facts are older than they may be, so nothing can be listed"
"""Of a search or a list: an empty one would say that nothing is allowed."""


class Demand(NamedTuple):
    """What a caller demands of the facts."""

    max_age: float = inf
    """For so many seconds nobody may have seen that the mount still holds them."""
    min_revision: str = ""
    """They are of this revision, or newer; empty for any."""


NO_DEMAND = Demand()


def demand_of(headers: Mapping[bytes, bytes]) -> Demand:
    """Return what the headers of a request, one of these two at least, demand.

    Args:
        headers: By lower-case names.

    Raises:
        InvalidRequestError: One of them is not written as it must be.
    """
    max_age, revision = text_of(headers, MAX_AGE_HEADER), text_of(headers, MIN_REVISION_HEADER)
    if max_age is not None and not re.fullmatch(SECONDS_PATTERN, max_age):
        message = "must be a number of seconds, 0 or more, such as `5` or `0.5`"
        raise InvalidRequestError(MAX_AGE, message)
    if revision is not None and not re.fullmatch(REVISION_PATTERN, revision):
        raise InvalidRequestError(
            MIN_REVISION, "must be a `revisions.data` of an answer, or a writer's token"
        )
    return Demand(inf if max_age is None else float(max_age), revision or "")


def text_of(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    """Return a header field as text; None where there is none."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
