"""Says in words what a line of the decision log does not know."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.diagram.questions import SETTINGS, Path, Question, show
from sidecar.review.line_facts import LineFacts

REQUEST_TIME = "a rule that only Oso can answer, when it is asked"


def unknown(known: LineFacts, question: Question | None) -> Iterator[str]:
    """Yield each fact that a question is open for; None stands for a rule that was not compiled."""
    if question is None:
        yield REQUEST_TIME
        return
    kind, *operands = question
    if kind == "exists":
        yield f"whether `{show(operands[0])}` exists"
        return
    paths = [each for each in operands if isinstance(each, tuple) and each[0] != "literal"]
    facts = [path for path in paths if path[:2] != ("member", SETTINGS)]
    absent = [path for path in facts if known.comparable(path) is None]
    if kind == "present":
        yield f"whether there is `{show(operands[0])}`"
    elif absent:
        yield from (f"`{show(path)}`" for path in absent)
    else:
        yield f"{' and '.join(map(_shown, facts))}, of which it holds a hash"


def _shown(path: Path) -> str:
    return f"`{show(path)}`"
