"""Frames: one subject and one resource on one snapshot, with all that the caller said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidecar.engine.admission import Values
from sidecar.facts import Facts, Row
from sidecar.schema import Key

UNREAD = object()
"""What stands in the cache for a row that was not looked for yet."""


class Frame:
    """All that one question is answered from."""

    __slots__ = ("action", "cache", "context", "keys", "outside", "rows", "sent", "snapshot")

    def __init__(
        self,
        snapshot: Facts,
        keys: tuple[Key | None, Key | None],
        rows: tuple[Row | None, Row | None],
        sent: tuple[Values, Values, Values, Values],
        slots: int,
    ) -> None:
        """Gather what is known before any rule is looked at.

        Args:
            snapshot: The facts.
            keys: Of the subject and the resource; None for an id that no entity can have.
            rows: Theirs; None for what does not exist.
            sent: Admitted values of the subject, the resource, the action and the context, with
                defaults in place of what is not sent; a stored value wins over both.
            slots: How many other rows the policy may look for.
        """
        self.snapshot = snapshot
        self.keys = keys
        self.rows = rows
        self.sent = sent
        _, _, self.action, self.context = sent
        self.outside: tuple[str, ...] = ()
        """Members of the request whose values are outside their domain; while there are any,
        nothing is granted."""
        self.cache: list[Any] = [UNREAD] * slots


Read = Callable[[Frame], Any]


def constant(value: object) -> Read:
    """Return how to read what is always the same."""
    return lambda _: value
