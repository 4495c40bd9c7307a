"""Compiling once for all processes that were forked from one."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from sidecar.compiler.compile_cache import compile_by, pack_key
from sidecar.compiler.compiled import Compiled, CompiledPack
from sidecar.compiler.disk_cache import DiskCache
from sidecar.compiler.pack import PackTexts

_DIGEST = 32
_PIECE = 1 << 24


class SharedCompiling:
    """Keeps the newest compiled pack in memory that this process shares with its children.

    When a policy is edited, the first of them to notice compiles it while the others wait. A
    pack that does not compile is not kept: each of them finds out what is wrong with it.
    """

    def __init__(self) -> None:
        """Reserve the memory; whoever is forked from now on shares it."""
        self._disk = DiskCache.default()
        self._memory = os.memfd_create("compiled", os.MFD_CLOEXEC)

    def __call__(self, pack: PackTexts) -> Compiled:
        """Return the compiled pack, compiling it if nobody has.

        Raises:
            InvalidPackError: With every fault of the policy, or that compiling failed as a whole.
        """
        key = pack_key(pack)
        with self._alone():
            known, kept = self._read()
            if kept is None or known != key:
                kept = compile_by(self._disk, pack, kept.findings if kept else b"")
                self._write(key, kept)
        return kept.compiled

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The lock is of the process: it goes when the process dies in the middle.
        fcntl.lockf(self._memory, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._memory, fcntl.LOCK_UN)

    def _read(self) -> tuple[bytes, CompiledPack | None]:
        """Return what was written last, and its key."""
        head, text = os.pread(self._memory, 2 * _DIGEST, 0), b""
        while piece := os.pread(self._memory, _PIECE, len(head) + len(text)):
            text += piece
        if head[_DIGEST:] != hashlib.sha256(text).digest():
            return b"", None
        return head[:_DIGEST], msgspec.json.decode(text, type=CompiledPack)

    def _write(self, key: bytes, kept: CompiledPack) -> None:
        text = msgspec.json.encode(kept)
        whole = memoryview(key + hashlib.sha256(text).digest() + text)
        os.ftruncate(self._memory, 0)
        written = 0
        while written < len(whole):
            written += os.pwrite(self._memory, whole[written:], written)
