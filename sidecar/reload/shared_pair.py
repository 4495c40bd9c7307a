"""The pair that answers, in memory that all processes of a sidecar share.

A worker that replaces a dead one was forked from a process that has not followed the files. What
the others answer from may stand in no file any more, while a newer pack waits for facts, or an
edit is bad. So whoever takes a pack or facts leaves here what they were read from.
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
"""When it was read, and the hash of what follows."""
_PIECE = 1 << 24

MOST_REVISIONS = 1000
"""Revisions that are known to be older than others."""


@dataclass(frozen=True, slots=True)
class SharedPack:
    """What a policy is made from."""

    moment: float
    """When it was read, by the clock that all processes have."""
    content: object
    """What its source read."""


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """The files of a mount."""

    moment: float
    mount: Mount


class SharedPair:
    """Keeps the sources of the pair that was taken last; whoever is forked later shares it."""

    def __init__(self) -> None:
        """Reserve the memory."""
        self._pack = _Part("pack")
        self._facts = _Part("facts")
        self.revisions = SharedRevisions()

    def put(self, pack: SharedPack, facts: SharedFacts | None) -> None:
        """Keep a pair, unless others have kept one of a pack that was read later.

        Args:
            pack: That of the pair.
            facts: Those of the pair; None where they are kept already.
        """
        with self._pack.alone():
            if self._pack.moment() > pack.moment:
                return
            self._pack.write(pack.moment, pack.content)
            if facts is not None and self._facts.moment() <= facts.moment:
                mount = facts.mount
                self._facts.write(facts.moment, (mount.name, dict(mount.files)))

    def get(self) -> tuple[SharedPack, SharedFacts] | None:
        """Return what was kept; None where nobody has kept both."""
        with self._pack.alone():
            pack, facts = self._pack.read(), self._facts.read()
        if pack is None or facts is None:
            return None
        name, files = facts[1]
        mount = Mount(name, files, {}, whole=True)
        return SharedPack(*pack), SharedFacts(facts[0], mount)


class SharedRevisions:
    """When each revision of the facts was last seen by any of the processes."""

    def __init__(self) -> None:
        """Reserve the memory."""
        self._part = _Part("revisions")

    def note(self, revision: str, moment: float) -> None:
        """Note that the mount held this revision then; the oldest ones are forgotten."""
        with self._part.alone():
            kept = dict(self._read())
            kept[revision] = max(moment, kept.pop(revision, moment))
            self._part.write(moment, list(kept.items())[-MOST_REVISIONS:])

    def moment(self, revision: str) -> float | None:
        """Return when the mount was last seen to hold it; None for one that nobody knows."""
        with self._part.alone():
            return dict(self._read()).get(revision)

    def _read(self) -> Iterable[tuple[str, float]]:
        kept = self._part.read()
        return kept[1] if kept else ()


class _Part:
    """One value in memory of its own, with the moment at which it was read."""

    def __init__(self, name: str) -> None:
        if hasattr(os, "memfd_create"):
            self._memory = os.memfd_create(name, os.MFD_CLOEXEC)
        else:
            with tempfile.TemporaryFile() as file:
                self._memory = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._memory)

    @contextmanager
    def alone(self) -> Iterator[None]:
        # The lock is of the process: it goes when the process dies in the middle.
        fcntl.lockf(self._memory, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def moment(self) -> float:
        """Return when what is kept was read; long ago where nothing is kept."""
        head = os.pread(self._memory, _HEAD.size, 0)
        return float(_HEAD.unpack(head)[0]) if len(head) == _HEAD.size else -inf

    def write(self, moment: float, value: object) -> None:
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
        head, pieces, place = os.pread(self._memory, _HEAD.size, 0), [], _HEAD.size
        while piece := os.pread(self._memory, _PIECE, place):
            pieces.append(piece)
            place += len(piece)
        written = b"".join(pieces)
        if len(head) < _HEAD.size:
            return None
        moment, digest = _HEAD.unpack(head)
        # A process can die while it writes.
        if digest != sha256(written).digest():
            return None
        return moment, pickle.loads(written)  # noqa: S301  only our own processes have this memory
