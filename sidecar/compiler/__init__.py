"""Compiles a pack by querying Oso in a child process. The only package that needs Oso."""

from sidecar.compiler.compile_cache import compile_cached
from sidecar.compiler.pack import PackTexts, read_texts
from sidecar.compiler.policy import assemble, load_pack
from sidecar.compiler.shared_compile import SharedCompiling

__all__ = [
    "PackTexts",
    "SharedCompiling",
    "assemble",
    "compile_cached",
    "load_pack",
    "read_texts",
]
