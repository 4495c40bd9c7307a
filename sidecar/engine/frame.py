"""Frames: one subject and one resource on one snapshot, with all that the caller said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

from sidecar.engine.admission import Values
from sidecar.facts import Facts, Row
from sidecar.schema import Key

UNREAD = object()
"""What stands in the cache for a row that was not looked for yet."""


class Frame(Struct, gc=False):
    """All that one question is answered from, as far as it is known before a rule is looked at."""

    snapshot: Facts
    keys: tuple[Key | None, Key | None]
    """Of the subject and the resource; None for an id that no entity can have."""
    rows: tuple[Row | None, Row | None]
    """Theirs; None for what does not exist."""
    sent: tuple[Values, Values]
    """Admitted values of the subject and the resource, with defaults in place of what is not sent;
    a stored value wins over both."""
    action: Values
    """Likewise of the action."""
    context: Values
    """Likewise of the context, but for the time."""
    now: datetime
    """The time of the decision."""
    cache: list[Any]
    """Other rows that the policy looks for, each in its slot."""
    outside: tuple[str, ...] = ()
    """Members of the request whose values are outside their domain; while there are any,
    nothing is granted."""


Read = Callable[[Frame], Any]


def constant(value: object) -> Read:
    """Return how to read what is always the same."""
    return lambda _: value
