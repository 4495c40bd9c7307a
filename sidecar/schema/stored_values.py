"""Values as people and exports write them, into YAML or into the columns of a table.

Strict: whatever another reader of YAML could take for something else is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from sys import intern

from sidecar.schema import email_address as addresses
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Attribute, EntityType, Key, Kind, Schema, Value, ValueType

LONGEST_NUMBER = 64
"""Digits of a decimal; more are no amount."""

LONGEST_INSTEAD = 20
"""Digits of a decimal that a fault writes out."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"([Zz]|([+-][0-9]{2})(?::?([0-5][0-9])(?::?([0-5][0-9]))?)?)"
)
"""RFC 3339, and offsets as PostgreSQL writes them."""
_OFFSET = re.compile(r".*(?:[0-9:.,] ?[Zz]|UTC|GMT|:[0-9].*[+-][0-9:]+)", re.DOTALL)
"""What a person takes for an instant with an offset."""
_ELSEWHERE = re.compile(
    r"(?P<day>[0-9W-]{7,10})[Tt ](?P<time>[0-9:]{2,8})(?:[.,](?P<fraction>[0-9]+))?"
    r"(?: ?(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-5][0-9])?))?"
    r"(?: ?(?P<zone>UTC|GMT|[A-Z]{3,5}|\[[A-Za-z0-9_+/-]+\]))?"
)
"""Instants in other notations: the rest of ISO 8601, Go's, Java's."""
_LONG_FRACTION = re.compile(r":[0-9]{2}[.,][0-9]{7}")
_NO_OFFSET = frozenset({"UTC", "GMT"})
_UNBOUNDED = {
    "infinity": "9999-12-31T00:00:00Z",
    "-infinity": "0001-01-01T00:00:00Z",
}
_DECIMAL_ELSEWHERE = re.compile(
    r"[-+]?(?=\.?[0-9])(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,2})?"
)
"""Numbers of other notations. A leading zero is none: some read it as octal."""
SMALLEST, LARGEST = -(2**63), 2**63 - 1

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Control characters, what only steers the text, and white space."""
_INVISIBLE_LETTERS = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0"
)
"""Marks and letters that are shown as nothing."""

# What YAML 1.1 or 1.2 reads as something other than text when it has no quotes.
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
    """Tell whether YAML reads `text`, unquoted, as nothing."""
    return text in _NULLS


def parse_text(schema: Schema, value_type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001 - a fact about the text, as YAML has it
    """Read a YAML scalar of a mount or a settings file.

    Raises:
        ValueError: The text is no such value. The message begins with the text in backticks.
    """
    return _TEXT[value_type.kind](schema, value_type, text, quoted)


def parse_proposed(schema: Schema, value_type: ValueType, text: str) -> Value:
    """Read a text that a caller says: as a mount has it, but addresses and domains are checked.

    Raises:
        ValueError: The text is no such value. The message begins with the text in backticks.
    """
    if value_type.kind is Kind.EMAIL:
        return _as_email(text, addresses.proposed_email(text))
    if value_type.kind is Kind.DOMAIN:
        return _as_domain(text, addresses.proposed_domain(text))
    return parse_text(schema, value_type, text, quoted=True)


def key_of(schema: Schema, type_name: str, id_text: str) -> Key | None:
    """Return the key that an id names; None where no entity of that type can have it."""
    return key_reader(schema, schema.types[type_name])(id_text)


def key_reader(schema: Schema, declared: EntityType) -> Callable[[str], Key | None]:
    """Return how the ids of a type are read into keys; None for what no entity can have."""
    readers = [_part_reader(schema, declared.attributes[column]) for column in declared.key]
    if len(readers) == 1:
        return readers[0]
    most = len(readers) - 1

    def read(id_text: str) -> Key | None:
        parts = id_text.split("/", most)
        if len(parts) <= most:
            return None
        key = tuple([read_part(part) for read_part, part in zip(readers, parts, strict=True)])
        return None if None in key else key  # type: ignore[return-value]  # there is no None in it

    return read


def _part_reader(schema: Schema, column: Attribute) -> Callable[[str], str | None]:
    """Return how one part of an id is read, by the type of its column."""
    kind, only = column.type.kind, column.only
    if kind is Kind.REFERENCE:  # to a type with one key column, as the reader of schemas wants it
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
    """Tell whether a text can be an id or a part of one: nothing at its ends is invisible."""
    if not text:
        return False
    first, last = text[0], text[-1]
    if text.isascii():  # as most are
        return "!" <= first <= "~" and "!" <= last <= "~"
    return addresses.is_unicode(text) and not (_is_invisible(first) or _is_invisible(last))


def _is_invisible(character: str) -> bool:
    """Tell whether a character cannot be seen at the end of a text."""
    if character.isascii():
        return not "!" <= character <= "~"
    return (
        unicodedata.category(character) in _INVISIBLE_CATEGORIES
        or character in _INVISIBLE_LETTERS
        or "\ufe00" <= character <= "\ufe0f"  # variation selectors
        or "\U000e0000" <= character <= "\U000e0fff"  # more of them, and tags
    )


def id_of(key: Key) -> str:
    """Return the id that names a key, its parts in canonical form."""
    return key if isinstance(key, str) else "/".join(key)


def parse_instant(text: str) -> datetime:
    """Read an instant of RFC 3339, with its offset, into UTC.

    Raises:
        ValueError: It is no such instant. The message begins with the text in backticks.
    """
    match = _INSTANT.fullmatch(text)
    if not match:
        raise ValueError(_instant_fault(text))
    day, time, second, fraction, offset, hours, minutes, seconds = match.groups(default="")
    if fraction[6:].strip("0"):
        raise ValueError(
            f"{shown(text)} has more than six digits of a second;"
            f" write six, such as {shown(f'{day}T{time}:{second}.{fraction[:6]}{offset}')}"
        )
    if second == "60":
        raise ValueError(f"{shown(text)} is a leap second; write the second before or after it")
    offset = f"{hours}:{minutes or '00'}:{seconds or '00'}" if hours else "+00:00"
    try:
        return datetime.fromisoformat(
            f"{day}T{time}:{second or '00'}.{fraction[:6].ljust(6, '0')}{offset}"
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(text)} is no moment of the calendar; correct it") from None


def _instant_fault(text: str) -> str:
    """Return what is wrong with a text that is no instant, and how to mend it."""
    if text.lower() in _UNBOUNDED:
        mend = shown(_UNBOUNDED[text.lower()])
        return f"{shown(text)} is no moment of the calendar; write {mend}"
    # Only what is as short as an instant is looked at: a caller may say anything.
    short = text[:LONGEST_NUMBER]
    if _LONG_FRACTION.search(short):
        return f"{shown(text)} has more than six digits of a second; write six at most"
    plain = _instant_elsewhere(short) if short == text else None
    if plain is not None:
        return f"{shown(text)} is not an instant; write {shown(plain)} instead"
    if short.endswith(" BC"):
        return f"{shown(text)} is before the year 1; write `0001-01-01T00:00:00Z` or later"
    lacking = "" if _OFFSET.fullmatch(short) else " with an offset"
    return f"{shown(text)} is not an instant{lacking}; write it as `2026-12-24T00:00:00Z`"


def _instant_elsewhere(text: str) -> str | None:
    """Return an instant of another notation as we read it; None where it is not certain."""
    match = _ELSEWHERE.fullmatch(text)
    if match is None:
        return None
    if match["fraction"] and len(match["time"].replace(":", "")) < len("000000"):
        return None  # it would be a part of a minute or an hour
    # The name of a zone says nothing beside an offset; without one only that of UTC is certain.
    offset = match["offset"] or ("Z" if match["zone"] in _NO_OFFSET else "")
    if not offset:
        return None
    fraction = f".{match['fraction']}" if match["fraction"] else ""
    try:
        moment = datetime.fromisoformat(f"{match['day']}T{match['time']}{fraction}{offset.upper()}")
    except ValueError:
        return None
    return moment.isoformat().replace("+00:00", "Z")


def _plain_kind(text: str) -> str:
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


def _checked(text: str) -> str:
    if not text:
        raise ValueError("`` is empty; write a value or leave it out")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{shown(text)} has half a surrogate pair; remove it") from None
    return intern(str(text))


def _string_text(_schema: Schema, _type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001
    if not quoted and (kind := _plain_kind(text)):
        raise ValueError(f"{shown(text)} is {kind}, not text; quote it")
    return _checked(text)


def _boolean_text(_schema: Schema, _type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001
    if quoted or text not in {"true", "false"}:
        raise ValueError(f"{shown(text)} is not a boolean; write true or false, without quotes")
    return text == "true"


def _integer_text(_schema: Schema, _type: ValueType, text: str, quoted: bool) -> Value:  # noqa: FBT001
    if quoted or not _INTEGER.fullmatch(text):
        raise ValueError(f"{shown(text)} is not an integer; write digits, without quotes")
    if len(text) > LONGEST_NUMBER or not SMALLEST <= int(text) <= LARGEST:
        raise ValueError(f"{shown(text)} does not fit into 64 bits; write a smaller number")
    return int(text)


def _decimal_text(_schema: Schema, _type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    short = len(text) <= LONGEST_NUMBER
    if short and _DECIMAL.fullmatch(text):
        return Decimal(text)
    mend = "digits such as `12.50`"
    if short and _DECIMAL_ELSEWHERE.fullmatch(text):
        plain = f"{Decimal(text):f}"
        if len(plain) <= LONGEST_INSTEAD:
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
    if not quoted and (kind := _plain_kind(text)):
        raise ValueError(f"{shown(text)} is {kind}, not an id; quote it")
    key = key_of(schema, value_type.target, text)
    if key is None:
        parts = schema.types[value_type.target].key
        written = "/".join(f"<{column}>" for column in parts)
        raise ValueError(f"{shown(text)} is no id of type {value_type.target}; write {written}")
    # Rows refer to the same keys again and again: equal texts are one object.
    # A key of one column is the text itself, which can be of a subclass of `str`, as marked cells
    # are; `intern` takes none.
    return intern(str(key)) if isinstance(key, str) else tuple(map(intern, key))


def _set_text(_schema: Schema, value_type: ValueType, text: str, _quoted: bool) -> Value:  # noqa: FBT001
    raise ValueError(f"{shown(text)} is no {value_type.name}; write a list, such as `[a, b]`")


def not_one_of(text: str, values: tuple[str, ...]) -> str:
    """Return the fault of a text that is none of an enum's values."""
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
