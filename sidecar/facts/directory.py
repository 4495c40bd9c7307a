"""A mounted directory of YAML files, one for each table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from sidecar.errors import InvalidSnapshotError
from sidecar.facts.building import build
from sidecar.facts.faults import MountFaults
from sidecar.facts.plain import read_rows
from sidecar.facts.rows import Cells, Table
from sidecar.facts.snapshot import Snapshot
from sidecar.schema import Schema
from sidecar.schema.documents import yaml_fault
from sidecar.schema.wording import nearest, one_of, shown

SUFFIXES = (".yaml", ".yml")
_SWAPPED = "..data"
"""Where Kubernetes keeps a mount: it swaps this link, so that all files change in one instant."""


class Stamp(NamedTuple):
    """What a directory looks like from outside; two that differ want reading again."""

    resolved: str
    files: tuple[tuple[str, int, int, int], ...]
    """Of each file its name, inode, size and the nanosecond of its last change."""


def read_directory(schema: Schema, directory: Path) -> Snapshot:
    """Read the facts of a mount.

    A file that changes while it is read can give rows of both its states. Whoever watches a mount
    takes a `stamp` before and after, and reads again when they differ.

    Raises:
        InvalidSnapshotError: The mount cannot be used; what is wrong with it.
    """
    faults = MountFaults()
    tables = read_tables(schema, directory, faults)
    return build(schema, tables, faults)


def read_tables(schema: Schema, directory: Path, faults: MountFaults) -> dict[str, Table]:
    """Return the table of each type, whose rows are read as they are asked for.

    Raises:
        InvalidSnapshotError: There is no such directory.
    """
    shown_directory = directory.absolute().name
    types = {declared.table: name for name, declared in schema.types.items() if declared.table}
    try:
        found = _files(directory)
    except OSError as error:
        faults.add(shown_directory, 0, f"cannot be read: {error.strerror or 'unreadable'}")
        raise InvalidSnapshotError(faults.problems()) from None
    for path in found:
        if path.stem not in types:
            mend = nearest(path.stem, types) or f"; the tables are {one_of(types)}"
            faults.add(f"{shown_directory}/{path.name}", 0, f"belongs to no table{mend}")
    tables = {}
    for table, name in types.items():
        paths = [path for path in found if path.stem == table]
        file = f"{shown_directory}/{paths[0].name if paths else f'{table}.yaml'}"
        tables[name] = Table(file, _read_rows(paths[0], file, faults) if paths else ())
        if not paths:
            faults.broken.add(file)
            faults.add(file, 0, f"is missing; write `[]` into it where there are no {table}")
        for path in paths[1:]:
            faults.add(f"{shown_directory}/{path.name}", 0, f"repeats {shown(file)}; remove one")
    return tables


def stamp(directory: Path) -> Stamp:
    """Return what tells cheaply whether a mount has changed.

    Raises:
        OSError: The directory cannot be looked at.
    """
    base = _base(directory)
    files = []
    for path in _files(directory):
        status = path.stat()
        files.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return Stamp(str(base), tuple(files))


def _base(directory: Path) -> Path:
    swapped = directory / _SWAPPED
    return (swapped if swapped.exists() else directory).resolve(strict=True)


def _files(directory: Path) -> list[Path]:
    # Whatever is neither file nor directory, such as a pipe, keeps its reader waiting for ever.
    return sorted(
        path
        for path in _base(directory).iterdir()
        if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _read_rows(path: Path, file: str, faults: MountFaults) -> Iterator[tuple[int, Cells]]:
    try:
        with path.open("rb") as stream:
            yield from read_rows(stream, file, faults)
    except yaml.YAMLError as error:
        faults.broken.add(file)
        faults.add(file, *yaml_fault(error, _before(path, error)))
    except OSError as error:
        faults.broken.add(file)
        faults.add(file, 0, f"cannot be read: {error.strerror or 'unreadable'}")


def _before(path: Path, error: yaml.YAMLError) -> bytes:
    """Return what stands before a character that cannot be read, to count its lines."""
    if not isinstance(error, yaml.reader.ReaderError):
        return b""
    with path.open("rb") as stream:
        return stream.read(error.position)
