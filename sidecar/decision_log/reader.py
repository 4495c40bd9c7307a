"""Reads lines of the decision log: what `sidecar.decision_log.line` wrote, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, cast

import msgspec

from sidecar.decision_log.predecessor import Predecessor
from sidecar.diagram.path_text import operand_of_text, path_of
from sidecar.diagram.paths import Operand, Path
from sidecar.diagram.questions import (
    Above,
    Answer,
    AtLeast,
    Exists,
    Includes,
    Order,
    Question,
    Same,
)
from sidecar.errors import UnreadableLineError
from sidecar.schema.instants import parse_instant
from sidecar.schema.model import Kind

_LONGEST_REMEMBERED = 10_000
"""Paths whose text is read once."""


@dataclass(frozen=True, slots=True)
class LoggedValue:
    """A value as a line tells it."""

    text: str | frozenset[str] | None
    """In its text form, or the hash of that; None is absent."""
    hashed: bool = False


class Entity(msgspec.Struct, frozen=True):
    """The subject or the resource."""

    type: str
    id: str | None = None
    """As it was sent."""
    key: str | None = None
    """In canonical form, where that is another one."""
    id_hash: str | None = None
    """Of the canonical form."""
    properties: dict[str, Any] = {}  # msgspec makes a new one each time


class Action(msgspec.Struct, frozen=True):
    """The action."""

    name: str
    properties: dict[str, Any] = {}


class Made(msgspec.Struct, frozen=True):
    """What the answer was made from."""

    policy: str
    data: str
    schema: str = ""


class Chains(msgspec.Struct, frozen=True, kw_only=True):
    """What the first and the last line of a chain say of all chains."""

    key: str
    """The name of the key of the hashes."""
    lost: int
    """Answers without lines by then, of all processes of this start of the sidecar."""
    chains: dict[int, int]
    """How many lines other chains of this start have, by their numbers."""
    before: Predecessor | None = None
    """Of the first line of a chain: the last line with a hash that stood before it."""


class Missed(msgspec.Struct, frozen=True):
    """What is missing of a chain before a line, or not whole in it."""

    lines: int
    """Answers without their lines."""
    torn: list[int]
    """The lengths of lines that were not written as a whole, in bytes."""


class ChainNews(msgspec.Struct, frozen=True):
    """What a line says of its chain, beside its number."""

    begin: Chains | None = None
    missed: Missed | None = None
    end: Chains | None = None


class _Line(msgspec.Struct, frozen=True, tag_field="kind"):
    time: str
    revisions: Made


class DecisionLine(_Line, frozen=True, tag="decision"):
    """The line of a decision."""

    subject: Entity
    action: Action
    resource: Entity
    decision: bool
    reasons: list[str]
    obligations: list[str]
    facts: list[dict[str, Any]]
    context: dict[str, Any] = {}
    rules: dict[str, bool | Literal["failed"]] = {}
    key: str = ""
    outside: list[str] = []
    """Members of the request whose values are outside their domain."""


class SearchLine(_Line, frozen=True, tag="search"):
    """The line of a search, which says nothing of the facts."""


class PermissionsLine(_Line, frozen=True, tag="permissions"):
    """The line of a list of permissions, which says nothing of the facts either."""


class GatewayLine(_Line, frozen=True, tag="gateway"):
    """The line of a request at a gateway that was denied before the policy was asked."""


class EndLine(msgspec.Struct, frozen=True, tag_field="kind", tag="end"):
    """The last line of a process: about its chain, and about no answer."""

    time: str


AnyLine = DecisionLine | SearchLine | PermissionsLine | GatewayLine | EndLine

_DECODER = msgspec.json.Decoder(AnyLine)
_NEWS_DECODER = msgspec.json.Decoder(ChainNews)


class _Members(msgspec.Struct):
    """What a line of any kind has, also of kinds that are not known."""

    kind: str
    reasons: list[Any] = []
    obligations: list[Any] | dict[str, Any] = []
    found: list[Any] = []
    found_hashes: list[Any] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of a line."""

    values: Mapping[Path, LoggedValue]
    types: Mapping[Path, str]
    answers: Mapping[Question, Answer | None]
    sets: Mapping[Question, str]
    """Of an answer about a set among the settings: the digest of that set."""


