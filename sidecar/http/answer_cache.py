"""Questions that come again, byte for byte: answered by what is remembered of them.

Most questions are such. So what does not change is bound once, and little is done for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import inf

from sidecar.engine.search import PERMISSIONS
from sidecar.http.decision_ids import new_id, spare_id
from sidecar.http.message import NO_LINES, OK, PLAIN, Fields, Told
from sidecar.http.request_context import END_OF_STANDARD, STANDARD
from sidecar.http.routes_native import END_OF_NATIVE, NATIVE, unless_known
from sidecar.http.service import Desk

Again = Callable[[bytes, Fields, datetime], Told | None]
"""Answers the body of an admitted request, said to be JSON, at a moment; None where it was not
answered before, or may be answered otherwise by now. Raises `SnapshotUnavailableError` where there
is nothing to answer from."""


def answers_again(desk: Desk) -> Mapping[str, Again]:
    """Return what answers so, by path."""
    answers = {
        "/v1/authorize": _deciding(desk, NATIVE, END_OF_NATIVE, NATIVE),
        "/v1/permissions": _listing(desk),
    }
    if desk.with_context:  # what is kept of an answer has a `context`
        answers["/access/v1/evaluation"] = _deciding(desk, STANDARD, END_OF_STANDARD)
    return answers


def _deciding(desk: Desk, form: str, end: bytes, named: str | None = None) -> Again:
    """Return what answers with decisions.

    Args:
        desk: Where questions come in.
        form: In which a decision is written up to its id.
        end: What follows the id in that form.
        named: What names its questions (`Asked`). Bytes that are well-formed in one form can be
            malformed in another, so none may answer for the other.
    """
    current, log = desk.current, desk.log
    is_stale = None if desk.max_staleness is inf else desk.is_stale

    def again(body: bytes, fields: Fields, now: datetime) -> Told | None:
        pair = current()
        if is_stale is not None and is_stale(pair.snapshot):
            return None
        known = pair.decisions.recall(body if named is None else (named, body), now)
        if known is None or not (lead := known.answer.written.get(form)):
            return None
        try:
            identifier = spare_id()
        except IndexError:
            identifier = new_id()
        lines: Sequence[bytes] | None = NO_LINES
        if log is not None:
            lines = log.decided_again(known, identifier, now, fields.request_id)
        return None if lines is None else Told(OK, PLAIN, lead + identifier + end, lines)

    return again


def _listing(desk: Desk) -> Again:
    """Return what answers with lists of permissions."""
    current, log = desk.current, desk.log
    is_stale = None if desk.max_staleness is inf else desk.is_stale

    def again(body: bytes, fields: Fields, now: datetime) -> Told | None:
        pair = current()
        if is_stale is not None and is_stale(pair.snapshot):
            return None
        known = pair.decisions.recall((PERMISSIONS, body), now)
        if known is None or not (written := known.answer.written.get(NATIVE)):
            return None
        lines: Sequence[bytes] | None = NO_LINES
        if log is not None:
            lines = log.permitted_again(known.answer, now, fields.request_id)
        return None if lines is None else unless_known(written, fields, lines)

    return again
