"""Builds frames: admits what the caller sent, finds subject and resource, and applies defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import chain

from sidecar.diagram.questions import RESOURCE, SUBJECT
from sidecar.engine.admission import (
    NO_VALUES,
    NOTHING_ADMITTED,
    Admitted,
    admit_properties,
    defaults_of,
    id_reader,
    sendable_attributes,
    sendable_context,
)
from sidecar.engine.frame import Frame
from sidecar.engine.paths import Reader
from sidecar.facts import Facts
from sidecar.schema import EntityType, Value

Properties = Mapping[str, object]
"""Properties or a context as the caller sent them."""


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
        self._context_defaults = defaults_of(reader.schema.context)
        self._action_defaults = {
            name: defaults_of(action.properties) for name, action in resource.actions.items()
        }
        self._subject_defaults = defaults_of(subject.attributes)
        self._resource_defaults = defaults_of(resource.attributes)

    def build(
        self,
        ids: tuple[str, str],
        action: str,
        sent: tuple[Properties, Properties, Properties, Properties],
        snapshot: Facts,
        now: datetime,
    ) -> Frame:
        """Build the frame of a request.

        Args:
            ids: Of the subject and the resource.
            action: Its name.
            sent: Properties of subject, resource and action, and the context.
            snapshot: The facts.
            now: The time of the decision.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        keys = self._keys[0](ids[0]), self._keys[1](ids[1])
        rows = (
            snapshot.rows(self._subject.name).get(keys[0]),  # type: ignore[arg-type]  # None is no key
            snapshot.rows(self._resource.name).get(keys[1]),  # type: ignore[arg-type]
        )
        of_action = self._action_defaults.get(action, NO_VALUES)
        of_context: dict[str, Value] = {**self._context_defaults, "now": now}
        if any(sent):
            schema, declared = self._reader.schema, self._resource.actions.get(action)
            of_an_action = declared.properties if declared is not None else {}
            admitted = (
                admit_properties(schema, self._sendable[0], sent[0], "subject.properties"),
                admit_properties(schema, self._sendable[1], sent[1], "resource.properties"),
                admit_properties(schema, of_an_action, sent[2], "action.properties"),
                admit_properties(schema, self._sendable_context, sent[3], "context"),
            )
        else:  # as in most requests
            admitted = (NOTHING_ADMITTED,) * 4
        values = (NO_VALUES, NO_VALUES, admitted[2].over(of_action), admitted[3].over(of_context))
        frame = Frame(snapshot, keys, rows, values, self._reader.slots)
        if any(sent):
            frame.outside = (*chain.from_iterable(part.outside for part in admitted),)
        if any(sent) or self._subject_defaults or self._resource_defaults:
            self._add_properties(frame, action, *admitted[:2])
        return frame

    def _add_properties(
        self, frame: Frame, action: str, subject: Admitted, resource: Admitted
    ) -> None:
        """Add the properties of subject and resource, with the defaults of entities that exist.

        Whether an entity exists depends neither on properties nor on defaults.
        """
        of_subject, of_resource = self._subject_defaults, self._resource_defaults
        if frame.rows[0] is None and not self._exists[0](frame):
            of_subject = NO_VALUES
        if frame.rows[1] is None and not (self._creates(action) or self._exists[1](frame)):
            of_resource = NO_VALUES
        frame.sent = (subject.over(of_subject), resource.over(of_resource), *frame.sent[2:])

    def _creates(self, action: str) -> bool:
        declared = self._resource.actions.get(action)
        return declared is not None and declared.creates
