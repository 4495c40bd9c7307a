"""Read attributes: of entities, of actions, of the context and of settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from sidecar.schema.messages import nearest, shown
from sidecar.schema.model import (
    ABSENT,
    COMPOUND,
    UNTYPED,
    Attribute,
    Kind,
    Schema,
    Value,
    ValueType,
    by_polar_name,
)
from sidecar.schema.names import WORD, fault_of_name, word_of
from sidecar.schema.values import not_one_of, parse_text
from sidecar.schema.yaml_document import Faults, Items, Members, Node, Text

_WORDS = "and cut debug false forall if in matches mod new not or print rem true"
POLAR_WORDS = frozenset(_WORDS.split())
"""Names that Polar cannot parse after a dot."""

ENTITY_RESERVED = POLAR_WORDS | {"exists", "includes"}
ACTION_RESERVED = ENTITY_RESERVED | {"name"}
CONTEXT_RESERVED = ENTITY_RESERVED | {"now"}

DEEPEST = 32
"""References to the own type that may follow each other where the schema declares how many."""
_EVERYWHERE = ("type", "optional", "only", "default", "unit", "description", "polar")
OF_ENTITY = (*_EVERYWHERE, "sensitive", "caller", "may_dangle", "depth")
OF_CALLER = (*_EVERYWHERE, "sensitive")
OF_SETTING = _EVERYWHERE


class AttributeScope(NamedTuple):
    """The rules for the attributes of one part of a schema."""

    what: str
    """How faults name such an attribute: ``setting``, ``context member``."""
    members: tuple[str, ...]
    """The members that its declaration may have."""
    reserved: Collection[str]
    """Names that it cannot have in Polar."""
    taken: Collection[str] = ()
    """Names that it cannot have at all."""


def check_word(name: str, line: int, what: str, faults: Faults, reserved: Collection[str]) -> bool:
    """Return whether a name is a word that is not reserved; report a fault if it is not.

    For names that only the files of a pack use; callers send names of any form.
    """
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
    """Return whether a name has no fault, as a function of `names` returns it; report it if so."""
    if fault:
        faults.add(line, f"{what} {shown(name)} {fault}")
    return not fault


def read_attributes(
    schema: Schema, node: Node, scope: AttributeScope, faults: Faults
) -> dict[str, Attribute]:
    """Return a map of attributes. `schema` needs its enums and the names of its types."""
    attributes: dict[str, Attribute] = {}
    declared = faults.members(node, f"{scope.what}s")
    for name, member in declared.members.items():
        line = declared.lines[name]
        fault = fault_of_name(name)
        if name in scope.taken:
            fault = "has a name that is taken; choose another"
        if not check_name(name, line, scope.what, faults, fault):
            continue
        attribute = _read_attribute(schema, name, member, scope, faults)
        other = by_polar_name(attributes, attribute.polar)
        if other is not None:
            faults.add(
                line,
                f"{scope.what} {shown(name)} is {shown(attribute.polar)} in Polar, as"
                f" {shown(other.name)} is; write `polar: ...` with another name in its map",
            )
        attributes[name] = attribute
    return attributes


def polar_name(
    name: str, members: Mapping[str, Node], line: int, scope: AttributeScope, faults: Faults
) -> str:
    """Return the name of an attribute in Polar if it has another there; otherwise an empty text."""
    what = f"{scope.what} {shown(name)}"
    if "polar" not in members:
        word = word_of(name)
        if not word:
            faults.add(
                line,
                f"{what} cannot be named in Polar; write `polar: ...` with a name of letters,"
                " digits and _ in its map",
            )
        elif word in scope.reserved:
            faults.add(
                line,
                f"{what} has a name that is taken in Polar; write `polar: ...` with another name"
                " in its map",
            )
        return word if word != name else ""
    word = faults.text(members["polar"], f"polar of {what}")
    line = members["polar"].line
    if word and check_word(word, line, f"{what}: polar", faults, scope.reserved) and "__" in word:
        faults.add(line, f"{what}: polar {shown(word)} holds `__`, which is taken; remove it")
    return word if word != name else ""


def read_value_type(schema: Schema, node: Node, what: str, faults: Faults) -> ValueType:
    """Return the type of a name; `UNTYPED`, and a fault, if there is none."""
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
    return UNTYPED


def read_constant(
    schema: Schema, attribute: Attribute, node: Node, what: str, faults: Faults
) -> Value:
    """Return a value of an attribute's type; absent, and a fault, if it is invalid."""
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
    schema: Schema, name: str, node: Node, scope: AttributeScope, faults: Faults
) -> Attribute:
    what = f"{scope.what} {shown(name)}"
    if isinstance(node, Text):
        word = polar_name(name, {}, node.line, scope, faults)
        return Attribute(name=name, type=read_value_type(schema, node, what, faults), word=word)
    declared = faults.members(node, what, scope.members)
    members = declared.members
    if "type" not in members:
        faults.add(node.line, f"{what} has no type; write `type: ...`")
    value_type = (
        read_value_type(schema, members["type"], what, faults) if "type" in members else UNTYPED
    )
    flags = {
        flag: faults.flag(members[flag], f"{flag} of {what}")
        for flag in ("optional", "caller", "may_dangle", "sensitive")
        if flag in members
    }
    if flags.get("may_dangle") and value_type.kind is not Kind.REFERENCE:
        faults.add(declared.lines["may_dangle"], f"{what} is no reference and cannot dangle")
    attribute = Attribute(
        name=name,
        type=value_type,
        optional=flags.get("optional", False) or "default" in members,
        caller=flags.get("caller", False),
        may_dangle=flags.get("may_dangle", False),
        sensitive=flags.get("sensitive", False),
        only=_read_only(value_type, declared, what, faults),
        unit=faults.member_text(declared, "unit", what),
        description=faults.member_text(declared, "description", what),
        depth=_read_depth(value_type, declared, what, faults),
        word=polar_name(name, members, declared.line, scope, faults),
    )
    return _with_default(schema, attribute, declared, what, faults)


def _read_depth(value_type: ValueType, declared: Members, what: str, faults: Faults) -> int:
    if "depth" not in declared.members:
        return 0
    node, line = declared.members["depth"], declared.lines["depth"]
    text = node.text if isinstance(node, Text) and not node.quoted else ""
    known = text.isascii() and text.isdecimal() and len(text) <= len(str(DEEPEST))
    if not known or not 1 <= int(text) <= DEEPEST:
        faults.add(line, f"depth of {what} is no number from 1 to {DEEPEST}")
        return 0
    if value_type.kind is not Kind.REFERENCE:
        faults.add(line, f"{what} is no reference and has no depth")
    return int(text)


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
    if attribute.type.kind is Kind.REFERENCE:
        faults.add(
            declared.lines["default"],
            f"{what} is of type {attribute.type.name}, which has no default",
        )
        return attribute
    node, element = declared.members["default"], attribute.type.element
    if element is not None and element.kind is Kind.REFERENCE:
        if not isinstance(node, Items) or node.items:
            fault = f"default of {what} names entities, which may not exist; write `[]`"
            faults.add(declared.lines["default"], fault)
        return replace(attribute, default=frozenset())
    default = read_constant(schema, attribute, node, f"default of {what}", faults)
    return replace(attribute, default=default)
