"""Compiles a pack's policy by asking Oso, and holds the trees."""

from sidecar.policy.compiled import Entry, Policy, assemble, load_pack, read_texts
from sidecar.policy.compiling import PackTexts
from sidecar.policy.process import compile_in_child
from sidecar.policy.sharing import SharedCompiling

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
