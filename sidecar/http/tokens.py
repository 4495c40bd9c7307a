"""Tokens: who may ask, from a file that is read again whenever it changes."""

from __future__ import annotations

import codecs
import hmac
import logging
import os
import re
import stat
from hashlib import sha256
from pathlib import Path

from sidecar.errors import Problem
from sidecar.http.watched_file import Reading, WatchedFile, first_of

LOG = logging.getLogger("sidecar")

MIN_LENGTH = 16
"""Characters of a token: fewer can be guessed."""

MAX_FILE_BYTES = 1024 * 1024

MAX_PROBLEMS = 20
"""Faults of a file that are told: one that is no file of tokens has one in each line."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,60}")

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # with the first of them UTF-32 begins too
_WIDE = "is UTF-16 (or holds NUL characters); save it as UTF-8 or ASCII"

HOW_TO = "write one token a line, `NAME TOKEN` or `TOKEN` (`openssl rand -hex 32` makes one)"


Names = tuple[tuple[bytes, str], ...]
"""The hash of each token, and the name of whoever holds it."""


class Tokens(WatchedFile[Names]):
    """The tokens of a file; one that cannot be used lets nobody ask."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, (), MAX_FILE_BYTES, HOW_TO)

    def holder(self, token: str) -> str | None:
        """Return the name of whoever holds a token, None if nobody does.

        It takes equally long for every token, whatever is known.
        """
        said = sha256(token.encode("utf-8", "surrogateescape")).digest()
        found: str | None = None
        for digest, name in self.reading.value:
            if hmac.compare_digest(digest, said):
                found = name
        return found

    def parse(self, name: str, content: bytes) -> Reading[Names]:
        """Return the tokens of a content."""
        return _parse(name, content)

    def report(self, reading: Reading[Names]) -> None:
        """Log how many may ask, or why nobody may."""
        if reading.problems:
            LOG.error("nobody may ask: %s", first_of(reading.problems))
        else:
            LOG.info("tokens of %s that may ask: %d", self._file, len(reading.value))

    def inspect(self, status: os.stat_result) -> None:
        """Warn of a file that others may read or change."""
        if status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            LOG.warning(
                "%s: others may read or change it; `chmod 640` it, and `chgrp` it to the group"
                " that the sidecar runs as",
                self._file,
            )


def _parse(file: str, content: bytes) -> Reading[Names]:
    """Read all lines; not even a part of what somebody wrote is told, for it may be a token."""
    names: dict[bytes, str] = {}
    problems: list[Problem] = []
    if content.startswith(_WIDE_MARKS) or b"\0" in content:
        return Reading((), (Problem(file, 0, _WIDE),))
    content = content.removeprefix(codecs.BOM_UTF8)
    for line, written in enumerate(content.decode("latin-1").splitlines(), 1):
        if not (words := written.split()) or words[0].startswith("#"):
            continue
        *name, token = words
        key = sha256(token.encode()).digest()
        if len(problems) == MAX_PROBLEMS:
            break
        if fault := _fault(name, token) or ("the token is there twice" if key in names else ""):
            problems.append(Problem(file, line, fault))
        names[key] = " ".join(name)
    if not names and not problems:
        problems.append(Problem(file, 0, f"holds no token; {HOW_TO}"))
    return Reading((), tuple(problems)) if problems else Reading(tuple(names.items()))


def _fault(name: list[str], token: str) -> str:
    if not _TOKEN.fullmatch(token):
        return f"a token holds letters, digits and `._~+/-` only; {HOW_TO}"
    if len(token) < MIN_LENGTH:
        return f"a token has at least {MIN_LENGTH} characters; {HOW_TO}"
    if len(name) > 1 or not all(_NAME.fullmatch(word) for word in name):
        return "a name is one word of at most 60 letters, digits and `._-`"
    return ""
