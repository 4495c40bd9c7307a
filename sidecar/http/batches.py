"""Batches: items that are answered in order, each with the defaults that stand beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeGuard, cast

import msgspec
from msgspec import Raw
from msgspec.json import encode

from sidecar.errors import InvalidRequestError
from sidecar.http.answer_cache import Answer
from sidecar.http.cancellation import check as check_cancelled
from sidecar.http.decision_ids import new_ids
from sidecar.http.json_body import parse
from sidecar.http.request_context import MAX_ITEMS_AT_ONCE, RequestContext
from sidecar.metrics.counters import Tally

_CHECK_EVERY = 16
"""Items that are decided between two looks at whether anybody still waits."""

INHERITED: Mapping[str, str] = {"subject": "type", "action": "", "resource": "type", "context": ""}
"""What has a default in a batch, and the one member that an item's own may leave to the default.

An `id`, a `name` or `properties` is never inherited: an item without them would be decided about
the default's.
"""


class Batch(NamedTuple):
    """A batch as it was sent."""

    document: object
    """The JSON value of the body; without the items where these stand in `items`."""
    rest: bytes = b""
    """The body without its items, which their answers depend on."""
    items: Sequence[bytes] | None = None
    """The JSON text of each item, not checked yet; None where the body was not divided."""


def read_batch(context: RequestContext, name: str) -> Batch:
    """Read a batch, and if possible leave its items as they are: most of them come again.

    Args:
        context: The request.
        name: The member that holds the items.

    Raises:
        InvalidRequestError: The content type is not JSON, or the body is not.
    """
    context.require_json()
    divided = _divided(context.body, name)
    if divided is None:
        return Batch(context.document())
    rest, items = divided
    return Batch(parse(rest, context.environment.limits.max_depth), rest, items)


def _divided(body: bytes, name: str) -> tuple[bytes, list[bytes]] | None:
    """Divide a body into its items and the rest of it; None where that is not certain.

    This decodes nothing: members stay the bytes that they are. Written again they are as long as
    the body, blanks aside, exactly if none of them stands in it twice.
    """
    if body.find(b'"%b"' % name.encode()) < 0:
        return None
    try:
        members = _MEMBERS.decode(body)
        written = encode(members)
        items = _ITEMS.decode(members.pop(name))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        return None
    if _size(written) != _size(body):
        return None
    return encode(members), list(map(bytes, items))


_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


def _size(text: bytes) -> int:
    """Return how long a text is, blanks aside."""
    return len(text.translate(None, b" \t\r\n"))


Decide: TypeAlias = Callable[[dict[str, object], bytes], Answer]
"""Decides an item with its defaults, given the id of the decision; raises `InvalidRequestError`."""

Refuse: TypeAlias = Callable[[InvalidRequestError], bytes]
"""Writes the answer to an item that is malformed."""


class BatchAnswers:
    """Answers the items of one batch."""

    def __init__(  # noqa: PLR0913  all that it consists of
        self,
        context: RequestContext,
        batch: Batch,
        items: Sequence[object],
        *,
        name: str,
        defaulted: Sequence[str],
        decide: Decide,
        refuse: Refuse,
    ) -> None:
        """Prepare to answer.

        Args:
            context: The request.
            batch: As it was read.
            items: JSON values, or the texts of `batch.items`.
            name: The member that holds the items.
            defaulted: The members beside the items that an item inherits.
            decide: Decides an item.
            refuse: Writes the answer to a malformed one.

        Raises:
            InvalidRequestError: There are too many items.
            TakesLongError: There are many, and other connections wait.
        """
        most = context.environment.limits.max_evaluations
        if len(items) > most:
            raise InvalidRequestError(name, f"must have at most {most} items")
        context.allow_slow(slow=len(items) > MAX_ITEMS_AT_ONCE)
        self._context = context
        # Two levels of the body are around an item.
        self._max_depth = context.environment.limits.max_depth - 2
        self._batch = batch
        self._items = items
        self._name = name
        document = batch.document if isinstance(batch.document, dict) else {}
        self._defaults = {each: document[each] for each in defaulted if each in document}
        self._types = {
            name: default["type"]
            for name in ("subject", "resource")
            if _has(default := self._defaults.get(name), INHERITED[name])
        }
        self._decide = decide
        self._refuse = refuse
        self.counted = Tally()
        """What the answers count as, once there is a body."""

    def body(self, stops_after: bool | None = None) -> bytes:  # noqa: FBT001  three values
        """Return the JSON array of the answers, up to the one that ends the batch.

        Args:
            stops_after: The decision that ends it; None where none does.

        Raises:
            InvalidRequestError: An item is no JSON, which makes the whole body malformed.
            TakesLongError: An item needs more time, and other connections wait.
        """
        context, known = self._context, self._known()
        pieces: list[bytes] = []
        made: list[int] = []
        for at, identifier in enumerate(new_ids(len(known))):
            answer = known[at]
            if answer is None:
                if not at % _CHECK_EVERY:
                    check_cancelled()
                answer = self._answer(at, identifier)
                made.append(answer.cell - 1)
            if answer.entry is not None:
                context.log(answer.entry, identifier)
            if answer.suffix:
                pieces += (b",", answer.prefix, identifier, answer.suffix)
            else:
                pieces += (b",", answer.prefix)
            if answer.allowed is stops_after:
                self._check(at + 1, known)
                known = known[: at + 1]
                break
        if made:
            known = [answer for answer in known if answer is not None]
        self.counted = Tally(cast("Sequence[Answer]", known), made)
        return b"[%b]" % b"".join(pieces[1:])

    def _keys(self) -> Iterator[tuple[str | bytes, ...]]:
        endpoint, rest = self._context.endpoint, self._batch.rest
        return ((endpoint, rest, item) for item in self._batch.items or ())

    def _known(self) -> Sequence[Answer | None]:
        if self._batch.items is None or not self._context.uses_cache:
            return [None] * len(self._items)
        self._context.fix()
        return self._context.cache.get_all(self._keys(), self._context.now)

    def _answer(self, at: int, identifier: bytes) -> Answer:
        item = self._value(at)
        if not isinstance(item, dict):
            error = InvalidRequestError(f"{self._name}[{at}]", "must be an object")
            return Answer(self._refuse(error), allowed=False)
        try:
            answer = self._decide(self._with_defaults(item), identifier)
        except InvalidRequestError as error:
            placed = _placed(error, f"{self._name}[{at}]", item, self._defaults)
            return Answer(self._refuse(placed), allowed=False)
        if self._batch.items is not None:
            key = (self._context.endpoint, self._batch.rest, self._batch.items[at])
            self._context.cache.put(key, answer)
        return answer

    def _with_defaults(self, item: dict[str, Any]) -> dict[str, object]:
        """Fill in what an item leaves out: whole members, and the type of an entity that it has.

        What else an entity of the item lacks is missing, even where the default has it.
        """
        whole = {**self._defaults, **item}
        for name, type_name in self._types.items():
            own = item.get(name)
            if isinstance(own, dict) and "type" not in own:
                whole[name] = {"type": type_name, **own}
        return whole

    def _value(self, at: int) -> object:
        item = self._items[at]
        if not isinstance(item, bytes):
            return item
        return parse(item, self._max_depth)

    def _check(self, start: int, known: Sequence[Answer | None]) -> None:
        """Make sure that what is not answered is JSON all the same."""
        for at in range(start, len(known)):
            if known[at] is None:
                self._value(at)


def _placed(
    error: InvalidRequestError,
    place: str,
    item: Mapping[str, object],
    defaults: Mapping[str, object],
) -> InvalidRequestError:
    """Return the error of an item with the place where its cause stands: there, or in a default.

    Args:
        error: What is wrong with the item and its defaults.
        place: Of the item in the body.
        item: As it was sent.
        defaults: What stands beside the items.
    """
    if _stands_in(defaults, item, error):
        return error
    message = str(error).removeprefix(f"`{error.member}` ")
    return InvalidRequestError(f"{place}.{error.member}", message)


def _stands_in(
    defaults: Mapping[str, object], item: Mapping[str, object], error: InvalidRequestError
) -> bool:
    """Tell whether what is wrong stands in a default, and not in the item."""
    name, _, member = error.member.partition(".")
    if name not in item:
        return name in defaults
    own = item[name]
    missing = isinstance(own, dict) and member not in own
    return missing and member == INHERITED.get(name) and _has(defaults.get(name), member)


def _has(default: object, inherited: str) -> TypeGuard[dict[str, object]]:
    """Tell whether a default has the member that an item may inherit of it."""
    return bool(inherited) and isinstance(default, dict) and inherited in default
