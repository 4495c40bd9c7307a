"""Sources of a policy: the directories of a pack, or the file of a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sidecar.bundle.file import decode, read_bundle
from sidecar.compiler import Compiled, PackTexts, assemble, compile_cached, read_texts
from sidecar.engine.policy import Policy
from sidecar.facts.sources import MappingFile, SourceMapping, default_mapping
from sidecar.schema import Schema, Sentences
from sidecar.schema.yaml_document import Node


class Source(Protocol):
    """The files of a policy.

    The result of `read` is immutable and can be pickled, so that processes can share it.
    """

    @property
    def path(self) -> Path:
        """The directory or file, for messages."""

    def files(self) -> Mapping[str, Path]:
        """Return the files by their names.

        Raises:
            OSError: They cannot be listed.
        """

    def read(self) -> object:
        """Return the content of the files.

        Raises:
            InvalidPackError: It is invalid; all its faults.
            OSError: It cannot be read.
        """

    def policy(self, content: Any) -> Policy:  # noqa: ANN401  whatever `read` returns
        """Return the policy of a content.

        Raises:
            InvalidPackError: It is invalid; all its faults.
        """

    def mapping(self, content: Any, schema: Schema) -> SourceMapping:  # noqa: ANN401  as above
        """Return the tables of the types of a content, for the schema of its policy.

        Raises:
            InvalidPackError: They are invalid; all their faults.
        """


@dataclass(frozen=True, slots=True)
class PackDirectories:
    """The directories of a pack. Suites and worlds are not part of the policy."""

    path: Path
    """The directory of the Polar files."""
    fixtures: Path
    compiling: Callable[[PackTexts], Compiled] = compile_cached
    """The compiler, whose results processes can share."""

    def files(self) -> Mapping[str, Path]:
        """Return the files of policy, schema, settings and sentences."""
        return {**_files(self.path, (".polar",)), **_files(self.fixtures, (".yaml", ".yml"))}

    def read(self) -> tuple[PackTexts, Sentences]:
        """Return the texts of the pack."""
        return read_texts(self.path, self.fixtures)

    def policy(self, content: tuple[PackTexts, Sentences]) -> Policy:
        """Return the compiled policy."""
        texts, sentences = content
        return assemble(texts, sentences, self.compiling(texts))

    def mapping(self, _: object, schema: Schema) -> SourceMapping:
        """Return the tables and columns that the schema names."""
        return default_mapping(schema)


@dataclass(frozen=True, slots=True)
class BundleFile:
    """The file of a bundle."""

    path: Path

    def files(self) -> Mapping[str, Path]:
        """Return the file."""
        return {str(self.path): self.path}

    def read(self) -> bytes:
        """Return the content of the file."""
        return read_bundle(self.path)

    def policy(self, content: bytes) -> Policy:
        """Return the policy of the bundle; its uncompiled rules deny."""
        return Policy.of(decode(content, str(self.path)))

    def mapping(self, _: object, schema: Schema) -> SourceMapping:
        """Return the tables and columns that the schema names."""
        return default_mapping(schema)


@dataclass(frozen=True, slots=True)
class MappedSource:
    """The files of a policy, and the one that maps its types to the tables of a database.

    They are valid together or not at all: an edit of the schema may need one of the mapping.
    """

    unmapped: Source
    """The files of the policy."""
    file: MappingFile

    @property
    def path(self) -> Path:
        """The directory or file of the policy."""
        return self.unmapped.path

    def files(self) -> Mapping[str, Path]:
        """Return the files of the policy and the one of the mapping."""
        own = {str(self.file.path): self.file.path} if self.file.exists() else {}
        return {**self.unmapped.files(), **own}

    def read(self) -> tuple[object, Node | None]:
        """Return the content of the policy, and the document of the mapping."""
        return self.unmapped.read(), self.file.read()

    def policy(self, content: tuple[object, Node | None]) -> Policy:
        """Return the policy."""
        return self.unmapped.policy(content[0])

    def mapping(self, content: tuple[object, Node | None], schema: Schema) -> SourceMapping:
        """Return the tables of the types."""
        return self.file.mapping(content[1], schema)


def _files(directory: Path, suffixes: tuple[str, ...]) -> Mapping[str, Path]:
    return {str(path): path for path in directory.iterdir() if path.name.endswith(suffixes)}
