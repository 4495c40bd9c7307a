"""Values in YAML and in the columns of tables: one canonical form for each.

A text that another YAML reader could take for a value of another type is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from sys import intern

from sidecar.schema import email_address as addresses
from sidecar.schema.instants import parse_instant
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Attribute, EntityType, Key, Kind, Schema, Value, ValueType

MAX_DIGITS = 64
"""Most digits of a decimal."""

_MAX_SUGGESTED_DIGITS = 20
"""Most digits of a decimal that a fault suggests."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DECIMAL_IN_OTHER_NOTATION = re.compile(
    r"[-+]?(?=\.?[0-9])(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,2})?"
)
"""Without leading zeros, which some programs read as octal."""
SMALLEST, LARGEST = -(2**63), 2**63 - 1

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Control and format characters, and white space."""
_INVISIBLE_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0"
)
"""Marks and letters without a visible shape."""

# Unquoted texts that YAML 1.1 or 1.2 does not read as text.
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = frozenset(
    form for word in ("true", "false", "yes", "no", "on", "off")
    for form in (word, word.capitalize(), word.upper())
)  # fmt: skip
_NUMBER = re.compile(
    r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7_]+"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
)
_TIME = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?")
_AMBIGUOUS_STARTS = frozenset("-+.0123456789~=<nNtTfFyYoO")


def is_null(text: str) -> bool:
    """Return whether YAML reads the unquoted text as null."""
    return text in _NULLS


def parse_text(schema: Schema, value_type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001 - a fact about the text, as YAML has it
    """Return the value of a YAML scalar or a column.

    Raises:
        ValueError: The text is no value of the type. The message begins with it in backticks.
    """
    return _TEXT[value_type.kind](schema, value_type, text, quoted)


def text_reader(schema: Schema, value_type: ValueType) -> Callable[[str, bool], Value]:
    """Return `parse_text` for one type."""
    if value_type.kind is Kind.REFERENCE:
        read_key = key_reader(schema, schema.types[value_type.target])
        return partial(_reference_value, schema, value_type, read_key)
    return partial(_TEXT[value_type.kind], schema, value_type)


def parse_proposed(schema: Schema, value_type: ValueType, text: str) -> Value:
    """Return the value of a text in a request: as a stored one, with stricter rules for addresses.

    Raises:
        ValueError: The text is no value of the type. The message begins with it in backticks.
    """
    if value_type.kind is Kind.EMAIL:
        return _as_email(text, addresses.proposed_email(text))
    if value_type.kind is Kind.DOMAIN:
        return _as_domain(text, addresses.proposed_domain(text))
    return parse_text(schema, value_type, text, quoted=True)


def key_of(schema: Schema, type_name: str, id_text: str) -> Key | None:
    """Return the key of an id; None if no entity of the type can have the id."""
    return key_reader(schema, schema.types[type_name])(id_text)


def key_reader(schema: Schema, declared: EntityType) -> Callable[[str], Key | None]:
    """Return a function from ids of a type to keys, as `key_of` for one type."""
    readers = [_part_reader(schema, declared.attributes[column]) for column in declared.key]
    if len(readers) == 1:
        return readers[0]
    separators = len(readers) - 1

    def read(id_text: str) -> Key | None:
        parts = id_text.split("/", separators)
        if len(parts) <= separators:
            return None
        key = tuple([read_part(part) for read_part, part in zip(readers, parts, strict=True)])
        return None if None in key else key  # type: ignore[return-value]  # there is no None in it

    return read


def _part_reader(schema: Schema, column: Attribute) -> Callable[[str], str | None]:
    """Return a function that reads the part of an id for one key column."""
    kind, only = column.type.kind, column.only
    if kind is Kind.REFERENCE:  # whose type has one key column, as `check_keys` makes sure
        target = schema.types[column.type.target]
        return _part_reader(schema, target.attributes[target.key[0]])
    if kind is Kind.STRING:
        return lambda part: part if is_id(part) else None

    def read(part: str) -> str | None:
        try:
            value = parse_text(schema, column.type, part, quoted=True)
        except ValueError:
            return None
        known = isinstance(value, str) and is_id(part) and (not only or value in only)
        return value if known else None  # type: ignore[return-value]  # it is a text

    return read


def is_id(text: str | None) -> bool:
    """Return whether a text can be an id or a part of one: its ends are visible."""
    if not text:
        return False
    first, last = text[0], text[-1]
    if text.isascii():  # as most are
        return "!" <= first <= "~" and "!" <= last <= "~"
    return addresses.is_unicode(text) and not (_is_invisible(first) or _is_invisible(last))


def _is_invisible(character: str) -> bool:
    """Return whether a character is invisible at the end of a text."""
    if character.isascii():
        return not "!" <= character <= "~"
    return (
        unicodedata.category(character) in _INVISIBLE_CATEGORIES
        or character in _INVISIBLE_LETTERS
        or "\ufe00" <= character <= "\ufe0f"  # variation selectors
        or "\U000e0000" <= character <= "\U000e0fff"  # more of them, and tags
    )


def id_of(key: Key) -> str:
    """Return the id of a key, with its parts in canonical form."""
    return key if isinstance(key, str) else "/".join(key)


def _unquoted_meaning(text: str) -> str:
    if text and text[0] not in _AMBIGUOUS_STARTS:
        return ""
    if text in _NULLS:
        return "nothing"
    if text in _BOOLEANS:
        return "a boolean"
    if _NUMBER.fullmatch(text):
        return "a number"
    if _TIME.fullmatch(text):
        return "a date"
    return "a sign of YAML" if text in {"=", "<<"} else ""


def _checked_text(text: str) -> str:
    if not text:
        raise ValueError("`` is empty; write a value or leave it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{shown(text)} has half a surrogate pair; remove it") from None
    return intern(str(text))


def _string_text(_schema: Schema, _type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001
    if not quoted and (kind := _unquoted_meaning(text)):
        raise ValueError(f"{shown(text)} is {kind}, not text; quote it")
    return _checked_text(text)


def _boolean_text(_schema: Schema, _type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001
    if quoted or text not in {"true", "false"}:
        raise ValueError(f"{shown(text)} is not a boolean; write true or false, without quotes")
    return text == "true"


def _integer_text(_schema: Schema, _type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001
    if quoted or not _INTEGER.fullmatch(text):
        raise ValueError(f"{shown(text)} is not an integer; write digits, without quotes")
    if len(text) > MAX_DIGITS or not SMALLEST <= int(text) <= LARGEST:
        raise ValueError(f"{shown(text)} does not fit into 64 bits; write a smaller number")
    return int(text)


def _decimal_text(_schema: Schema, _type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    short = len(text) <= MAX_DIGITS
    if short and DECIMAL.fullmatch(text):
        return Decimal(text)
    mend = "digits such as `12.50`"
    if short and _DECIMAL_IN_OTHER_NOTATION.fullmatch(text):
        plain = f"{Decimal(text):f}"
        if len(plain) <= _MAX_SUGGESTED_DIGITS:
            mend = f"{shown(plain)} instead"
    raise ValueError(f"{shown(text)} is not a decimal; write {mend}")


def _instant_text(_schema: Schema, _type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    return parse_instant(text)


def _email_text(_schema: Schema, _type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    return _as_email(text, addresses.email(text))


def _as_email(text: str, address: str | None) -> Value:
    if address is None:
        raise ValueError(f"{shown(text)} is not an e-mail address; write it as `name@example.com`")
    return intern(address)


def _domain_text(_schema: Schema, _type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    return _as_domain(text, addresses.domain(text))


def _as_domain(text: str, domain: str | None) -> Value:
    if domain is None:
        raise ValueError(f"{shown(text)} is not a domain; write it as `example.com`")
    return intern(domain)


def _enum_text(_schema: Schema, value_type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    if text not in value_type.values:
        raise ValueError(not_one_of(text, value_type.values))
    return intern(str(text))


def _reference_text(schema: Schema, value_type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001
    read_key = key_reader(schema, schema.types[value_type.target])
    return _reference_value(schema, value_type, read_key, text, quoted)


def _reference_value(
    schema: Schema,
    value_type: ValueType,
    read_key: Callable[[str], Key | None],
    text: str,
    quoted: bool,  # noqa: FBT001
) -> Value:
    if not quoted and (kind := _unquoted_meaning(text)):
        raise ValueError(f"{shown(text)} is {kind}, not an id; quote it")
    key = read_key(text)
    if key is None:
        parts = schema.types[value_type.target].key
        written = "/".join(f"<{column}>" for column in parts)
        raise ValueError(f"{shown(text)} is no id of type {value_type.target}; write {written}")
    # Many rows refer to the same keys, so equal texts are one object. `intern` accepts no subclass
    # of `str`, such as `Quoted`.
    return intern(str(key)) if isinstance(key, str) else tuple(map(intern, key))


def _set_text(_schema: Schema, value_type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    raise ValueError(f"{shown(text)} is no {value_type.name}; write a list, such as `[a, b]`")


def not_one_of(text: str, values: tuple[str, ...]) -> str:
    """Return the fault of a text that is not a value of an enum."""
    return f"{shown(text)} is not one of {one_of(values)}{nearest(text, values)}"


_TEXT: Mapping[Kind, Callable[[Schema, ValueType, str, bool], Value]] = {
    Kind.STRING: _string_text,
    Kind.BOOLEAN: _boolean_text,
    Kind.INTEGER: _integer_text,
    Kind.DECIMAL: _decimal_text,
    Kind.INSTANT: _instant_text,
    Kind.EMAIL: _email_text,
    Kind.DOMAIN: _domain_text,
    Kind.ENUM: _enum_text,
    Kind.REFERENCE: _reference_text,
    Kind.SET: _set_text,
}
