"""From the head and the body of a request to its response, the same for every transport.

Token, size of the body, cache; then decode, decide, encode, and keep the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sidecar.decision_log import Line
from sidecar.errors import DecisionLogError, SidecarError
from sidecar.http.answer_cache import MAX_KEY_BYTES, Answer, AnswerCache
from sidecar.http.authentication import Access
from sidecar.http.decision_ids import new_id
from sidecar.http.endpoints import RESPONDERS
from sidecar.http.environment import Environment
from sidecar.http.errors import Rejection, error_response
from sidecar.http.gateways import credentials
from sidecar.http.message import NO_LINES, RequestHead, Response
from sidecar.http.request_context import MAX_BYTES_AT_ONCE, RequestContext, TakesLongError


class Service:
    """Answers requests at `RESPONDERS`."""

    def __init__(self, environment: Environment, access: Access) -> None:
        self._environment = environment
        self._access = access
        self._cache: AnswerCache | None = None

    def now(self) -> datetime:
        """Return the moment for `answer_now`."""
        return self._environment.now()

    def answer(self, endpoint: str, head: RequestHead, body: bytes) -> Response:
        """Return the response to a request, however long it takes; it is logged by then.

        Args:
            endpoint: One of `RESPONDERS`.
            head: Its header fields.
            body: All of its bytes.
        """
        refusal = self._access.refusal(credentials(endpoint, head))
        if refusal is not None:
            return refusal
        try:
            response = self._answer(endpoint, head, body, self._environment.now(), at_once=False)
        except SidecarError as error:
            response = error_response(error)
        return self.write_log(response.log_lines) or response

    def answer_now(
        self, endpoint: str, head: RequestHead, body: bytes, now: datetime
    ) -> Response | None:
        """Return the response to a request; None where `answer` has to make it in a thread.

        Whoever sends it writes its `log_lines` before (`write_log`), perhaps with those of others.

        Args:
            endpoint: One of `RESPONDERS`.
            head: Its header fields.
            body: All of its bytes.
            now: The moment, at most a millisecond old.
        """
        refusal = self._access.refusal(credentials(endpoint, head))
        if refusal is not None:
            return refusal
        try:
            return self._answer(endpoint, head, body, now, at_once=True)
        except TakesLongError:
            return None
        except SidecarError as error:
            return error_response(error)

    def write_log(self, lines: Sequence[Line], *, wait: bool = True) -> Response | None:
        """Write lines to the decision log.

        Args:
            lines: Of one response or of several.
            wait: Whether the caller may be kept waiting.

        Returns:
            The response in place of those that the lines belong to, where these must not be sent.

        Raises:
            LogBusyError: Writing would wait, and the caller may not.
        """
        log = self._environment.log
        if log is None or not lines:
            return None
        try:
            log.write(lines, wait=wait)
        except DecisionLogError as error:
            return error_response(error)
        return None

    def _answer(
        self, endpoint: str, head: RequestHead, body: bytes, now: datetime, *, at_once: bool
    ) -> Response:
        environment = self._environment
        pair, cache = environment.current(), self._cache
        if cache is None or cache.pair is not pair:  # no answer outlives its pair
            cache = self._cache = AnswerCache(pair)
        if (
            len(body) <= MAX_KEY_BYTES
            and head.allows_cached()
            and not environment.is_stale(pair.snapshot)
        ):
            known = cache.get((endpoint, body), now)
            if known is not None:
                return self._again(known, head, now)
        if len(body) > environment.limits.max_body_bytes:
            return Rejection.LONG_BODY.response()
        if at_once and len(body) > MAX_BYTES_AT_ONCE:
            raise TakesLongError
        context = RequestContext(environment, cache, endpoint, head, body, now, at_once=at_once)
        return RESPONDERS[endpoint](context)

    def _again(self, answer: Answer, head: RequestHead, now: datetime) -> Response:
        """Return the response with an answer that was made before."""
        identifier = b"" if answer.allowed is None else new_id()
        log = self._environment.log
        if log is None or answer.entry is None:
            return answer.response(identifier, head, NO_LINES, answer.cell)
        stamp = log.stamp(now, head.request_id, head.trace_id)
        lines = ((answer.entry, identifier, stamp),)
        return answer.response(identifier, head, lines, answer.cell)
