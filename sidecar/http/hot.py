"""The endpoints that are asked all the time: from path, header fields and body to an answer.

Whoever has these three, Flask's views or the worker itself, has the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from sidecar.errors import DecisionLogError, SidecarError
from sidecar.http import batches, native
from sidecar.http.access import Access
from sidecar.http.again import answers_again
from sidecar.http.asking import TakesLongError
from sidecar.http.desk import Desk
from sidecar.http.faults import refused, told_of
from sidecar.http.incoming import Incoming, Limits
from sidecar.http.messages import Fields, Told
from sidecar.http.quick import MOST_KEPT_BYTES

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
        self._log = desk.log
        self._desk = desk
        self._again = answers_again(desk)
        self._access = access
        self._limits = limits
        self._most_kept_bytes = min(MOST_KEPT_BYTES, limits.max_body_bytes)

    def answer(self, path: str, fields: Fields, body: bytes) -> Told:
        """Answer a request, however long it takes; what is wrong with it is an answer too.

        It is in the decision log by then.
        """
        answer = self._answer(path, fields, body, brief=False)
        refusal = self.written(answer.lines)
        return refusal.named(fields) if refusal else answer

    def answer_briefly(self, path: str, fields: Fields, body: bytes) -> Told | None:
        """Answer a request as `answer` does; None where that would keep others waiting.

        Its lines are not in the decision log yet: who tells the answer has them written before
        (`written`), perhaps together with those of others.
        """
        if self._log is not None and not self._log.is_quick():
            return None
        try:
            return self._answer(path, fields, body, brief=True)
        except TakesLongError:
            return None

    def written(self, lines: Sequence[bytes]) -> Told | None:
        """Write lines to the decision log.

        Return what is told in place of their answers where these must not go out.
        """
        try:
            self._desk.tell(lines)
        except DecisionLogError as error:
            return told_of(error)
        return None

    def _answer(self, path: str, fields: Fields, body: bytes, *, brief: bool) -> Told:
        answer = self._access.refusal(fields.authorization)
        try:
            if answer is None and fields.json and len(body) <= self._most_kept_bytes:
                again = self._again.get(path)
                answer = again and again(body, fields)
            if answer is None:
                answer = self._anew(path, fields, body, brief=brief)
        except SidecarError as error:
            answer = told_of(error)
        return answer.named(fields)

    def _anew(self, path: str, fields: Fields, body: bytes, *, brief: bool) -> Told:
        if len(body) > self._limits.max_body_bytes:
            return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return PATHS[path](Incoming(fields, body, self._desk, self._limits, brief))
