"""The question of a page: who asks, what for, and what is sent along; as a URL keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sidecar.errors import InvalidRequestError
from sidecar.model import Reference, Request
from sidecar.schema import Attribute, Kind, Schema
from sidecar.schema.instants import parse_instant
from sidecar.schema.sent_texts import action_properties, caller_attributes, json_value

LONGEST_TEXT = 1000
"""Characters of one field."""

ROOTS = ("subject", "action", "resource", "context")
"""What a field `ROOT.NAME` is sent as a property of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A field of the form for one property."""

    name: str
    """``resource.plan``."""
    label: str
    text: str
    choices: tuple[str, ...]
    """Of a property with few values; empty where any text can be sent."""
    hint: str


@dataclass(frozen=True, slots=True)
class Question:
    """The texts of the form, with defaults where none is given."""

    subject_type: str
    subject: str
    action: str
    resource_type: str
    resource: str
    at: str
    properties: Mapping[str, str]
    """By ``ROOT.NAME``, as they are sent; without empty ones."""

    @classmethod
    def of(cls, given: Mapping[str, str], schema: Schema) -> Question:
        """Return the question of a query; unknown fields are ignored.

        Args:
            given: The fields of a URL.
            schema: Of the policy.

        Raises:
            InvalidRequestError: A field is too long.
        """
        for name, text in given.items():
            if len(text) > LONGEST_TEXT:
                raise InvalidRequestError(name[:LONGEST_TEXT], "is too long")
        subjects = schema.subjects()
        types = resource_types(schema)
        properties = {
            name: text
            for name, text in given.items()
            if text and name.partition(".")[0] in ROOTS and "." in name
        }
        return cls(
            subject_type=given.get("subject_type") or next(iter(subjects), ""),
            subject=given.get("subject", ""),
            action=given.get("action", ""),
            resource_type=given.get("resource_type") or next(iter(types), ""),
            resource=given.get("resource", ""),
            at=given.get("at", ""),
            properties=properties,
        )

    @property
    def is_complete(self) -> bool:
        """Whether it can be decided."""
        return bool(self.subject and self.action and self.resource)

    def fields(self) -> dict[str, str]:
        """Return the fields of a URL that asks the same."""
        texts = {
            "subject_type": self.subject_type,
            "subject": self.subject,
            "action": self.action,
            "resource_type": self.resource_type,
            "resource": self.resource,
            "at": self.at,
            **self.properties,
        }
        return {name: text for name, text in texts.items() if text}

    def moment(self, now: datetime) -> datetime:
        """Return the time of the request.

        Args:
            now: Where none is stated.

        Raises:
            InvalidRequestError: It is not an instant.
        """
        if not self.at:
            return now
        try:
            return parse_instant(self.at)
        except ValueError as error:
            raise InvalidRequestError("at", str(error)) from error

    def request(self, schema: Schema) -> Request:
        """Return what is decided.

        Raises:
            InvalidRequestError: A property is not of its declared type.
        """
        sent = {root: dict(self._sent(root, schema)) for root in ROOTS}
        return Request(
            subject=Reference(self.subject_type, self.subject),
            action=self.action,
            resource=Reference(self.resource_type, self.resource),
            subject_properties=sent["subject"],
            action_properties=sent["action"],
            resource_properties=sent["resource"],
            context=sent["context"],
        )

    def inputs(self, schema: Schema) -> tuple[Input, ...]:
        """Return a field for each property that a caller can send."""
        return tuple(
            Input(
                name=f"{root}.{name}",
                label=f"{root}.{name}",
                text=self.properties.get(f"{root}.{name}", ""),
                choices=_choices(attribute),
                hint=attribute.type.name,
            )
            for root in ROOTS
            for name, attribute in self._declared(root, schema).items()
        )

    def _sent(self, root: str, schema: Schema) -> Iterator[tuple[str, object]]:
        for name, attribute in self._declared(root, schema).items():
            text = self.properties.get(f"{root}.{name}")
            if text is not None:
                try:
                    yield name, json_value(text, attribute)
                except ValueError as error:
                    raise InvalidRequestError(f"{root}.{name}", str(error)) from error

    def _declared(self, root: str, schema: Schema) -> Mapping[str, Attribute]:
        if root == "context":
            return {name: each for name, each in schema.context.items() if name != "now"}
        if root == "action":
            return action_properties(schema, self.resource_type, self.action)
        type_name = self.subject_type if root == "subject" else self.resource_type
        return caller_attributes(schema, type_name)


def resource_types(schema: Schema) -> tuple[str, ...]:
    """Return the types that have actions, in the order of the schema."""
    return tuple(name for name, declared in schema.types.items() if declared.actions)


def _choices(attribute: Attribute) -> tuple[str, ...]:
    if attribute.type.kind is Kind.BOOLEAN:
        return ("true", "false")
    return attribute.only or attribute.type.values
