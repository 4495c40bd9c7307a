"""Frames: one subject and one resource on one snapshot, with all that the caller said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sidecar.engine.admission import Said
from sidecar.facts import Row, Snapshot
from sidecar.schema import Key

UNREAD = object()
"""What stands in the cache for a row that was not looked for yet."""


class Frame:
    """All that one question is answered from."""

    __slots__ = ("action", "cache", "context", "keys", "outside", "rows", "said", "snapshot")

    def __init__(
        self,
        snapshot: Snapshot,
        keys: tuple[Key | None, Key | None],
        rows: tuple[Row | None, Row | None],
        said: tuple[Said, Said, Said, Said],
        slots: int,
    ) -> None:
        """Gather what is known before any rule is looked at.

        Args:
            snapshot: The facts.
            keys: Of the subject and the resource; None for an id that no entity can have.
            rows: Theirs; None for what does not exist.
            said: Of the subject, the resource, the action and the context, as admitted, with the
                defaults of what is not said; a stored value wins over both.
            slots: How many other rows the policy may look for.
        """
        self.snapshot = snapshot
        self.keys = keys
        self.rows = rows
        self.said = said
        _, _, self.action, self.context = said
        self.outside: tuple[str, ...] = ()
        """Members of the request whose values are outside their domain; while there are any,
        nothing is granted."""
        self.cache: list[Any] = [UNREAD] * slots


Read = Callable[[Frame], Any]


def constant(value: object) -> Read:
    """Return how to read what is always the same."""
    return lambda _: value
