"""Pages of a search, and the tokens by which callers come back for the next.

A token holds the position (the last id that was looked at), the limit of the caller, and a hash of
the whole request; it is authenticated with a key, so that nobody can make or change one.
Nothing is kept between two pages: any worker, and any sidecar with the same key, can answer the
next, from the facts that are current then.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes

import msgspec
from msgspec import UNSET, Struct, UnsetType

from sidecar.engine.search import Candidate
from sidecar.errors import InvalidRequestError, InvalidSettingError
from sidecar.http.cancellation import check as check_cancelled
from sidecar.http.requests import Page
from sidecar.http.responses import ResultPage
from sidecar.model import Request

_PURPOSE = b"sidecar page token 1\0"
"""Keeps our tokens apart from whatever else a key authenticates."""

_MAC_BYTES, _HASH_BYTES = 32, 16

_LEAST_KEY_BYTES = 32

MAX_SCANNED = 10_000
"""Candidates that one page looks at. It may end before it is full, or empty, with a token for the
next: so no search is refused for the size of a table, and none keeps others waiting for long."""

_FORGED = "is not one that this sidecar gave; begin again without it"
_CHANGED = "belongs to another question; repeat all but the token as it was"


def new_key() -> bytes:
    """Return a key that nobody knows, and that ends with this process and those it forks."""
    return token_bytes(_LEAST_KEY_BYTES)


def read_key(file: Path) -> bytes:
    """Read a key for tokens: all bytes of a file.

    Raises:
        InvalidSettingError: It cannot be read, or is so short that it could be guessed.
    """
    try:
        key = file.read_bytes()
    except OSError as error:
        cause = error.strerror or str(error)
        raise InvalidSettingError(f"the key `{file}` cannot be read: {cause}") from error
    if len(key) < _LEAST_KEY_BYTES:
        message = f"the key `{file}` must have at least {_LEAST_KEY_BYTES} bytes"
        raise InvalidSettingError(message)
    return key


class _Position(Struct, frozen=True, array_like=True):
    """What is in a token beside the hash of the request."""

    limit: int | None
    """Of the caller; None for nothing, or 0, with which nobody would get on."""
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How large pages are, and the key that their tokens are made with."""

    page_size: int = 100
    max_page_size: int = 1000
    key: bytes = field(default_factory=new_key, repr=False)

    def results(
        self,
        search: str,
        request: Request,
        page: Page | UnsetType,
        candidates: Callable[[str], Iterator[Candidate]],
    ) -> tuple[ResultPage | UnsetType, list[Candidate]]:
        """Return one page of a search: its place among the results, and what is allowed.

        The place is unset when the caller asked for no page and everything fits into the largest.

        Args:
            search: Which search it is; a token is good for one of them.
            request: What is searched for.
            page: The page that the caller asks for.
            candidates: Yields all candidates that come after an id, sorted.

        Raises:
            InvalidRequestError: The token is not ours, or belongs to another request.
        """
        query = _hash(search, request)
        if page is UNSET:
            start, size = _Position(None, ""), self.max_page_size
        else:
            start = self._start(query, page)
            size = self._size(start, page)
        shown: list[Candidate] = []
        last, token = start.after, ""
        for scanned, candidate in enumerate(candidates(start.after)):
            check_cancelled()
            if scanned >= MAX_SCANNED or (candidate.allowed and len(shown) >= size):
                token = self._token(query, _Position(start.limit, last))
                break
            last = candidate.id
            if candidate.allowed:
                shown.append(candidate)
        if page is UNSET and not token:
            return UNSET, shown
        return ResultPage(token, len(shown)), shown

    def _start(self, query: bytes, page: Page) -> _Position:
        limit = None if page.limit is UNSET else min(page.limit, self.max_page_size)
        if not page.token:
            return _Position(limit or None, "")
        start = self._read(query, page.token)
        if limit is not None and start.limit not in {None, limit}:
            raise InvalidRequestError("page.token", _CHANGED)
        return _Position(start.limit or limit or None, start.after)

    def _size(self, start: _Position, page: Page) -> int:
        if page.limit == 0:
            return 0
        return min(start.limit or self.page_size, self.max_page_size)

    def _token(self, query: bytes, position: _Position) -> str:
        payload = query + msgspec.json.encode(position)
        return urlsafe_b64encode(self._mac(payload) + payload).decode("ascii")

    def _read(self, query: bytes, token: str) -> _Position:
        try:
            raw = urlsafe_b64decode(token.encode("ascii"))
        except (NotBase64, UnicodeEncodeError) as error:
            raise InvalidRequestError("page.token", _FORGED) from error
        payload = raw[_MAC_BYTES:]
        # The text as a whole, since more than one text can stand for the same bytes.
        ours = urlsafe_b64encode(self._mac(payload) + payload)
        if not hmac.compare_digest(ours, token.encode("ascii")):
            raise InvalidRequestError("page.token", _FORGED)
        if payload[:_HASH_BYTES] != query:
            raise InvalidRequestError("page.token", _CHANGED)
        return msgspec.json.decode(payload[_HASH_BYTES:], type=_Position)

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self.key, _PURPOSE + payload, "sha256")


def _hash(search: str, request: Request) -> bytes:
    return sha256(msgspec.json.encode((search, request), order="sorted")).digest()[:_HASH_BYTES]
