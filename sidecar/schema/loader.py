"""Read ``schema.yaml`` into a `Schema`, and report all its faults at once.

Types refer to each other, so they are read in three rounds: the names of enums and types; then
attributes and keys; then look-ups and other comparisons of attributes of several types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sidecar.digests import digest_of
from sidecar.errors import InvalidPackError
from sidecar.schema.attribute_loader import (
    CONTEXT_RESERVED,
    ENTITY_RESERVED,
    OF_CALLER,
    OF_SETTING,
    AttributeScope,
    check_name,
    check_word,
    read_attributes,
)
from sidecar.schema.checks import check_keys, check_types
from sidecar.schema.fingerprint import fingerprint_of
from sidecar.schema.local_loader import read_local, without_local
from sidecar.schema.messages import shown
from sidecar.schema.model import Attribute, EnumValue, Kind, Schema, ValueType
from sidecar.schema.names import fault_of_name, fault_of_type_name
from sidecar.schema.type_loader import TypeReader
from sidecar.schema.yaml_document import (
    Faults,
    Items,
    Members,
    Node,
    Text,
    read_document,
    shown_file,
)

SCHEMA_MEMBERS = ("enums", "types", "context", "settings")

_RESERVED = frozenset(kind.value for kind in Kind)
"""Names that no type or enum can have: in a schema they name a kind of value."""

NOW = Attribute(
    name="now",
    type=ValueType(Kind.INSTANT, Kind.INSTANT.value),
    description="The moment of the decision, by the sidecar's clock.",
)


def read_schema(path: Path) -> Schema:
    """Return the schema of a pack.

    Raises:
        InvalidPackError: The schema is invalid; all its faults.
    """
    faults = Faults(shown_file(path))
    document = read_document(path, faults)
    if document is None:
        raise InvalidPackError(faults.problems)
    return schema_of(document, faults)


def schema_of(document: Node, faults: Faults) -> Schema:
    """Return the schema that a document declares.

    Args:
        document: The document.
        faults: Its faults so far, which are reported too.

    Raises:
        InvalidPackError: The schema is invalid; all its faults.
    """
    schema = _read(document, faults)
    if faults.problems:
        raise InvalidPackError(faults.problems)
    return schema


def _read(document: Node, faults: Faults) -> Schema:
    root = faults.members(document, "the schema", SCHEMA_MEMBERS)
    empty = Members({}, {}, root.line)
    schema = Schema(
        types={}, enums=_read_enums(root.members.get("enums", empty), faults), context={},
        settings={}, revision="", fingerprint="",
    )  # fmt: skip
    declared = faults.members(root.members.get("types", empty), "types")
    readers = {
        name: TypeReader(name, node, declared.lines[name], faults)
        for name, node in declared.members.items()
        if _check_type_name(name, declared, schema, faults)
    }
    if not declared.members:
        faults.add(root.line, "the schema declares no types; write `types: {...}`")
    # Each round uses the results of the rounds before it.
    schema = replace(schema, types={name: reader.stub() for name, reader in readers.items()})
    _check_classes(schema, readers, faults)
    schema = replace(schema, types={n: r.with_attributes(schema) for n, r in readers.items()})
    if check_keys(schema, readers, faults):
        schema = replace(schema, types={n: r.with_relations(schema) for n, r in readers.items()})
    check_types(schema, readers, root.line, faults)
    context = AttributeScope("context member", OF_CALLER, CONTEXT_RESERVED, {NOW.name})
    setting = AttributeScope("setting", OF_SETTING, ENTITY_RESERVED)
    of_context = root.members.get("context", empty)
    sent = read_attributes(schema, without_local(of_context), context, faults)
    schema = replace(
        schema,
        context={NOW.name: NOW, **sent},
        local_context=read_local(of_context, {NOW.name: NOW, **sent}, context, faults),
        settings=read_attributes(schema, root.members.get("settings", empty), setting, faults),
    )
    content = (
        schema.types, schema.enums, schema.context, schema.settings, schema.local_context
    )  # fmt: skip
    return replace(
        schema,
        revision=digest_of(*content).revision(),
        fingerprint=fingerprint_of(schema.types, schema.context),
    )


def _check_type_name(name: str, declared: Members, schema: Schema, faults: Faults) -> bool:
    line = declared.lines[name]
    if not check_name(name, line, "type", faults, _name_fault(name)):
        return False
    if name in schema.enums:
        faults.add(line, f"type {shown(name)} is an enum as well; rename one")
        return False
    return True


def _name_fault(name: str) -> str:
    """Return the fault of the name of a type or an enum, or an empty text."""
    return (
        "has a name that is taken; choose another"
        if name in _RESERVED
        else fault_of_type_name(name)
    )


def _check_classes(schema: Schema, readers: Mapping[str, TypeReader], faults: Faults) -> None:
    """Report types with the same class in Polar."""
    first: dict[str, str] = {}
    for name, declared in schema.types.items():
        other = first.setdefault(declared.polar, name)
        if other != name and declared.polar:
            faults.add(
                readers[name].line_of("polar"),
                f"type {shown(name)} is {declared.polar} in Polar, as {shown(other)} is;"
                " write `polar: ...` with another name in one of them",
            )


def _read_enums(node: Node, faults: Faults) -> dict[str, tuple[EnumValue, ...]]:
    enums = {}
    declared = faults.members(node, "enums")
    for name, member in declared.members.items():
        if not check_name(name, declared.lines[name], "enum", faults, _name_fault(name)):
            continue
        values = (
            tuple(
                EnumValue(text)
                for text, line in faults.texts(member, f"enum {shown(name)}")
                if _check_enum_value(text, line, name, faults)
            )
            if isinstance(member, Items)
            else _read_described(name, member, faults)
        )
        if not values:
            faults.add(declared.lines[name], f"enum {shown(name)} has no values; write some")
        enums[name] = values
    return enums


def _check_enum_value(text: str, line: int, enum: str, faults: Faults) -> bool:
    what = f"value of enum {shown(enum)}:"
    return check_name(text, line, what, faults, fault_of_name(text))


def _read_described(enum: str, node: Node, faults: Faults) -> tuple[EnumValue, ...]:
    values = []
    declared = faults.members(node, f"enum {shown(enum)}")
    for name, member in declared.members.items():
        what = f"value {shown(name)} of enum {shown(enum)}"
        if not _check_enum_value(name, declared.lines[name], enum, faults):
            continue
        described = faults.members(member, what)
        texts = {"label": "", "description": ""}
        marks = {}
        for mark, content in described.members.items():
            if mark in texts:
                texts[mark] = faults.text(content, f"{mark} of {what}")
            elif check_word(mark, described.lines[mark], f"mark of {what}", faults, ()):
                if isinstance(content, Text) and content.text not in {"true", "false"}:
                    # Marks have any name, so only its value reveals a misspelt `label`.
                    faults.add(
                        described.lines[mark],
                        f"{what}: {shown(mark)} is neither a label, a description nor a mark",
                    )
                    continue
                marks[mark] = faults.flag(content, f"{mark} of {what}")
        values.append(EnumValue(name, texts["label"], texts["description"], marks))
    return tuple(values)
