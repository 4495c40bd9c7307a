"""Read the action, the resource and the context that a route stands for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sidecar.routes.model import Capture, Filled, Pattern
from sidecar.routes.template import read_pattern
from sidecar.schema.caller_values import parse_json
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Attribute, Kind, Schema
from sidecar.schema.plain_document import plain_of
from sidecar.schema.yaml_document import Faults, Members, Node, Text

RESOURCE_MEMBERS = ("type", "id", "properties")
ACTION_MEMBERS = ("name", "properties")

_NOT_TEXT = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.SET})
"""Kinds that callers do not send as text."""


@dataclass(frozen=True, slots=True)
class Action:
    """The action of a route."""

    name: str
    properties: Filled = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """The resource of a route."""

    type: str
    id: Pattern
    properties: Filled = field(default_factory=dict)


def read_resource(
    route: Members, captures: Collection[str], schema: Schema, what: str, faults: Faults
) -> Resource | None:
    """Return the resource; None, and faults, if it is invalid."""
    if "resource" not in route.members:
        faults.add(route.line, f'{what} has no resource; write `resource: "type:{{name}}"`')
        return None
    node = route.members["resource"]
    what = f"resource of {what}"
    if isinstance(node, Text):
        name, colon, identifier = node.text.partition(":")
        if not colon or not identifier:
            faults.add(node.line, f"{what} is {shown(node.text)}; write `type:id` in quotes")
            return None
        members = Members({}, {}, node.line)
        line = node.line
    else:
        members = faults.members(node, what, RESOURCE_MEMBERS)
        for missing in ("type", "id") if isinstance(node, Members) else ():
            if missing in members.members:
                continue
            faults.add(members.line, f"{what} has no {missing}; write `{missing}: ...`")
        name = faults.member_text(members, "type", what)
        identifier = faults.member_text(members, "id", what)
        if not name or not identifier:
            return None
        line = members.lines["type"]
    if name not in schema.types:
        mend = nearest(name, schema.types) or f"; write one of {one_of(schema.types)}"
        faults.add(line, f"{what}: there is no type {shown(name)}{mend}")
        return None
    attributes = schema.types[name].attributes
    sendable = {key: each for key, each in attributes.items() if each.caller}
    pattern = read_pattern(identifier, captures, what, line, faults)
    properties = _read_values(members, "properties", sendable, captures, schema, what, faults)
    return Resource(name, pattern, properties)


def read_action(  # noqa: PLR0913, PLR0917  what the names in it are looked up in
    route: Members,
    resource: Resource | None,
    captures: Collection[str],
    schema: Schema,
    what: str,
    faults: Faults,
) -> Action | None:
    """Return the action on a resource; None, and faults, if it is invalid."""
    if "action" not in route.members:
        faults.add(route.line, f"{what} has no action; write `action: ...`")
        return None
    node = route.members["action"]
    what = f"action of {what}"
    members = Members({}, {}, node.line)
    if isinstance(node, Text):
        name = faults.text(node, what)
    else:
        members = faults.members(node, what, ACTION_MEMBERS)
        name = faults.member_text(members, "name", what)
        if "name" not in members.members:
            faults.add(members.line, f"{what} has no name; write `name: ...`")
    if resource is None or not name:
        return None
    actions = schema.types[resource.type].actions
    if name not in actions:
        mend = nearest(name, actions) or (f"; write one of {one_of(actions)}" if actions else "")
        faults.add(node.line, f"{what}: {shown(resource.type)} has no action {shown(name)}{mend}")
        return None
    declared = actions[name].properties
    return Action(
        name, _read_values(members, "properties", declared, captures, schema, what, faults)
    )


def read_context(
    route: Members, captures: Collection[str], schema: Schema, what: str, faults: Faults
) -> Filled:
    """Return the context."""
    declared = {name: each for name, each in schema.context.items() if name != "now"}
    return _read_values(route, "context", declared, captures, schema, what, faults)


def _read_values(  # noqa: PLR0913, PLR0917  likewise
    parent: Members,
    member: str,
    declared: Mapping[str, Attribute],
    captures: Collection[str],
    schema: Schema,
    what: str,
    faults: Faults,
) -> Filled:
    if member not in parent.members:
        return {}
    what = f"{member} of {what}"
    values: dict[str, Pattern | bool | int] = {}
    given = faults.members(parent.members[member], what)
    for name, node in given.members.items():
        line = given.lines[name]
        if name not in declared:
            mend = nearest(name, declared) or (
                f"; write one of {one_of(declared)}"
                if declared
                else "; the schema lets callers send none"
            )
            faults.add(line, f"{what}: callers send no {shown(name)}{mend}")
            continue
        value = _read_value(node, declared[name], captures, schema, f"{name} of {what}", faults)
        if value is not None:
            values[name] = value
    return values


def _read_value(  # noqa: PLR0913, PLR0917  likewise
    node: Node,
    declared: Attribute,
    captures: Collection[str],
    schema: Schema,
    what: str,
    faults: Faults,
) -> Pattern | bool | int | None:
    plain = plain_of(node) if isinstance(node, Text) else None
    if plain is None or isinstance(plain, list | dict):
        faults.add(node.line, f"{what} is no single value; write a text, a number or true or false")
        return None
    value: Pattern | bool | int
    if isinstance(plain, str):
        value = read_pattern(plain, captures, what, node.line, faults)
        if any(isinstance(part, Capture) for part in value.parts):
            if declared.type.kind in _NOT_TEXT:
                faults.add(
                    node.line,
                    f"{what}: {shown(plain)} is text, and the type is {declared.type.name}; write "
                    "a constant",
                )
            return value
    else:
        value = plain
    try:
        parsed = parse_json(schema, declared.type, plain)
    except TypeError as error:
        faults.add(node.line, f"{what} is {shown(str(plain))}, and {error}")
        return None
    if parsed is None or (declared.only and parsed not in declared.only):
        allowed = declared.only or declared.type.values
        mend = f"; write one of {one_of(allowed)}" if allowed else ""
        faults.add(node.line, f"{what}: {shown(str(plain))} is no {declared.type.name}{mend}")
        return None
    return value
