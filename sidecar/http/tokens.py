"""Tokens: who may ask, from a file that is read again whenever it changes."""

from __future__ import annotations

import codecs
import hmac
import logging
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sidecar.errors import InvalidSettingError, Problem
from sidecar.watch import (
    CheckLoop,
    Fingerprint,
    Fingerprints,
    Stability,
    StabilityMonitor,
    digest_of,
    read_file,
)

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


@dataclass(frozen=True, slots=True)
class _Known:
    """What one reading of the file has found: either tokens or a problem."""

    names: tuple[tuple[bytes, str], ...] = ()
    """The hash of each token, and the name of whoever holds it."""
    problems: tuple[Problem, ...] = ()


class Tokens:
    """The tokens of a file.

    A file that cannot be used lets nobody ask, and its last good version is not held on to: what
    is wrong with it may have been written to shut somebody out.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.reading = _Known()
        self._fingerprints = Fingerprints()
        self._stability = StabilityMonitor()
        self._taken: Fingerprint | None = None
        """What was read last; None where it could not be read."""
        self._loop = CheckLoop(str(file), self.look)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the file."""
        return self.reading.problems

    def load(self) -> None:
        """Read the file for the first time.

        Raises:
            InvalidSettingError: It cannot be used.
        """
        self._read()
        if self.problems:
            raise InvalidSettingError(_first(self.problems))

    @property
    def failures(self) -> tuple[Problem, ...]:
        """Return what is wrong with looking at the file."""
        return self._loop.problems()

    def start(self, seconds: float) -> None:
        """Begin to look at the file, so often.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        self._loop.start(seconds)

    def look(self) -> None:
        """Read the file if it has changed and come to rest."""
        found = self._fingerprint()
        stability = self._stability.observe(found)
        if found == self._taken:
            self._stability.mark_read()
        elif stability is not Stability.CHANGING:
            self._read()

    def begin(self) -> None:
        """Begin in a new process, which must not take what is no longer so."""
        if self._fingerprint() != self._taken:
            self._read()

    def holder(self, token: str) -> str | None:
        """Return the name of whoever holds a token, None if nobody does.

        It takes equally long for every token, whatever is known.
        """
        said = sha256(token.encode("utf-8", "surrogateescape")).digest()
        found: str | None = None
        for digest, name in self.reading.names:
            if hmac.compare_digest(digest, said):
                found = name
        return found

    def _read(self) -> None:
        told = self.reading.problems
        self._stability.mark_read()
        self.reading, self._taken = self._reading()
        if self.problems and self.problems != told:
            LOG.error("nobody may ask: %s", _first(self.problems))
        elif not self.problems:
            LOG.info("%d tokens may ask", len(self.reading.names))

    def _reading(self) -> tuple[_Known, Fingerprint | None]:
        """Read the file; without a fingerprint it could not be read, and is tried again."""
        name = str(self._file)
        try:
            content = read_file(self._file, MAX_FILE_BYTES + 1)
            self._warn(self._file.stat().st_mode)
        except OSError as error:
            said = f"cannot be read: {error.strerror or error}; {HOW_TO}"
            return _Known(problems=(Problem(name, 0, said),)), None
        taken = {"": digest_of(content)}
        if len(content) > MAX_FILE_BYTES:
            said = f"is longer than {MAX_FILE_BYTES} bytes"
            return _Known(problems=(Problem(name, 0, said),)), taken
        return _parse(name, content), taken

    def _fingerprint(self) -> Fingerprint:
        return self._fingerprints.take({"": self._file})

    def _warn(self, mode: int) -> None:
        if mode & (stat.S_IRWXO | stat.S_IWGRP):
            LOG.warning(
                "%s: others may read or change it; `chmod 640` it, and `chgrp` it to the group"
                " that the sidecar runs as",
                self._file,
            )


def _first(problems: Sequence[Problem]) -> str:
    """Return one line for what is wrong."""
    others = len(problems) - 1
    return f"{problems[0]} ({others} more lines are wrong)" if others else str(problems[0])


def _parse(file: str, content: bytes) -> _Known:
    """Read all lines; not even a part of what somebody wrote is told, for it may be a token."""
    names: dict[bytes, str] = {}
    problems: list[Problem] = []
    if content.startswith(_WIDE_MARKS) or b"\0" in content:
        return _Known(problems=(Problem(file, 0, _WIDE),))
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
    return _Known(problems=tuple(problems)) if problems else _Known(tuple(names.items()))


def _fault(name: list[str], token: str) -> str:
    if not _TOKEN.fullmatch(token):
        return f"a token holds letters, digits and `._~+/-` only; {HOW_TO}"
    if len(token) < MIN_LENGTH:
        return f"a token has at least {MIN_LENGTH} characters; {HOW_TO}"
    if len(name) > 1 or not all(_NAME.fullmatch(word) for word in name):
        return "a name is one word of at most 60 letters, digits and `._-`"
    return ""
