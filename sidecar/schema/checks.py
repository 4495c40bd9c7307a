"""Checks across types: keys of texts, one table for each type, properties of one type each."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.schema.messages import nearest, shown
from sidecar.schema.model import Attribute, EntityType, Kind, Schema
from sidecar.schema.type_loader import TypeReader
from sidecar.schema.yaml_document import Faults

_KEY_KINDS = frozenset({Kind.STRING, Kind.ENUM, Kind.EMAIL, Kind.DOMAIN, Kind.REFERENCE})


def check_keys(schema: Schema, readers: Mapping[str, TypeReader], faults: Faults) -> bool:
    """Return whether every key column is a text that every row has; report a fault if not."""
    before = len(faults.problems)
    for name, declared in schema.types.items():
        line = readers[name].line_of("key")
        for column in declared.key:
            attribute = declared.attributes.get(column)
            what = f"key of type {shown(name)}"
            if attribute is None:
                mend = nearest(column, declared.attributes)
                faults.add(line, f"{what}: {shown(column)} is no attribute{mend}")
            elif attribute.type.kind not in _KEY_KINDS:
                faults.add(
                    line,
                    f"{what}: {shown(column)} is no text but {attribute.type.name}",
                )
            elif attribute.optional or attribute.caller:
                faults.add(line, f"{what}: {shown(column)} can be missing; every row needs its key")
            elif _has_compound_key(schema, attribute):
                faults.add(
                    line,
                    f"{what}: the key of {attribute.type.name} is not one text",
                )
    return len(faults.problems) == before and all(t.key for t in schema.types.values())


def _has_compound_key(schema: Schema, attribute: Attribute) -> bool:
    """Return whether the key of the entity that a key column refers to is not a single text."""
    seen = set()
    while attribute.type.kind is Kind.REFERENCE:
        target = schema.types[attribute.type.target]
        if target.name in seen or len(target.key) != 1:
            return True
        seen.add(target.name)
        following = target.attributes.get(target.key[0])
        if following is None:
            return False
        attribute = following
    return False


def _check_depths(declared: EntityType, reader: TypeReader, faults: Faults) -> None:
    for attribute in declared.attributes.values():
        if attribute.depth and attribute.type.target != declared.name:
            faults.add(
                reader.line_of_attribute(attribute.name),
                f"attribute {shown(attribute.name)} of {shown(declared.name)} refers to another"
                " type and has no depth; remove `depth`",
            )


def check_types(
    schema: Schema, readers: Mapping[str, TypeReader], line: int, faults: Faults
) -> None:
    """Report the faults of the types together: tables, subjects, properties."""
    tables: dict[str, str] = {}
    properties: dict[str, tuple[Attribute, str]] = {}
    words: dict[str, str] = {}
    for name, declared in schema.types.items():
        if declared.table and declared.table in tables:
            faults.add(
                readers[name].line_of("table"),
                f"table {shown(declared.table)} holds {shown(tables[declared.table])} already",
            )
        elif declared.table:
            tables[declared.table] = name
        _check_depths(declared, readers[name], faults)
        for action in declared.actions.values():
            for prop in action.properties.values():
                other, where = properties.setdefault(prop.name, (prop, f"{name} {action.name}"))
                what = f"property {shown(prop.name)} of action {shown(action.name)}"
                line = readers[name].line_of("actions")
                if other.type.name != prop.type.name:
                    faults.add(
                        line,
                        f"{what} is of type {prop.type.name} here and {other.type.name} in"
                        f" {shown(where)}; make them alike",
                    )
                elif other.polar != prop.polar:
                    faults.add(
                        line,
                        f"{what} is {shown(prop.polar)} in Polar here and {shown(other.polar)} in"
                        f" {shown(where)}; make them alike",
                    )
                if (same := words.setdefault(prop.polar, prop.name)) != prop.name:
                    faults.add(
                        line,
                        f"{what} is {shown(prop.polar)} in Polar, as {shown(same)} is; write"
                        " `polar: ...` with another name in one of them",
                    )
    if schema.types and not schema.subjects():
        faults.add(line, "no type can be a subject; write `subject: true` in one")
