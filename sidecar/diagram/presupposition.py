"""Which questions have to be answered before another one has a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sidecar.diagram.paths import Literal, LookupPath, Member, Path, parts_of
from sidecar.diagram.questions import Exists, Present, Question, facts_of


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


def presupposed(question: Question) -> Iterator[Exists | Present]:
    """Yield the questions that have to be answered yes before this one has a meaning."""
    if isinstance(question, Present):
        yield from _before(question.path)
        return
    for path in facts_of(question):
        if isinstance(path, Member | LookupPath):
            if not isinstance(question, Exists):
                yield Exists(path)
                yield Present(path)
            yield from _before(path)


def _before(path: Path) -> Iterator[Exists | Present]:
    for part in parts_of(path):
        if not isinstance(part, Literal):
            yield from _before(part)
            yield Present(part)
            yield Exists(part)
    if isinstance(path, Member):
        yield Present(path)
