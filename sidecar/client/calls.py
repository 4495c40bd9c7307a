"""The calls of a client, apart from their I/O: every failure is a denial, or raised if strict."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from sidecar.client.batches import collect_questions, decide_batches, invalid_question
from sidecar.client.exchange import Call
from sidecar.client.model import (
    NO_ANSWER,
    Decision,
    Permissions,
    Question,
    Resources,
    UnavailableError,
)
from sidecar.client.posts import Options, Posts
from sidecar.client.requests import encode_list_query, encode_question, obligation_codes
from sidecar.client.responses import check_deadline, read_decision, read_permissions
from sidecar.client.search import SEARCH_PATH, collect

LOG = logging.getLogger("sidecar.client")

T = TypeVar("T")

DENIAL = Decision(allowed=False, reasons=(NO_ANSWER,))
_NO_PERMISSIONS = Permissions(actions=(), reasons=(NO_ANSWER,))
_NO_RESOURCES = Resources(ids=(), reasons=(NO_ANSWER,))


class Calls:
    """Makes the calls of one client."""

    def __init__(  # noqa: PLR0913  one for each setting
        self,
        *,
        seconds: float,
        token: str,
        token_file: str | os.PathLike[str] | None,
        max_body_bytes: int,
        max_evaluations: int,
        is_strict: bool,
    ) -> None:
        """Check the settings and read the token.

        Args:
            seconds: How long one call may take.
            token: A bearer token, or empty.
            token_file: A file whose content is the token, in place of `token`.
            max_body_bytes: Longest body of a batch.
            max_evaluations: Most questions in a batch.
            is_strict: Whether a failure is raised, in place of a denial.

        Raises:
            ValueError: A setting is invalid.
        """
        if not 0 < seconds < float("inf"):
            raise ValueError("`seconds` must be a positive number")
        if max_body_bytes < 1 or max_evaluations < 1:
            raise ValueError("`max_body_bytes` and `max_evaluations` must be positive numbers")
        self._seconds = seconds
        self._limits = max_body_bytes, max_evaluations
        self._posts = Posts(token, token_file)
        self._is_strict = is_strict

    def authorize(self, question: Question, options: Options) -> Call[Decision]:
        """Return the decision on a question."""

        def request(deadline: float) -> Call[Decision]:
            codes = obligation_codes(question.fulfils)
            body = encode_question(question)
            response = yield from self._posts.send("/v1/authorize", body, options, deadline)
            return read_decision(response, codes)

        return self._complete(request, DENIAL)

    def authorize_all(
        self, questions: Iterable[Question], options: Options
    ) -> Call[tuple[Decision, ...]]:
        """Return the decisions of several questions, in their order."""
        deadline = time.monotonic() + self._seconds
        try:
            collected = collect_questions(questions)
        except Exception as error:  # noqa: BLE001  an odd argument may raise anything
            return (self._fail(invalid_question(error), DENIAL),)

        def send(body: bytes, max_bytes: int) -> Call[object]:
            return self._posts.send("/v1/authorize", body, options, deadline, max_bytes)

        outcomes = yield from decide_batches(collected, self._limits, send, deadline)
        # One failure of a batch is one line in the log, however many questions it denies.
        denials: dict[int, Decision] = {}
        for outcome in outcomes:
            if isinstance(outcome, UnavailableError) and id(outcome) not in denials:
                denials[id(outcome)] = self._fail(outcome, DENIAL)
        return tuple(
            denials[id(outcome)] if isinstance(outcome, UnavailableError) else outcome
            for outcome in outcomes
        )

    def permissions(
        self,
        subject: object,
        resource: object,
        action_properties: object,
        context: object,
        options: Options,
    ) -> Call[Permissions]:
        """Return the actions that would be allowed."""

        def request(deadline: float) -> Call[Permissions]:
            body = encode_list_query(subject, resource, action_properties, context)
            response = yield from self._posts.send("/v1/permissions", body, options, deadline)
            return read_permissions(response)

        return self._complete(request, _NO_PERMISSIONS)

    def search_resources(
        self, question: Question, limit: int | None, options: Options
    ) -> Call[Resources]:
        """Return the resources on which an action would be allowed; all pages, or up to a limit.

        Only the type and the properties of the question's resource count.
        """

        def request(deadline: float) -> Call[Resources]:
            send = partial(self._posts.send, SEARCH_PATH, options=options, deadline=deadline)
            return collect(question, limit, send)

        return self._complete(request, _NO_RESOURCES)

    def _complete(self, request: Callable[[float], Call[T]], denial: T) -> Call[T]:
        """Complete a call by its deadline.

        Args:
            request: Makes the call, for a deadline on the monotonic clock.
            denial: The result of a failure.
        """
        deadline = time.monotonic() + self._seconds
        try:
            result = yield from request(deadline)
            check_deadline(deadline)  # reading the response takes time too
        except UnavailableError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  an odd argument may raise anything
            failure = invalid_question(error)
        else:
            return result
        return self._fail(failure, denial)

    def _fail(self, failure: UnavailableError, denial: T) -> T:
        if self._is_strict:
            raise failure
        LOG.warning("denied because the sidecar is unavailable: %s", failure)
        return denial
