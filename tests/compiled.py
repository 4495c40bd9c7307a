"""What a pack compiled to, kept for the next test that compiles the very same one.

A good hundred tests want the shipped pack compiled, and are about what is done with it. What a
process answered to this very pack is answered again; a test that edits a pack has it compiled, and
so has every test of a module that says `COMPILES_ANEW`, because compiling is what it is about.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

from sidecar.compiler.child_process import Child
from sidecar.compiler.compile import compile_pack
from sidecar.compiler.pack import PackTexts

_KNOWN: dict[bytes, str] = {}


class Remembered(Child):
    """A process that compiles; none is started for a pack that one has compiled already."""

    def __init__(self, task: str, pack: PackTexts, seconds: float, earlier: bytes = b"") -> None:
        self._key = pickle.dumps((task, pack)) if task == "compile" else b""
        if self._key not in _KNOWN:
            super().__init__(task, pack, seconds, earlier)

    def receive(self) -> Any:  # noqa: ANN401 - JSON
        if self._key in _KNOWN:
            return json.loads(_KNOWN[self._key])
        said = super().receive()
        if self._key:
            _KNOWN[self._key] = json.dumps(said)
        return said

    def close(self) -> None:
        if hasattr(self, "_end"):
            super().close()


def compiled(pack: PackTexts) -> Any:  # noqa: ANN401 - JSON
    """Compile a pack in this process, as `compile_pack` does, unless it did so before."""
    key = pickle.dumps(("here", pack))
    if key not in _KNOWN:
        _KNOWN[key] = json.dumps(compile_pack(pack))
    return json.loads(_KNOWN[key])
