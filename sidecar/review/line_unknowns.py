"""Says in words what a line of the decision log does not know."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.diagram.path_text import show
from sidecar.diagram.paths import SETTINGS, Path, root_of
from sidecar.diagram.questions import Exists, Present, Question, facts_of
from sidecar.review.line_facts import LineFacts

REQUEST_TIME = "a rule that only Oso can answer, when it is asked"


def unknown(known: LineFacts, question: Question | None) -> Iterator[str]:
    """Yield each fact that a question is open for; None stands for a rule that was not compiled."""
    if question is None:
        yield REQUEST_TIME
        return
    match question:
        case Exists(path):
            yield f"whether {_shown(path)} exists"
        case Present(path):
            yield f"whether there is {_shown(path)}"
        case _:
            facts = [path for path in facts_of(question) if root_of(path) != SETTINGS]
            absent = [path for path in facts if known.comparable(path) is None]
            if absent:
                yield from map(_shown, absent)
            else:
                yield f"{' and '.join(map(_shown, facts))}, of which it holds a hash"


def _shown(path: Path) -> str:
    return f"`{show(path)}`"
