"""What the policy in use can be compared with: only what the operator has declared, or a text."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from sidecar.errors import InvalidRequestError

MOST_PACKS = 200
"""Packs below a directory that are offered."""

DEEPEST = 4
"""Directories between the declared one and a pack."""

_POLICIES, _FIXTURES = "policies", "fixtures"

_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}(?:~[0-9]{1,4}|\^){0,4}")
"""A name of git, and steps back from it: nothing that git could take for an option or a path."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The policy in use with another text of one of its files."""

    file: str
    """One of `editable_files`."""
    text: str

    def __str__(self) -> str:
        return f"the edited text of {self.file}"


@dataclass(frozen=True, slots=True)
class Folder:
    """A pack below the declared directory."""

    name: str
    """Relative to that."""
    path: Path

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of the repository of the policy."""

    name: str

    @classmethod
    def of(cls, name: str) -> Revision:
        """Return a revision by its name.

        Raises:
            InvalidRequestError: It is no plain name.
        """
        if not _REVISION.fullmatch(name) or ".." in name or name.endswith((".lock", "/")):
            raise InvalidRequestError("revision", "must be a branch, a tag or a commit")
        return cls(name)

    def __str__(self) -> str:
        return f"revision {self.name}"


Other: TypeAlias = Edit | Folder | Revision


def editable_files(policies: Path, fixtures: Path) -> dict[str, Path]:
    """Return the files that can be edited in the page, by the names that are shown."""
    polar = sorted(
        file for file in policies.glob("*.polar") if file.is_file() and file.name[0] != "."
    )
    found = {f"{_POLICIES}/{file.name}": file for file in polar}
    settings = fixtures / "settings.yaml"
    if settings.is_file():
        found[f"{_FIXTURES}/{settings.name}"] = settings
    return found


@dataclass(frozen=True, slots=True)
class PackFolder:
    """The directory below which packs may be read."""

    root: Path

    def packs(self) -> tuple[Folder, ...]:
        """Return the packs that are there now, sorted by name."""
        return tuple(sorted(self._packs(), key=lambda each: each.name))

    def pack(self, name: str) -> Folder | None:
        """Return one of them; None where there is none of that name."""
        return next((each for each in self._packs() if each.name == name), None)

    def holds(self, path: Path) -> bool:
        """Tell whether a directory is below this one, wherever links lead."""
        return path.resolve().is_relative_to(self.root.resolve())

    def _packs(self) -> Iterator[Folder]:
        """Yield packs; links to elsewhere are not followed."""
        found, start = 0, len(self.root.parts)
        for directory, below, _ in os.walk(self.root):
            path = Path(directory)
            below[:] = sorted(name for name in below if not name.startswith("."))
            if _POLICIES in below and _FIXTURES in below and self._is_whole(path):
                yield Folder(str(path.relative_to(self.root)), path)
                below[:] = [name for name in below if name not in {_POLICIES, _FIXTURES}]
                found += 1
            if found >= MOST_PACKS:
                return
            if len(path.parts) - start >= DEEPEST:
                below.clear()

    def _is_whole(self, path: Path) -> bool:
        """Tell whether all files of a pack are below the root, too."""
        parts = (path / _POLICIES, path / _FIXTURES)
        return all(
            self.holds(each)
            for part in parts
            for each in (part, *part.glob("*"), *part.glob("*/*"))
        )
