"""Compiled packs kept on disk, for the next command and for reloads.

The key is a digest of all that compiling looks at and of the compiler itself, so that nothing
depends on the cache but time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache as remember
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from sidecar.compiler.child_process import compile_with_findings
from sidecar.compiler.compiled import Compiled, CompiledPack, Reply
from sidecar.compiler.disk_cache import DiskCache
from sidecar.compiler.pack import PackTexts
from sidecar.digests import digest_of

_SOURCES = (".py", ".lark", ".json")
_LIBRARIES = ("oso", "lark", "msgspec")
"""Libraries on which the result of compiling depends."""


def compile_cached(pack: PackTexts) -> Compiled:
    """Return the compiled pack, from the cache where it has been compiled before.

    Raises:
        InvalidPackError: With every fault of the policy, or that compiling failed as a whole.
    """
    return compile_by(DiskCache.default(), pack).compiled


def compile_both(old: PackTexts, new: PackTexts) -> tuple[Compiled, Compiled]:
    """Return two compiled packs to compare.

    The second one takes over what was found of the first, where it can; else each is compiled in
    a process of its own, beside the other.

    Raises:
        InvalidPackError: With every fault of one of them.
    """
    if _findings_key(old) == _findings_key(new):
        cache = DiskCache.default()
        first = compile_by(cache, old)
        return first.compiled, compile_by(cache, new, first.findings).compiled
    # msgspec prepares a type when it is decoded first, and crashes where two threads do so at once.
    msgspec.json.Decoder(Reply)
    with ThreadPoolExecutor(2) as pool:
        before, after = pool.map(compile_cached, (old, new))
    return before, after


def compile_by(cache: DiskCache, pack: PackTexts, earlier: bytes = b"") -> CompiledPack:
    """Return the compiled pack from a cache, or compile it in a process of its own.

    Args:
        cache: The cache.
        pack: The pack.
        earlier: Findings of another text of the pack; without them those of the cache are taken.

    Raises:
        InvalidPackError: With every fault of the policy, or that compiling failed as a whole.
    """
    key, findings_key = pack_key(pack), _findings_key(pack)
    kept = cache.read(key)
    if kept is not None:
        return CompiledPack(msgspec.json.decode(kept, type=Compiled), earlier)
    compiled = compile_with_findings(pack, earlier or cache.read(findings_key) or b"")
    if not compiled.compiled.late:  # with more time there would be less to put to Oso
        cache.write(key, msgspec.json.encode(compiled.compiled))
    cache.write(findings_key, compiled.findings)
    return compiled


def pack_key(pack: PackTexts) -> bytes:
    """Return a digest of all that the compiled form of a pack depends on."""
    texts = (pack.codes, pack.texts, pack.reviewing, pack.probes)
    return digest_of(*_common(pack), *texts).bytes()


def _findings_key(pack: PackTexts) -> bytes:
    """Return a digest of what texts have to have in common to share findings."""
    return digest_of("findings", *_common(pack)).bytes()


def _common(pack: PackTexts) -> Iterator[object]:
    yield compiler_digest()
    yield pack.schema
    yield sorted(pack.settings.items())


@remember
def compiler_digest() -> str:
    """Return a digest of the compiler: its sources, its libraries, and the version of Python."""
    root = Path(__file__).parents[1]
    sources = sorted(path for path in root.rglob("*") if path.suffix in _SOURCES)
    texts = [(path.relative_to(root).as_posix(), path.read_bytes()) for path in sources]
    return digest_of(texts, list(map(_version, _LIBRARIES)), sys.version).bytes().hex()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # nothing is compiled then, and that is told elsewhere
        return ""
