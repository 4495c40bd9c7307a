"""Compiling once for all processes that were forked from one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sidecar.compiler.child_process import compile_in_child
from sidecar.compiler.pack import PackTexts
from sidecar.digests import digest_of

_DIGEST = 32
_PIECE = 1 << 24


class SharedCompiling:
    """Keeps the newest compiled pack in memory that this process shares with its children.

    When a policy is edited, the first of them to notice compiles it while the others wait. A
    pack that does not compile is not kept: each of them finds out what is wrong with it.
    """

    def __init__(self) -> None:
        """Reserve the memory; whoever is forked from now on shares it."""
        self._memory = os.memfd_create("compiled", os.MFD_CLOEXEC)

    def __call__(self, pack: PackTexts) -> Mapping[str, Any]:
        """Return the compiled pack, compiling it if nobody has.

        Raises:
            InvalidPackError: With every fault of the policy, or that compiling failed as a whole.
        """
        key = _key(pack)
        with self._alone():
            kept = self._read(key)
            if kept is None:
                kept = compile_in_child(pack)
                self._write(key, json.dumps(kept).encode())
        return kept

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The lock is of the process: it goes when the process dies in the middle.
        fcntl.lockf(self._memory, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def _read(self, key: bytes) -> Mapping[str, Any] | None:
        head, text = os.pread(self._memory, 2 * _DIGEST, 0), b""
        while piece := os.pread(self._memory, _PIECE, len(head) + len(text)):
            text += piece
        if head != key + hashlib.sha256(text).digest():
            return None
        kept: Mapping[str, Any] = json.loads(text)
        return kept

    def _write(self, key: bytes, text: bytes) -> None:
        whole = memoryview(key + hashlib.sha256(text).digest() + text)
        os.ftruncate(self._memory, 0)
        written = 0
        while written < len(whole):
            written += os.pwrite(self._memory, whole[written:], written)


def _key(pack: PackTexts) -> bytes:
    """Return a hash of all that compiling looks at."""
    settings = sorted(pack.settings.items())
    return digest_of(pack.schema.revision, settings, pack.codes, pack.texts).bytes()
