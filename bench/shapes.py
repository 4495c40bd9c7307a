"""What is asked over HTTP, in which words, and how an answer is read and held to the policy."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from types import MappingProxyType
from typing import Any

from bench.engines import WrongAnswerError
from bench.places import Place, ask
from bench.questions import Question

Answer = tuple[bool, ...] | frozenset[str]
"""Decisions in the order of the questions, or the names that a list or a search found."""

JSON = {"Content-Type": "application/json"}
EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One kind of request: several bodies, the right answer to each, and how to read one."""

    name: str
    path: str
    bodies: tuple[bytes, ...]
    answers: tuple[Answer, ...]
    read: Callable[[Any], Answer]
    decisions: int = 1
    """In each request."""
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


def check(who: str, place: Place, shape: Shape) -> float:
    """Ask all that is going to be asked under load, once; return the seconds of one request.

    Raises:
        WrongAnswerError: One answer is not the policy's.
        OSError: Nobody answers.
    """
    connection = place.connection()
    began = monotonic()
    try:
        for body, right in zip(shape.bodies, shape.answers, strict=True):
            status, said = ask(connection, shape.path, shape.headers, body)
            compare(f"{who}, {shape.name}", shape, right, (status, said))
    except http.client.HTTPException as error:
        raise WrongAnswerError(f"{who}, {shape.name}: {error!r}") from error
    finally:
        connection.close()
    return (monotonic() - began) / len(shape.bodies)


def compare(what: str, shape: Shape, right: Answer, told: tuple[int, bytes]) -> None:
    """Hold an answer to the right one.

    Raises:
        WrongAnswerError: It is another one, or none.
    """
    status, said = told
    try:
        found = shape.read(json.loads(said)) if status == http.client.OK else None
    except (ValueError, LookupError, TypeError):
        found = None
    if found != right:
        raise WrongAnswerError(f"{what}: status {status}, {said[:300]!r}; right is {right}")


def single(questions: Sequence[Question], word: Callable[[Question], Any]) -> Shape:
    """Return single evaluations in AuthZEN's words; `word` puts one question."""
    return Shape(
        name="evaluation",
        path=EVALUATION,
        bodies=tuple(dense(word(each)) for each in questions),
        answers=tuple((each.allowed,) for each in questions),
        read=lambda said: (_boolean(said["decision"]),),
    )


def constant(asking: Shape) -> Shape:
    """Return the same requests for a server that allows all of them."""
    return replace(asking, name="constant", answers=((True,),) * len(asking.bodies))


def batch(
    grouped: Sequence[Sequence[Question]],
    word: Callable[[Question], Any],
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> Shape:
    """Return batches of evaluations in AuthZEN's words, with members `beside` the questions."""
    size = len(grouped[0])
    return Shape(
        name=f"batch of {size}",
        path=EVALUATIONS,
        bodies=tuple(
            dense({**beside, "evaluations": [word(each) for each in group]}) for group in grouped
        ),
        answers=tuple(tuple(each.allowed for each in group) for group in grouped),
        read=lambda said: tuple(_boolean(each["decision"]) for each in said["evaluations"]),
        decisions=size,
    )


def authzen(question: Question) -> dict[str, Any]:
    """Put a question in AuthZEN's words, without any facts."""
    return {
        "subject": {"type": "user", "id": question.user},
        "action": {"name": question.action},
        "resource": {"type": "account", "id": question.account},
    }


def dense(document: object) -> bytes:
    """Write a document as clients do that count bytes."""
    return json.dumps(document, separators=(",", ":")).encode()


def _boolean(said: object) -> bool:
    """Return a decision as it is.

    Raises:
        TypeError: It is no boolean; a text would count as true.
    """
    if not isinstance(said, bool):
        raise TypeError(f"a decision is true or false, and not {said!r}")
    return said
