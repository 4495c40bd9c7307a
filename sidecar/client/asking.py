"""The client: asks a sidecar, and takes whatever goes wrong for a denial."""

from __future__ import annotations

import json
import logging
import re
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import NoReturn, Self, TypeVar

from sidecar.client.connections import Connections
from sidecar.client.nouns import (
    NO_ANSWER,
    NOTHING,
    Decision,
    Entity,
    Permissions,
    Question,
    UnavailableError,
)
from sidecar.client.places import place
from sidecar.client.reading import (
    error_message,
    parse,
    read_decision,
    read_items,
    read_permissions,
)

LOG = logging.getLogger("sidecar.client")

T = TypeVar("T")
Said = Mapping[str, object]

_OK = 200
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_HEADER = re.compile(r"[\x20-\x7e]{1,256}")


class Client:
    """Asks one sidecar. Threads may share it, and so may processes that are forked from one.

    Whatever goes wrong (nobody listens, no answer in time, an answer that is not exactly as it
    must be, a question that cannot be asked) is a denial with the reason `unavailable`, and a line
    in the log `sidecar.client`; no method that asks raises anything. `Client.strict` makes a client
    that raises instead.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = 1.0,
        token: str = "",
        connections: int = 8,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Say where the sidecar is; nothing is sent yet.

        Args:
            url: ``http://127.0.0.1:8181``, ``https://HOST`` or ``unix:PATH``.
            seconds: How long one exchange may take, from connecting to the end of the answer.
            token: A bearer token. It travels as the URL says: in the clear over ``http:``.
            connections: How many idle connections are kept.
            tls: For ``https:``, where the default is not enough: own authorities, or a certificate.

        Raises:
            ValueError: One of them cannot be.
        """
        if token and not _TOKEN.fullmatch(token):
            raise ValueError("the token is no bearer token")
        if not 0 < seconds < float("inf"):
            raise ValueError("`seconds` must be a positive number")
        self._connections = Connections(place(url, tls), seconds, connections)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def strict(
        cls,
        url: str,
        *,
        seconds: float = 1.0,
        token: str = "",
        connections: int = 8,
        tls: ssl.SSLContext | None = None,
    ) -> StrictClient:
        """Make a client that raises UnavailableError where this one denies for want of an answer.

        Raises:
            ValueError: One of the arguments cannot be.
        """
        return StrictClient(url, seconds=seconds, token=token, connections=connections, tls=tls)

    def authorize(  # noqa: PLR0913  the parts of one question
        self,
        subject: str | Entity,
        action: str,
        resource: str | Entity,
        *,
        context: Said = NOTHING,
        action_properties: Said = NOTHING,
        fulfils: Iterable[str] = (),
        request_id: str = "",
    ) -> Decision:
        """Ask one question: ``if client.authorize("user:ana", "numbers.edit", "account:acme"):``.

        Args:
            subject: ``type:id``, or an `Entity` where the caller vouches for properties.
            action: Its name.
            resource: As the subject.
            context: Of the request as a whole.
            action_properties: Of the action.
            fulfils: Codes of the obligations that the caller sees to when it is allowed; an allow
                with any other is a denial, see `Decision`.
            request_id: Sent as ``X-Request-ID``, for the sidecar's decision log.
        """
        question = Question(
            subject=subject,
            action=action,
            resource=resource,
            context=context,
            action_properties=action_properties,
            fulfils=frozenset(fulfils),
        )
        return self._answered(
            lambda: read_decision(
                self._ask("/v1/authorize", _members(question), request_id), question.fulfils
            ),
            _denied,
        )

    def authorize_all(
        self, questions: Sequence[Question], *, request_id: str = ""
    ) -> tuple[Decision, ...]:
        """Ask several questions at once; the answers are of one policy, one snapshot, one moment.

        The answers have the order of the questions. One that cannot be asked spoils no other.
        """
        if not questions:
            return ()

        def ask() -> list[object]:
            said = {"requests": [_members(question) for question in questions]}
            return read_items(self._ask("/v1/authorize", said, request_id), len(questions))

        items: list[object] = self._answered(ask, lambda error: [error] * len(questions))
        return tuple(
            self._answered(partial(_item, item, question), _denied)
            for item, question in zip(items, questions, strict=True)
        )

    def permissions(
        self,
        subject: str | Entity,
        resource: str | Entity,
        *,
        context: Said = NOTHING,
        request_id: str = "",
    ) -> Permissions:
        """Ask which actions would be allowed; none where there is no answer."""

        def ask() -> Permissions:
            said = {
                "subject": _entity(subject),
                "resource": _entity(resource),
                "context": dict(context),
            }
            return read_permissions(self._ask("/v1/permissions", said, request_id))

        return self._answered(ask, lambda _: Permissions(actions=(), reasons=(NO_ANSWER,)))

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _answered(self, ask: Callable[[], T], otherwise: Callable[[UnavailableError], T]) -> T:
        try:
            return ask()
        except UnavailableError as error:
            failure = error
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            failure = UnavailableError(f"the question cannot be asked: {error}")
        return self._failed(failure, otherwise)

    def _failed(self, error: UnavailableError, otherwise: Callable[[UnavailableError], T]) -> T:
        LOG.warning("denied for want of an answer: %s", error)
        return otherwise(error)

    def _ask(self, path: str, said: Said, request_id: str) -> object:
        body = json.dumps(said, allow_nan=False).encode("ascii")
        headers = dict(self._headers)
        if request_id:
            if not _HEADER.fullmatch(request_id):
                raise ValueError("the request id has characters that no header can have")
            headers["X-Request-ID"] = request_id
        status, content_type, answer = self._connections.post(path, body, headers)
        if content_type != "application/json":
            raise UnavailableError(f"the answer is no JSON, status {status}")
        told = parse(answer)
        if status != _OK:
            raise UnavailableError(f"status {status}, {error_message(told)}")
        return told


class StrictClient(Client):
    """A client for callers who tell no answer from a denial themselves.

    Each method raises UnavailableError where there is no answer that can be used; of a batch, where
    there is none to one of its questions.
    """

    def _failed(
        self, error: UnavailableError, otherwise: Callable[[UnavailableError], T]
    ) -> NoReturn:
        del otherwise
        raise error


def _denied(_: UnavailableError) -> Decision:
    return Decision(allowed=False, reasons=(NO_ANSWER,))


def _item(item: object, question: Question) -> Decision:
    if isinstance(item, UnavailableError):
        raise item
    return read_decision(item, question.fulfils)


def _members(question: Question) -> dict[str, object]:
    action = {"name": question.action, "properties": dict(question.action_properties)}
    return {
        "subject": _entity(question.subject),
        "action": action,
        "resource": _entity(question.resource),
        "context": dict(question.context),
    }


def _entity(said: str | Entity) -> dict[str, object]:
    entity = Entity.of(said)
    return {"type": entity.type, "id": entity.id, "properties": dict(entity.properties)}
