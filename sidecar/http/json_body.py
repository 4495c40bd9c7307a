"""Bodies of requests: strict JSON, and the typed question that is read from it."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

from sidecar.errors import InvalidRequestError

MAX_DEPTH = 32
"""Levels of nesting that a body may have: far more than any question needs."""

_MAX_DIGITS = 400
_EXPONENTS = range(-324, 309)
"""Of the largest numbers that other programs write, and of the smallest."""

T = TypeVar("T")


def parse(body: bytes, max_depth: int = MAX_DEPTH) -> object:
    """Read a body as I-JSON; a number is an int or a Decimal, and never passes through a float.

    Args:
        body: What the caller sent, at most as long as the transport allows.
        max_depth: Levels of nesting that it may have.

    Raises:
        InvalidRequestError: It is not JSON, or JSON that two readers could understand in two
            ways: a duplicate member, NaN, a lone surrogate, malformed UTF-8.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid("is not UTF-8") from error
    if not text.strip(" \t\r\n"):
        raise _invalid("is empty; send a JSON object")
    if _deeper_than(max_depth, text):
        raise _invalid(f"is nested more than {max_depth} levels deep")
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _invalid(f"is not JSON: line {error.lineno}, column {error.colno}") from error
    if "\\u" in text:
        _refuse_lone_surrogates(body)
    return value


def convert(value: object, question: type[T]) -> T:
    """Check a JSON value against the type of a question.

    Raises:
        InvalidRequestError: A member is missing or has the wrong type; it is named.
    """
    try:
        return msgspec.convert(value, question)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from error


def prepare() -> None:
    """Have msgspec look at all types of questions and answers, before there are threads.

    It looks at each when it is first used, and ends the process when two threads do that at the
    same moment.
    """
    kinds = msgspec.Struct.__subclasses__()
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        if kind.__module__.startswith("sidecar."):
            with suppress(msgspec.ValidationError):
                msgspec.convert(None, kind)


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError("", f"the body {message}")


# --- JSON ---------------------------------------------------------------------------------------


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRequestError(_shown(twice), "is given twice")
    return members


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise _invalid("holds a number that is out of range") from error
    # Beyond these an innocent conversion to an integer would fill the memory.
    if len(text) > _MAX_DIGITS or number.adjusted() not in _EXPONENTS:
        raise _invalid("holds a number that is out of range")
    return number


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise _invalid("holds a number that is out of range")
    return int(text)


def _not_a_number(text: str) -> object:
    raise _invalid(f"holds `{text}`, which is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_float=_decimal,
    parse_int=_integer,
    parse_constant=_not_a_number,
)

_STRICT = msgspec.json.Decoder(float_hook=str)

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_OPENING, _CLOSING = "[{", "]}"


def _deeper_than(most: int, text: str) -> bool:
    """Tell before decoding, which takes one level of the stack for each level of the body."""
    if text.count("[") + text.count("{") <= most:
        return False
    depth = 0
    for character in _STRING.sub("", text):
        if character in _OPENING:
            depth += 1
            if depth > most:
                return True
        elif character in _CLOSING:
            depth -= 1
    return False


def _refuse_lone_surrogates(body: bytes) -> None:
    """Python's decoder lets half a character pass; such a string can be written nowhere."""
    try:
        _STRICT.decode(body)
    except msgspec.DecodeError as error:
        raise _invalid("holds half of a surrogate pair") from error


# --- names of members ---------------------------------------------------------------------------

_FAULT = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`")
_EXPECTED = re.compile(r"Expected `(?P<type>[^`]*)`, got `(?P<got>[^`]*)`")
_TOO_SMALL = re.compile(r"Expected `(?:int|float)` >= (?P<least>\S+)")
_NOT_SHORT = "Expected `str` matching regex"
_TOO_SHORT = "Expected `str` of length >= 1"

_WORDS = {
    "str": "a string",
    "object": "an object",
    "array": "an array",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}


def _named(fault: str) -> InvalidRequestError:
    """Say what msgspec found in our own words, with the path as a person writes it."""
    found = _FAULT.fullmatch(fault)
    what, path = (found["what"], (found["path"] or "").removeprefix(".")) if found else (fault, "")
    if missing := _MISSING.fullmatch(what):
        return InvalidRequestError(f"{path}.{missing['name']}".removeprefix("."), "is missing")
    if expected := _EXPECTED.fullmatch(what):
        wanted = " or ".join(_WORDS.get(kind, kind) for kind in expected["type"].split(" | "))
        if not path:
            return _invalid(f"must be {wanted.replace('an object', 'a JSON object')}")
        return InvalidRequestError(path, f"must be {wanted}")
    if small := _TOO_SMALL.fullmatch(what):
        return InvalidRequestError(path, f"must be {small['least']} or more")
    if what.startswith(_NOT_SHORT):
        return InvalidRequestError(path, "must be written `type:id`")
    if what == _TOO_SHORT:
        return InvalidRequestError(path, "must not be empty")
    return InvalidRequestError(path, "is not as it must be")


def _shown(name: str) -> str:
    """Shorten what the caller wrote, and keep it to one line that every log can hold."""
    return ascii(name[:60])[1:-1]
