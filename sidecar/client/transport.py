"""Post JSON to the sidecar with a bearer token, and return the JSON of its response."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from http import HTTPStatus

from sidecar.client.address import Address
from sidecar.client.connections import Connections
from sidecar.client.model import UnavailableError
from sidecar.client.responses import error_message, parse
from sidecar.client.tokens import TokenFile, checked_token

MAX_RESPONSE_BYTES = 1024 * 1024
"""Longest response to one question."""

_HEADER_VALUE = re.compile(r"[\x20-\x7e]{1,256}")


class RefusedError(UnavailableError):
    """The server refused the request as a whole."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"status {status}, {message}")
        self.status = status


class Transport:
    """The connections to one sidecar, and the token that is sent over them."""

    def __init__(
        self,
        address: Address,
        *,
        token: str,
        token_file: str | os.PathLike[str] | None,
        max_idle: int,
    ) -> None:
        """Read the token; nothing is sent yet.

        Raises:
            ValueError: The token is malformed, or both it and a token file are given.
        """
        if token and token_file is not None:
            raise ValueError("`token` and `token_file` cannot both be given")
        self._token = checked_token(token) if token else ""
        self._token_file = None if token_file is None else TokenFile(token_file)
        self._connections = Connections(address, max_idle)

    def post(
        self,
        path: str,
        body: bytes,
        request_id: str,
        deadline: float,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> object:
        """Post a body, and return the JSON of the response.

        A request that is refused for its token is sent once more if the token file has changed.

        Args:
            path: Below the base path of the address.
            body: JSON.
            request_id: Sent as ``X-Request-ID``; none if empty.
            deadline: On the monotonic clock.
            max_bytes: Longest response.

        Raises:
            RefusedError: The status is not 200.
            UnavailableError: There is no response of JSON in time.
            ValueError: The request id cannot be sent in a header.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if request_id:
            if not _HEADER_VALUE.fullmatch(request_id):
                raise ValueError("the request id has characters that no header can have")
            headers["X-Request-ID"] = request_id
        token = self._token if self._token_file is None else self._token_file.current()
        response = self._connections.post(
            path, body, _with_token(headers, token), deadline, max_bytes
        )
        if response.status == HTTPStatus.UNAUTHORIZED and self._token_file is not None:
            new_token = self._token_file.reread()
            if new_token != token:
                response = self._connections.post(
                    path, body, _with_token(headers, new_token), deadline, max_bytes
                )
        is_json = response.content_type == "application/json"
        if response.status != HTTPStatus.OK:
            message = error_message(parse(response.body, deadline)) if is_json else ""
            raise RefusedError(response.status, message or "without a message")
        if not is_json:
            raise UnavailableError("the response is not JSON")
        return parse(response.body, deadline)

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()


def _with_token(headers: Mapping[str, str], token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers} if token else dict(headers)
