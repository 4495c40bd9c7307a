"""A mounted directory of YAML files, one for each table."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from sidecar.errors import InvalidSnapshotError
from sidecar.facts.builder import build
from sidecar.facts.errors import MountFaults
from sidecar.facts.plain_yaml import read_rows
from sidecar.facts.row_parser import Cells, Table
from sidecar.facts.snapshot import Snapshot
from sidecar.schema import Schema
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.yaml_document import yaml_fault
from sidecar.watch import Fingerprint, digest_of, read_file, stamp_of

_SUFFIX = ".yaml"
_REFUSED_SUFFIX = ".yml"
"""Facts in such a file would be lost without a word if it were ignored, so it is a fault."""
_SWAPPED = "..data"
"""Where Kubernetes keeps a mount: it swaps this link, so that all files change in one instant."""


@dataclass(frozen=True, slots=True)
class Mount:
    """The content of a mount: each file as it was at one instant."""

    name: str
    """How faults name the directory."""
    files: Mapping[str, bytes]
    """Content by name, in the order of the names."""
    unreadable: Mapping[str, str]
    """Files that could not be read, and why; ``""`` is the directory itself."""
    whole: bool
    """Whether no file changed between the reading of the first and of the last."""

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of these files."""
        return {name: digest_of(content) for name, content in self.files.items()}


def capture(directory: Path) -> Mount:
    """Read all files of a mount into memory, which takes a small part of the time of parsing."""
    name, files, unreadable = directory.absolute().name, dict[str, bytes](), dict[str, str]()
    try:
        before = _stamps(directory)
        for file, path in list_files(directory).items():
            try:
                files[file] = read_file(path)
            except OSError as error:
                unreadable[file] = error.strerror or "unreadable"
        whole = _stamps(directory) == before
    except OSError as error:
        return Mount(name, {}, {"": error.strerror or "unreadable"}, whole=False)
    return Mount(name, files, unreadable, whole)


def read_directory(schema: Schema, directory: Path) -> Snapshot:
    """Read the facts of a mount.

    Raises:
        InvalidSnapshotError: The mount cannot be used; what is wrong with it.
    """
    return read_mount(schema, capture(directory))


def read_mount(schema: Schema, mount: Mount) -> Snapshot:
    """Read the facts of a mount whose files are in memory.

    Raises:
        InvalidSnapshotError: The mount cannot be used; what is wrong with it.
    """
    faults = MountFaults()
    return build(schema, read_tables(schema, mount, faults), faults)


def read_tables(schema: Schema, mount: Mount, faults: MountFaults) -> dict[str, Table]:
    """Return the table of each type, whose rows are read as they are asked for.

    Raises:
        InvalidSnapshotError: There is no such directory.
    """
    if "" in mount.unreadable:
        faults.add(mount.name, 0, f"cannot be read: {mount.unreadable['']}")
        raise InvalidSnapshotError(faults.problems())
    types = {declared.table: name for name, declared in schema.types.items() if declared.table}
    found = sorted([*mount.files, *mount.unreadable])
    for name in found:
        if name.endswith(_REFUSED_SUFFIX):
            faults.add(
                f"{mount.name}/{name}",
                0,
                f"is not read; rename it to {shown(_stem(name) + _SUFFIX)}",
            )
        elif _stem(name) not in types:
            mend = nearest(_stem(name), types) or f"; the tables are {one_of(types)}"
            faults.add(f"{mount.name}/{name}", 0, f"belongs to no table{mend}")
    tables = {}
    for table, name in types.items():
        base = f"{table}{_SUFFIX}"
        file = f"{mount.name}/{base}"
        tables[name] = Table(file, _rows(mount, base, file, faults) if base in found else ())
        if base not in found:
            faults.broken.add(file)
            if f"{table}{_REFUSED_SUFFIX}" not in found:
                faults.add(file, 0, f"is missing; write `[]` into it where there are no {table}")
    return tables


def list_files(directory: Path) -> Mapping[str, Path]:
    """Return the files of a mount by name, sorted; what stands in the place of one is among them.

    Raises:
        OSError: The directory cannot be looked at.
    """
    return {
        path.name: path
        for path in sorted(_base(directory).iterdir())
        if path.suffix in (_SUFFIX, _REFUSED_SUFFIX)
        and not path.name.startswith(".")
        and _may_be_file(path)
    }


def _may_be_file(path: Path) -> bool:
    """Tell whether a path is neither a directory nor a link to nothing."""
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


def _rows(mount: Mount, name: str, file: str, faults: MountFaults) -> Iterator[tuple[int, Cells]]:
    if name in mount.unreadable:
        faults.broken.add(file)
        faults.add(file, 0, f"cannot be read: {mount.unreadable[name]}")
        return
    content = mount.files[name]
    try:
        yield from read_rows(content, file, faults)
    except yaml.YAMLError as error:
        faults.broken.add(file)
        faults.add(file, *yaml_fault(error, _before(content, error)))


def _before(content: bytes, error: yaml.YAMLError) -> bytes:
    """Return what stands before a character that cannot be read, to count its lines."""
    return content[: error.position] if isinstance(error, yaml.reader.ReaderError) else b""
