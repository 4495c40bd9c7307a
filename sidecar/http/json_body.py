"""Bodies of requests: strict JSON, and the typed request that is read from it."""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar

import jiter
import msgspec

from sidecar.errors import InvalidRequestError

MAX_DEPTH = 32
"""Levels of nesting that a body may have: far more than any request needs."""

_MAX_DIGITS = 400
_EXPONENTS = range(-324, 309)
"""Of the largest numbers that other programs write, and of the smallest."""

T = TypeVar("T")


def parse(body: bytes, max_depth: int = MAX_DEPTH) -> object:
    """Read a body as I-JSON; a number is an int or a Decimal, and never passes through a float.

    Args:
        body: What the caller sent, at most as long as the transport allows.
        max_depth: Levels of nesting that it may have, 200 at most.

    Raises:
        InvalidRequestError: It is not JSON, or JSON that two readers could understand in two
            ways: a duplicate member, NaN, a lone surrogate, malformed UTF-8.
    """
    try:
        value: object = jiter.from_json(
            body,
            allow_inf_nan=False,
            catch_duplicate_keys=True,
            float_mode="decimal",
            cache_mode="keys",
        )
    except ValueError as error:
        raise _malformed(body, str(error), max_depth) from error
    if body.count(b"{") + body.count(b"[") > max_depth and _is_deeper(body, max_depth):
        raise _too_deep(max_depth)
    marked = body.translate(_NUMBER_MARKS)
    if marked.find(b"0.") >= 0 or (len(body) >= _MAX_DIGITS and marked.find(_MANY_DIGITS) >= 0):
        _refuse_extreme_numbers(value)
    return value


def convert(value: object, kind: type[T]) -> T:
    """Check a JSON value against the type of a request.

    Raises:
        InvalidRequestError: A member is missing or has the wrong type; it is named.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from error


def prepare() -> None:
    """Have msgspec inspect all types of requests and responses, before there are threads.

    It inspects each when it is first used, and ends the process when two threads do that at the
    same moment.
    """
    kinds = msgspec.Struct.__subclasses__()
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        if kind.__module__.startswith("sidecar."):
            # The types of the engine that msgspec cannot read are read from nowhere.
            with suppress(msgspec.ValidationError, TypeError):
                msgspec.convert(None, kind)


# --- what makes JSON unacceptable ---------------------------------------------------------------

_POSITION = re.compile(r"(?P<what>.*) at line (?P<line>\d+) column (?P<column>\d+)", re.DOTALL)
_DUPLICATE = re.compile(r'Detected duplicate key "(?P<name>.*)"', re.DOTALL)
_NOT_A_NUMBER = re.compile(rb"-?(?:NaN|Infinity)")


def _malformed(body: bytes, message: str, max_depth: int) -> InvalidRequestError:
    """Say what the decoder found in our own words."""
    if not body.strip(b" \t\r\n"):
        return _invalid("is empty; send a JSON object")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return _invalid("is not UTF-8")
    found = _POSITION.fullmatch(message)
    what, line, column = found.groups() if found else (message, "1", "1")
    if duplicate := _DUPLICATE.fullmatch(what):
        return InvalidRequestError(_shown(duplicate["name"]), "is given twice")
    if what == "recursion limit exceeded":
        return _too_deep(max_depth)
    if "hex escape" in what:
        return _invalid("holds half of a surrogate pair")
    if "InvalidOperation" in what or what == "number out of range":
        return _invalid("holds a number that is out of range")
    rest = b"".join(body.split(b"\n")[int(line) - 1 : int(line)])[max(int(column) - 2, 0) :]
    if word := _NOT_A_NUMBER.match(rest) or _NOT_A_NUMBER.match(rest, 1):
        return _invalid(f"holds `{word[0].decode()}`, which is not JSON")
    return _invalid(f"is not JSON: line {line}, column {column}")


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError("", f"the body {message}")


def _too_deep(max_depth: int) -> InvalidRequestError:
    return _invalid(f"is nested more than {max_depth} levels deep")


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_AS_BRACES = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NO_BRACKETS_OR_QUOTES = bytes(set(_NO_BRACKETS) - set(b'"'))


def _is_deeper(body: bytes, most: int) -> bool:
    """Tell whether well-formed JSON has more levels; the decoder itself bounds them at 200."""
    braces = body.translate(_AS_BRACES, _NO_BRACKETS_OR_QUOTES).replace(b'""', b"")
    if b'"' in braces or b"\\" in body:  # a string holds brackets, or perhaps a quote
        braces = _STRING.sub(b"", body).translate(_AS_BRACES, _NO_BRACKETS)
    for _ in range(most):
        braces = braces.replace(b"{}", b"")  # the innermost level
    return bool(braces)


_NUMBER_MARKS = bytes.maketrans(b"123456789eE", b"000000000..")
"""Makes ``0.`` of each digit before a point or an exponent."""
_MANY_DIGITS = b"0" * _MAX_DIGITS


def _refuse_extreme_numbers(value: object) -> None:
    """Refuse numbers beyond all bounds: an innocent conversion to an integer fills the memory.

    Raises:
        InvalidRequestError: There is one.
    """
    if isinstance(value, dict):
        for each in value.values():
            _refuse_extreme_numbers(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_extreme_numbers(each)
    elif isinstance(value, Decimal):
        if value.adjusted() not in _EXPONENTS or len(str(value)) > _MAX_DIGITS:
            raise _invalid("holds a number that is out of range")
    elif isinstance(value, int) and not -_LEAST_INTEGER < value < _END_OF_INTEGERS:
        raise _invalid("holds a number that is out of range")


_LEAST_INTEGER, _END_OF_INTEGERS = 10 ** (_MAX_DIGITS - 1), 10**_MAX_DIGITS
"""Integers of so many characters, a sign included, lie between these."""


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
    parts = _FAULT.fullmatch(fault)
    what, path = (parts["what"], (parts["path"] or "").removeprefix(".")) if parts else (fault, "")
    if missing := _MISSING.fullmatch(what):
        return InvalidRequestError(f"{path}.{missing['name']}".removeprefix("."), "is missing")
    if expected := _EXPECTED.fullmatch(what):
        wanted = " or ".join(_WORDS.get(kind, kind) for kind in expected["type"].split(" | "))
        if not path:
            return _invalid(f"must be {wanted.replace('an object', 'a JSON object')}")
        return InvalidRequestError(path, f"must be {wanted}")
    if small := _TOO_SMALL.fullmatch(what):
        return InvalidRequestError(path, f"must be {small['least'].removesuffix('.0')} or more")
    if what.startswith(_NOT_SHORT) and path.endswith("min_revision"):
        return InvalidRequestError(path, "must be a `revisions.data`, or the token of a writer")
    if what.startswith(_NOT_SHORT):
        return InvalidRequestError(path, "must be written `type:id`")
    if what == _TOO_SHORT:
        return InvalidRequestError(path, "must not be empty")
    return InvalidRequestError(path, "is not as it must be")


def _shown(name: str) -> str:
    """Shorten what the caller wrote, and keep it to one line that every log can hold."""
    return ascii(name[:60])[1:-1]
