"""The client of a sidecar: every failure is a denial."""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import NoReturn, Self, TypeVar

from sidecar.client.address import parse_url
from sidecar.client.batches import collect_questions, invalid_question, send_batches
from sidecar.client.model import (
    EMPTY,
    NO_ANSWER,
    Decision,
    Entity,
    Permissions,
    Question,
    Resources,
    UnavailableError,
)
from sidecar.client.requests import (
    encode_list_query,
    encode_question,
    obligation_codes,
)
from sidecar.client.responses import check_deadline, read_decision, read_permissions
from sidecar.client.search import SEARCH_PATH, collect
from sidecar.client.transport import Options, Transport

LOG = logging.getLogger("sidecar.client")

T = TypeVar("T")
Properties = Mapping[str, object]


class Client:
    """A client of one sidecar. Threads may share it, and so may processes forked from one.

    Every failure (no server, no response in time, a malformed response, a question that cannot be
    encoded) is a denial with the reason `unavailable`, and a line in the log `sidecar.client`;
    `authorize`, `authorize_all` and `permissions` never raise. `Client.strict` makes a client that
    raises instead.
    """

    def __init__(  # noqa: PLR0913  one for each setting
        self,
        url: str,
        *,
        seconds: float = 1.0,
        token: str = "",
        token_file: str | os.PathLike[str] | None = None,
        connections: int = 8,
        tls: ssl.SSLContext | None = None,
        max_body_bytes: int = 64 * 1024,
        max_evaluations: int = 1000,
    ) -> None:
        """Set the address of the sidecar; nothing is sent yet.

        Args:
            url: ``http://127.0.0.1:8181``, ``https://HOST`` or ``unix:PATH``.
            seconds: How long one call may take, from encoding the question to the decision that
                has been read. A response that comes later is a denial.
            token: A bearer token. It is sent as the URL implies: in the clear over ``http:``.
            token_file: A file whose content is the token, in place of `token`. It is read again
                when it changes, and when the server refuses the token.
            connections: How many idle connections are kept.
            tls: For ``https:``, if the default context does not suffice.
            max_body_bytes: Longest body of a batch; `authorize_all` divides longer ones. The
                server has a setting of the same name, as for `max_evaluations`.
            max_evaluations: Most questions in a batch.

        Raises:
            ValueError: An argument is invalid.
        """
        if not 0 < seconds < float("inf"):
            raise ValueError("`seconds` must be a positive number")
        if max_body_bytes < 1 or max_evaluations < 1:
            raise ValueError("`max_body_bytes` and `max_evaluations` must be positive numbers")
        self._seconds = seconds
        self._limits = max_body_bytes, max_evaluations
        self._transport = Transport(
            parse_url(url, tls), token=token, token_file=token_file, max_idle=connections
        )

    @classmethod
    def strict(  # noqa: PLR0913  one for each setting
        cls,
        url: str,
        *,
        seconds: float = 1.0,
        token: str = "",
        token_file: str | os.PathLike[str] | None = None,
        connections: int = 8,
        tls: ssl.SSLContext | None = None,
        max_body_bytes: int = 64 * 1024,
        max_evaluations: int = 1000,
    ) -> StrictClient:
        """Return a client that raises UnavailableError in place of an `unavailable` denial.

        Raises:
            ValueError: An argument is invalid.
        """
        return StrictClient(
            url,
            seconds=seconds,
            token=token,
            token_file=token_file,
            connections=connections,
            tls=tls,
            max_body_bytes=max_body_bytes,
            max_evaluations=max_evaluations,
        )

    def authorize(  # noqa: PLR0913  the parts of one question
        self,
        subject: str | Entity,
        action: str,
        resource: str | Entity,
        *,
        context: Properties = EMPTY,
        action_properties: Properties = EMPTY,
        fulfils: str | Iterable[str] = (),
        min_revision: str | None = None,
        request_id: str = "",
    ) -> Decision:
        """Return a decision: ``if client.authorize("user:ana", "numbers.edit", "account:acme"):``.

        Args:
            subject: ``type:id``, or an `Entity` if it has properties.
            action: The name of the action.
            resource: As the subject.
            context: The context of the request.
            action_properties: The properties of the action.
            fulfils: Codes of the obligations that the caller fulfils if it is allowed, one or a
                collection of them; an allow with any other is a denial, see `Decision`.
            min_revision: The `data_revision` of an earlier decision, or the token of a writer (see
                `writer_position`). The facts contain it, or the decision is a denial with the
                reason `stale_data`. The sidecar waits for such facts; `seconds` includes that.
            request_id: Sent as ``X-Request-ID``, for the decision log of the sidecar.
        """

        def request(deadline: float) -> Decision:
            codes = obligation_codes(fulfils)
            question = Question(
                subject=subject,
                action=action,
                resource=resource,
                context=context,
                action_properties=action_properties,
            )
            body = encode_question(question)
            options = Options(request_id, min_revision)
            response = self._transport.post("/v1/authorize", body, options, deadline)
            return read_decision(response, codes)

        return self._call(request, _denial)

    def authorize_all(
        self,
        questions: Iterable[Question],
        *,
        min_revision: str | None = None,
        request_id: str = "",
    ) -> tuple[Decision, ...]:
        """Return the decisions of several questions, in the order of the questions.

        A question that cannot be sent is a denial and does not affect the others. All questions
        that fit into one batch are decided from one policy and one snapshot at one time; if there
        are more batches, each decision names its revisions.

        An argument that is not a collection of questions returns one denial, so that ``all(...)``
        of the result is false.
        """
        deadline = time.monotonic() + self._seconds
        try:
            collected = collect_questions(questions)
        except Exception as error:  # noqa: BLE001  an odd argument may raise anything
            return (self._fail(invalid_question(error), _denial),)
        outcomes: list[Decision | UnavailableError] = [*map(_not_sent, collected)]
        options = Options(request_id, min_revision)

        def post(body: bytes, max_bytes: int) -> object:
            return self._transport.post("/v1/authorize", body, options, deadline, max_bytes)

        for index, outcome in send_batches(collected, self._limits, post, deadline):
            outcomes[index] = outcome
        # One failure of a batch is one line in the log, however many questions it denies.
        denials: dict[int, Decision] = {}
        for outcome in outcomes:
            if isinstance(outcome, UnavailableError) and id(outcome) not in denials:
                denials[id(outcome)] = self._fail(outcome, _denial)
        return tuple(
            denials[id(outcome)] if isinstance(outcome, UnavailableError) else outcome
            for outcome in outcomes
        )

    def permissions(  # noqa: PLR0913  the parts of one question
        self,
        subject: str | Entity,
        resource: str | Entity,
        *,
        context: Properties = EMPTY,
        action_properties: Properties = EMPTY,
        min_revision: str | None = None,
        request_id: str = "",
    ) -> Permissions:
        """Return the actions that would be allowed; none if the sidecar is unavailable.

        Every action is tried with `action_properties`: without a role, an action that needs one is
        never listed.

        Facts that do not contain `min_revision` in time are unavailable too: an empty list would
        say that nothing is allowed.
        """

        def request(deadline: float) -> Permissions:
            body = encode_list_query(subject, resource, action_properties, context)
            options = Options(request_id, min_revision)
            response = self._transport.post("/v1/permissions", body, options, deadline)
            return read_permissions(response)

        return self._call(request, lambda _: Permissions(actions=(), reasons=(NO_ANSWER,)))

    def search_resources(  # noqa: PLR0913  the parts of one question
        self,
        subject: str | Entity,
        action: str,
        resource_type: str,
        *,
        context: Properties = EMPTY,
        action_properties: Properties = EMPTY,
        limit: int | None = None,
        min_revision: str | None = None,
        request_id: str = "",
    ) -> Resources:
        """Return the resources of a type on which an action would be allowed, of all pages.

        Args:
            subject: ``type:id``, or an `Entity` if it has properties.
            action: The name of the action.
            resource_type: The type of the resources.
            context: The context of the request.
            action_properties: The properties of the action.
            limit: The most results; None for all of them.
            min_revision: As of `authorize`, for each page. Where the facts do not contain it in
                time, the search is unavailable.
            request_id: As of `authorize`.
        """

        def request(deadline: float) -> Resources:
            question = Question(
                subject=subject,
                action=action,
                resource=Entity(resource_type, "-"),
                context=context,
                action_properties=action_properties,
            )
            options = Options(request_id, min_revision)
            return collect(question, limit, partial(self._send_search, options, deadline))

        return self._call(request, lambda _: Resources(ids=(), reasons=(NO_ANSWER,)))

    def close(self) -> None:
        """Close the idle connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, request: Callable[[float], T], fallback: Callable[[UnavailableError], T]) -> T:
        deadline = time.monotonic() + self._seconds
        try:
            result = request(deadline)
            check_deadline(deadline)  # reading the response takes time too
        except UnavailableError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  an odd argument may raise anything
            failure = invalid_question(error)
        else:
            return result
        return self._fail(failure, fallback)

    def _fail(self, error: UnavailableError, fallback: Callable[[UnavailableError], T]) -> T:
        LOG.warning("denied because the sidecar is unavailable: %s", error)
        return fallback(error)

    def _send_search(self, options: Options, deadline: float, body: bytes) -> object:
        check_deadline(deadline)
        return self._transport.post(SEARCH_PATH, body, options, deadline)


class StrictClient(Client):
    """A client that raises UnavailableError if the sidecar is unavailable, in place of a denial.

    `authorize_all` raises it if the decision of any question is missing.
    """

    def _fail(self, error: UnavailableError, fallback: Callable[[UnavailableError], T]) -> NoReturn:
        del fallback
        raise error


def _denial(_: UnavailableError) -> Decision:
    return Decision(allowed=False, reasons=(NO_ANSWER,))


def _not_sent(_: object) -> UnavailableError:
    return UnavailableError("the question was not sent")
