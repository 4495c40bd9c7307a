"""The contents of the current pair, in memory that all processes of a sidecar share.

A worker that replaces a dead one is forked from a process that has not followed the files. The
files of the pair that the other workers use may exist no more, while a newer pack waits for facts
or an edit is invalid. So a process that adopts a pack or facts stores their contents here.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import struct
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from typing import Any

from sidecar.facts import Mount

_HEAD = struct.Struct("<d32s")
"""The time of reading, and the hash of the rest."""
_PIECE = 1 << 24

MAX_REVISIONS = 1000
"""Revisions whose times are kept."""


@dataclass(frozen=True, slots=True)
class SharedPack:
    """The content of a pack."""

    moment: float
    """When it was read, on the clock of all processes."""
    content: object
    """The result of `Source.read`."""


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """The content of a mount, and when it was read."""

    moment: float
    mount: Mount


class SharedPair:
    """The contents of the last pair, shared by the processes that are forked later."""

    def __init__(self) -> None:
        """Reserve the memory."""
        self._pack = SharedPart("pack")
        self._facts = SharedPart("facts")
        self.revisions = SharedRevisions()

    def put(self, pack: SharedPack, facts: SharedFacts | None) -> None:
        """Store a pair, unless another process has stored one of a newer pack.

        Args:
            pack: The pack of the pair.
            facts: The facts of the pair; None if they are stored already.
        """
        with self._pack.locked():
            if self._pack.moment() > pack.moment:
                return
            self._pack.write(pack.moment, pack.content)
            if facts is not None and self._facts.moment() <= facts.moment:
                mount = facts.mount
                self._facts.write(facts.moment, (mount.name, dict(mount.files)))

    def pack(self) -> SharedPack | None:
        """Return the stored pack; None if there is none."""
        with self._pack.locked():
            pack = self._pack.read()
        return None if pack is None else SharedPack(*pack)

    def get(self) -> tuple[SharedPack, SharedFacts] | None:
        """Return the stored pair; None if a part is missing."""
        with self._pack.locked():
            pack, facts = self._pack.read(), self._facts.read()
        if pack is None or facts is None:
            return None
        name, files = facts[1]
        mount = Mount(name, files, {}, whole=True)
        return SharedPack(*pack), SharedFacts(facts[0], mount)


class SharedRevisions:
    """When any of the processes last read each revision of the facts."""

    def __init__(self) -> None:
        """Reserve the memory."""
        self._part = SharedPart("revisions")

    def note(self, revision: str, moment: float) -> None:
        """Record that the mount held a revision at a time; the oldest revisions are dropped."""
        with self._part.locked():
            kept = dict(self._read())
            kept[revision] = max(moment, kept.pop(revision, moment))
            self._part.write(moment, list(kept.items())[-MAX_REVISIONS:])

    def moment(self, revision: str) -> float | None:
        """Return when the mount last held a revision; None for an unknown one."""
        with self._part.locked():
            return dict(self._read()).get(revision)

    def _read(self) -> Iterable[tuple[str, float]]:
        kept = self._part.read()
        return kept[1] if kept else ()


class SharedPart:
    """A value in shared memory, with the time of its reading."""

    def __init__(self, name: str) -> None:
        if hasattr(os, "memfd_create"):
            self._memory = os.memfd_create(name, os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                self._memory = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._memory)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the value."""
        # A lock of the process, which the kernel releases if the process dies.
        fcntl.lockf(self._memory, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def moment(self) -> float:
        """Return when the value was read; minus infinity if there is none."""
        head = os.pread(self._memory, _HEAD.size, 0)
        return float(_HEAD.unpack(head)[0]) if len(head) == _HEAD.size else -inf

    def write(self, moment: float, value: object) -> None:
        """Store a value with the time of its reading."""
        written = pickle.dumps(value)
        digest = sha256(written).digest()
        head, size = _HEAD.pack(moment, digest), _HEAD.size + len(written)
        held = os.pread(self._memory, _HEAD.size, 0)
        if held[-len(digest) :] == digest and os.fstat(self._memory).st_size == size:
            os.pwrite(self._memory, head, 0)
            return
        os.ftruncate(self._memory, 0)
        whole = memoryview(head + written)
        done = 0
        while done < size:
            done += os.pwrite(self._memory, whole[done:], done)

    def read(self) -> tuple[float, Any] | None:
        """Return the time and the value; None if there is none, or its writer died meanwhile."""
        head, pieces, place = os.pread(self._memory, _HEAD.size, 0), [], _HEAD.size
        while piece := os.pread(self._memory, _PIECE, place):
            pieces.append(piece)
            place += len(piece)
        written = b"".join(pieces)
        if len(head) < _HEAD.size:
            return None
        moment, digest = _HEAD.unpack(head)
        # A process may have died while it wrote.
        if digest != sha256(written).digest():
            return None
        return moment, pickle.loads(written)  # noqa: S301  only our own processes have this memory
