"""What a line says of a question and its answer, kept as it is written.

As long as a decision is certain to be what it was (`sidecar.engine.authorizer.Decisions`), it is
made from the same facts; of these only the moment itself can differ from one line to the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.decision_log.json_text import encode
from sidecar.diagram.questions import NOW, show
from sidecar.engine.authorizer import Known

_MOMENT = "\0the moment\0"
"""Stands for it until it is known."""

_AS_WRITTEN = encode(_MOMENT)[1:-1]


END = b"\n"
"""Of a line."""


@dataclass(frozen=True, slots=True)
class Rest:
    """The end of a line behind what all of a request say (`Moment.head`), all but the moment."""

    named: str
    """The key of its hashes (`Lines.named`)."""
    pieces: tuple[bytes, ...]
    """Before and behind where the moment stands; one where it does not."""
    whole: bytes | None
    """All of it; None where the moment stands in it."""

    @classmethod
    def of(cls, named: str, members: Mapping[str, Any]) -> Rest | None:
        """Return what is written of a decision; None where more than the moment may differ.

        Args:
            named: The key of the hashes.
            members: Those that a line ends with.
        """
        facts = [_without_moment(fact) for fact in members["facts"]]
        moments = [fact for fact in facts if fact.get("value") == _NOW]
        written = encode({**members, "facts": facts})[1:] + END
        pieces = written.split(_AS_WRITTEN)
        # A hash of the moment is none of these; and what somebody is called could look like it.
        if any("hash" in fact for fact in moments) or len(pieces) - 1 != len(moments):
            return None
        return cls(named, tuple(pieces), written if len(pieces) == 1 else None)


def rest_of(known: Known, named: str) -> Rest | None:
    """Return what is written of an answer that was given before; None where that is not known.

    Args:
        known: The answer.
        named: The key of the hashes.
    """
    rest: Rest | None = known.line
    return rest if rest is not None and rest.named is named else None


_NOW = show(NOW)


def _without_moment(fact: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fact, "text": _MOMENT} if fact.get("value") == _NOW and "text" in fact else fact
