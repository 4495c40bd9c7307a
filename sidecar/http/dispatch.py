"""The endpoints that are asked all the time: from path, header fields and body to an answer.

Whoever has these three, Flask's views or the worker itself, has the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from sidecar.errors import DecisionLogError, SidecarError
from sidecar.http import routes_evaluation as batches
from sidecar.http import routes_native as native
from sidecar.http.answer_cache import answers_again
from sidecar.http.authentication import Access
from sidecar.http.errors import refused, told_of
from sidecar.http.fast_decoder import MOST_KEPT_BYTES
from sidecar.http.incoming_request import Incoming, Limits
from sidecar.http.message import Fields, Told
from sidecar.http.request_context import TakesLongError
from sidecar.http.service import Desk

PATHS: Mapping[str, Callable[[Incoming], Told]] = {
    "/v1/authorize": native.authorize,
    "/v1/permissions": native.list_permissions,
    "/access/v1/evaluation": batches.evaluation,
    "/access/v1/evaluations": batches.evaluations,
}
"""Each is asked by POST."""


class Hot:
    """Answers at `PATHS`."""

    def __init__(self, desk: Desk, access: Access, limits: Limits) -> None:
        self._desk = desk
        # Longer bodies are not remembered, so the limit need not be looked at.
        self._again = answers_again(desk) if limits.max_body_bytes >= MOST_KEPT_BYTES else {}
        self._refusal = access.refusal
        self._limits = limits

    def answer(self, path: str, fields: Fields, body: bytes) -> Told:
        """Answer a request, however long it takes; what is wrong with it is an answer too.

        It is in the decision log by then.
        """
        try:
            answer = self._anew(path, fields, body)
        except SidecarError as error:
            answer = told_of(error).named(fields)
        refusal = self.written(answer.lines)
        return refusal.named(fields) if refusal else answer

    def moment(self) -> datetime:
        """Return the present moment, at which requests that have come are answered briefly."""
        return self._desk.now()

    def answer_briefly(
        self, path: str, fields: Fields, body: bytes, moment: datetime
    ) -> Told | None:
        """Answer a request as `answer` does; None where that would keep others waiting.

        Its lines are not in the decision log yet: who tells the answer has them written before
        (`written`), perhaps together with those of others.

        Args:
            path: One of `PATHS`.
            fields: What the head says.
            body: All of it.
            moment: At which it is answered, as `moment` told it no more than a millisecond before.
        """
        try:
            if (
                fields.json
                and fields.demand is None
                and self._refusal(fields.authorization) is None
                and (again := self._again.get(path)) is not None
                and (answer := again(body, fields, moment)) is not None
            ):
                return answer if fields.request_id is None else answer.named(fields)
            return self._anew(path, fields, body, moment)
        except TakesLongError:
            return None
        except SidecarError as error:
            return told_of(error).named(fields)

    def written(self, lines: Sequence[bytes], *, wait: bool = True) -> Told | None:
        """Write lines to the decision log.

        Args:
            lines: In pieces.
            wait: Whether the caller may be kept waiting.

        Returns:
            The response in place of those that the lines are of, where these must not go out.

        Raises:
            LogBusyError: Writing would wait, and the caller may not.
        """
        try:
            self._desk.tell(lines, wait=wait)
        except DecisionLogError as error:
            return told_of(error)
        return None

    def _anew(self, path: str, fields: Fields, body: bytes, moment: datetime | None = None) -> Told:
        answer = self._refusal(fields.authorization)
        if answer is None and len(body) > self._limits.max_body_bytes:
            answer = refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if answer is None:
            answer = PATHS[path](Incoming(fields, body, self._desk, self._limits, moment))
        return answer.named(fields)
