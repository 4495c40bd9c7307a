"""What a line says of a question and its answer, kept as it is written.

As long as a decision is certain to be what it was (`sidecar.decide.Decisions`), it is made from the
same facts; of these only the moment itself can differ from one line to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.audit.lines import encode
from sidecar.model import Decision
from sidecar.policy.questions import NOW, show

_MOMENT = "\0the moment\0"
"""Stands for it until it is known."""

_AS_WRITTEN = encode(_MOMENT)[1:-1]


@dataclass(frozen=True, slots=True)
class Rest:
    """The end of a line behind what all lines of a request say, all but the moment."""

    decision: Decision
    pieces: tuple[bytes, ...]
    """Before and behind where the moment stands; one where it does not."""

    @classmethod
    def of(cls, decision: Decision, members: Mapping[str, Any]) -> Rest | None:
        """Return what is written of a decision; None where more than the moment may differ.

        Args:
            decision: What was decided.
            members: Those that a line ends with.
        """
        facts = [_without_moment(fact) for fact in members["facts"]]
        moments = [fact for fact in facts if fact.get("value") == _NOW]
        pieces = encode({**members, "facts": facts})[1:].split(_AS_WRITTEN)
        # A hash of the moment is none of these; and what somebody is called could look like it.
        if any("hash" in fact for fact in moments) or len(pieces) - 1 != len(moments):
            return None
        return cls(decision, tuple(pieces))

    def at(self, moment: Callable[[], bytes]) -> bytes:
        """Return it as it is written at a moment, which is asked for only where it stands."""
        return self.pieces[0] if len(self.pieces) == 1 else moment().join(self.pieces)


_NOW = show(NOW)


def _without_moment(fact: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fact, "text": _MOMENT} if fact.get("value") == _NOW and "text" in fact else fact
