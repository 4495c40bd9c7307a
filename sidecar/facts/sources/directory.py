"""The source of a mounted directory, which is read anew whenever it has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from select import select

from sidecar.digests import digest_of
from sidecar.errors import InvalidSnapshotError, Problem, SourceError
from sidecar.facts.errors import MountFaults
from sidecar.facts.sources.mount import FileLines, capture, list_files, read_tables
from sidecar.facts.sources.source import Changes, HasFileno, Look, LookState, Position, Reading
from sidecar.schema import Schema
from sidecar.watch import (
    Fingerprint,
    Fingerprints,
    Stability,
    StabilityMonitor,
    elapsed,
    is_complete,
)

CHANGED_MEANWHILE = "changed while it was read; replace files by renaming new ones over them"


class DirectorySource:
    """The files of a directory. A position is the digest of their contents."""

    def __init__(
        self, directory: Path, schema: Schema, clock: Callable[[], float] = elapsed
    ) -> None:
        """Prepare to read.

        Args:
            directory: The mount.
            schema: The schema of its rows.
            clock: Returns seconds of a monotonic clock.
        """
        self._directory = directory
        self._schema = schema
        self._fingerprints = Fingerprints()
        self._stability = StabilityMonitor(clock)

    @property
    def name(self) -> str:
        """The name of the directory."""
        return self._directory.absolute().name

    def look(self, since: Position | None) -> Look:
        """Compare the files with those of a position; they are unsettled while they change.

        Raises:
            SourceError: A file cannot be read.
        """
        fingerprint = self._fingerprint()
        position = _position(fingerprint)
        stability = self._stability.observe(fingerprint)
        if position == since:
            self._stability.mark_read()
            return Look(position, LookState.UNCHANGED)
        is_changing = stability is Stability.CHANGING
        return Look(position, LookState.UNSETTLED if is_changing else LookState.CHANGED)

    @contextmanager
    def read(self, faults: MountFaults) -> Iterator[Reading]:
        """Read all files, which must stay as they are meanwhile.

        Files that have been changing for long need to be stable one by one only.

        Raises:
            SourceError: A file cannot be read, or changed while it was read.
        """
        before = self._fingerprint()
        mount = capture(self._directory, FileLines)
        try:
            if mount.unreadable:
                raise self._unreadable(mount.unreadable)
            files = {
                name: digest_of_file
                if isinstance(mount.files[name], bytes)
                else before.get(name, b"")
                for name, digest_of_file in mount.fingerprint().items()
            }
            if files != before and not self._stability.is_overdue():
                raise SourceError([Problem(self.name, 0, CHANGED_MEANWHILE)])
            try:
                tables = read_tables(self._schema, mount, faults)
            except InvalidSnapshotError as error:
                raise SourceError(error.problems) from error
            yield Reading(_position(files), tables, _is_the_last_word)
            if mount.fingerprint() != files:
                raise SourceError([Problem(self.name, 0, CHANGED_MEANWHILE)])
            self._stability.mark_read()
        finally:
            for content in mount.files.values():
                if isinstance(content, FileLines):
                    content.close()

    @contextmanager
    def changes(self, since: Position, faults: MountFaults) -> Iterator[Changes | None]:  # noqa: ARG002 - of the interface
        """Return None: files say what there is, and not what has changed."""
        yield None

    def check(self) -> tuple[Problem, ...]:
        """Return nothing: what the directory lacks is a fault of its reading."""
        return ()

    def remarks(self) -> tuple[Problem, ...]:
        """Return nothing: all of a directory is read anew in any case."""
        return ()

    def wait(self, seconds: float, wakeup: HasFileno) -> None:
        """Wait until the next look is due, or until a wake-up."""
        select([wakeup], [], [], seconds)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _fingerprint(self) -> Fingerprint:
        """Return the fingerprint of the files.

        Raises:
            SourceError: A file cannot be read.
        """
        try:
            fingerprint = self._fingerprints.take(list_files(self._directory))
        except OSError as error:
            raise self._unreadable({"": error.strerror or str(error)}) from error
        if not is_complete(fingerprint):
            raise self._unreadable(
                {file: cause for file, cause in fingerprint.items() if isinstance(cause, str)}
            )
        return fingerprint

    def _unreadable(self, causes: Mapping[str, str]) -> SourceError:
        return SourceError(
            [
                Problem(f"{self.name}/{file}" if file else self.name, 0, f"cannot be read: {cause}")
                for file, cause in causes.items()
            ]
        )


def _is_the_last_word(_: Position) -> bool:
    """Return True: a mount has no history, and what it holds now is newer than what it held."""
    return True


def _position(fingerprint: Fingerprint) -> Position:
    return Position("directory", "", digest_of(fingerprint).revision())
