"""What a line of the decision log knows: values and existence, from its facts and nothing else.

What follows from a recorded fact, or from what was asked, for certain, is known too: the domain of
an address, the parts of an id, what a caller said of what has no row. Everything else is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.audit.hashing import Hashing
from sidecar.audit.recorded import DecisionLine, Entity, Facts, Told, facts_of_line, moment_of
from sidecar.errors import UnreadableLineError
from sidecar.evaluation.reading import Reader
from sidecar.evaluation.secrecy import Origin, origin_of_path
from sidecar.policy import Policy
from sidecar.policy.questions import (
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
from sidecar.requests import key_of_id
from sidecar.schema import Attribute, Kind, Value, id_of, parse_json
from sidecar.schema.wording import shown

ABSENT = Told(None)
_ROOTS = (SUBJECT, RESOURCE)
_NO_ENTITIES = (ACTION, CONTEXT, SETTINGS)


class Recollection:
    """The facts of one line, read by the names of one policy."""

    def __init__(
        self, line: DecisionLine, policy: Policy, reader: Reader, hashing: Hashing | None
    ) -> None:
        """Read the facts of a line.

        Args:
            line: Of types that the schema declares, and a schema that means the same.
            policy: Whose questions are to be answered.
            reader: For these types.
            hashing: By the key of the log; None where nobody gave it.

        Raises:
            UnreadableLineError: The facts are none.
        """
        self.line = line
        self.facts: Facts = facts_of_line(line)
        self.reader = reader
        self.settings = policy.settings
        self.hashing = hashing if hashing and hashing.key_name() == line.key else None
        self._schema = policy.schema
        self._resource = policy.schema.types[line.resource.type]
        self._moment = moment_of(line)
        self._entities: Mapping[Path, Entity] = {SUBJECT: line.subject, RESOURCE: line.resource}
        self._derived: dict[Path, Told | None] = {}
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
            self._derived[path] = self._derive(path)
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
        return None if self.reader.type_of(path).table else True

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
        always = not attribute.optional or attribute.default is not None
        # Its row is there, and holds what every row has to hold.
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
            return self._context(self._schema.context[name])
        if base == ACTION:
            resource = self._schema.types[self.line.resource.type]
            action = resource.actions.get(self.line.action.name)
            attribute = action.properties.get(name) if action is not None else None
            return ABSENT if attribute is None else self._said(attribute, self.line.action)
        if base == SETTINGS:
            return told(self.settings.get(name))
        if not self.reader.is_entity(base):
            return self._domain(base)
        if name in self.reader.type_of(base).key:
            return self._part(base, name)
        return self._stored(base, name)

    def _key(self, root: Path) -> Told | None:
        entity, declared = self._entities[root], self.reader.type_of(root)
        if entity.id_hash is not None:
            # Of an id in parts nobody can tell whether it has as many as the key.
            whole = len(declared.key) == 1 or self.facts.answers.get(("exists", root)) is True
            return Told(entity.id_hash, hashed=True) if whole else None
        key = key_of_id(declared, entity.id or "")
        return ABSENT if key is None else Told(id_of(key))

    def _context(self, attribute: Attribute) -> Told | None:
        said = self._admitted(attribute, self.line.context)
        return told(attribute.default) if said == ABSENT else said

    def _said(self, attribute: Attribute, by: Entity | object) -> Told | None:
        said: Mapping[str, object] = getattr(by, "properties", {})
        return self._admitted(attribute, said)

    def _admitted(self, attribute: Attribute, said: Mapping[str, object]) -> Told | None:
        """Return what was admitted of what a caller said; unknown where only its hash is told."""
        if attribute.name not in said:
            return ABSENT
        try:
            value = parse_json(self._schema, attribute.type, said[attribute.name])
        except TypeError:
            return None
        if value is None and (attribute.type.element or attribute.type).kind is Kind.DECIMAL:
            return (
                None  # a number is written as a text, which need not be one that a caller may say
            )
        return told(value if not attribute.only or value in attribute.only else None)

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
        if declared.table and self.exists(base) is not False:
            return None  # its row may hold anything
        attribute = declared.attributes[name]
        if base in _ROOTS and attribute.caller:
            return self._said(attribute, self._entities[base])
        return ABSENT


def told(value: Value) -> Told:
    """Return a value as a line would tell it."""
    if value is None:
        return ABSENT
    return Told(frozenset(map(text_of, value)) if isinstance(value, frozenset) else text_of(value))
