"""The bearer token of a client, and the file that holds it."""

from __future__ import annotations

import logging
import os
import re
import stat

LOG = logging.getLogger("sidecar.client")

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_MAX_BYTES = 64 * 1024


def checked_token(text: str) -> str:
    """Return a token unchanged.

    Raises:
        ValueError: It is empty or has characters that a bearer token cannot have.
    """
    if not _TOKEN.fullmatch(text):
        raise ValueError("the token is not a bearer token")
    return text


class TokenFile:
    """A file whose content is a token; it is read again when it changes.

    While the new content is unreadable or not a token, the last good token is sent: the server
    decides whether it is still valid.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the file for the first time.

        Raises:
            ValueError: It is unreadable, or does not hold a token.
        """
        self._path = os.fspath(path)
        try:
            self._stamp, self._token = self._read()
        except OSError as error:
            cause = error.strerror or type(error).__name__
            raise ValueError(f"the token file `{self._path}` cannot be read: {cause}") from error

    def current(self) -> str:
        """Return the token; read the file only if its status has changed."""
        try:
            changed = _stamp(os.stat(self._path)) != self._stamp  # noqa: PTH116  no need of a Path
        except OSError:
            changed = True
        return self.reread() if changed else self._token

    def reread(self) -> str:
        """Read the file, and return the token."""
        try:
            self._stamp, self._token = self._read()
        except (OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or str(error)
            LOG.warning("the token file `%s` is ignored: %s", self._path, cause)
        return self._token

    def _read(self) -> tuple[object, str]:
        # Without O_NONBLOCK, opening a pipe that has no writer would block for ever.
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"the token file `{self._path}` is not a regular file")
            content = stream.read(_MAX_BYTES)
        try:
            return _stamp(status), checked_token(content.decode("utf-8-sig").strip())
        except ValueError as error:
            raise ValueError(f"the token file `{self._path}` must hold one token") from error


def _stamp(status: os.stat_result) -> object:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
