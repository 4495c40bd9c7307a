"""A question that has come in whole, and what is needed to answer it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from sidecar.errors import InvalidRequestError
from sidecar.http.fast_decoder import DEPTH, MOST_KEPT_BYTES, Quickly
from sidecar.http.json_body import MAX_DEPTH, parse
from sidecar.http.message import Fields
from sidecar.http.request_context import Asking, TakesLongError
from sidecar.http.service import Desk

MOST_BYTES = 4096
"""Of a body that is read strictly where others wait: about a tenth of a millisecond."""

MOST_ITEMS = 250
"""Questions that are answered where others wait: likewise less than a millisecond."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may ask for at most."""

    max_body_bytes: int = 64 * 1024
    max_depth: int = MAX_DEPTH
    max_evaluations: int = 1000


class Incoming(NamedTuple):
    """One request for an answer."""

    fields: Fields
    body: bytes
    desk: Desk
    limits: Limits
    moment: datetime | None = None
    """At which it is answered while others wait; None where nobody waits."""

    @property
    def brief(self) -> bool:
        """Tell whether others wait for the answer."""
        return self.moment is not None

    def open(self, *, aged: bool = True) -> Asking:
        """Take the pair that is current at this moment.

        Args:
            aged: Whether the caller may want to know how old the facts are.

        Raises:
            SnapshotUnavailableError: There is none.
        """
        # Only who says this member, perhaps in other letters, does.
        aged = aged and (b"max_age" in self.body or b"\\" in self.body)
        return self.desk.open(self.fields, moment=self.moment, aged=aged)

    @property
    def short_body(self) -> bytes | None:
        """Return the body if it is short enough to remember an answer by it."""
        return self.body if len(self.body) <= MOST_KEPT_BYTES else None

    def quickly(self, reader: Quickly[T]) -> T | None:
        """Return the question that the body is; None where only `json` can tell."""
        if not self.fields.json or self.limits.max_depth < DEPTH:
            return None
        return reader.read(self.body)

    def json(self) -> object:
        """Return the JSON value that the body is.

        Raises:
            InvalidRequestError: The content type is not JSON, or the body is not.
            TakesLongError: There is no time to find out.
        """
        if not self.fields.json:
            raise InvalidRequestError("", "the header `Content-Type` must be `application/json`")
        if self.brief and len(self.body) > MOST_BYTES:
            raise TakesLongError
        return parse(self.body, self.limits.max_depth)

    def bound(self, items: int) -> None:
        """Make sure that there is time for so many questions.

        Raises:
            TakesLongError: There is not.
        """
        if self.brief and items > MOST_ITEMS:
            raise TakesLongError
