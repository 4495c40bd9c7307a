"""Reading of attributes: the named facts of entities, of actions, of context and settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sidecar.schema.messages import nearest, shown
from sidecar.schema.model import COMPOUND, Attribute, Kind, Schema, ValueType, by_word
from sidecar.schema.names import WORD, fault_of_name, word_of
from sidecar.schema.values import ABSENT, Value, not_one_of, parse_text
from sidecar.schema.yaml_document import Faults, Items, Members, Node, Text

_WORDS = "and cut debug false forall if in matches mod new not or print rem true"
POLAR_WORDS = frozenset(_WORDS.split())
"""Names that Polar could not read after a dot."""

ENTITY_RESERVED = POLAR_WORDS | {"exists", "includes"}
ACTION_RESERVED = ENTITY_RESERVED | {"name"}
CONTEXT_RESERVED = ENTITY_RESERVED | {"now"}

_EVERYWHERE = ("type", "optional", "only", "default", "unit", "description", "polar")
OF_ENTITY = (*_EVERYWHERE, "sensitive", "caller", "may_dangle")
OF_CALLER = (*_EVERYWHERE, "sensitive")
OF_SETTING = _EVERYWHERE


class Place(NamedTuple):
    """Where attributes stand: what they may say and how Polar cannot call them."""

    what: str
    members: tuple[str, ...]
    reserved: Collection[str]
    taken: Collection[str] = ()
    """How they may not be called by anybody."""


def check_word(name: str, line: int, what: str, faults: Faults, reserved: Collection[str]) -> bool:
    """Tell whether a name that only the pack's own files say may stand; a fault when not."""
    if not WORD.fullmatch(name):
        faults.add(
            line,
            f"{what} {shown(name)} is not a name; use letters, digits and _, with a letter first",
        )
        return False
    if name in reserved:
        faults.add(line, f"{what} {shown(name)} has a name that is taken; choose another")
        return False
    return True


def check_name(name: str, line: int, what: str, faults: Faults, fault: str) -> bool:
    """Tell whether a name may stand as `fault_of_name` or its like says; a fault when not."""
    if fault:
        faults.add(line, f"{what} {shown(name)} {fault}")
    return not fault


def read_attributes(
    schema: Schema, node: Node, place: Place, faults: Faults
) -> dict[str, Attribute]:
    """Read a map of attributes. `schema` needs its enums and the names of its types."""
    attributes: dict[str, Attribute] = {}
    declared = faults.members(node, f"{place.what}s")
    for name, member in declared.members.items():
        line = declared.lines[name]
        fault = fault_of_name(name)
        if name in place.taken:
            fault = "has a name that is taken; choose another"
        if not check_name(name, line, place.what, faults, fault):
            continue
        attribute = _read_attribute(schema, name, member, place, faults)
        other = by_word(attributes, attribute.polar)
        if other is not None:
            faults.add(
                line,
                f"{place.what} {shown(name)} is {shown(attribute.polar)} in Polar, as"
                f" {shown(other.name)} is; write `polar: ...` with another name in its map",
            )
        attributes[name] = attribute
    return attributes


def _read_word(name: str, said: Mapping[str, Node], line: int, place: Place, faults: Faults) -> str:
    """Return what an attribute is called in Polar where that is another name; else nothing."""
    what = f"{place.what} {shown(name)}"
    if "polar" not in said:
        word = word_of(name)
        if not word:
            faults.add(
                line,
                f"{what} cannot be named in Polar; write `polar: ...` with a name of letters,"
                " digits and _ in its map",
            )
        elif word in place.reserved:
            faults.add(
                line,
                f"{what} has a name that is taken in Polar; write `polar: ...` with another name"
                " in its map",
            )
        return word if word != name else ""
    word = faults.text(said["polar"], f"polar of {what}")
    line = said["polar"].line
    if word and check_word(word, line, f"{what}: polar", faults, place.reserved) and "__" in word:
        faults.add(line, f"{what}: polar {shown(word)} holds `__`, which is taken; remove it")
    return word if word != name else ""


def read_value_type(schema: Schema, node: Node, what: str, faults: Faults) -> ValueType:
    """Read the name of a type; `string` stands in where it is none."""
    name = faults.text(node, what)
    value_type = schema.value_type(name) if name else None
    if value_type is not None and value_type.kind is Kind.SET:
        element = value_type.element
        value_type = None if element is None or element.kind is Kind.SET else value_type
    if value_type is not None:
        return value_type
    if name:
        simple = [kind.value for kind in Kind if kind not in COMPOUND]
        known = [*simple, *schema.enums, *schema.types]
        known += [f"set of {element}" for element in known]
        faults.add(node.line, f"{what} {shown(name)} is not a type{nearest(name, known)}")
    return ValueType(Kind.STRING, Kind.STRING.value)


