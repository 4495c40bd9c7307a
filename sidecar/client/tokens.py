"""The bearer token of a client: a fixed one, or the content of a file that may be rotated."""

from __future__ import annotations

import logging
import os
import re
import stat

LOG = logging.getLogger("sidecar.client")

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_MAX_BYTES = 64 * 1024


def checked_token(text: str) -> str:
    """Return a token as it stands.

    Raises:
        ValueError: It has characters that a bearer token cannot have.
    """
    if not _TOKEN.fullmatch(text):
        raise ValueError("the token is no bearer token")
    return text


class TokenFile:
    """A file whose content is a token; it is read again when it changes.

    While a new content cannot be read, or is no token, the last good token is sent: whether it
    still counts is for the server to say.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the file for the first time.

        Raises:
            ValueError: It cannot be read, or holds no token.
        """
        self._path = os.fspath(path)
        try:
            self._stamp, self._token = self._read()
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise ValueError(f"the token file `{self._path}` cannot be read: {said}") from error

    def current(self) -> str:
        """Return the token; the file is read only if it looks different from the last time."""
        try:
            changed = _stamp(os.stat(self._path)) != self._stamp  # noqa: PTH116  no need of a Path
        except OSError:
            changed = True
        return self.reread() if changed else self._token

    def reread(self) -> str:
        """Read the file however it looks, and return the token."""
        try:
            self._stamp, self._token = self._read()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or str(error)
            LOG.warning("the token file `%s` is not taken: %s", self._path, said)
        return self._token

    def _read(self) -> tuple[object, str]:
        # Without blocking: in place of the file there may be a pipe that nobody writes to.
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError(f"the token file `{self._path}` is no regular file")
            content = stream.read(_MAX_BYTES)
        try:
            return _stamp(found), checked_token(content.decode("utf-8-sig").strip())
        except ValueError as error:
            raise ValueError(f"the token file `{self._path}` must hold one token") from error


def _stamp(found: os.stat_result) -> object:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
