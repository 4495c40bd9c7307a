"""A copy of a pack with the unsaved texts of an editor in the places of its files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from sidecar.config.nearest_pack import FIXTURES, POLICIES

_MOST_FILES = 5_000
"""Files of a pack that are followed."""


class Shadow:
    """A directory with links to the files of a pack, and the texts that an editor has of others."""

    def __init__(self, pack: Path) -> None:
        """Make an empty copy.

        Args:
            pack: The directory with `policies` and `fixtures`.
        """
        self.pack = pack
        self._directory = Path(mkdtemp(prefix="sidecar-lsp-"))
        self._present: dict[Path, str | None] = {}
        for name in (POLICIES, FIXTURES):
            (self._directory / name).mkdir()

    @property
    def policies(self) -> Path:
        """The copy of the policies."""
        return self._directory / POLICIES

    @property
    def fixtures(self) -> Path:
        """The copy of the fixtures."""
        return self._directory / FIXTURES

    def update(self, texts: Mapping[Path, str]) -> None:
        """Bring the copy up to date.

        Args:
            texts: Files of the editor to their texts; those of other directories are ignored.
        """
        wanted: dict[Path, str | None] = dict.fromkeys(self._files())
        for path, text in texts.items():
            if path.is_relative_to(self.pack):
                relative = path.relative_to(self.pack)
                if relative.parts[0] in {POLICIES, FIXTURES}:
                    wanted[relative] = text
        for relative in self._present.keys() - wanted.keys():
            (self._directory / relative).unlink(missing_ok=True)
            self._remove_empty(relative.parent)
        for relative, content in wanted.items():
            if relative not in self._present or self._present[relative] != content:
                self._put(relative, content)
        self._present = wanted

    def original(self, file: str) -> Path | None:
        """Return the file of the pack that a fault names, None if it is not known."""
        places = (
            self.pack / POLICIES / file,
            self.pack / FIXTURES / file,
            self.pack / file,
            self.pack / FIXTURES / "worlds" / file,
        )
        for place in places:
            if place.is_relative_to(self.pack) and place.relative_to(self.pack) in self._present:
                return place
        named = [path for path in self._present if path.match(file)] if file else []
        return self.pack / min(named) if named else None

    def readable(self, message: str) -> str:
        """Return a message with the names of the pack in the places of those of the copy."""
        return message.replace(str(self._directory), str(self.pack))

    def close(self) -> None:
        """Remove the copy."""
        rmtree(self._directory, ignore_errors=True)

    def _files(self) -> Iterator[Path]:
        """Yield the files of the pack, relative to it."""
        found = 0
        for name in (POLICIES, FIXTURES):
            for directory, _, files in os.walk(self.pack / name):
                for file in files:
                    found += 1
                    if found <= _MOST_FILES:
                        yield (Path(directory) / file).relative_to(self.pack)

    def _put(self, relative: Path, text: str | None) -> None:
        place = self._directory / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if text is None:
            place.symlink_to((self.pack / relative).absolute())
        else:
            place.write_bytes(text.encode("utf-8", "surrogatepass"))

    def _remove_empty(self, directory: Path) -> None:
        """Remove directories that hold nothing any more, but those of the pack itself."""
        while len(directory.parts) > 1:
            with suppress(OSError):
                (self._directory / directory).rmdir()
            directory = directory.parent
