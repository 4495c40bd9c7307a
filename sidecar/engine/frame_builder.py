"""Builds frames: admits what the caller sent, finds subject and resource, and applies defaults."""

from __future__ import annotations

from datetime import datetime

from sidecar.diagram.paths import RESOURCE, SUBJECT
from sidecar.engine.admission import (
    NO_VALUES,
    Admitted,
    admit_properties,
    defaults_of,
    id_reader,
    sendable_attributes,
    sendable_context,
)
from sidecar.engine.frame import UNREAD, Frame
from sidecar.engine.paths import Reader
from sidecar.errors import BadRowError
from sidecar.facts import Facts
from sidecar.model import Reference, Request
from sidecar.schema import EntityType, Key

_NO_PROPERTIES = (NO_VALUES, NO_VALUES)
_NOTHING_SENT = Request(subject=Reference("", ""), action="", resource=Reference("", ""))


class FrameBuilder:
    """Builds frames for one type of subject and one type of resource."""

    def __init__(self, reader: Reader, subject: EntityType, resource: EntityType) -> None:
        self._reader = reader
        self._subject = subject
        self._resource = resource
        self._keys = id_reader(reader.schema, subject), id_reader(reader.schema, resource)
        self._exists = reader.exists(SUBJECT), reader.exists(RESOURCE)
        self._sendable = sendable_attributes(subject), sendable_attributes(resource)
        self._sendable_context = sendable_context(reader.schema)
        self._context_defaults = defaults_of(self._sendable_context)
        self._action_defaults = {
            name: defaults_of(action.properties) for name, action in resource.actions.items()
        }
        self._subject_defaults = defaults_of(subject.attributes)
        self._resource_defaults = defaults_of(resource.attributes)

    def build(self, request: Request, snapshot: Facts, now: datetime) -> Frame:
        """Build the frame of a request.

        Args:
            request: Its subject and its resource are of these types.
            snapshot: The facts.
            now: The time of the decision.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
            BadRowError: The row of subject or resource does not fit the schema.
        """
        try:
            return self._build(request, snapshot, now)
        except BadRowError:  # a malformed request is one whatever the facts are
            self._admit_entities(request)
            self._admit_action(request)
            self._admit_context(request)
            raise

    def keys(self, request: Request) -> tuple[Key | None, Key | None]:
        """Return the keys that the ids of a request name; None for one that no entity can have."""
        return self._keys[0](request.subject.id), self._keys[1](request.resource.id)

    def of_keys(self, keys: tuple[Key | None, Key | None], snapshot: Facts, now: datetime) -> Frame:
        """Build the frame of two entities of which a caller says nothing.

        Args:
            keys: Of the subject and the resource.
            snapshot: The facts.
            now: The time of the decision.

        Raises:
            BadRowError: The row of subject or resource does not fit the schema.
        """
        frame = Frame(  # as `_build`, which calls nothing for it: that takes too long there
            snapshot,
            keys,
            (
                snapshot.rows(self._subject.name).get(keys[0]),  # type: ignore[arg-type]  # None is no key
                snapshot.rows(self._resource.name).get(keys[1]),  # type: ignore[arg-type]
            ),
            _NO_PROPERTIES,
            NO_VALUES,
            self._context_defaults,
            now,
            [UNREAD] * self._reader.slots,
        )
        if self._subject_defaults or self._resource_defaults:
            self._add_properties(_NOTHING_SENT, frame)
        return frame

    def _build(self, request: Request, snapshot: Facts, now: datetime) -> Frame:
        subject = self._keys[0](request.subject.id)
        resource = self._keys[1](request.resource.id)
        frame = Frame(
            snapshot,
            (subject, resource),
            (
                snapshot.rows(self._subject.name).get(subject),  # type: ignore[arg-type]  # None is no key
                snapshot.rows(self._resource.name).get(resource),  # type: ignore[arg-type]
            ),
            _NO_PROPERTIES,
            self._action_defaults.get(request.action, NO_VALUES),
            self._context_defaults,
            now,
            [UNREAD] * self._reader.slots,
        )
        if (
            request.subject_properties
            or request.resource_properties
            or self._subject_defaults
            or self._resource_defaults
        ):
            self._add_properties(request, frame)
        if request.action_properties:
            action = self._admit_action(request)
            frame.action = action.over(frame.action)
            frame.outside += action.outside
        if request.context:
            context = self._admit_context(request)
            frame.context = context.over(self._context_defaults)
            frame.outside += context.outside
        return frame

    def _add_properties(self, request: Request, frame: Frame) -> None:
        """Add the properties of subject and resource, with the defaults of entities that exist.

        Whether an entity exists depends neither on properties nor on defaults.
        """
        subject, resource = self._admit_entities(request)
        of_subject, of_resource = self._subject_defaults, self._resource_defaults
        if frame.rows[0] is None and not self._exists[0](frame):
            of_subject = NO_VALUES
        creates = self._creates(request.action)
        if frame.rows[1] is None and not (creates or self._exists[1](frame)):
            of_resource = NO_VALUES
        frame.sent = (subject.over(of_subject), resource.over(of_resource))
        frame.outside = subject.outside + resource.outside

    def _admit_entities(self, request: Request) -> tuple[Admitted, Admitted]:
        """Admit the properties of the subject and the resource."""
        schema, (of_subject, of_resource) = self._reader.schema, self._sendable
        return (
            admit_properties(schema, of_subject, request.subject_properties, "subject.properties"),
            admit_properties(
                schema, of_resource, request.resource_properties, "resource.properties"
            ),
        )

    def _admit_context(self, request: Request) -> Admitted:
        """Admit the context."""
        schema, sendable = self._reader.schema, self._sendable_context
        return admit_properties(schema, sendable, request.context, "context")

    def _admit_action(self, request: Request) -> Admitted:
        """Admit the properties of the action."""
        schema, declared = self._reader.schema, self._resource.actions.get(request.action)
        of_an_action = declared.properties if declared is not None else {}
        return admit_properties(
            schema, of_an_action, request.action_properties, "action.properties"
        )

    def _creates(self, action: str) -> bool:
        declared = self._resource.actions.get(action)
        return declared is not None and declared.creates
