"""Requests of JSON with a bearer token, and the JSON of their responses."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from sidecar.client.exchange import Call, Post, Response
from sidecar.client.model import UnavailableError
from sidecar.client.responses import check_deadline, error_message, parse
from sidecar.client.tokens import TokenFile, checked_token

MAX_RESPONSE_BYTES = 1024 * 1024
"""Longest response to one question."""

_REQUEST_ID = "X-Request-ID"
LONGEST_RESPONSE_BYTES = 16 * 1024 * 1024
"""Longest response of any request."""

_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,256}")


@dataclass(frozen=True, slots=True)
class Options:
    """What a call demands apart from its questions."""

    request_id: str = ""
    """Sent as ``X-Request-ID``; a random one if empty.

    A sidecar returns it, so that a response that belongs to another request is noticed."""
    min_revision: str | None = None
    """Sent as ``Sidecar-Min-Revision``; None if any facts will do."""

    def headers(self) -> dict[str, str]:
        """Return the headers of the options.

        Raises:
            TypeError: A value is not a text.
            ValueError: A value cannot be sent in a header. An empty revision is none: a caller
                that lost the token of its write must not be answered from older facts.
        """
        request_id = self.request_id or os.urandom(8).hex()
        if not _HEADER_VALUE.fullmatch(request_id):
            raise ValueError("the request id has characters that no header can have")
        headers = {_REQUEST_ID: request_id}
        if self.min_revision is not None:
            if not _HEADER_VALUE.fullmatch(self.min_revision):
                raise ValueError("`min_revision` is empty, or no revision")
            headers["Sidecar-Min-Revision"] = self.min_revision
        return headers


class RefusedError(UnavailableError):
    """The server refused the request as a whole."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"status {status}, {message}")
        self.status = status


class Posts:
    """The requests of one client, with the token that it sends."""

    def __init__(self, token: str, token_file: str | os.PathLike[str] | None) -> None:
        """Read the token.

        Raises:
            ValueError: The token is malformed, or both it and a token file are given.
        """
        if token and token_file is not None:
            raise ValueError("`token` and `token_file` cannot both be given")
        self._token = checked_token(token) if token else ""
        self._token_file = None if token_file is None else TokenFile(token_file)

    def send(
        self,
        path: str,
        body: bytes,
        options: Options,
        deadline: float,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> Call[object]:
        """Post a body, and return the JSON of the response.

        A request that is refused for its token is sent once more if the token file has changed.

        Args:
            path: Below the base path of the address.
            body: JSON.
            options: Sent in headers, which count at every path.
            deadline: On the monotonic clock.
            max_bytes: Longest response.

        Raises:
            RefusedError: The status is not 200.
            UnavailableError: There is no response of JSON in time, or it is another request's.
            ValueError: An option cannot be sent in a header.
        """
        check_deadline(deadline)
        token = self._token if self._token_file is None else self._token_file.current()
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            **options.headers(),
        }
        max_bytes = min(max_bytes, LONGEST_RESPONSE_BYTES)
        post = Post(path, body, _with_token(headers, token), deadline, max_bytes)
        response = yield post
        if response.status == HTTPStatus.UNAUTHORIZED and self._token_file is not None:
            new_token = self._token_file.reread()
            if new_token != token:
                response = yield post._replace(headers=_with_token(headers, new_token))
        return _read_json(response, headers[_REQUEST_ID], deadline)


def _read_json(response: Response, request_id: str, deadline: float) -> object:
    if response.request_id.strip() not in {"", request_id.strip()}:
        raise UnavailableError("the response is to another request")
    is_json = response.media_type == "application/json"
    if response.status != HTTPStatus.OK:
        message = error_message(parse(response.body, deadline)) if is_json else ""
        raise RefusedError(response.status, message or "without a message")
    if not is_json:
        raise UnavailableError("the response is not JSON")
    return parse(response.body, deadline)


def _with_token(headers: Mapping[str, str], token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers} if token else dict(headers)
