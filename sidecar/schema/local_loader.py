"""Read attributes that are the hour, the weekday or the date of an instant in a time zone."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.schema.attribute_loader import AttributeScope, check_name, polar_name
from sidecar.schema.local_time import PARTS, known_zones
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Attribute, Kind, LocalAttribute, by_polar_name
from sidecar.schema.names import fault_of_name
from sidecar.schema.yaml_document import Faults, Members, Node

LOCAL_MEMBERS = ("part", "of", "zone", "description", "polar")


def without_local(node: Node) -> Node:
    """Return the declarations of attributes without those that are parts of an instant."""
    if not isinstance(node, Members):
        return node
    kept = {name: each for name, each in node.members.items() if not _is_local(each)}
    return Members(kept, node.lines, node.line)


def read_local(
    node: Node, attributes: Mapping[str, Attribute], scope: AttributeScope, faults: Faults
) -> dict[str, LocalAttribute]:
    """Return the parts of instants among declarations of attributes, by their names in Polar.

    Args:
        node: The declarations.
        attributes: The other attributes, and what else has an instant.
        scope: As for the other attributes.
        faults: Gets the faults.
    """
    if not isinstance(node, Members):
        return {}
    found: dict[str, LocalAttribute] = {}
    for name, member in node.members.items():
        line = node.lines[name]
        if not _is_local(member):
            continue
        fault = fault_of_name(name)
        if name in scope.taken:
            fault = "has a name that is taken; choose another"
        if not check_name(name, line, scope.what, faults, fault):
            continue
        read = _read(name, member, attributes, scope, faults)
        if read.polar in found or by_polar_name(attributes, read.polar) is not None:
            faults.add(
                line,
                f"{scope.what} {shown(name)} is {shown(read.polar)} in Polar, as another one is;"
                " write `polar: ...` with another name in its map",
            )
        found[read.polar] = read
    return found


def _is_local(node: Node) -> bool:
    return isinstance(node, Members) and "part" in node.members


def _read(
    name: str,
    node: Node,
    attributes: Mapping[str, Attribute],
    scope: AttributeScope,
    faults: Faults,
) -> LocalAttribute:
    what = f"{scope.what} {shown(name)}"
    declared = faults.members(node, what, LOCAL_MEMBERS)
    members = declared.members
    texts = {each: faults.member_text(declared, each, what) for each in ("part", "of", "zone")}
    part, of, zone = texts["part"], texts["of"], texts["zone"]
    if part and part not in PARTS:
        mend = nearest(part, PARTS) or f"; write one of {one_of(PARTS)}"
        faults.add(declared.lines["part"], f"part of {what}: {shown(part)} is none{mend}")
    instants = [each.name for each in attributes.values() if each.type.kind is Kind.INSTANT]
    if "of" not in members:
        faults.add(declared.line, f"{what} has no instant; write `of: ...` with its name")
    elif of and of not in instants:
        mend = nearest(of, instants) or (f"; write one of {one_of(instants)}" if instants else "")
        faults.add(declared.lines["of"], f"of of {what}: {shown(of)} is no instant here{mend}")
    if "zone" not in members:
        faults.add(declared.line, f"{what} has no zone; write `zone: ...`, such as `Europe/Paris`")
    elif zone and zone not in known_zones():
        mend = (
            nearest(zone, known_zones())
            or "; write a name of the IANA database, or install that database (`tzdata`)"
        )
        message = f"zone of {what}: this machine knows no time zone {shown(zone)}{mend}"
        faults.add(declared.lines["zone"], message)
    return LocalAttribute(
        name=name,
        of=of,
        part=part if part in PARTS else PARTS[0],
        zone=zone,
        description=faults.member_text(declared, "description", what),
        word=polar_name(name, members, declared.line, scope, faults),
    )
