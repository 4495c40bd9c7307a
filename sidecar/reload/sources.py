"""Where a policy comes from: the directories of a pack, or the file of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sidecar.bundle.file import decode, read_bundle
from sidecar.compiler import PackTexts, assemble, compile_cached, read_texts
from sidecar.engine.policy import Policy
from sidecar.schema import Sentences


class Source(Protocol):
    """Files that a policy is made from.

    What `read` returns is picklable and does not change, so that processes can share it.
    """

    @property
    def path(self) -> Path:
        """The directory or file that problems are reported of."""

    def files(self) -> Mapping[str, Path]:
        """Return the files by their names.

        Raises:
            OSError: They cannot be listed.
        """

    def read(self) -> object:
        """Return the content of the files.

        Raises:
            InvalidPackError: It cannot be used; all that is wrong with it.
            OSError: It cannot be read.
        """

    def policy(self, content: Any) -> Policy:  # noqa: ANN401  whatever `read` returns
        """Return the policy of a content.

        Raises:
            InvalidPackError: It cannot be used; all that is wrong with it.
        """


@dataclass(frozen=True, slots=True)
class PackDirectories:
    """The directories of a pack. Suites and worlds are no part of the policy."""

    path: Path
    """That of the Polar files."""
    fixtures: Path
    compiling: Callable[[PackTexts], Mapping[str, Any]] = compile_cached
    """Compiles the pack; several processes can share what one of them compiled."""

    def files(self) -> Mapping[str, Path]:
        """Return the files of policy, schema, settings and sentences."""
        return {**_files(self.path, (".polar",)), **_files(self.fixtures, (".yaml", ".yml"))}

    def read(self) -> tuple[PackTexts, Sentences]:
        """Read the texts of the pack."""
        return read_texts(self.path, self.fixtures)

    def policy(self, content: tuple[PackTexts, Sentences]) -> Policy:
        """Compile the pack."""
        texts, sentences = content
        return assemble(texts, sentences, self.compiling(texts))


@dataclass(frozen=True, slots=True)
class BundleFile:
    """The file of a bundle, which `sidecar build` wrote."""

    path: Path

    def files(self) -> Mapping[str, Path]:
        """Return the file."""
        return {str(self.path): self.path}

    def read(self) -> bytes:
        """Read the file."""
        return read_bundle(self.path)

    def policy(self, content: bytes) -> Policy:
        """Check the bundle; its rules that were not compiled deny."""
        return Policy.of(decode(content, str(self.path)))


def _files(directory: Path, suffixes: tuple[str, ...]) -> Mapping[str, Path]:
    return {str(path): path for path in directory.iterdir() if path.name.endswith(suffixes)}
