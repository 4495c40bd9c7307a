"""What a line of the decision log says, in a form that can be read back.

A path is written by `sidecar.diagram.path_text.show` and read by `path_of`; a value is written by
`text_of` and read by `value_of` with its type, which stands beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.json_text import plain
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import SETTINGS, Member
from sidecar.diagram.questions import (
    Above,
    AtLeast,
    Exists,
    Includes,
    Order,
    Same,
    ValueOf,
    text_of,
)
from sidecar.digests import digest_of
from sidecar.engine.admission import key_of_id
from sidecar.engine.sensitivity import (
    Origin,
    origin_of_attribute,
    origin_of_context,
    origin_of_key,
    origin_of_property,
)
from sidecar.engine.trace import Fact, RuleAnswer, TracedQuestion
from sidecar.model import Decision, Reference, Request
from sidecar.schema import Attribute, EntityType, Schema, Value, id_of, key_of, parse_json
from sidecar.schema.secrecy import is_secret, names_secret


def digest(setting: Value) -> str:
    """Return a hash of a set among the settings: what was asked of it holds for an equal one."""
    return digest_of(_texts(setting)).revision()


class Lines:
    """Members of lines, with everything sensitive hashed."""

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing
        self._key = hashing.key_name()

    def asked(self, request: Request, schema: Schema) -> dict[str, object]:
        """Return what was asked; of what a caller says, all that the schema lets a caller say.

        What nobody declared can be anything, and is read by nobody: it is left out.
        """
        subject = schema.types.get(request.subject.type)
        resource = schema.types.get(request.resource.type)
        action = resource.actions.get(request.action) if resource else None
        context = {name: each for name, each in schema.context.items() if name != "now"}
        return {
            "subject": {
                **self._entity(request.subject, schema),
                **self._said(
                    "properties",
                    request.subject_properties,
                    _sayable(subject),
                    partial(_attribute_origin, schema, subject),
                    schema,
                ),
            },
            "action": {
                "name": request.action,
                **self._said(
                    "properties",
                    request.action_properties,
                    action.properties if action else {},
                    partial(_property_origin, schema, resource),
                    schema,
                ),
            },
            "resource": {
                **self._entity(request.resource, schema),
                **self._said(
                    "properties",
                    request.resource_properties,
                    _sayable(resource),
                    partial(_attribute_origin, schema, resource),
                    schema,
                ),
            },
            **self._said(
                "context", request.context, context, partial(origin_of_context, schema), schema
            ),
        }

    def asked_of_all(self, request: Request, schema: Schema) -> dict[str, object]:
        """Return the same of a question about all actions: no name, but what is said of each."""
        asked = self.asked(request, schema)
        del asked["action"]
        resource = schema.types.get(request.resource.type)
        declared: dict[str, Attribute] = {}
        for action in resource.actions.values() if resource else ():
            for name, attribute in action.properties.items():
                # Where one action takes it for sensitive, no other may give it away.
                if name not in declared or is_secret(schema, attribute):
                    declared[name] = attribute
        origin = partial(_property_origin, schema, resource)
        said = self._said("properties", request.action_properties, declared, origin, schema)
        return {**asked, "action": said} if said else asked

    def answered(
        self,
        decision: Decision,
        facts: Sequence[Fact],
        settings: Mapping[str, Value],
        rules: Mapping[str, RuleAnswer] | None = None,
    ) -> dict[str, object]:
        """Return what was answered, from which facts, and the key of the hashes.

        Args:
            decision: What was decided.
            facts: What it was made from.
            settings: Of the policy.
            rules: What rules came to that read something sensitive, by their fingerprints.
        """
        said = {
            "decision": decision.allowed,
            "reasons": [reason.code for reason in decision.reasons],
            "obligations": [obligation.code for obligation in decision.obligations],
            "policy_faults": decision.faults,
            **({"outside": decision.outside} if decision.outside else {}),
            "facts": [self._fact(fact, settings) for fact in facts],
        }
        return {**said, **({"rules": rules} if rules else {}), "key": self._key}

    def found(self, type_name: str, ids: Sequence[str], schema: Schema) -> dict[str, object]:
        """Return the ids that a search found."""
        declared = schema.types.get(type_name)
        if declared is not None and names_secret(schema, declared):
            return {"found_hashes": [self._id_hash(each, declared, schema) for each in ids]}
        return {"found": list(ids)}

    def _entity(self, reference: Reference, schema: Schema) -> dict[str, object]:
        declared = schema.types.get(reference.type)
        said: dict[str, object] = {"type": reference.type}
        if not reference.id:  # what a search looks for
            return said
        if declared is not None and names_secret(schema, declared):
            return {**said, "id_hash": self._id_hash(reference.id, declared, schema)}
        written = {"id": reference.id}
        key = None if declared is None else key_of(schema, declared.name, reference.id)
        if key is not None and id_of(key) != reference.id:
            written["key"] = id_of(key)
        return {**said, **written}

    def _id_hash(self, identifier: str, declared: EntityType, schema: Schema) -> str:
        key = key_of_id(schema, declared, identifier)
        if key is None:  # no entity can have it, and it equals none
            return self._hashing.of(("no id", declared.name), identifier)
        return self._hashing.of(origin_of_key(schema, declared), text_of(key))

    def _said(
        self,
        member: str,
        said: Mapping[str, object],
        declared: Mapping[str, Attribute],
        origin: Callable[[Attribute], Origin],
        schema: Schema,
    ) -> dict[str, object]:
        members = {
            name: self._property(said[name], attribute, origin, schema)
            for name, attribute in declared.items()
            if said.get(name) is not None  # null says nothing
        }
        return {member: members} if members else {}

    def _property(
        self,
        said: object,
        attribute: Attribute,
        origin: Callable[[Attribute], Origin],
        schema: Schema,
    ) -> object:
        if not is_secret(schema, attribute):
            return said
        try:
            value = parse_json(schema, attribute.type, said)
        except TypeError:  # about an entity of no declared type nothing is read, nor checked
            value = None
        written = _texts(value)
        if written is None:  # outside its domain: it equals no value
            written = json.dumps(said, default=plain)
            return {"hash": self._hashes(("no value", *origin(attribute)), written)}
        return {"hash": self._hashes(origin(attribute), written)}

    def _fact(self, fact: Fact, settings: Mapping[str, Value]) -> dict[str, object]:
        question = fact.question
        if not isinstance(question, ValueOf):
            said: dict[str, object] = {**_asked(question), "answer": fact.answer}
            match question:
                case Includes(Member(base, name)) if base == SETTINGS:
                    return {**said, "set": digest(settings[name])}
                case _:
                    return said
        written = _texts(fact.answer)
        said = {**_asked(question), "type": fact.type}
        if fact.sensitive and written is not None:
            return {**said, "hash": self._hashes(fact.origin, written)}
        return {**said, "text": written}

    def _hashes(self, origin: Origin, written: str | list[str]) -> str | list[str]:
        if isinstance(written, str):
            return self._hashing.of(origin, written)
        return sorted(self._hashing.of(origin, each) for each in written)


def _asked(question: TracedQuestion) -> dict[str, str | list[str]]:
    """Return a question under its name, its paths and values as text."""
    match question:
        case Exists(path):
            return {"exists": show(path)}
        case ValueOf(path):
            return {"value": show(path)}
        case AtLeast(path, limit, kind):
            return {"least": [show(path), limit, kind.value]}
        case Above(path, limit, kind):
            return {"above": [show(path), limit, kind.value]}
        case Order(left, right):
            return {"order": [show(left), show(right)]}
        case Same(left, right):
            return {"same": [show(left), show(right)]}
        case Includes(members, value):
            return {"includes": [show(members), show(value)]}


def _attribute_origin(schema: Schema, declared: EntityType | None, attribute: Attribute) -> Origin:
    return () if declared is None else origin_of_attribute(schema, declared, attribute)


def _property_origin(schema: Schema, resource: EntityType | None, attribute: Attribute) -> Origin:
    return () if resource is None else origin_of_property(schema, resource, attribute)


def _sayable(declared: EntityType | None) -> dict[str, Attribute]:
    attributes = declared.attributes if declared is not None else {}
    return {name: each for name, each in attributes.items() if each.caller}


def _texts(value: Value) -> str | list[str] | None:
    if value is None:
        return None
    return sorted(map(text_of, value)) if isinstance(value, frozenset) else text_of(value)
