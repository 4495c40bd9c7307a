"""The directory of a sidecar's stores: one file for each schema whose facts are in use.

A store that is built anew is another file, so that readers of the old one are not disturbed. A
sidecar claims a directory below the given one for itself.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sidecar.facts.store.file import LINEAGE_DIGITS, StoreError, lock_path

MAX_SIDECARS = 64
"""Sidecars with one directory for their stores."""

_TIME_DIGITS = 10
LOADING = ".loading"
"""The ending of a file of rows in the order of their source, from which a store is made."""

_SUFFIX, _BUILDING, _LOCK = ".facts", ".building", "-lock"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class StoreDirectory:
    """The stores of one sidecar."""

    def __init__(self, path: Path) -> None:
        """Take a directory that belongs to this sidecar alone; see `claim`."""
        self.path = path

    @classmethod
    def claim(cls, parent: Path) -> StoreDirectory:
        """Return the first directory below another that no running sidecar uses.

        It stays claimed as long as this process or one that it forked runs.

        Raises:
            StoreError: The directory cannot be used, or others could change it.
        """
        try:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(MAX_SIDECARS):
                path = parent / str(number)
                path.mkdir(mode=0o700, exist_ok=True)
                status = path.stat()
                if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
                    raise StoreError(
                        f"the directory `{path}` of the store can be changed by others;"
                        " let it belong to the user of the sidecar, with mode 0700"
                    )
                if _lock(path / "sidecar.lock"):
                    return cls(path)
        except OSError as error:
            raise StoreError(
                f"the directory `{parent}` of the store cannot be used: {error.strerror or error};"
                " name another one with `--store`"
            ) from error
        raise StoreError(f"all directories of stores in `{parent}` are in use; name another one")

    def newest(self, layout_digest: str) -> Path | None:
        """Return the newest store of a layout; None if there is none."""
        return max(self._stores(f"{layout_digest}-"), default=None)

    def building(self, layout_digest: str) -> tuple[str, Path]:
        """Return a new lineage, and the file in which to build its store."""
        random_digits = LINEAGE_DIGITS - _TIME_DIGITS
        lineage = f"{int(time.time()):0{_TIME_DIGITS}x}{secrets.token_hex(random_digits // 2)}"
        return lineage, self.path / f"{layout_digest}-{lineage}{_BUILDING}"

    def publish(self, building: Path) -> Path:
        """Rename a store that has been built, and return its path."""
        path = building.with_suffix(_SUFFIX)
        building.rename(path)
        remove(building)
        return path

    def remove_all_but(self, kept: set[Path]) -> None:
        """Remove stores; processes that read them do so until they close them."""
        for path in self.path.iterdir():
            store = Path(str(path).removesuffix(_LOCK))
            if store.suffix in {_SUFFIX, _BUILDING, LOADING} and store not in kept:
                path.unlink(missing_ok=True)

    def _stores(self, prefix: str) -> Iterator[Path]:
        return (path for path in self.path.glob(f"{prefix}*{_SUFFIX}"))


def remove(store: Path) -> None:
    """Remove a file and its lock, as far as they exist."""
    for path in (store, lock_path(store)):
        with suppress(OSError):
            path.unlink()


def _lock(path: Path) -> bool:
    """Lock a file until this process and those that it forks have ended; False if it is locked."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    return True
