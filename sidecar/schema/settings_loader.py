"""Read settings: the constants that a policy refers to by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sidecar.errors import InvalidPackError, Problem
from sidecar.schema.attribute_loader import read_constant
from sidecar.schema.messages import shown
from sidecar.schema.model import Schema, Value
from sidecar.schema.yaml_document import Faults, Node, read_document, shown_file

MORE_SETTINGS = "*_settings.y*ml"
"""Files beside ``settings.yaml`` for long settings, or those of other maintainers."""


def read_settings(schema: Schema, path: Path) -> Mapping[str, Value]:
    """Return the value of every declared setting; absent if an optional one has none.

    Args:
        schema: Declares the settings.
        path: ``settings.yaml``, which must exist; the files `MORE_SETTINGS` beside it are read
            too.

    Raises:
        InvalidPackError: The settings are invalid; all their faults.
    """
    documents = []
    for file in _files(path):
        faults = Faults(shown_file(file))
        documents.append((file.name, read_document(file, faults), faults))
    return settings_of(schema, documents)


def settings_of(
    schema: Schema, documents: Sequence[tuple[str, Node | None, Faults]]
) -> Mapping[str, Value]:
    """Return the value of every declared setting from documents.

    Args:
        schema: Declares the settings.
        documents: The name, the content and the faults so far of each; missing settings are faults
            of the first.

    Raises:
        InvalidPackError: The settings are invalid; all their faults.
    """
    problems: list[Problem] = []
    settings: dict[str, Value] = {}
    given_in: dict[str, str] = {}
    for file, document, faults in documents:
        if document is not None:
            given = faults.members(document, "the settings", schema.settings)
            for name, node in given.members.items():
                if name not in schema.settings:
                    continue
                if name in given_in:
                    faults.add(
                        given.lines[name],
                        f"setting {shown(name)} is in {given_in[name]} too; remove one of them",
                    )
                    continue
                given_in[name] = file
                what = f"setting {shown(name)}"
                settings[name] = read_constant(schema, schema.settings[name], node, what, faults)
        problems += faults.problems
    for name, declared in schema.settings.items():
        if name in given_in:
            continue
        if declared.optional:
            settings[name] = declared.default
        else:
            fault = f"setting {shown(name)} is missing; write `{name}: ...`"
            problems.append(Problem(documents[0][2].file, 0, fault))
    if problems:
        raise InvalidPackError(problems)
    return {name: settings[name] for name in schema.settings}


def _files(path: Path) -> Iterator[Path]:
    yield path
    yield from sorted(
        file for file in path.parent.glob(MORE_SETTINGS) if not file.name.startswith(".")
    )
