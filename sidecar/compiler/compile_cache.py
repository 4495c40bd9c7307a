"""Compiled packs kept on disk, for the next command and for reloads.

A file is named after a digest of all that compiling looks at, and of the compiler itself; it holds
a digest of its content. What is missing, altered, or could have been written by another user is
compiled anew, so nothing depends on the cache but time. It stands in ``sidecar`` below
``XDG_CACHE_HOME`` (by default ``~/.cache``).
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache as remember
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import msgspec

from sidecar.compiler.child_process import CompiledPack, compile_with_findings
from sidecar.compiler.pack import PackTexts
from sidecar.digests import digest_of

MOST_BYTES = 256 << 20
"""Of all files of the cache; the oldest ones go first."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SOURCES = (".py", ".lark")
_LIBRARIES = ("oso", "lark", "msgspec")
"""Libraries on which the result of compiling depends."""


def compile_cached(pack: PackTexts) -> Mapping[str, Any]:
    """Return the compiled pack, from the cache where it has been compiled before.

    Raises:
        InvalidPackError: With every fault of the policy, or that compiling failed as a whole.
    """
    return compile_by(DiskCache.default(), pack).plain


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
        return CompiledPack(msgspec.json.decode(kept), earlier)
    compiled = compile_with_findings(pack, earlier or cache.read(findings_key) or b"")
    if not compiled.plain["late"]:  # with more time there would be less to put to Oso
        cache.write(key, msgspec.json.encode(compiled.plain))
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


@dataclass(frozen=True, slots=True)
class DiskCache:
    """Files of one directory, each with a key. Whatever fails, it is as if nothing were kept."""

    directory: Path | None
    """None where nothing is to be kept."""

    @classmethod
    def default(cls) -> Self:
        """Return the cache of this user; one that keeps nothing where the system names no home."""
        given = os.environ.get("XDG_CACHE_HOME", "")  # noqa: TID251  as its specification says
        if Path(given).is_absolute():
            return cls(Path(given) / "sidecar")
        with suppress(RuntimeError):
            return cls(Path.home() / ".cache" / "sidecar")
        return cls(None)

    def read(self, key: bytes) -> bytes | None:
        """Return what is kept under a key; None where nothing is, or it cannot be trusted."""
        if self.directory is None or not _is_own_directory(self.directory):
            return None
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(self.directory / key.hex(), flags), "rb") as file:
                if not _is_own(os.fstat(file.fileno())):
                    return None
                digest, content = file.read(len(key)), file.read()
                with suppress(OSError):
                    os.utime(file.fileno())  # what was used last is kept longest
        except OSError:
            return None
        return content if digest == sha256(key + content).digest() else None

    def write(self, key: bytes, content: bytes) -> None:
        """Keep something under a key, and forget the oldest files where there are too many."""
        directory = self.directory
        if directory is None or len(content) > MOST_BYTES // 2:
            return
        with suppress(OSError):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_own_directory(directory):
                _replace(directory / key.hex(), sha256(key + content).digest() + content)
                _shrink(directory)


def _is_own(status: os.stat_result) -> bool:
    """Return whether nobody else can have written a file."""
    mine = status.st_uid == os.geteuid() and not status.st_mode & _OTHERS
    return mine and stat.S_ISREG(status.st_mode)


def _is_own_directory(directory: Path) -> bool:
    """Return whether nobody else can put files into a directory."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not writable


def _replace(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _shrink(directory: Path) -> None:
    """Remove the oldest files until the others fit; what another process removes is gone."""
    files = []
    for path in directory.iterdir():
        with suppress(OSError):
            status = path.lstat()
            files.append((status.st_mtime, status.st_size, path))
    kept = 0
    for _, size, path in sorted(files, reverse=True):
        kept += size
        if kept > MOST_BYTES:
            path.unlink(missing_ok=True)
