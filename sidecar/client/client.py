"""The client of a sidecar: every failure is a denial."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from sidecar.client.address import parse_url
from sidecar.client.calls import Calls
from sidecar.client.connections import Connections
from sidecar.client.exchange import Call, Transport, run
from sidecar.client.model import EMPTY, Decision, Entity, Permissions, Question, Resources
from sidecar.client.posts import Options

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
        transport: Transport | None = None,
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
            transport: In place of connections to the URL, such as one of `sidecar.testing`.

        Raises:
            ValueError: An argument is invalid.
        """
        self._calls = Calls(
            seconds=seconds,
            token=token,
            token_file=token_file,
            max_body_bytes=max_body_bytes,
            max_evaluations=max_evaluations,
            is_strict=isinstance(self, StrictClient),
        )
        address = parse_url(url, tls)
        self._transport = Connections(address, connections) if transport is None else transport

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
            min_revision: The `revisions.data` of an earlier decision, or the token of a writer (see
                `writer_position`). The facts contain it, or the decision is a denial with the
                reason `stale_data`. The sidecar waits for such facts; `seconds` includes that.
            request_id: Sent as ``X-Request-ID``, for the decision log of the sidecar; a random one
                if it is empty. A response that names another one is a denial.
        """
        question = Question(
            subject=subject,
            action=action,
            resource=resource,
            context=context,
            action_properties=action_properties,
            fulfils=fulfils,
        )
        return self._run(self._calls.authorize(question, Options(request_id, min_revision)))

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
        options = Options(request_id, min_revision)
        return self._run(self._calls.authorize_all(questions, options))

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
        options = Options(request_id, min_revision)
        return self._run(
            self._calls.permissions(subject, resource, action_properties, context, options)
        )

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
        question = Question(
            subject=subject,
            action=action,
            resource=Entity(resource_type, "-"),
            context=context,
            action_properties=action_properties,
        )
        options = Options(request_id, min_revision)
        return self._run(self._calls.search_resources(question, limit, options))

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

    def _run(self, call: Call[T]) -> T:
        return run(call, self._transport)


class StrictClient(Client):
    """A client that raises UnavailableError if the sidecar is unavailable, in place of a denial.

    `authorize_all` raises it if the decision of any question is missing.
    """
