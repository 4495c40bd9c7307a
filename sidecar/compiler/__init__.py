"""Compiles a pack by querying Oso in a child process. The only package that needs Oso.

What it offers is imported when it is first used: the child process, which imports this package too,
uses nothing of it, and would start a fifth later.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.compiler.compile_cache import compile_cached
    from sidecar.compiler.compiled import Compiled
    from sidecar.compiler.pack import PackTexts, read_texts
    from sidecar.compiler.policy import assemble, load_pack
    from sidecar.compiler.shared_compile import SharedCompiling

__all__ = [
    "Compiled",
    "PackTexts",
    "SharedCompiling",
    "assemble",
    "compile_cached",
    "load_pack",
    "read_texts",
]

_MODULES = {
    "Compiled": "compiled",
    "PackTexts": "pack",
    "SharedCompiling": "shared_compile",
    "assemble": "policy",
    "compile_cached": "compile_cache",
    "load_pack": "policy",
    "read_texts": "pack",
}


def __getattr__(name: str) -> object:
    """Return what is offered under a name."""
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
