"""What a line of the decision log says, in a form that can be read back.

A path is written by `sidecar.policy.questions.show` and read by `path_of`; a value is written by
`text_of` and read by `value_of` with its type, which stands beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sidecar.audit.encoding import plain
from sidecar.audit.hashing import Hashing
from sidecar.audit.moments import Moments
from sidecar.digests import digest_of
from sidecar.evaluation.recording import Fact
from sidecar.evaluation.secrecy import is_secret, names_secret
from sidecar.model import Decision, Reference, Request
from sidecar.policy.questions import SETTINGS, show, text_of
from sidecar.schema import Attribute, EntityType, Schema, Value, parse_json


def digest(setting: Value) -> str:
    """Return a hash of a set among the settings: what was asked of it holds for an equal one."""
    return digest_of(_texts(setting)).revision()


class Lines:
    """Members of lines, with everything sensitive hashed."""

    def __init__(self, hashing: Hashing) -> None:
        self.moments = Moments()
        self._hashing = hashing
        self._key = hashing.key_name()
        self.named = f"line, by the key {self._key}"
        """Names what is kept of a line, by the key of its hashes."""

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
                **self._said("properties", request.subject_properties, _sayable(subject), schema),
            },
            "action": {
                "name": request.action,
                **self._said(
                    "properties",
                    request.action_properties,
                    action.properties if action else {},
                    schema,
                ),
            },
            "resource": {
                **self._entity(request.resource, schema),
                **self._said("properties", request.resource_properties, _sayable(resource), schema),
            },
            **self._said("context", request.context, context, schema),
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
        said = self._said("properties", request.action_properties, declared, schema)
        return {**asked, "action": said} if said else asked

    def answered(
        self, decision: Decision, facts: Sequence[Fact], settings: Mapping[str, Value]
    ) -> dict[str, object]:
        """Return what was answered, from which facts, and the key of the hashes."""
        return {
            "decision": decision.allowed,
            "reasons": [reason.code for reason in decision.reasons],
            "obligations": [obligation.code for obligation in decision.obligations],
            "policy_faults": decision.faults,
            "facts": [self._fact(fact, settings) for fact in facts],
            "key": self._key,
        }

    def found(self, type_name: str, ids: Sequence[str], schema: Schema) -> dict[str, object]:
        """Return the ids that a search found."""
        declared = schema.types.get(type_name)
        if declared is not None and names_secret(schema, declared):
            return {"found_hashes": [self._hashing.of(each) for each in ids]}
        return {"found": list(ids)}

    def _entity(self, reference: Reference, schema: Schema) -> dict[str, object]:
        declared = schema.types.get(reference.type)
        said: dict[str, object] = {"type": reference.type}
        if not reference.id:  # what a search looks for
            return said
        if declared is not None and names_secret(schema, declared):
            return {**said, "id_hash": self._hashing.of(reference.id)}
        return {**said, "id": reference.id}

    def _said(
        self,
        member: str,
        said: Mapping[str, object],
        declared: Mapping[str, Attribute],
        schema: Schema,
    ) -> dict[str, object]:
        names = [name for name in declared if name in said]
        members = {name: self._property(said[name], declared[name], schema) for name in names}
        return {member: members} if members else {}

    def _property(self, said: object, attribute: Attribute, schema: Schema) -> object:
        if not is_secret(schema, attribute):
            return said
        try:
            value = parse_json(schema, attribute.type, said)
        except TypeError:  # about an entity of no declared type nothing is read, nor checked
            value = None
        written = _texts(value)
        return {
            "hash": self._hashes(json.dumps(said, default=plain) if written is None else written)
        }

    def _fact(self, fact: Fact, settings: Mapping[str, Value]) -> dict[str, object]:
        kind, *operands = fact.question
        words = [show(each) if isinstance(each, tuple) else each for each in operands]
        if kind != "value":
            said = {kind: words[0] if len(words) == 1 else words, "answer": fact.answer}
            if kind == "includes" and operands[0][:2] == ("member", SETTINGS):
                return {**said, "set": digest(settings[operands[0][2]])}
            return said
        written = _texts(fact.answer)
        if fact.sensitive and written is not None:
            return {"value": words[0], "type": fact.type, "hash": self._hashes(written)}
        return {"value": words[0], "type": fact.type, "text": written}

    def _hashes(self, written: str | list[str]) -> str | list[str]:
        if isinstance(written, str):
            return self._hashing.of(written)
        return sorted(map(self._hashing.of, written))


def _sayable(declared: EntityType | None) -> dict[str, Attribute]:
    attributes = declared.attributes if declared is not None else {}
    return {name: each for name, each in attributes.items() if each.caller}


def _texts(value: Value) -> str | list[str] | None:
    if value is None:
        return None
    return sorted(map(text_of, value)) if isinstance(value, frozenset) else text_of(value)
