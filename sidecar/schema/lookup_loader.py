"""Read look-ups, by which an entity finds another one."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.schema.attribute_loader import (
    ENTITY_RESERVED,
    check_word,
    read_constant,
    read_value_type,
)
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import (
    ORDERED,
    Attribute,
    EntityType,
    Kind,
    Lookup,
    Schema,
    Value,
    ValueType,
    by_polar_name,
)
from sidecar.schema.yaml_document import Faults, Members, Node

THIS = "this"
LONGEST_PATH = 2
_MEMBERS = ("finds", "arguments", "match", "where", "several")


def read_lookups(
    schema: Schema, owner: EntityType, node: Node, faults: Faults
) -> dict[str, Lookup]:
    """Return the look-ups of one type. `schema` needs the attributes and keys of all types."""
    lookups = {}
    declared = faults.members(node, f"look-ups of {shown(owner.name)}")
    for name, member in declared.members.items():
        line = declared.lines[name]
        if not check_word(name, line, "look-up", faults, ENTITY_RESERVED):
            continue
        if by_polar_name(owner.attributes, name) is not None:
            faults.add(line, f"look-up {shown(name)} is an attribute as well; rename one")
            continue
        lookup = _LookupReader(schema, owner, name, faults).read(member)
        if lookup is not None:
            lookups[name] = lookup
    return lookups


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
    constants: dict[str, Value] = {}
    members = faults.members(node, what)
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
        value = read_constant(schema, attribute, member, f"{what}: {shown(name)}", faults)
        if value is not None:
            constants[name] = value
    return constants


class _LookupReader:
    def __init__(self, schema: Schema, owner: EntityType, name: str, faults: Faults) -> None:
        self._schema = schema
        self._owner = owner
        self._name = name
        self._what = f"look-up {shown(name)}"
        self._faults = faults

    def read(self, node: Node) -> Lookup | None:
        declared = self._faults.members(node, self._what, _MEMBERS)
        target = self._target(declared)
        if target is None:
            return None
        members = declared.members
        arguments = self._arguments(members["arguments"]) if "arguments" in members else {}
        if "match" not in members:
            self._faults.add(declared.line, f"{self._what} has no match; write `match: {{...}}`")
            return None
        match = self._match(target, arguments, members["match"], declared.lines["match"])
        where = (
            read_constants(
                self._schema, target, members["where"], f"where of {self._what}", self._faults
            )
            if "where" in members
            else {}
        )
        several, order = (
            self._several(target, members["several"]) if "several" in members else ("refuse", "")
        )
        return Lookup(
            name=self._name,
            finds=target.name,
            arguments=arguments,
            match=match,
            where=where,
            several=several,
            order=order,
        )

    def _target(self, declared: Members) -> EntityType | None:
        if "finds" not in declared.members:
            self._faults.add(declared.line, f"{self._what} has no finds; name the type it finds")
            return None
        node = declared.members["finds"]
        name = self._faults.text(node, f"finds of {self._what}")
        target = self._schema.types.get(name)
        if name and target is None:
            mend = nearest(name, self._schema.types)
            self._faults.add(node.line, f"{self._what} finds {shown(name)}, which is no type{mend}")
        if target is not None and not target.table:
            self._faults.add(
                node.line, f"{self._what} finds {shown(name)}, which has no table to find it in"
            )
            return None
        return target

    def _arguments(self, node: Node) -> dict[str, ValueType]:
        arguments = {}
        declared = self._faults.members(node, f"arguments of {self._what}")
        for name, member in declared.members.items():
            what = f"argument {shown(name)} of {self._what}"
            line = declared.lines[name]
            if not check_word(name, line, f"{self._what}: argument", self._faults, {THIS}):
                continue
            value_type = read_value_type(self._schema, member, what, self._faults)
            if value_type.kind is Kind.SET:
                self._faults.add(line, f"{what} is a set; take one value")
            arguments[name] = value_type
        return arguments

    def _match(
        self, target: EntityType, arguments: dict[str, ValueType], node: Node, line: int
    ) -> dict[tuple[str, ...], str]:
        types = {THIS: ValueType(Kind.REFERENCE, self._owner.name, target=self._owner.name)}
        types.update(arguments)
        match: dict[tuple[str, ...], str] = {}
        what = f"match of {self._what}"
        declared = self._faults.members(node, what)
        for path, member in declared.members.items():
            source = self._faults.text(member, f"{what}: {shown(path)}")
            if source and source not in types:
                mend = nearest(source, types) or f"; write one of {one_of(types)}"
                self._faults.add(member.line, f"{what}: {shown(source)} is no argument{mend}")
            try:
                steps, attribute = attribute_at(self._schema, target, path)
            except ValueError as error:
                self._faults.add(declared.lines[path], f"{what}: {error}")
                continue
            if source not in types:
                continue
            if attribute.type != types[source]:
                self._faults.add(
                    declared.lines[path],
                    f"{what}: {shown(path)} is of type {attribute.type.name}"
                    f" and {shown(source)} of type {types[source].name}; compare like with like",
                )
                continue
            match[steps] = source
        if len(match) == len(declared.members):
            for name in types:
                if name not in match.values():
                    self._faults.add(
                        line, f"{what} does not use {shown(name)}; use it or remove it"
                    )
        return match

    def _several(self, target: EntityType, node: Node) -> tuple[str, str]:
        words = self._faults.text(node, f"several of {self._what}").split(maxsplit=1)
        if words in (["first"], ["refuse"]):
            return words[0], ""
        what = f"several of {self._what}"
        if len(words) == 2 and words[0] in {"latest", "earliest"}:  # noqa: PLR2004 - word, attribute
            try:
                steps, attribute = attribute_at(self._schema, target, words[1])
            except ValueError as error:
                self._faults.add(node.line, f"{what}: {error}")
            else:
                if len(steps) > 1 or attribute.type.kind not in ORDERED:
                    self._faults.add(node.line, f"{what}: {shown(words[1])} has no order")
            return words[0], words[1]
        if words:
            self._faults.add(
                node.line,
                f"{what} is {shown(' '.join(words))};"
                " write first, refuse, `latest <attribute>` or `earliest <attribute>`",
            )
        return "refuse", ""
