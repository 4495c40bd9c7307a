"""What a pack compiled to, kept for the next test that compiles the very same one.

A good hundred tests want the shipped pack compiled, and hundreds a small one; they are about what
is done with it. So it is compiled in this process, as it would be in one of its own, which takes
twenty times as long to start as a small pack to compile. Every test of a module that says
`COMPILES_ANEW` starts processes, because they are what it is about, and so does every server.
"""

from __future__ import annotations

import pickle
from typing import TypeVar

import msgspec

from sidecar.compiler import child_main
from sidecar.compiler.child_process import Child
from sidecar.compiler.compile import InvalidPolicyError, compile_pack
from sidecar.compiler.compiled import Compiled
from sidecar.compiler.pack import PackTexts

_KNOWN: dict[bytes, bytes] = {}
T = TypeVar("T")


class Remembered(Child):
    """A process, but not for compiling: that is done here, once."""

    def __init__(self, task: str, pack: PackTexts, seconds: float, earlier: bytes = b"") -> None:
        self._key = pickle.dumps(("as a process", pack)) if task == "compile" else b""
        if not self._key:
            super().__init__(task, pack, seconds, earlier)
        elif self._key not in _KNOWN:
            _KNOWN[self._key] = _answer(pack, earlier)

    def receive(self, kind: type[T]) -> T:
        if not self._key:
            return super().receive(kind)
        return msgspec.json.decode(_KNOWN[self._key], type=kind)

    def close(self) -> None:
        if not self._key:
            super().close()


def _answer(pack: PackTexts, earlier: bytes) -> bytes:
    """Return what a process that compiles sends."""
    try:
        return child_main._compiled(pack, earlier)  # noqa: SLF001  its answer, without its limits
    except InvalidPolicyError as error:
        return msgspec.json.encode(error.reply())


def compiled(pack: PackTexts) -> Compiled:
    """Compile a pack in this process, as `compile_pack` does, unless it did so before."""
    key = pickle.dumps(("here", pack))
    if key not in _KNOWN:
        _KNOWN[key] = msgspec.json.encode(compile_pack(pack))
    return msgspec.json.decode(_KNOWN[key], type=Compiled)
