"""Read look-ups, by which an entity finds another one."""

from __future__ import annotations

from dataclasses import replace

from sidecar.schema.attribute_loader import ENTITY_RESERVED, check_word, read_value_type
from sidecar.schema.match_loader import MatchReader, SecondRow
from sidecar.schema.messages import nearest, shown
from sidecar.schema.model import (
    ORDERED,
    THIS,
    UNTYPED,
    EntityType,
    Kind,
    Lookup,
    Schema,
    Through,
    Value,
    ValueType,
    by_polar_name,
)
from sidecar.schema.row_paths import attribute_at, read_conditions, read_constants
from sidecar.schema.yaml_document import Faults, Members, Node

LOOKUP_MEMBERS = ("finds", "through", "arguments", "match", "where", "several")


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
        if by_polar_name(owner.attributes, name) is not None or name in owner.local:
            faults.add(line, f"look-up {shown(name)} is an attribute as well; rename one")
            continue
        lookup = _LookupReader(schema, owner, name, faults).read(member)
        if lookup is not None:
            lookups[name] = lookup
    return lookups


class _LookupReader:
    def __init__(self, schema: Schema, owner: EntityType, name: str, faults: Faults) -> None:
        self._schema = schema
        self._name = name
        self._what = f"look-up {shown(name)}"
        self._faults = faults
        self._sources = {THIS: ValueType(Kind.REFERENCE, owner.name, target=owner.name)}

    def read(self, node: Node) -> Lookup | None:
        declared = self._faults.members(node, self._what, LOOKUP_MEMBERS)
        target = self._target(declared)
        if target is None:
            return None
        members = declared.members
        arguments = self._arguments(members["arguments"]) if "arguments" in members else {}
        self._sources.update(arguments)
        if "match" not in members:
            self._faults.add(declared.line, f"{self._what} has no match; write `match: {{...}}`")
            return None
        several, order = (
            self._several(target, members["several"]) if "several" in members else ("refuse", "")
        )
        second = self._second(target, declared, several) if "through" in members else None
        reader = MatchReader(
            self._schema, f"match of {self._what}", (target, second), self._sources, self._faults
        )
        match, through = reader.read(declared.members["match"], declared.lines["match"])
        if several == "any":
            reader.check_bounded(match, through, declared.lines["match"])
        where, clock, through = self._where(target, second, through, declared, several)
        return Lookup(
            name=self._name,
            finds=target.name,
            arguments=arguments,
            match=match,
            where=where,
            several=several,
            order=order,
            clock=clock,
            through=through,
        )

    def _target(self, declared: Members) -> EntityType | None:
        if "finds" not in declared.members:
            self._faults.add(declared.line, f"{self._what} has no finds; name the type it finds")
            return None
        node = declared.members["finds"]
        return self._mounted(node, f"{self._what} finds", f"finds of {self._what}")

    def _mounted(self, node: Node, finds: str, what: str) -> EntityType | None:
        """Return the type with a table that a node names; None, and a fault, if it names none."""
        name = self._faults.text(node, what)
        target = self._schema.types.get(name)
        if name and target is None:
            mend = nearest(name, self._schema.types)
            self._faults.add(node.line, f"{finds} {shown(name)}, which is no type{mend}")
        if target is not None and not target.table:
            self._faults.add(node.line, f"{finds} {shown(name)}, which has no table to find it in")
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

    def _second(self, target: EntityType, declared: Members, several: str) -> SecondRow | None:
        """Return the second row that `through` declares."""
        what = f"through of {self._what}"
        node, line = declared.members["through"], declared.lines["through"]
        if several != "any":
            self._faults.add(line, f"{what} needs `several: any`; write that too")
        members = self._faults.members(node, what)
        if len(members.members) != 1:
            self._faults.add(line, f"{what} is no single row; write `through: {{name: type}}`")
            return None
        ((name, member),) = members.members.items()
        if not check_word(name, members.lines[name], what, self._faults, self._sources):
            return None
        prefix = f"{name}."
        if any(f"{each}.".startswith(prefix) for each in target.attributes):
            self._faults.add(
                members.lines[name],
                f"{what} {shown(name)} is an attribute of {target.name} as well; rename it",
            )
            return None
        second = self._mounted(member, f"{what} names", what)
        return None if second is None else SecondRow(name, second, prefix)

    def _where(
        self,
        target: EntityType,
        second: SecondRow | None,
        through: Through | None,
        declared: Members,
        several: str,
    ) -> tuple[dict[str, Value], dict[str, str], Through | None]:
        """Return the constants and the clock of the found row, and the second row with its own."""
        if "where" not in declared.members:
            return {}, {}, through
        what = f"where of {self._what}"
        members = self._faults.members(declared.members["where"], what)
        prefix = second.prefix if second is not None else None
        of_found, of_second = _divided(members, prefix)
        if several != "any":
            return read_constants(self._schema, target, members, what, self._faults), {}, through
        where, clock = read_conditions(self._schema, target, of_found, what, self._faults)
        if second is not None and through is not None:
            constants, instants = read_conditions(
                self._schema, second.type, of_second, what, self._faults
            )
            through = replace(through, where=constants, clock=instants)
        return where, clock, through

    def _several(self, target: EntityType, node: Node) -> tuple[str, str]:
        words = self._faults.text(node, f"several of {self._what}").split(maxsplit=1)
        if words in (["first"], ["refuse"], ["any"]):
            return words[0], ""
        what = f"several of {self._what}"
        if len(words) == 2 and words[0] in {"latest", "earliest"}:  # noqa: PLR2004 - word, attribute
            try:
                steps, attribute = attribute_at(self._schema, target, words[1])
            except ValueError as error:
                self._faults.add(node.line, f"{what}: {error}")
            else:
                has_order = attribute.type.kind in ORDERED or attribute.type == UNTYPED
                if len(steps) > 1 or not has_order:
                    self._faults.add(node.line, f"{what}: {shown(words[1])} has no order")
            return words[0], words[1]
        if words:
            self._faults.add(
                node.line,
                f"{what} is {shown(' '.join(words))};"
                " write first, refuse, any, `latest <attribute>` or `earliest <attribute>`",
            )
        return "refuse", ""


def _divided(members: Members, prefix: str | None) -> tuple[Members, Members]:
    """Return the members of a map without a prefix, and those with it, which it is taken from."""
    names = [name for name in members.members if prefix and name.startswith(prefix)]
    second = {name.removeprefix(prefix or ""): name for name in names}
    return (
        Members(
            {name: node for name, node in members.members.items() if name not in names},
            members.lines,
            members.line,
        ),
        Members(
            {short: members.members[name] for short, name in second.items()},
            {short: members.lines[name] for short, name in second.items()},
            members.line,
        ),
    )
