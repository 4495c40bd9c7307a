"""Reading of ``settings.yaml``: the numbers and lists that a policy refers to by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sidecar.errors import InvalidPackError
from sidecar.schema.attributes import read_constant
from sidecar.schema.documents import Faults, read_document, shown_file
from sidecar.schema.nouns import Schema
from sidecar.schema.values import Value
from sidecar.schema.wording import shown


def read_settings(schema: Schema, path: Path) -> Mapping[str, Value]:
    """Read the value of every declared setting; absent where an optional one is not given.

    Raises:
        InvalidPackError: The settings cannot be used; all that is wrong with them.
    """
    faults = Faults(shown_file(path))
    settings: dict[str, Value] = {}
    document = read_document(path, faults)
    if document is not None:
        given = faults.members(document, "the settings", schema.settings)
        for name, declared in schema.settings.items():
            node = given.members.get(name)
            if node is not None:
                what = f"setting {shown(name)}"
                settings[name] = read_constant(schema, declared, node, what, faults)
            elif declared.optional:
                settings[name] = declared.default
            else:
                faults.add(0, f"setting {shown(name)} is missing; write `{name}: ...`")
    if faults.problems:
        raise InvalidPackError(faults.problems)
    return settings
