"""Reading of settings: the numbers and lists that a policy refers to by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sidecar.errors import InvalidPackError, Problem
from sidecar.schema.attribute_loader import read_constant
from sidecar.schema.messages import shown
from sidecar.schema.model import Schema
from sidecar.schema.values import Value
from sidecar.schema.yaml_document import Faults, Node, read_document, shown_file

MORE_SETTINGS = "*_settings.y*ml"
"""Files beside ``settings.yaml`` for settings that are long, or that somebody else maintains."""


def read_settings(schema: Schema, path: Path) -> Mapping[str, Value]:
    """Read the value of every declared setting; absent where an optional one is not given.

    Args:
        schema: Declares the settings.
        path: ``settings.yaml``, which has to be there; the files `MORE_SETTINGS` beside it are
            read too.

    Raises:
        InvalidPackError: The settings cannot be used; all that is wrong with them.
    """
    documents = []
    for file in _files(path):
        faults = Faults(shown_file(file))
        documents.append((file.name, read_document(file, faults), faults))
    return settings_of(schema, documents)


def settings_of(
    schema: Schema, documents: Sequence[tuple[str, Node | None, Faults]]
) -> Mapping[str, Value]:
    """Return the value of every declared setting from documents that give them.

    Args:
        schema: Declares the settings.
        documents: The name of each, its content, and what is wrong with it so far; problems with
            settings that none of them gives are those of the first.

    Raises:
        InvalidPackError: The settings cannot be used; all that is wrong with them.
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
