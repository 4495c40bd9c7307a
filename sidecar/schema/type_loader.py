"""Reading of entity types: attributes and keys first, then what relates types to each other."""

from __future__ import annotations

from dataclasses import replace

from sidecar.schema.attribute_loader import (
    ACTION_RESERVED,
    ENTITY_RESERVED,
    OF_CALLER,
    OF_ENTITY,
    Place,
    check_name,
    read_attributes,
    read_description,
)
from sidecar.schema.lookup_loader import attribute_at, read_constants, read_lookups
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Action, EntityType, Schema
from sidecar.schema.names import CLASS, class_of, fault_of_name, fault_of_table_name
from sidecar.schema.yaml_document import Faults, Items, Members, Node, Text

_MEMBERS = (
    "description", "subject", "table", "key", "current", "implied", "attributes", "lookups",
    "actions", "polar",
)  # fmt: skip
_ACTION_MEMBERS = ("properties", "creates", "nobody", "description")


_OF_POLAR = (
    "Action Actor Boolean Context Datetime Decimal Dictionary Float Instant Integer List Resource"
    " Settings String This Timedelta"
)
CLASSES_TAKEN = frozenset(_OF_POLAR.split())
"""Classes that mean something else in Polar, or would seem to."""


class TypeReader:
    """Reads one type, round by round."""

    def __init__(self, name: str, node: Node, line: int, faults: Faults) -> None:
        self.line = line
        self._name = name
        self._what = f"type {shown(name)}"
        self._faults = faults
        self._declared = faults.members(node, self._what, _MEMBERS)
        self._said = self._declared.members

    def stub(self) -> EntityType:
        """Return the type with what it says by itself."""
        said, faults = self._said, self._faults
        table = faults.text(said["table"], f"table of {self._what}") if "table" in said else ""
        fault = fault_of_table_name(table) if table else ""
        if not check_name(table, said["table"].line if fault else 0, "table", faults, fault):
            table = ""
        return EntityType(
            name=self._name,
            polar=self._class(),
            table=table,
            key=self._key(),
            attributes={},
            lookups={},
            actions={},
            subject="subject" in said and faults.flag(said["subject"], f"subject of {self._what}"),
            current={},
            description=read_description(said, self._what, faults),
        )

    def _class(self) -> str:
        """Return the class of Polar, derived where the type does not say it."""
        line, faults = self.line_of("polar"), self._faults
        if "polar" not in self._said:
            found = class_of(self._name)
            mend = "write `polar: ...` in it, such as `polar: Item`"
            if not found:
                faults.add(line, f"{self._what} cannot be named in Polar; {mend}")
            elif found in CLASSES_TAKEN:
                taken = f"{shown(found)} in Polar, which means something else there"
                faults.add(line, f"{self._what} has a name that is taken: it is {taken}; {mend}")
            return found
        found = faults.text(self._said["polar"], f"polar of {self._what}")
        if found and not CLASS.fullmatch(found):
            faults.add(
                line,
                f"polar of {self._what} is {shown(found)}; write a name of letters and digits"
                " that begins with a capital letter",
            )
        elif found in CLASSES_TAKEN:
            faults.add(
                line, f"polar of {self._what} is {shown(found)}, which is taken; choose another"
            )
        return found

    def line_of(self, member: str) -> int:
        """Return the line of a member, or of the type where it has none."""
        return self._declared.lines.get(member, self.line)

    def line_of_attribute(self, name: str) -> int:
        """Return the line that declares an attribute."""
        node = self._said.get("attributes")
        return node.lines.get(name, node.line) if isinstance(node, Members) else self.line

    def with_attributes(self, schema: Schema) -> EntityType:
        """Return the type with its attributes; `schema` has the names of all types."""
        declared = schema.types[self._name]
        if "attributes" not in self._said:
            self._faults.add(self.line, f"{self._what} has no attributes; declare its key at least")
            return declared
        place = Place(f"attribute of {shown(self._name)}:", OF_ENTITY, ENTITY_RESERVED)
        attributes = read_attributes(schema, self._said["attributes"], place, self._faults)
        for name, attribute in attributes.items():
            if not declared.table and name not in declared.key and not attribute.caller:
                self._faults.add(
                    self.line_of_attribute(name),
                    f"attribute {shown(name)} of {shown(self._name)} has no source;"
                    " give the type a table or write `caller: true`",
                )
        return replace(declared, attributes=attributes)

    def with_relations(self, schema: Schema) -> EntityType:
        """Return the whole type; `schema` has the attributes of all types."""
        declared = schema.types[self._name]
        said, faults = self._said, self._faults
        for member in ("current", "implied"):
            if member in said and not declared.table:
                faults.add(self.line_of(member), f"{self._what} has no table; remove `{member}`")
        current = (
            read_constants(schema, declared, said["current"], f"current of {self._what}", faults)
            if "current" in said
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
            implied=self._implied(schema, declared) if "implied" in said else None,
            lookups=read_lookups(schema, declared, said["lookups"], faults)
            if "lookups" in said
            else {},
            actions=self._actions(schema, said["actions"]) if "actions" in said else {},
        )

    def _key(self) -> tuple[str, ...]:
        node = self._said.get("key")
        if node is None:
            self._faults.add(self.line, f"{self._what} has no key; write `key: id`")
            return ()
        if isinstance(node, Text):
            text = self._faults.text(node, f"key of {self._what}")
            return (text,) if text else ()
        return tuple(text for text, _ in self._faults.texts(node, f"key of {self._what}"))

    def _implied(self, schema: Schema, declared: EntityType) -> tuple[tuple[str, ...], str] | None:
        what = f"implied of {self._what}"
        node = self._faults.members(self._said["implied"], what)
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
            # Without a row only the key is known, so that the path has to start there.
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
        said = self._faults.members(node, what, _ACTION_MEMBERS).members
        place = Place(f"property of {what}:", OF_CALLER, ACTION_RESERVED)
        return Action(
            name=name,
            properties=read_attributes(schema, said["properties"], place, self._faults)
            if "properties" in said
            else {},
            creates="creates" in said and self._faults.flag(said["creates"], f"creates of {what}"),
            nobody="nobody" in said and self._faults.flag(said["nobody"], f"nobody of {what}"),
            description=read_description(said, what, self._faults),
        )

    def _check_action(self, name: str, line: int) -> bool:
        return check_name(name, line, "action", self._faults, fault_of_name(name))
