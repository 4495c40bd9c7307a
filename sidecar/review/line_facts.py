"""What a line of the decision log knows: values and existence, from its facts and nothing else.

What follows from a recorded fact or from the request for certain is known too: the domain of an
address, the parts of an id, what a caller sent of an entity without a row. Everything else is
unknown. What a path means is defined in `sidecar.engine.fact_paths`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.reader import (
    DecisionLine,
    Entity,
    Facts,
    LoggedValue,
    facts_of_line,
    moment_of,
)
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    NOW,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Path,
    Root,
    parts_of,
)
from sidecar.diagram.questions import Exists, Present, text_of
from sidecar.engine.admission import key_of_id
from sidecar.engine.fact_paths import ROOTS, FactPaths
from sidecar.engine.policy import Policy
from sidecar.engine.sensitivity import Origin, origin_of_path
from sidecar.errors import UnreadableLineError
from sidecar.review.line_request import ABSENT, LineRequest, logged_value
from sidecar.review.supplied_facts import Supply
from sidecar.schema import Attribute, EntityType, Value, ValueType, id_of, is_id
from sidecar.schema.local_time import LocalPart
from sidecar.schema.messages import shown

_NO_ENTITIES = (ACTION, CONTEXT, SETTINGS)


class LineFacts(FactPaths[LoggedValue | None, bool | None]):
    """The facts of one line, read by the names of one policy; None stands for what is unknown."""

    def __init__(
        self,
        line: DecisionLine,
        policy: Policy,
        hashing: Hashing | None,
        supply: Supply | None = None,
    ) -> None:
        """Read the facts of a line.

        Args:
            line: Of types that the schema declares, and a schema that means the same.
            policy: Whose questions are to be answered.
            hashing: By the key of the log; None where nobody gave it.
            supply: Facts of a mount for what the line does not hold; None where nobody gave any.

        Raises:
            UnreadableLineError: The facts are none.
        """
        types = policy.schema.types
        subject, self._resource = types[line.subject.type], types[line.resource.type]
        super().__init__(policy.schema, policy.settings, subject, self._resource)
        self.line = line
        self.facts: Facts = facts_of_line(line)
        self.hashing = hashing if hashing and hashing.key_name() == line.key else None
        self._supply = supply
        self._moment = moment_of(line)
        self._entities: Mapping[Path, Entity] = {SUBJECT: line.subject, RESOURCE: line.resource}
        self._derived: dict[Path, LoggedValue | None] = {}
        self.request = LineRequest(line, policy.schema)
        for path, name in self.facts.types.items():
            if self._type_name(path) != name:
                shown_path = shown(show(path))
                raise UnreadableLineError(f"has a fact of another schema: {shown_path} as `{name}`")

    def comparable(self, path: Path) -> LoggedValue | None:
        """Return the value at a path, or the key of the entity there; None where it is unknown."""
        recorded = self.facts.values.get(path)
        if recorded is not None:
            return recorded
        if path not in self._derived:
            derived = super().comparable(path)
            self._derived[path] = self._supplied(path) if derived is None else derived
        return self._derived[path]

    def exists(self, path: Path) -> bool | None:
        """Tell whether there is such an entity; None where it is unknown."""
        recorded = self.facts.answers.get(Exists(path))
        if recorded is not None:
            return bool(recorded)
        derived = super().exists(path)
        if derived is not None or self._supply is None or not self._agreed(path):
            return derived
        self._supply.note(path)
        return self._supply.exists(path)

    def origin(self, path: Path) -> Origin:
        """Return the origin of the value at a path, within which its hash compares."""
        return origin_of_path(self, self._resource, path)

    def hashed(self, path: Path, text: str) -> str | None:
        """Return the hash that a value has at a path; None where nobody gave the key."""
        return None if self.hashing is None else self.hashing.of(self.origin(path), text)

    def present(self, path: Path) -> bool | None:
        """Tell whether there is a value at a path; None where it is unknown."""
        value = self.comparable(path)
        if value is not None:
            return value.text is not None
        if self.is_entity(path) and self.exists(path):
            return True
        base = path.base if isinstance(path, Member) else None
        if base is None or base in _NO_ENTITIES or not self.is_entity(base):
            return None
        if not self.exists(base):
            return None
        declared = self.type_of(base)
        attribute = declared.attributes[path.name]
        if attribute.default is not None:  # stored, sent or default, but for what is refused
            return None if self.request.is_outside(base, path.name) else True
        # Its row is there, and holds what every row has to hold.
        always = not attribute.optional
        return True if declared.table and declared.implied is None and always else None

    # How single facts are read from a line.

    def constant(self, value: Value, _declared: ValueType) -> LoggedValue | None:
        """Return a value of the settings or of a literal."""
        return logged_value(value)

    def sent(self, base: Path, name: str) -> LoggedValue | None:
        """Return what the caller sent, or else its default."""
        if base in {ACTION, CONTEXT}:
            if base == CONTEXT and name == NOW.name:
                return LoggedValue(text_of(self._moment))
            return self.request.sent_or_default(base, name)
        attribute = self.type_of(base).attributes[name]
        if attribute.caller:
            sent = self.request.sent(base, name)
            if sent != ABSENT or self.request.is_outside(base, name):
                return sent
        exists = True if base == RESOURCE and self.request.creates else self.exists(base)
        return self.given(exists, logged_value(attribute.default))

    def column(self, path: Path, _attribute: Attribute) -> LoggedValue | None:
        """Return that a row may hold anything, or that there is none."""
        return None if self.type_of(path).table and self.exists(path) is not False else ABSENT

    def key_of_row(self, _path: LookupPath) -> LoggedValue | None:
        """Return that the row is unknown that a look-up finds."""
        return None

    def has_row(self, path: Path) -> bool | None:
        """Tell that what has no key has no row."""
        return False if self.comparable(path) == ABSENT else None

    def first(self, preferred: LoggedValue | None, other: LoggedValue | None) -> LoggedValue | None:
        """Return a value, or another one where it is absent."""
        return other if preferred == ABSENT else preferred

    def given(self, condition: bool | None, value: LoggedValue | None) -> LoggedValue | None:  # noqa: FBT001
        """Return a value where a condition holds."""
        if value == ABSENT or condition is False:
            return ABSENT
        return value if condition else None

    def part(self, key: LoggedValue | None, declared: EntityType, name: str) -> LoggedValue | None:
        """Return one column of a key."""
        columns = declared.key
        if key is None or key.text is None or len(columns) == 1:
            return key
        if key.hashed or isinstance(key.text, frozenset):
            return None
        return LoggedValue(key.text.split("/", len(columns) - 1)[columns.index(name)])

    def whole(self, parts: Sequence[LoggedValue | None]) -> LoggedValue | None:
        """Return the key of these columns; of a hash nobody knows the text."""
        if ABSENT in parts:
            return ABSENT
        texts = [part.text for part in parts if part is not None and not part.hashed]
        if len(texts) < len(parts):
            return None
        return LoggedValue(id_of(tuple(map(str, texts))) if len(texts) > 1 else texts[0])

    def domain(self, address: LoggedValue | None) -> LoggedValue | None:
        """Return the domain of an address."""
        if address is None or address.text is None:
            return address
        if address.hashed or isinstance(address.text, frozenset):
            return None
        return LoggedValue(address.text.rpartition("@")[2])

    def local(self, instant: LoggedValue | None, part: LocalPart) -> LoggedValue | None:
        """Return the hour, the weekday or the date of an instant; of a hash nobody knows it."""
        if instant is None or instant.text is None:
            return instant
        if instant.hashed or isinstance(instant.text, frozenset):
            return None
        return logged_value(part.reader()(datetime.fromisoformat(instant.text)))

    def is_present(self, value: LoggedValue | None) -> bool | None:
        """Tell whether a value is there."""
        return None if value is None else value.text is not None

    def is_id(self, value: LoggedValue | None) -> bool | None:
        """Tell whether a text can be an id."""
        if value is None or value.hashed or isinstance(value.text, frozenset):
            return None
        return is_id(value.text)

    def same(self, left: LoggedValue | None, right: LoggedValue | None) -> bool | None:
        """Tell whether two values are there and equal; hashes of two origins never compare."""
        if ABSENT in (left, right):
            return False
        if left is None or right is None or left.hashed or right.hashed:
            return None
        return left.text == right.text

    def either(self, left: bool | None, right: bool | None) -> bool | None:  # noqa: FBT001
        """Tell whether one of two conditions holds."""
        if left or right:
            return True
        return None if None in (left, right) else False

    def _type_name(self, path: Path) -> str:
        try:
            if self.is_entity(path):
                return self.type_of(path).name
            return self.attribute(path).type.name
        except (KeyError, IndexError, StopIteration):
            return ""

    def _supplied(self, path: Path) -> LoggedValue | None:
        """Return a fact of the mount; None where there is none that fits the line."""
        if self._supply is None or isinstance(path, Root):
            return None
        base = path.base
        if base in _NO_ENTITIES or (isinstance(path, Member) and not self.is_entity(base)):
            return None
        if not self._agreed(path):
            return None
        if base in ROOTS and self.request.is_hashed(base, path.name):
            return None  # what the caller said is hashed, and a default must not stand for it
        self._supply.note(path)
        return logged_value(self._supply.comparable(path))

    def _agreed(self, path: Path) -> bool:
        """Tell whether the mount agrees with the line about all that leads to a fact."""
        if path in ROOTS or self._supply is None:
            return False  # the line itself says of these whether they exist
        return all(
            self._agrees(each, self._supply)
            for each in parts_of(path)
            if not isinstance(each, Literal)
        )

    def _agrees(self, path: Path, supply: Supply) -> bool:
        if path in _NO_ENTITIES:
            return True
        known = self.comparable(path)
        found = logged_value(supply.comparable(path))
        if known is None:
            return False
        if known.hashed:
            if isinstance(found.text, frozenset) or found.text is None:
                return False
            if self.hashed(path, found.text) != known.text:
                return False
        elif known != found:
            return False
        entity = self.is_entity(path)
        return not entity or self.exists(path) is supply.exists(path)

    def key_sent(self, root: Path) -> LoggedValue | None:
        """Return the key that the id of the subject or the resource names."""
        entity, declared = self._entities[root], self.type_of(root)
        if entity.id_hash is not None:
            # Nobody can tell from a hash whether what was hashed can be an id of the type.
            answers = self.facts.answers
            present = answers.get(Present(Member(root, declared.key[0])))
            if present is False:
                return ABSENT
            whole = declared.keeps_any_id or present is True or answers.get(Exists(root))
            return LoggedValue(entity.id_hash, hashed=True) if whole else None
        key = key_of_id(self.schema, declared, entity.id or "")
        return ABSENT if key is None else LoggedValue(id_of(key))
