"""What a line of the decision log knows: values and existence, from its facts and nothing else.

What follows from a recorded fact, or from what was asked, for certain, is known too: the domain of
an address, the parts of an id, what a caller said of what has no row. Everything else is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.reader import DecisionLine, Entity, Facts, Told, facts_of_line, moment_of
from sidecar.diagram.questions import (
    ACTION,
    CONTEXT,
    NOW,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Path,
    show,
    text_of,
)
from sidecar.engine.admission import admit, key_of_id
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.engine.sensitivity import Origin, origin_of_path
from sidecar.errors import UnreadableLineError
from sidecar.review.supplied_facts import Supply
from sidecar.schema import Attribute, Kind, Value, id_of
from sidecar.schema.messages import shown

ABSENT = Told(None)
_ROOTS = (SUBJECT, RESOURCE)
_NO_ENTITIES = (ACTION, CONTEXT, SETTINGS)


class Recollection:
    """The facts of one line, read by the names of one policy."""

    def __init__(
        self,
        line: DecisionLine,
        policy: Policy,
        reader: Reader,
        hashing: Hashing | None,
        supply: Supply | None = None,
    ) -> None:
        """Read the facts of a line.

        Args:
            line: Of types that the schema declares, and a schema that means the same.
            policy: Whose questions are to be answered.
            reader: For these types.
            hashing: By the key of the log; None where nobody gave it.
            supply: Facts of a mount for what the line does not hold; None where nobody gave any.

        Raises:
            UnreadableLineError: The facts are none.
        """
        self.line = line
        self.facts: Facts = facts_of_line(line)
        self.reader = reader
        self.settings = policy.settings
        self.hashing = hashing if hashing and hashing.key_name() == line.key else None
        self._supply = supply
        self._schema = policy.schema
        self._resource = policy.schema.types[line.resource.type]
        self._moment = moment_of(line)
        self._entities: Mapping[Path, Entity] = {SUBJECT: line.subject, RESOURCE: line.resource}
        self._derived: dict[Path, Told | None] = {}
        self.outside = self._outside()
        """Members of the request whose values are outside their domain: nothing is granted."""
        for path, name in self.facts.types.items():
            if self._type_name(path) != name:
                shown_path = shown(show(path))
                raise UnreadableLineError(f"has a fact of another schema: {shown_path} as `{name}`")

    def value(self, path: Path) -> Told | None:
        """Return the value at a path, or the key of the entity there; None where it is unknown."""
        found = self.facts.values.get(path)
        if found is not None:
            return found
        if path not in self._derived:
            derived = self._derive(path)
            self._derived[path] = self._supplied(path) if derived is None else derived
        return self._derived[path]

    def origin(self, path: Path) -> Origin:
        """Return the origin of the value at a path, within which its hash compares."""
        return origin_of_path(self.reader, self._resource, path)

    def hashed(self, path: Path, text: str) -> str | None:
        """Return the hash that a value has at a path; None where nobody gave the key."""
        return None if self.hashing is None else self.hashing.of(self.origin(path), text)

    def exists(self, path: Path) -> bool | None:
        """Tell whether there is such an entity; None where it is unknown."""
        told = self.facts.answers.get(("exists", path))
        if told is not None:
            return bool(told)
        key = self.value(path)
        if key is None:
            return None
        if key.text is None:
            return False  # nothing has no key
        if not self.reader.type_of(path).table:
            return True
        if self._supply is None or not self._agreed(path):
            return None
        self._supply.note(path)
        return self._supply.exists(path)

    def present(self, path: Path) -> bool | None:
        """Tell whether there is a value at a path; None where it is unknown."""
        found = self.value(path)
        if found is not None:
            return found.text is not None
        if self.reader.is_entity(path) and self.exists(path):
            return True
        base, name = path[1], path[2]
        if base in _NO_ENTITIES or not self.reader.is_entity(base) or not self.exists(base):
            return None
        declared = self.reader.type_of(base)
        attribute = declared.attributes[name]
        if attribute.default is not None:  # stored, said or default, but for what is refused
            return None if f"{base[0]}.properties.{name}" in self.outside else True
        # Its row is there, and holds what every row has to hold.
        always = not attribute.optional
        return True if declared.table and declared.implied is None and always else None

    def _type_name(self, path: Path) -> str:
        try:
            if self.reader.is_entity(path):
                return self.reader.type_of(path).name
            return self.reader.attribute(path).type.name
        except (KeyError, IndexError, StopIteration):
            return ""

    def _derive(self, path: Path) -> Told | None:
        if path in _ROOTS:
            return self._key(path)
        if path[0] == "lookup":
            return None
        base, name = path[1], path[2]
        if path == NOW:
            return Told(text_of(self._moment))
        if base == CONTEXT:
            attribute = self._schema.context[name]
            return self._said_or_default("context", attribute, self.line.context)
        if base == ACTION:
            resource = self._schema.types[self.line.resource.type]
            action = resource.actions.get(self.line.action.name)
            if action is None or name not in action.properties:
                return ABSENT
            said = self.line.action.properties
            return self._said_or_default("action.properties", action.properties[name], said)
        if base == SETTINGS:
            return told(self.settings.get(name))
        if not self.reader.is_entity(base):
            return self._domain(base)
        if name in self.reader.type_of(base).key:
            return self._part(base, name)
        return self._stored(base, name)

    def _supplied(self, path: Path) -> Told | None:
        """Return a fact of the mount; None where there is none that fits the line."""
        if self._supply is None or path in _ROOTS:
            return None
        base = path[1]
        if base in _NO_ENTITIES or (path[0] == "member" and not self.reader.is_entity(base)):
            return None
        if not self._agreed(path):
            return None
        if base in _ROOTS and isinstance(self._entities[base].properties.get(path[2]), dict):
            return None  # what the caller said is hashed, and a default must not stand for it
        self._supply.note(path)
        return told(self._supply.value(path))

    def _agreed(self, path: Path) -> bool:
        """Tell whether the mount agrees with the line about all that leads to a fact."""
        if path in _ROOTS or self._supply is None:
            return False  # the line itself says of these whether they exist
        operands = path[3] if path[0] == "lookup" else ()
        before = [path[1], *(each for each in operands if each[0] != "literal")]
        return all(self._agrees(each, self._supply) for each in before)

    def _agrees(self, path: Path, supply: Supply) -> bool:
        if path in _NO_ENTITIES:
            return True
        known = self.value(path)
        found = told(supply.value(path))
        if known is None:
            return False
        if known.hashed:
            if isinstance(found.text, frozenset) or found.text is None:
                return False
            if self.hashed(path, found.text) != known.text:
                return False
        elif known != found:
            return False
        entity = self.reader.is_entity(path)
        return not entity or self.exists(path) is supply.exists(path)

    def _key(self, root: Path) -> Told | None:
        entity, declared = self._entities[root], self.reader.type_of(root)
        if entity.id_hash is not None:
            # Nobody can tell from a hash whether what was hashed can be an id of the type.
            answers = self.facts.answers
            present = answers.get(("present", ("member", root, declared.key[0])))
            if present is False:
                return ABSENT
            whole = declared.keeps_any_id or present is True or answers.get(("exists", root))
            return Told(entity.id_hash, hashed=True) if whole else None
        key = key_of_id(self._schema, declared, entity.id or "")
        return ABSENT if key is None else Told(id_of(key))

    def _said(self, member: str, attribute: Attribute, said: Mapping[str, object]) -> Told | None:
        """Return what was admitted of what a caller said; unknown where only its hash is told."""
        value = said.get(attribute.name)
        if value is None or f"{member}.{attribute.name}" in self.outside:
            return ABSENT
        try:
            admitted = admit(self._schema, attribute, value)
        except TypeError:
            return None
        # A number is written as a text, which need not be one that a caller may say.
        return None if admitted is None else told(admitted)

    def _said_or_default(
        self, member: str, attribute: Attribute, said: Mapping[str, object]
    ) -> Told | None:
        found = self._said(member, attribute, said)
        refused = f"{member}.{attribute.name}" in self.outside
        return told(attribute.default) if found == ABSENT and not refused else found

    def _outside(self) -> frozenset[str]:
        """Return the members of the request whose values are outside their domain.

        A line tells them; one that tells of none was written before lines did, or has none.
        """
        line, schema = self.line, self._schema
        found = set(line.outside)
        resource = schema.types[line.resource.type]
        action = resource.actions.get(line.action.name)
        for member, declared, said in (
            (
                "subject.properties",
                schema.types[line.subject.type].attributes,
                line.subject.properties,
            ),
            ("resource.properties", resource.attributes, line.resource.properties),
            ("action.properties", action.properties if action else {}, line.action.properties),
            ("context", schema.context, line.context),
        ):
            for name, value in said.items():
                if name in declared and self._is_outside(declared[name], value):
                    found.add(f"{member}.{name}")
        return frozenset(found)

    def _is_outside(self, attribute: Attribute, value: object) -> bool:
        if value is None or (attribute.type.element or attribute.type).kind is Kind.DECIMAL:
            return False  # see `_said`
        try:
            return admit(self._schema, attribute, value) is None
        except TypeError:
            return False  # a hash

    def _domain(self, address: Path) -> Told | None:
        whole = self.value(address)
        if whole is None or whole.text is None:
            return whole
        if whole.hashed or isinstance(whole.text, frozenset):
            return None
        return Told(whole.text.rpartition("@")[2])

    def _part(self, base: Path, name: str) -> Told | None:
        key, columns = self.value(base), self.reader.type_of(base).key
        if key is None or key.text is None or len(columns) == 1:
            return key
        if key.hashed or isinstance(key.text, frozenset):
            return None
        return Told(key.text.split("/", len(columns) - 1)[columns.index(name)])

    def _stored(self, base: Path, name: str) -> Told | None:
        declared = self.reader.type_of(base)
        exists = self.exists(base)
        if declared.table and exists is not False:
            return None  # its row may hold anything
        attribute = declared.attributes[name]
        if base in _ROOTS and attribute.caller:
            member = f"{base[0]}.properties"
            said = self._said(member, attribute, self._entities[base].properties)
            if said != ABSENT or f"{member}.{name}" in self.outside:
                return said
        return told(attribute.default) if exists or self._is_created(base) else ABSENT

    def _is_created(self, base: Path) -> bool:
        actions = self._schema.types[self.line.resource.type].actions
        action = actions.get(self.line.action.name)
        return base == RESOURCE and action is not None and action.creates


def told(value: Value) -> Told:
    """Return a value as a line would tell it."""
    if value is None:
        return ABSENT
    return Told(frozenset(map(text_of, value)) if isinstance(value, frozenset) else text_of(value))
