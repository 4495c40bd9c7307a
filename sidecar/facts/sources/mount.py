"""A mounted directory with a file for each table, and its rows."""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import yaml

from sidecar.errors import InvalidSnapshotError
from sidecar.facts.builder import build
from sidecar.facts.errors import MountFaults
from sidecar.facts.json_lines import read_json_lines
from sidecar.facts.plain_yaml import read_rows
from sidecar.facts.row_batches import Batch, batches_of
from sidecar.facts.row_parser import Row, RowReader, Table
from sidecar.facts.snapshot import Snapshot
from sidecar.schema import Schema
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.yaml_document import yaml_fault
from sidecar.watch import Fingerprint, digest_of, open_regular, read_file, stamp_of

_SUFFIX = ".yaml"
_LINES_SUFFIX = ".jsonl"
_REFUSED_SUFFIX = ".yml"
"""A fault: if such a file were ignored, its facts would be lost without notice."""
_SWAPPED = "..data"
"""The link that Kubernetes replaces to change all files of a mount at once."""


RowPositions = Mapping[tuple[str, Row], tuple[str, int]]
"""The file and line of each row, by type and values; of the first of several equal rows."""


class FileLines:
    """The lines of a file that is too large for memory, and the digest of those that were read."""

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            OSError: It cannot be opened, or is not a regular file.
        """
        self._stream = open_regular(path)
        self._hash = sha256()

    def __iter__(self) -> Iterator[bytes]:
        with self._stream as stream:
            for line in stream:
                self._hash.update(line)
                yield line

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def digest(self) -> bytes:
        """Return the digest of the lines so far, which is that of the file at its end."""
        return self._hash.digest()


Content: TypeAlias = bytes | FileLines


@dataclass(frozen=True, slots=True)
class Mount:
    """The content of a mount."""

    name: str
    """The name of the directory in faults."""
    files: Mapping[str, Content]
    """Content by name, in the order of the names."""
    unreadable: Mapping[str, str]
    """Files that could not be read, and the causes; ``""`` is the directory itself."""
    whole: bool
    """Whether no file changed while they were read."""

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of these files; their lines have been read."""
        return {
            name: digest_of(content) if isinstance(content, bytes) else content.digest()
            for name, content in self.files.items()
        }


def capture(directory: Path, read_lines: Callable[[Path], Content] = read_file) -> Mount:
    """Read the files of a mount into memory, which is much faster than parsing them.

    Args:
        directory: The mount.
        read_lines: Reads JSON Lines files, or opens them as `FileLines`.
    """
    name, files, unreadable = directory.absolute().name, dict[str, Content](), dict[str, str]()
    try:
        before = _stamps(directory)
        for file, path in list_files(directory).items():
            try:
                read = read_lines if path.suffix == _LINES_SUFFIX else read_file
                files[file] = read(path)
            except OSError as error:
                unreadable[file] = error.strerror or "unreadable"
        whole = _stamps(directory) == before
    except OSError as error:
        return Mount(name, {}, {"": error.strerror or "unreadable"}, whole=False)
    return Mount(name, files, unreadable, whole)


def read_directory(schema: Schema, directory: Path) -> Snapshot:
    """Return the facts of a mount.

    Raises:
        InvalidSnapshotError: The mount is invalid; its faults.
    """
    return read_mount(schema, capture(directory))


def read_mount(schema: Schema, mount: Mount, *, takes_bad_rows: bool = False) -> Snapshot:
    """Return the facts of a mount whose files are in memory; see `build`.

    Raises:
        InvalidSnapshotError: The mount is invalid; its faults.
    """
    faults = MountFaults()
    tables = read_tables(schema, mount, faults)
    return build(schema, tables, faults, takes_bad_rows=takes_bad_rows)


