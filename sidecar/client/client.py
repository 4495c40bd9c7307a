"""The client: asks a sidecar, and takes whatever goes wrong for a denial."""

from __future__ import annotations

import logging
import os
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import NoReturn, Self, TypeVar

from sidecar.client.address import place
from sidecar.client.connections import Connections
from sidecar.client.model import (
    NO_ANSWER,
    NOTHING,
    Decision,
    Entity,
    Permissions,
    Question,
    UnavailableError,
)
from sidecar.client.requests import (
    divided,
    encode_batch,
    encode_list_query,
    encode_question,
    obligation_codes,
)
from sidecar.client.responses import (
    check_in_time,
    error_message,
    parse,
    read_decision,
    read_items,
    read_permissions,
)
from sidecar.client.tokens import TokenFile, checked_token

LOG = logging.getLogger("sidecar.client")

T = TypeVar("T")
Said = Mapping[str, object]
Item = tuple[int, bytes]
"""A question of several: its place among them, and how it is written."""

_HEADER = re.compile(r"[\x20-\x7e]{1,256}")
_ANSWER_BYTES = 1024 * 1024
"""Longest answer to one question."""
_ITEM_BYTES = 16 * 1024
"""By how much an answer may be longer for each question of a batch."""
_DIVISIBLE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Statuses of a batch that was refused as a whole, perhaps for one of its questions."""


class _RefusedError(UnavailableError):
    """The server refused the request as a whole."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"status {status}, {message}")
        self.status = status


