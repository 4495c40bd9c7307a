"""Batches of questions: divided by the limits of the server, each decided as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from sidecar.client.exchange import Call
from sidecar.client.model import Decision, UnavailableError
from sidecar.client.posts import MAX_RESPONSE_BYTES, RefusedError
from sidecar.client.requests import divide, encode_batch, encode_question, obligation_codes
from sidecar.client.responses import check_deadline, read_decision, read_items

Item = tuple[int, bytes]
"""An encoded question of a batch, after its index among the questions of the call."""

Send = Callable[[bytes, int], Call[object]]

_MAX_ITEM_BYTES = 16 * 1024
"""By how much a response may be longer for each question of a batch."""
_DIVISIBLE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Statuses of a refused batch of which a single question may be the cause."""


def collect_questions(questions: object) -> tuple[object, ...]:
    """Return the questions of a collection.

    Raises:
        TypeError: The argument is not a collection of questions. Empty text and empty mappings are
            refused too: a caller could take their empty result for success.
    """
    if not isinstance(questions, Iterable) or isinstance(questions, str | bytes | Mapping):
        raise TypeError("`questions` must be a collection of `Question`")
    return tuple(questions)


def decide_batches(
    questions: tuple[object, ...],
    limits: tuple[int, int],
    send: Send,
    deadline: float,
) -> Call[list[Decision | UnavailableError]]:
    """Return the outcome of each question, in their order.

    Args:
        questions: What should be questions.
        limits: Longest body and most questions of a batch.
        send: Sends the body of a batch; takes the length of the longest response too.
        deadline: On the monotonic clock.
    """
    not_sent = UnavailableError("the question was not sent")
    outcomes: list[Decision | UnavailableError] = [not_sent] * len(questions)
    codes: dict[int, frozenset[str]] = {}
    items: list[Item] = []
    for index, question in enumerate(questions):
        try:
            item = index, encode_question(question)
            codes[index] = obligation_codes(getattr(question, "fulfils", ()))
        except Exception as error:  # noqa: BLE001  an odd argument may raise anything
            outcomes[index] = invalid_question(error)
        else:
            items.append(item)
    pending = list(divide(items, *limits))[::-1]
    while pending:
        batch = pending.pop()
        try:
            answers = yield from _send_batch(batch, send, deadline)
        except UnavailableError as error:
            status = error.status if isinstance(error, RefusedError) else 0
            if status in _DIVISIBLE and len(batch) > 1:
                # The server may refuse only one of them: find it by halves.
                middle = len(batch) // 2
                pending += (batch[middle:], batch[:middle])
            else:
                for index, _ in batch:
                    outcomes[index] = error
        else:
            for (index, _), answer in zip(batch, answers, strict=True):
                outcomes[index] = _read_item(answer, codes[index], deadline)
    return outcomes


def invalid_question(error: Exception) -> UnavailableError:
    """Return the failure of a question that cannot be encoded.

    Only built-in errors are converted to text: the `__str__` of any other class could raise.
    """
    is_builtin = isinstance(error, TypeError | ValueError) and type(error).__module__ == "builtins"
    detail = f"{error}" if is_builtin else type(error).__name__
    return UnavailableError(f"the question cannot be sent: {detail}")


def _send_batch(batch: list[Item], send: Send, deadline: float) -> Call[list[object]]:
    """Return the response to each question of a batch.

    Raises:
        UnavailableError: There is none, or not in time.
    """
    body = encode_batch([item for _, item in batch])
    max_bytes = MAX_RESPONSE_BYTES + _MAX_ITEM_BYTES * len(batch)
    try:
        response = yield from send(body, max_bytes)
        items = read_items(response, len(batch))
    except UnavailableError:
        raise
    except Exception as error:
        raise invalid_question(error) from error
    check_deadline(deadline)
    return items


def _read_item(
    item: object, fulfils: frozenset[str], deadline: float
) -> Decision | UnavailableError:
    try:
        decision = read_decision(item, fulfils)
        check_deadline(deadline)
    except UnavailableError as error:
        return error
    return decision