def read_constant(
    schema: Schema, attribute: Attribute, node: Node, what: str, faults: Faults
) -> Value:
    """Read one value of an attribute's type; absent, and a fault, when it is none."""
    if attribute.type.kind is Kind.SET:
        return _read_set(schema, attribute, node, what, faults)
    if not isinstance(node, Text):
        shape = "a list" if isinstance(node, Items) else "a map"
        faults.add(node.line, f"{what} is {shape}; write one {attribute.type.name}")
        return ABSENT
    try:
        value = parse_text(schema, attribute.type, node.text, node.quoted)
    except ValueError as error:
        faults.add(node.line, f"{what}: {error}")
        return ABSENT
    if attribute.only and value not in attribute.only:
        faults.add(node.line, f"{what}: {not_one_of(node.text, attribute.only)}")
        return ABSENT
    return value


def _read_set(schema: Schema, attribute: Attribute, node: Node, what: str, faults: Faults) -> Value:
    if not isinstance(node, Items) or attribute.type.element is None:
        faults.add(node.line, f"{what} is not a list; write it as `[a, b]`")
        return ABSENT
    element = Attribute(name=attribute.name, type=attribute.type.element)
    members = [read_constant(schema, element, item, what, faults) for item in node.items]
    return frozenset(
        member for member in members if member is not None and not isinstance(member, frozenset)
    )


def _read_attribute(
    schema: Schema, name: str, node: Node, place: Place, faults: Faults
) -> Attribute:
    what = f"{place.what} {shown(name)}"
    if isinstance(node, Text):
        word = _read_word(name, {}, node.line, place, faults)
        return Attribute(name=name, type=read_value_type(schema, node, what, faults), word=word)
    declared = faults.members(node, what, place.members)
    said = declared.members
    if "type" not in said:
        faults.add(node.line, f"{what} has no type; write `type: ...`")
    value_type = (
        read_value_type(schema, said["type"], what, faults)
        if "type" in said
        else ValueType(Kind.STRING, Kind.STRING.value)
    )
    flags = {
        flag: faults.flag(said[flag], f"{flag} of {what}")
        for flag in ("optional", "caller", "may_dangle", "sensitive")
        if flag in said
    }
    if flags.get("may_dangle") and value_type.kind is not Kind.REFERENCE:
        faults.add(declared.lines["may_dangle"], f"{what} is no reference and cannot dangle")
    attribute = Attribute(
        name=name,
        type=value_type,
        optional=flags.get("optional", False) or "default" in said,
        caller=flags.get("caller", False),
        may_dangle=flags.get("may_dangle", False),
        sensitive=flags.get("sensitive", False),
        only=_read_only(value_type, declared, what, faults),
        unit=faults.text(said["unit"], f"unit of {what}") if "unit" in said else "",
        description=read_description(said, what, faults),
        word=_read_word(name, said, declared.line, place, faults),
    )
    return _with_default(schema, attribute, declared, what, faults)


def read_description(said: Mapping[str, Node], what: str, faults: Faults) -> str:
    """Read the description, which may be missing anywhere."""
    if "description" not in said:
        return ""
    return faults.text(said["description"], f"description of {what}")


def _read_only(
    value_type: ValueType, declared: Members, what: str, faults: Faults
) -> tuple[str, ...]:
    if "only" not in declared.members:
        return ()
    if value_type.kind is not Kind.ENUM:
        faults.add(declared.lines["only"], f"{what} is no enum; remove `only`")
        return ()
    chosen = []
    for text, line in faults.texts(declared.members["only"], f"only of {what}"):
        if text in value_type.values:
            chosen.append(text)
        else:
            faults.add(line, f"only of {what}: {not_one_of(text, value_type.values)}")
    if not chosen:
        faults.add(declared.lines["only"], f"only of {what} names nothing; name some values")
    return tuple(value for value in value_type.values if value in chosen)


def _with_default(
    schema: Schema, attribute: Attribute, declared: Members, what: str, faults: Faults
) -> Attribute:
    if "default" not in declared.members:
        return attribute
    if attribute.type.kind in {Kind.REFERENCE, Kind.SET}:
        faults.add(
            declared.lines["default"],
            f"{what} is of type {attribute.type.name}, which has no default",
        )
        return attribute
    default = read_constant(
        schema, attribute, declared.members["default"], f"default of {what}", faults
    )
    return Attribute(
        name=attribute.name,
        type=attribute.type,
        optional=True,
        caller=attribute.caller,
        sensitive=attribute.sensitive,
        only=attribute.only,
        default=default,
        unit=attribute.unit,
        description=attribute.description,
        word=attribute.word,
    )
