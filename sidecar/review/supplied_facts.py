"""Facts of a mount for what a line of the decision log does not hold.

They are of another moment than the line, so whatever is judged by them is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidecar.decision_log.reader import DecisionLine, moment_of
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import Path, Root
from sidecar.engine import Frame, kind_of
from sidecar.engine.frame import Read
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot
from sidecar.model import Reference, Request
from sidecar.schema import Value


class Supply:
    """Reads facts of a mount for one line, and notes which."""

    def __init__(self, frame: Frame, reader: Reader) -> None:
        self._frame = frame
        self._reader = reader
        self._used: set[Path] = set()

    @classmethod
    def of(
        cls, line: DecisionLine, policy: Policy, reader: Reader, snapshot: Snapshot
    ) -> Supply | None:
        """Return what supplies facts for a line; None where its ids are hashed.

        Raises:
            UnreadableLineError: It has no time.
        """
        kind = kind_of(line.subject.type, line.resource.type, policy)
        if kind is None or line.subject.id is None or line.resource.id is None:
            return None
        request = Request(
            subject=Reference(line.subject.type, line.subject.id),
            action=line.action.name,
            resource=Reference(line.resource.type, line.resource.id),
            subject_properties=_plain(line.subject.properties),
            action_properties=_plain(line.action.properties),
            resource_properties=_plain(line.resource.properties),
            context=_plain(line.context),
        )
        try:
            frame = kind.frame(request, snapshot, moment_of(line))
        except InvalidRequestError:  # the line holds what no caller can have said
            return None
        frame.cache.clear()  # its places are those of another reader
        return cls(frame, reader)

    @property
    def used(self) -> tuple[str, ...]:
        """Return the paths of all facts that were supplied, but those that only led to others."""
        led = {path.base for path in self._used if not isinstance(path, Root)}
        return tuple(sorted(f"`{show(path)}`" for path in self._used - led))

    def comparable(self, path: Path) -> Value:
        """Return the value at a path, or the key of the entity there."""
        value: Value = self._read(self._reader.comparable(path))
        return value

    def exists(self, path: Path) -> bool:
        """Tell whether there is such an entity."""
        return bool(self._read(self._reader.exists(path)))

    def note(self, path: Path) -> None:
        """Note that a fact was taken."""
        self._used.add(path)

    def _read(self, read: Read) -> Any:  # noqa: ANN401 - a value
        self._reader.make_room(self._frame)
        return read(self._frame)


def _plain(sent: Mapping[str, object]) -> dict[str, object]:
    """Return what a caller said without what is hashed."""
    return {name: value for name, value in sent.items() if not isinstance(value, dict)}
