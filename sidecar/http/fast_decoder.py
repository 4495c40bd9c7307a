"""Bodies read in one step, by their type; what that cannot be sure of is read in two.

`bodies.parse` is strict, and slow. Here msgspec reads a body by the type of its question, and what
it has read is written again: if that is as long as what was said, blanks aside, then nothing was
said twice and nothing passed over. It cannot come out longer by accident: without a backslash there
is one way to write each string, and there are neither fractions nor numbers with an exponent. All
else, and whatever is malformed, is left to `bodies`, which has the words for it.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from sidecar.http.authzen_requests import Text

DEPTH = 5
"""Levels of nesting that the deepest of these types has."""

_Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]
_Plain = dict[str, str | bool | _Whole | None]

MOST_KEPT = 4096
"""Questions that are kept by their bodies; then all are forgotten."""

MOST_KEPT_BYTES = 512
"""Of a body by which a question is kept."""

T = TypeVar("T")


class Entity(Struct, frozen=True):
    """A subject or a resource."""

    type: Text
    id: Text
    properties: _Plain | UnsetType = UNSET


class Act(Struct, frozen=True):
    """An action."""

    name: Text
    properties: _Plain | UnsetType = UNSET


class Evaluation(Struct, frozen=True):
    """One question in the form of AuthZEN."""

    subject: Entity
    action: Act
    resource: Entity
    context: _Plain | UnsetType = UNSET


class PartOfEntity(Struct, frozen=True):
    """A subject or a resource that may lack what a default has."""

    type: Text | UnsetType = UNSET
    id: Text | UnsetType = UNSET
    properties: _Plain | UnsetType = UNSET


class PartOfEvaluation(Struct, frozen=True):
    """An item of a batch."""

    subject: PartOfEntity | UnsetType = UNSET
    action: Act | UnsetType = UNSET
    resource: PartOfEntity | UnsetType = UNSET
    context: _Plain | UnsetType = UNSET


class Options(Struct, frozen=True):
    """How a batch is worked through."""

    evaluations_semantic: str | UnsetType = UNSET


class Batch(Struct, frozen=True):
    """A batch; its items, and the defaults of what they leave out, are read one by one."""

    evaluations: list[Raw]
    subject: Raw | UnsetType = UNSET
    action: Raw | UnsetType = UNSET
    resource: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
    options: Options | UnsetType = UNSET


class Authorize(Struct, frozen=True):
    """One question in the short form."""

    subject: Text | Entity
    action: Text | Act
    resource: Text | Entity
    context: _Plain | UnsetType = UNSET
    max_age: Annotated[int, Meta(ge=0, le=2**53)] | UnsetType = UNSET
    explain: bool | UnsetType = UNSET


class Permissions(Struct, frozen=True):
    """What may this subject do on this resource?"""

    subject: Text | Entity
    resource: Text | Entity
    context: _Plain | UnsetType = UNSET
    max_age: Annotated[int, Meta(ge=0, le=2**53)] | UnsetType = UNSET


class Quickly(Generic[T]):
    """Reads bodies of one type."""

    def __init__(self, kind: type[T]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        self._encode = msgspec.json.Encoder().encode
        self._kept: dict[bytes, T] = {}

    def read(self, body: bytes) -> T | None:
        """Return the question that a body is; None if `bodies` has to read it.

        Callers ask the same again and again, and what a body says depends on its bytes alone.
        """
        if len(body) > MOST_KEPT_BYTES:
            return self._read(body)
        kept = self._kept.get(body)
        if kept is not None:
            return kept
        found = self._read(body)
        if found is not None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[body] = found
        return found

    def _read(self, body: bytes) -> T | None:
        if b"\\" in body:
            return None
        try:
            found = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        again = self._encode(found)
        lost = len(body) - len(again)
        if lost and lost != body.count(b" ") - again.count(b" "):
            lost -= body.count(b" ") - again.count(b" ")
            if lost != body.count(b"\n") + body.count(b"\r") + body.count(b"\t"):
                return None
        return found