def read_line(text: bytes) -> AnyLine:
    """Read a line.

    Raises:
        UnreadableLineError: It is none.
    """
    try:
        line: AnyLine = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableLineError(f"is no line of a decision log: {error}") from None
    return line


def read_news(text: bytes) -> ChainNews:
    """Read what a line of any kind says of its chain.

    Raises:
        UnreadableLineError: It is none.
    """
    try:
        return _NEWS_DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableLineError(f"is no line of a decision log: {error}") from None


def read_members(text: bytes) -> Mapping[str, Any]:
    """Return the members of a line of any kind.

    Raises:
        UnreadableLineError: It is none.
    """
    try:
        members = msgspec.json.decode(text)
        msgspec.convert(members, _Members)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableLineError(f"is no line of a decision log: {error}") from None
    return cast("Mapping[str, Any]", members)


def moment_of(line: DecisionLine) -> datetime:
    """Return the moment of a decision: the very one that its policy saw.

    Raises:
        UnreadableLineError: It is none.
    """
    try:
        return parse_instant(line.time)
    except ValueError as error:
        raise UnreadableLineError(f"has no `time` that is one: {error}") from None


def facts_of_line(line: DecisionLine) -> Facts:
    """Return the facts of a decision.

    Raises:
        UnreadableLineError: They are not what is written there, or contradict each other.
    """
    values: dict[Path, LoggedValue] = {}
    types: dict[Path, str] = {}
    answers: dict[Question, Answer | None] = {}
    sets: dict[Question, str] = {}
    for fact in line.facts:
        kind = next(iter(fact), "")
        try:
            if kind == "value":
                path, logged_value = _path(_text(fact["value"])), _logged_value(fact)
                types[path] = _text(fact["type"])
                known: object = values.setdefault(path, logged_value)
                sent: object = logged_value
            else:
                question, answer = _question(kind, fact[kind]), fact["answer"]
                _check_answer(kind, answer)
                known, sent = answers.setdefault(question, answer), answer
                if "set" in fact:
                    sets[question] = _text(fact["set"])
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableLineError(f"has a fact that cannot be read: {error}") from None
        if known != sent:
            raise UnreadableLineError(f"contradicts itself about `{fact[kind]}`")
    return Facts(values=values, types=types, answers=answers, sets=sets)


@lru_cache(maxsize=_LONGEST_REMEMBERED)
def _path(text: str) -> Path:
    return path_of(text)


@lru_cache(maxsize=_LONGEST_REMEMBERED)
def _operand(text: str) -> Operand:
    return operand_of_text(text)


def _logged_value(fact: Mapping[str, Any]) -> LoggedValue:
    hashed = "hash" in fact
    sent = fact["hash" if hashed else "text"]
    if isinstance(sent, list) is not _text(fact["type"]).startswith("set of ") and sent is not None:
        raise TypeError(f"`{sent}` is no {fact['type']}")
    if isinstance(sent, list):
        return LoggedValue(frozenset(map(_text, sent)), hashed)
    if sent is None and not hashed:
        return LoggedValue(None)
    return LoggedValue(_text(sent), hashed)


def _question(kind: str, sent: object) -> Question:
    words = [_text(each) for each in sent] if isinstance(sent, list) else [_text(sent)]
    match kind, words:
        case "exists", [path]:
            return Exists(_path(path))
        case "least", [path, limit, ordered]:
            return AtLeast(_path(path), limit, Kind(ordered))
        case "above", [path, limit, ordered]:
            return Above(_path(path), limit, Kind(ordered))
        case "order", [left, right]:
            return Order(_path(left), _path(right))
        case "same", [left, right]:
            return Same(_path(left), _path(right))
        case "includes", [members, value]:
            return Includes(_path(members), _operand(value))
        case _:
            raise ValueError(f"`{kind}` of {len(words)} words")


def _check_answer(kind: str, answer: object) -> None:
    known: tuple[object, ...] = ("lt", "eq", "gt") if kind == "order" else (True, False)
    if not any(answer is each or (answer == each and kind == "order") for each in known):
        if answer is None and kind != "exists":
            return  # of what is absent
        raise ValueError(f"`{kind}` is answered by `{answer}`")


def _text(sent: object) -> str:
    if not isinstance(sent, str):
        raise TypeError(f"`{sent}` is no text")
    return sent
