"""The requests that servers are asked under load, and how their answers are checked."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.world import Question, World

EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
TOKEN = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"  # noqa: S105  of a run
HEADERS: Mapping[str, str] = {
    "Content-Type": "application/json",
    "Authorization": f"Bearer {TOKEN}",
}
"""Of every request to every server; each request also has a `traceparent` and an `X-Request-ID` of
its own (`load`)."""
BATCH = 100
RECURRING, FRESH = 200, 60_000
"""How many questions are asked. The sidecar keeps 16,384 answers at most and then forgets all, so
of 60,000 questions in turn none is answered from its cache."""

Word = Callable[[Question], dict[str, Any]]
"""Writes a question as an evaluation of the AuthZEN standard."""


class WrongAnswerError(Exception):
    """A server or a library answers otherwise than the policy: its times would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One kind of load: evaluations that are asked in turn, or drawn at random into batches."""

    name: str
    items: Sequence[str]
    """Evaluations as JSON. Of a batch, `BATCH` of them are drawn anew for each request, or taken in
    turn where none is to come again."""
    answers: Sequence[bool]
    is_batch: bool = False
    in_turn: bool = True

    @property
    def path(self) -> str:
        """The path of the requests."""
        return EVALUATIONS if self.is_batch else EVALUATION

    @property
    def decisions(self) -> int:
        """Decisions in a request."""
        return BATCH if self.is_batch else 1


def traffics(world: World, word: Word) -> list[Traffic]:
    """Return the four kinds of load in the words of one server."""
    fresh = world.sample(FRESH)
    items = [json.dumps(word(question), separators=(",", ":")) for question in fresh]
    answers = [question.allowed for question in fresh]
    few, few_answers = items[:RECURRING], answers[:RECURRING]
    return [
        Traffic(name="single, recurring", items=few, answers=few_answers),
        Traffic(name="single, new", items=items, answers=answers),
        Traffic(
            name="batch, recurring items",
            items=few,
            answers=few_answers,
            is_batch=True,
            in_turn=False,
        ),
        Traffic(name="batch, new items", items=items, answers=answers, is_batch=True),
    ]


def plain(question: Question) -> dict[str, Any]:
    """Write a question for a server that has the facts."""
    return {
        "subject": {"type": "user", "id": question.user},
        "action": {"name": question.action},
        "resource": {"type": "account", "id": question.account},
    }


def check(name: str, port: int, traffic: Traffic, count: int = 500) -> None:
    """Ask the first of the items one by one, or as batches, and compare the answers.

    Raises:
        WrongAnswerError: An answer is not the policy's.
        OSError: The server does not answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        for start in range(0, min(count, len(traffic.items)), traffic.decisions):
            chosen = slice(start, start + traffic.decisions)
            right = list(traffic.answers[chosen])
            connection.request("POST", traffic.path, body_of(traffic, chosen), dict(HEADERS))
            response = connection.getresponse()
            body = response.read()
            if _decisions(response.status, body) != right:
                raise WrongAnswerError(
                    f"{name}, {traffic.name}: status {response.status}, {body[:300]!r}; "
                    f"right is {right}"
                )
    except http.client.HTTPException as error:
        raise WrongAnswerError(f"{name}, {traffic.name}: {error!r}") from error
    finally:
        connection.close()


def body_of(traffic: Traffic, chosen: slice) -> str:
    """Return the body of one request."""
    items = traffic.items[chosen]
    return BATCH_BODY.format(",".join(items)) if traffic.is_batch else items[0]


BATCH_BODY = '{{"context":{{"via_proxy":false}},"evaluations":[{}]}}'
"""One of the peers demands a context beside the evaluations."""


def _decisions(status: int, body: bytes) -> list[bool] | None:
    try:
        document = json.loads(body) if status == http.client.OK else {}
        items = document.get("evaluations", [document])
        return [item["decision"] for item in items]
    except (ValueError, LookupError, TypeError):
        return None
