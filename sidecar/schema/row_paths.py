"""Read what look-ups and `current` say of rows: paths of attributes, constants, and the clock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sidecar.schema.attribute_loader import read_constant
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import (
    CLOCK_OPERATORS,
    Attribute,
    EntityType,
    Kind,
    Schema,
    Value,
)
from sidecar.schema.yaml_document import Faults, Members, Node, Text

LONGEST_PATH = 2
_CLOCK = re.compile(rf"({'|'.join(sorted(CLOCK_OPERATORS, reverse=True))})\s*now")


def attribute_at(schema: Schema, start: EntityType, path: str) -> tuple[tuple[str, ...], Attribute]:
    """Return the steps and the attribute of a path such as ``user.email``.

    Raises:
        ValueError: No attribute has this path, or several have.
    """
    candidates = list(_split(schema, start, path))  # several if names have dots
    if len(candidates) > 1:
        raise ValueError(f"{shown(path)} can be read in two ways; rename an attribute")
    steps = candidates[0] if candidates else tuple(path.split("."))
    if len(steps) > LONGEST_PATH:
        raise ValueError(f"{shown(path)} has more than {LONGEST_PATH} steps; shorten it")
    declared = start
    for step in steps[:-1]:
        attribute = _attribute(declared, step)
        if attribute.type.kind is not Kind.REFERENCE:
            raise ValueError(f"{shown(step)} is no reference and has no attributes")
        declared = schema.types[attribute.type.target]
    return steps, _attribute(declared, steps[-1])


def _split(schema: Schema, start: EntityType, path: str) -> Iterator[tuple[str, ...]]:
    """Yield each division of a path into declared attributes."""
    if path in start.attributes:
        yield (path,)
    at = path.find(".")
    while at > 0:
        first, rest = path[:at], path[at + 1 :]
        attribute = start.attributes.get(first)
        target = schema.types.get(attribute.type.target) if attribute is not None else None
        if target is not None and rest in target.attributes:
            yield (first, rest)
        at = path.find(".", at + 1)


def _attribute(declared: EntityType, name: str) -> Attribute:
    if name in declared.attributes:
        return declared.attributes[name]
    mend = nearest(name, declared.attributes) or f"; it has {one_of(declared.attributes)}"
    raise ValueError(f"{declared.name} has no attribute {shown(name)}{mend}")


def read_constants(
    schema: Schema, declared: EntityType, node: Node, what: str, faults: Faults
) -> dict[str, Value]:
    """Return a map from attributes of a type to required values."""
    constants, clock = read_conditions(schema, declared, faults.members(node, what), what, faults)
    for name in clock:
        line = faults.members(node, what).lines[name]
        faults.add(
            line,
            f"{what}: {shown(name)} is compared with the clock, which only a look-up with"
            " `several: any` can be",
        )
    return constants


def read_conditions(
    schema: Schema, declared: EntityType, members: Members, what: str, faults: Faults
) -> tuple[dict[str, Value], dict[str, str]]:
    """Return required values of attributes, and instants with their comparison with the clock."""
    constants: dict[str, Value] = {}
    clock: dict[str, str] = {}
    for name, member in members.members.items():
        line = members.lines[name]
        try:
            steps, attribute = attribute_at(schema, declared, name)
        except ValueError as error:
            faults.add(line, f"{what}: {error}")
            continue
        if len(steps) > 1 or attribute.type.kind is Kind.SET:
            faults.add(
                line, f"{what}: {shown(name)} cannot be compared here; name a plain attribute"
            )
            continue
        if attribute.type.kind is Kind.INSTANT and isinstance(member, Text):
            compared = _CLOCK.fullmatch(member.text)
            if compared is not None:
                clock[name] = compared[1]
                continue
        value = read_constant(schema, attribute, member, f"{what}: {shown(name)}", faults)
        if value is not None:
            constants[name] = value
    return constants, clock
