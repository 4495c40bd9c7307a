"""Read entity types: attributes and keys first, then the relations between types."""

from __future__ import annotations

from dataclasses import replace

from sidecar.schema.attribute_loader import (
    ACTION_RESERVED,
    ENTITY_RESERVED,
    OF_CALLER,
    OF_ENTITY,
    AttributeScope,
    check_name,
    read_attributes,
)
from sidecar.schema.local_loader import read_local, without_local
from sidecar.schema.lookup_loader import read_lookups
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Action, EntityType, Schema
from sidecar.schema.names import CLASS, class_of, fault_of_name, fault_of_table_name
from sidecar.schema.row_paths import attribute_at, read_constants
from sidecar.schema.yaml_document import Faults, Items, Members, Node, Text

TYPE_MEMBERS = (
    "description", "subject", "table", "key", "current", "implied", "attributes", "lookups",
    "actions", "polar",
)  # fmt: skip
ACTION_MEMBERS = ("properties", "creates", "nobody", "description")


_OF_POLAR = (
    "Action Actor Boolean Context Datetime Decimal Dictionary Float Instant Integer List Resource"
    " Settings String This Timedelta"
)
CLASSES_TAKEN = frozenset(_OF_POLAR.split())
"""Classes that have, or seem to have, another meaning in Polar."""


