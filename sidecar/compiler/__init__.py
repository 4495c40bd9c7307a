"""Compiles a pack's policy by asking Oso, and holds the trees."""

from sidecar.compiler.child_process import compile_in_child
from sidecar.compiler.compile import PackTexts
from sidecar.compiler.policy import Entry, Policy, assemble, load_pack, read_texts
from sidecar.compiler.shared_compile import SharedCompiling

__all__ = [
    "Entry",
    "PackTexts",
    "Policy",
    "SharedCompiling",
    "assemble",
    "compile_in_child",
    "load_pack",
    "read_texts",
]
