"""Which questions have to be answered before another one has a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sidecar.diagram.questions import Path, Question


def presuppositions_first(questions: Iterable[Question]) -> list[Question]:
    """Return questions in their order, each behind those of them that it presupposes."""
    wanted = dict.fromkeys(questions)
    order: dict[Question, None] = {}

    def place(question: Question) -> None:
        if question in wanted and question not in order:
            for before in presupposed(question):
                if before != question:
                    place(before)
            order[question] = None

    for question in wanted:
        place(question)
    return list(order)


def presupposed(question: Question) -> Iterator[Question]:
    """Yield the questions that have to be answered yes before this one has a meaning."""
    if question[0] == "present":
        yield from _before(question[1])
        return
    for path in _paths(question):
        if question[0] != "exists":
            yield ("exists", path)
            yield ("present", path)
        yield from _before(path)


def _before(path: Path) -> Iterator[Question]:
    parts: Sequence[Path] = (path[1],) if path[0] in {"member", "lookup"} else ()
    if path[0] == "lookup":
        parts = (path[1], *(each for each in path[3] if each[0] != "literal"))
    for part in parts:
        yield from _before(part)
        yield ("present", part)
        yield ("exists", part)
    if path[0] == "member":
        yield ("present", path)


def _paths(question: Question) -> Iterator[Path]:
    for part in question[1:]:
        if isinstance(part, tuple) and part and part[0] in {"member", "lookup"}:
            yield part