class TypeReader:
    """The reader of one type, used once in each round."""

    def __init__(self, name: str, node: Node, line: int, faults: Faults) -> None:
        self.line = line
        self._name = name
        self._what = f"type {shown(name)}"
        self._faults = faults
        self._declared = faults.members(node, self._what, TYPE_MEMBERS)
        self._members = self._declared.members

    def stub(self) -> EntityType:
        """Return the type without its relations to other types."""
        members, faults = self._members, self._faults
        table = faults.member_text(self._declared, "table", self._what)
        fault = fault_of_table_name(table) if table else ""
        if not check_name(table, members["table"].line if fault else 0, "table", faults, fault):
            table = ""
        return EntityType(
            name=self._name,
            polar=self._class(),
            table=table,
            key=self._key(),
            attributes={},
            lookups={},
            actions={},
            subject=faults.member_flag(self._declared, "subject", self._what),
            current={},
            description=faults.member_text(self._declared, "description", self._what),
        )

    def _class(self) -> str:
        """Return the class in Polar, derived from the name if the type does not state it."""
        line, faults = self.line_of("polar"), self._faults
        if "polar" not in self._members:
            name = class_of(self._name)
            mend = "write `polar: ...` in it, such as `polar: Item`"
            if not name:
                faults.add(line, f"{self._what} cannot be named in Polar; {mend}")
            elif name in CLASSES_TAKEN:
                taken = f"{shown(name)} in Polar, which means something else there"
                faults.add(line, f"{self._what} has a name that is taken: it is {taken}; {mend}")
            return name
        name = faults.text(self._members["polar"], f"polar of {self._what}")
        if name and not CLASS.fullmatch(name):
            faults.add(
                line,
                f"polar of {self._what} is {shown(name)}; write a name of letters and digits"
                " that begins with a capital letter",
            )
        elif name in CLASSES_TAKEN:
            faults.add(
                line, f"polar of {self._what} is {shown(name)}, which is taken; choose another"
            )
        return name

    def line_of(self, member: str) -> int:
        """Return the line of a member, or of the type if it has none."""
        return self._declared.lines.get(member, self.line)

    def line_of_attribute(self, name: str) -> int:
        """Return the line that declares an attribute."""
        node = self._members.get("attributes")
        return node.lines.get(name, node.line) if isinstance(node, Members) else self.line

    def with_attributes(self, schema: Schema) -> EntityType:
        """Return the type with its attributes; `schema` has the names of all types."""
        declared = schema.types[self._name]
        if "attributes" not in self._members:
            self._faults.add(self.line, f"{self._what} has no attributes; declare its key at least")
            return declared
        scope = AttributeScope(f"attribute of {shown(self._name)}:", OF_ENTITY, ENTITY_RESERVED)
        node = self._members["attributes"]
        attributes = read_attributes(schema, without_local(node), scope, self._faults)
        for name, attribute in attributes.items():
            if not declared.table and name not in declared.key and not attribute.caller:
                self._faults.add(
                    self.line_of_attribute(name),
                    f"attribute {shown(name)} of {shown(self._name)} has no source;"
                    " give the type a table or write `caller: true`",
                )
        local = read_local(node, attributes, scope, self._faults)
        return replace(declared, attributes=attributes, local=local)

    def with_relations(self, schema: Schema) -> EntityType:
        """Return the whole type; `schema` has the attributes of all types."""
        declared = schema.types[self._name]
        members, faults = self._members, self._faults
        for member in ("current", "implied"):
            if member in members and not declared.table:
                faults.add(self.line_of(member), f"{self._what} has no table; remove `{member}`")
        current = (
            read_constants(schema, declared, members["current"], f"current of {self._what}", faults)
            if "current" in members
            else {}
        )
        for name in current:
            if name in declared.key:
                faults.add(
                    self.line_of("current"),
                    f"current of {self._what} names {shown(name)} of the key, which rows that"
                    " repeat a key have in common; remove it",
                )
        return replace(
            declared,
            current=current,
            implied=self._implied(schema, declared) if "implied" in members else None,
            lookups=read_lookups(schema, declared, members["lookups"], faults)
            if "lookups" in members
            else {},
            actions=self._actions(schema, members["actions"]) if "actions" in members else {},
        )

    def _key(self) -> tuple[str, ...]:
        node = self._members.get("key")
        if node is None:
            self._faults.add(self.line, f"{self._what} has no key; write `key: id`")
            return ()
        if isinstance(node, Text):
            text = self._faults.text(node, f"key of {self._what}")
            return (text,) if text else ()
        return tuple(text for text, _ in self._faults.texts(node, f"key of {self._what}"))

    def _implied(self, schema: Schema, declared: EntityType) -> tuple[tuple[str, ...], str] | None:
        what = f"implied of {self._what}"
        node = self._faults.members(self._members["implied"], what)
        if len(node.members) != 1:
            self._faults.add(self.line_of("implied"), f"{what} needs one pair, `path: key column`")
            return None
        ((path, member),) = node.members.items()
        line = node.lines[path]
        column = self._faults.text(member, what)
        if column not in declared.key:
            mend = nearest(column, declared.key) or f"; write one of {one_of(declared.key)}"
            self._faults.add(member.line, f"{what}: {shown(column)} is not of the key{mend}")
            return None
        try:
            steps, attribute = attribute_at(schema, declared, path)
        except ValueError as error:
            self._faults.add(line, f"{what}: {error}")
            return None
        if steps[0] not in declared.key or len(steps) == 1:
            # Without a row only the key is known, so the path must start there.
            self._faults.add(
                line, f"{what}: {shown(path)} must lead from a key column to another type"
            )
            return None
        if attribute.type != declared.attributes[column].type:
            self._faults.add(
                line,
                f"{what}: {shown(path)} and {shown(column)} are of different types",
            )
            return None
        return steps, column

    def _actions(self, schema: Schema, node: Node) -> dict[str, Action]:
        actions = {}
        if isinstance(node, Items):
            what = f"actions of {self._what}"
            for text, line in self._faults.texts(node, what):
                if self._check_action(text, line):
                    actions[text] = Action(name=text, properties={})
            return actions
        declared = self._faults.members(node, f"actions of {self._what}")
        for name, member in declared.members.items():
            if self._check_action(name, declared.lines[name]):
                actions[name] = self._action(schema, name, member)
        return actions

    def _action(self, schema: Schema, name: str, node: Node) -> Action:
        what = f"action {shown(name)}"
        declared = self._faults.members(node, what, ACTION_MEMBERS)
        members = declared.members
        scope = AttributeScope(f"property of {what}:", OF_CALLER, ACTION_RESERVED)
        return Action(
            name=name,
            properties=read_attributes(schema, members["properties"], scope, self._faults)
            if "properties" in members
            else {},
            creates=self._faults.member_flag(declared, "creates", what),
            nobody=self._faults.member_flag(declared, "nobody", what),
            description=self._faults.member_text(declared, "description", what),
        )

    def _check_action(self, name: str, line: int) -> bool:
        return check_name(name, line, "action", self._faults, fault_of_name(name))