class Client:
    """Asks one sidecar. Threads may share it, and so may processes that are forked from one.

    Whatever goes wrong (nobody listens, no answer in time, an answer that is not exactly as it
    must be, a question that cannot be asked) is a denial with the reason `unavailable`, and a line
    in the log `sidecar.client`; no method that asks raises anything. `Client.strict` makes a client
    that raises instead.
    """

    def __init__(  # noqa: PLR0913  all that can be set
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
        """Say where the sidecar is; nothing is sent yet.

        Args:
            url: ``http://127.0.0.1:8181``, ``https://HOST`` or ``unix:PATH``.
            seconds: How long one call may take, from writing the question to the answer that has
                been read; after it, whatever came is a denial.
            token: A bearer token. It travels as the URL says: in the clear over ``http:``.
            token_file: A file whose content is the token, in place of `token`. It is read again
                when it changes, and when the server refuses the token.
            connections: How many idle connections are kept.
            tls: For ``https:``, where the default is not enough: own authorities, or a certificate.
            max_body_bytes: Longest body of a batch; `authorize_all` divides what is longer. It is
                the setting of the same name of the server, and so is the next.
            max_evaluations: Most questions in a batch.

        Raises:
            ValueError: One of them cannot be.
        """
        if token and token_file is not None:
            raise ValueError("`token` and `token_file` cannot both be given")
        if token:
            checked_token(token)
        if not 0 < seconds < float("inf"):
            raise ValueError("`seconds` must be a positive number")
        if max_body_bytes < 1 or max_evaluations < 1:
            raise ValueError("`max_body_bytes` and `max_evaluations` must be positive numbers")
        self._seconds = seconds
        self._bounds = max_body_bytes, max_evaluations
        self._connections = Connections(place(url, tls), connections)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._token = token
        self._token_file = None if token_file is None else TokenFile(token_file)

    @classmethod
    def strict(  # noqa: PLR0913  all that can be set
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
        """Make a client that raises UnavailableError where this one denies for want of an answer.

        Raises:
            ValueError: One of the arguments cannot be.
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
        context: Said = NOTHING,
        action_properties: Said = NOTHING,
        fulfils: str | Iterable[str] = (),
        request_id: str = "",
    ) -> Decision:
        """Ask one question: ``if client.authorize("user:ana", "numbers.edit", "account:acme"):``.

        Args:
            subject: ``type:id``, or an `Entity` where the caller vouches for properties.
            action: Its name.
            resource: As the subject.
            context: Of the request as a whole.
            action_properties: Of the action.
            fulfils: Codes of the obligations that the caller sees to when it is allowed, one or a
                collection of them; an allow with any other is a denial, see `Decision`.
            request_id: Sent as ``X-Request-ID``, for the sidecar's decision log.
        """

        def ask(ends: float) -> Decision:
            codes = obligation_codes(fulfils)
            question = Question(
                subject=subject,
                action=action,
                resource=resource,
                context=context,
                action_properties=action_properties,
            )
            body = encode_question(question)
            return read_decision(self._ask("/v1/authorize", body, request_id, ends), codes)

        return self._answered(ask, _denied)

    def authorize_all(
        self, questions: Iterable[Question], *, request_id: str = ""
    ) -> tuple[Decision, ...]:
        """Ask several questions at once; the answers have the order of the questions.

        One that cannot be asked is a denial and spoils no other. What fits into one batch is
        answered from one policy, one snapshot and one moment; where more is asked, each answer
        names its revisions.

        An argument that is no collection of questions has no order to answer in: the result is one
        denial, so that ``all(...)`` of it is false.
        """
        ends = time.monotonic() + self._seconds
        try:
            asked = _all_of(questions)
        except Exception as error:  # noqa: BLE001  an odd argument may raise anything
            return (self._failed(_unaskable(error), _denied),)
        outcomes: list[Decision | UnavailableError] = [*map(_not_asked, asked)]
        for index, outcome in self._outcomes(asked, request_id, ends):
            outcomes[index] = outcome
        denials: dict[int, Decision] = {}
        for outcome in outcomes:
            if isinstance(outcome, UnavailableError) and id(outcome) not in denials:
                denials[id(outcome)] = self._failed(outcome, _denied)
        return tuple(
            denials[id(outcome)] if isinstance(outcome, UnavailableError) else outcome
            for outcome in outcomes
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

        def ask(ends: float) -> Permissions:
            body = encode_list_query(subject, resource, context)
            return read_permissions(self._ask("/v1/permissions", body, request_id, ends))

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

    def _answered(self, ask: Callable[[float], T], otherwise: Callable[[UnavailableError], T]) -> T:
        ends = time.monotonic() + self._seconds
        try:
            answer = ask(ends)
            check_in_time(ends)  # an answer that was read too late is none
        except UnavailableError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  an odd argument may raise anything
            failure = _unaskable(error)
        else:
            return answer
        return self._failed(failure, otherwise)

    def _failed(self, error: UnavailableError, otherwise: Callable[[UnavailableError], T]) -> T:
        LOG.warning("denied for want of an answer: %s", error)
        return otherwise(error)

    def _outcomes(
        self, asked: tuple[object, ...], request_id: str, ends: float
    ) -> Iterator[tuple[int, Decision | UnavailableError]]:
        """Yield what became of each question, with its place."""
        codes: dict[int, frozenset[str]] = {}
        items: list[Item] = []
        for index, question in enumerate(asked):
            try:
                item = index, encode_question(question)
                codes[index] = obligation_codes(getattr(question, "fulfils", ()))
            except Exception as error:  # noqa: BLE001  an odd argument may raise anything
                yield index, _unaskable(error)
            else:
                items.append(item)
        below = list(divided(items, *self._bounds))[::-1]
        while below:
            batch = below.pop()
            try:
                answers = self._ask_batch(batch, request_id, ends)
            except UnavailableError as error:
                status = error.status if isinstance(error, _RefusedError) else 0
                if status in _DIVISIBLE and len(batch) > 1:
                    # One of them may be what the server refuses; the others must not suffer.
                    middle = len(batch) // 2
                    below += (batch[middle:], batch[:middle])
                else:
                    yield from ((index, error) for index, _ in batch)
            else:
                for (index, _), answer in zip(batch, answers, strict=True):
                    yield index, _read_item(answer, codes[index], ends)

    def _ask_batch(self, batch: list[Item], request_id: str, ends: float) -> list[object]:
        """Return one answer for each question of a batch.

        Raises:
            UnavailableError: There are none, or not in time.
        """
        body = encode_batch([item for _, item in batch])
        most = _ANSWER_BYTES + _ITEM_BYTES * len(batch)
        try:
            answers = read_items(
                self._ask("/v1/authorize", body, request_id, ends, most), len(batch)
            )
        except UnavailableError:
            raise
        except Exception as error:
            raise _unaskable(error) from error
        check_in_time(ends)
        return answers

    def _ask(
        self, path: str, body: bytes, request_id: str, ends: float, most: int = _ANSWER_BYTES
    ) -> object:
        headers = dict(self._headers)
        if request_id:
            if not _HEADER.fullmatch(request_id):
                raise ValueError("the request id has characters that no header can have")
            headers["X-Request-ID"] = request_id
        token = self._token if self._token_file is None else self._token_file.current()
        answer = self._connections.post(path, body, _bearing(headers, token), ends, most)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._token_file is not None:
            fresh = self._token_file.reread()
            if fresh != token:  # it was rotated meanwhile
                answer = self._connections.post(path, body, _bearing(headers, fresh), ends, most)
        is_json = answer.content_type == "application/json"
        if answer.status != HTTPStatus.OK:
            message = error_message(parse(answer.body, ends)) if is_json else ""
            raise _RefusedError(answer.status, message or "without a message")
        if not is_json:
            raise UnavailableError("the answer is no JSON")
        return parse(answer.body, ends)


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


def _not_asked(_: object) -> UnavailableError:
    return UnavailableError("the question was not asked")


def _all_of(questions: object) -> tuple[object, ...]:
    """Return all questions.

    Raises:
        TypeError: It is no collection of questions. An empty text or mapping is none either: its
            answer would be empty, and a caller could take that for success.
    """
    if not isinstance(questions, Iterable) or isinstance(questions, str | bytes | Mapping):
        raise TypeError("`questions` must be a collection of `Question`")
    return tuple(questions)


def _read_item(item: object, fulfils: frozenset[str], ends: float) -> Decision | UnavailableError:
    try:
        decision = read_decision(item, fulfils)
        check_in_time(ends)
    except UnavailableError as error:
        return error
    return decision


def _bearing(headers: Mapping[str, str], token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers} if token else dict(headers)


def _unaskable(error: Exception) -> UnavailableError:
    """Return why a question cannot be asked, without asking a class we do not know for words."""
    known = isinstance(error, TypeError | ValueError) and type(error).__module__ == "builtins"
    said = f"{error}" if known else type(error).__name__
    return UnavailableError(f"the question cannot be asked: {said}")