def read_tables(schema: Schema, mount: Mount, faults: MountFaults) -> dict[str, Table]:
    """Return the table of each type, whose rows are parsed while they are iterated.

    Raises:
        InvalidSnapshotError: There is no such directory.
    """
    if "" in mount.unreadable:
        faults.add(mount.name, 0, f"cannot be read: {mount.unreadable['']}")
        raise InvalidSnapshotError(faults.problems())
    types = {declared.table: name for name, declared in schema.types.items() if declared.table}
    names = sorted([*mount.files, *mount.unreadable])
    for name in names:
        if name.endswith(_REFUSED_SUFFIX):
            faults.add(
                f"{mount.name}/{name}",
                0,
                f"is not read; rename it to {shown(_stem(name) + _SUFFIX)}",
            )
        elif _stem(name) not in types:
            mend = nearest(_stem(name), types) or f"; the tables are {one_of(types)}"
            faults.add(f"{mount.name}/{name}", 0, f"belongs to no table{mend}")
    return {name: _table(table, mount, names, faults) for table, name in types.items()}


def _table(table: str, mount: Mount, names: Collection[str], faults: MountFaults) -> Table:
    yaml_name, lines_name = table + _SUFFIX, table + _LINES_SUFFIX
    name = lines_name if lines_name in names else yaml_name
    file = f"{mount.name}/{name}"
    if name not in names:
        faults.broken.add(file)
        if table + _REFUSED_SUFFIX not in names:
            faults.add(file, 0, f"is missing; write `[]` into it where there are no {table}")
        return Table(file, ())
    if name != yaml_name and yaml_name in names:
        faults.add(
            file, 0, f"{shown(yaml_name)} stands beside it; a table has one file, remove one"
        )
    return Table.of(file, _batches(mount, name, file, faults))


def read_positions(schema: Schema, directory: Path) -> RowPositions:
    """Return the file and the line of each row of a mount.

    A snapshot has no lines, since serving needs none, so the mount is read again. A row that has
    changed since the snapshot has no position.

    Raises:
        InvalidSnapshotError: There is no such directory.
    """
    faults = MountFaults()
    positions: dict[tuple[str, Row], tuple[str, int]] = {}
    for name, table in read_tables(schema, capture(directory), faults).items():
        reader = RowReader(schema, schema.types[name], table, faults)
        file = table.file.rpartition("/")[2]
        for line, row, _ in reader.rows():
            positions.setdefault((name, row), (file, line))
    return positions


def list_files(directory: Path) -> Mapping[str, Path]:
    """Return the files of a mount by name, sorted, with pipes and unreadable paths.

    Raises:
        OSError: The directory cannot be read.
    """
    return {
        path.name: path
        for path in sorted(_base(directory).iterdir())
        if path.suffix in (_SUFFIX, _LINES_SUFFIX, _REFUSED_SUFFIX)
        and not path.name.startswith(".")
        and _may_be_file(path)
    }


def _may_be_file(path: Path) -> bool:
    """Return whether a path is neither a directory nor a dangling link."""
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _base(directory: Path) -> Path:
    swapped = directory / _SWAPPED
    return (swapped if swapped.exists() else directory).resolve(strict=True)


def _stamps(directory: Path) -> object:
    return [(path, stamp_of(path.stat())) for path in list_files(directory).values()]


def _stem(name: str) -> str:
    return Path(name).stem


def _batches(mount: Mount, name: str, file: str, faults: MountFaults) -> Iterator[Batch]:
    if name in mount.unreadable:
        faults.broken.add(file)
        faults.add(file, 0, f"cannot be read: {mount.unreadable[name]}")
        return
    content = mount.files[name]
    if name.endswith(_LINES_SUFFIX):
        lines = BytesIO(content) if isinstance(content, bytes) else content
        yield from read_json_lines(lines, file, faults)
        return
    if not isinstance(content, bytes):
        raise TypeError("only JSON Lines files are read line by line")
    try:
        yield from batches_of(read_rows(content, file, faults))
    except yaml.YAMLError as error:
        faults.broken.add(file)
        faults.add(file, *yaml_fault(error, _before(content, error)))


def _before(content: bytes, error: yaml.YAMLError) -> bytes:
    """Return the content before an unreadable character, to count its lines."""
    return content[: error.position] if isinstance(error, yaml.reader.ReaderError) else b""
