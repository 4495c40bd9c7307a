"""The request of a line of the decision log: the values that the caller sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.decision_log.reader import DecisionLine, LoggedValue
from sidecar.diagram.paths import ACTION, CONTEXT, RESOURCE, SUBJECT, Path
from sidecar.diagram.questions import text_of
from sidecar.engine.admission import admit
from sidecar.schema import Attribute, Kind, Schema, Value

ABSENT = LoggedValue(None)


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a request."""

    label: str
    """Of its members, as in `outside` of a line: ``subject.properties``."""
    declared: Mapping[str, Attribute]
    sent: Mapping[str, Any]


class LineRequest:
    """The request of one line, read by a schema that means the same."""

    def __init__(self, line: DecisionLine, schema: Schema) -> None:
        self._schema = schema
        subject, resource = (schema.types[each.type] for each in (line.subject, line.resource))
        action = resource.actions.get(line.action.name)
        self.creates = action is not None and action.creates
        properties = {} if action is None else action.properties
        self._parts: dict[Path, _Part] = {
            SUBJECT: _Part("subject.properties", subject.attributes, line.subject.properties),
            RESOURCE: _Part("resource.properties", resource.attributes, line.resource.properties),
            ACTION: _Part("action.properties", properties, line.action.properties),
            CONTEXT: _Part("context", schema.context, line.context),
        }
        self.outside = frozenset({*line.outside, *self._outside()})
        """Members whose values are outside their domain: nothing is granted."""

    def is_outside(self, base: Path, name: str) -> bool:
        """Tell whether the caller sent a value there that is outside its domain."""
        part = self._parts.get(base)
        return part is not None and f"{part.label}.{name}" in self.outside

    def is_hashed(self, base: Path, name: str) -> bool:
        """Tell whether only the hash of a value is recorded."""
        return isinstance(self._parts[base].sent.get(name), dict)

    def sent(self, base: Path, name: str) -> LoggedValue | None:
        """Return the admitted value of a member; None where only its hash is recorded."""
        part = self._parts[base]
        value = part.sent.get(name)
        if value is None or self.is_outside(base, name):
            return ABSENT
        try:
            admitted = admit(self._schema, part.declared[name], value)
        except TypeError:
            return None
        # A number is written as a text, which need not be one that a caller may send.
        return None if admitted is None else logged_value(admitted)

    def sent_or_default(self, base: Path, name: str) -> LoggedValue | None:
        """Return the value of a property or of a member of the context, or else its default."""
        attribute = self._parts[base].declared.get(name)
        if attribute is None:
            return ABSENT
        sent = self.sent(base, name)
        takes_default = sent == ABSENT and not self.is_outside(base, name)
        return logged_value(attribute.default) if takes_default else sent

    def _outside(self) -> set[str]:
        """Return the members that are outside their domain, of a line that may name none.

        Lines did not always name them.
        """
        return {
            f"{part.label}.{name}"
            for part in self._parts.values()
            for name, value in part.sent.items()
            if name in part.declared and self._is_refused(part.declared[name], value)
        }

    def _is_refused(self, attribute: Attribute, value: object) -> bool:
        if value is None or attribute.type.single.kind is Kind.DECIMAL:
            return False  # see `sent`
        try:
            return admit(self._schema, attribute, value) is None
        except TypeError:
            return False  # a hash


def logged_value(value: Value) -> LoggedValue:
    """Return a value as a line would tell it."""
    if value is None:
        return ABSENT
    return LoggedValue(
        frozenset(map(text_of, value)) if isinstance(value, frozenset) else text_of(value)
    )
