"""The bytes of keys and values in a store.

A row is kept under its id in canonical form, so that the order of the keys is that of the ids. A
key column before the last has no ``/``, so an id has one division into the columns of its key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b, sha256
from operator import itemgetter
from typing import Any, cast

import msgspec

from sidecar.facts.row_parser import Row, reader_of
from sidecar.schema import EntityType, Key, Kind, Lookup, Value, ValueType

MAX_ID_BYTES = 400
"""Bytes of an id: the keys of LMDB have 511, and an index entry holds more than the id."""

_MAX_VALUE_BYTES = 500
"""Bytes of an indexed value; of longer ones a hash is kept."""

_HASH_BYTES = 20
"""Bytes of the hash of a look-up key: too many for two keys with one hash to be found."""

_SHORT_TEXT = MAX_ID_BYTES // 4
"""Characters of an id that is not too long in any encoding."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SEPARATOR, _ESCAPED_ZERO = "\0\1", "\0\2"
_SCALE_DIGITS = 64
"""Digits behind the point of a decimal at most; see `schema.values.MAX_DIGITS`."""
_NUMBER_BYTES = 56
_OFFSET = 1 << (8 * _NUMBER_BYTES - 1)
_INVERTED = bytes(255 - byte for byte in range(256))


def encode_text(text: str) -> bytes:
    """Return the bytes of a text; callers can send what is not Unicode."""
    return text.encode("utf-8", "surrogatepass")


def encode_key(declared: EntityType) -> Callable[[object], bytes | None]:
    """Return a function from keys of a type to bytes; None for what can be no key of it."""
    columns = len(declared.key)
    if columns == 1:
        return lambda key: _encode_id(key) if isinstance(key, str) else None

    def several(key: object) -> bytes | None:
        if key.__class__ is not tuple or len(key) != columns:
            return None
        try:
            text = "/".join(key)
        except TypeError:
            return None
        # No column but the last has a `/`.
        if text.count("/") > separators and any("/" in part for part in key[:-1]):
            return None
        return _encode_id(text)

    separators = columns - 1
    return several


def _encode_id(text: str) -> bytes | None:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # no source has such ids
        return None
    if 0 < len(text) <= _SHORT_TEXT:
        return encoded
    # A zero is escaped in the order of keys, and so counts twice.
    return encoded if 0 < len(encoded) + encoded.count(0) <= MAX_ID_BYTES else None


def decode_key(declared: EntityType) -> Callable[[bytes], Key]:
    """Return the inverse of `encode_key`."""
    if len(declared.key) == 1:
        return bytes.decode
    separators = len(declared.key) - 1
    return lambda encoded: tuple(encoded.decode().split("/", separators))


def encode_values(values: tuple[Value, ...]) -> bytes:
    """Return bytes that are equal for equal values, and no others."""
    if len(values) == 1:
        value = values[0]
        if value.__class__ is str and len(value) < _SHORT_TEXT:
            return b"s" + value.encode("utf-8", "surrogatepass")
        encoded = _encode_value(value)
    else:
        encoded = _encode_several(values)
    if len(encoded) <= _MAX_VALUE_BYTES:
        return encoded
    return b"\xff" + sha256(encoded).digest()


def _encode_several(values: tuple[Value, ...]) -> bytes:
    text = ""
    for value in values:
        if value.__class__ is not str or not value.isascii():
            parts = [_encode_value(each) for each in values]
            return b"".join([b"%d:%b" % (len(part), part) for part in parts])
        text += f"{len(value) + 1}:s{value}"  # the same bytes for what most look-ups match
    return text.encode()


def encode_lookup_key(values: tuple[Value, ...]) -> bytes:
    """Return bytes for the key of a look-up: equal for equal values, and no others.

    A hash takes the place of what is longer: most pages of a store would hold texts that other
    entries hold already.
    """
    encoded = encode_values(values)
    if len(encoded) <= _HASH_BYTES:
        return encoded
    return b"\xff" + blake2b(encoded, digest_size=_HASH_BYTES).digest()


def _encode_value(value: Value) -> bytes:
    if value.__class__ is str:
        return b"s" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, bool):
        return b"b1" if value else b"b0"
    if isinstance(value, int | Decimal):  # equal numbers of both kinds are equal values
        return b"n%d/%d" % value.as_integer_ratio()
    if isinstance(value, datetime):
        return b"d%d" % ((value - _EPOCH) // _MICROSECOND)
    if isinstance(value, tuple):
        return b"t" + encode_values(value)
    raise TypeError(f"{type(value).__name__} is no value of an index")


# --- the order of the rows that one look-up finds -----------------------------------------------


def preference_of(declared: EntityType, lookup: Lookup) -> Callable[[Row], bytes]:
    """Return a function from a row to bytes, which are the least for the preferred row.

    The order is that of `several`: by the attribute `order`, then by key.
    """
    names = list(declared.attributes)
    columns = [names.index(column) for column in declared.key]
    if not lookup.order:
        return _ordered_key(columns)
    read, key_of = reader_of(declared, lookup.order), _ordered_key(columns)
    is_latest = lookup.several == "latest"

    def encode(row: Row) -> bytes:
        order = _ordered_value(read(row))
        return (order.translate(_INVERTED) if is_latest else order) + key_of(row)

    return encode


def key_behind_preference(lookup: Lookup) -> Callable[[bytes], Key]:
    """Return a function from the bytes of `preference_of` to the key of the row."""
    start = _NUMBER_BYTES + 1 if lookup.order else 0

    def decode(encoded: bytes) -> Key:
        parts = encoded[start:].decode().split(_SEPARATOR)
        restored = [part.replace(_ESCAPED_ZERO, "\0") for part in parts]
        return tuple(restored) if len(restored) > 1 else restored[0]

    return decode


def _ordered_key(columns: list[int]) -> Callable[[Row], bytes]:
    """Return a function from a row to bytes in the order of keys."""
    values, separators = _picker(columns), len(columns) - 1

    def encode(row: Row) -> bytes:
        parts = cast("tuple[str, ...]", values(row))
        text = _SEPARATOR.join(parts)
        if text.count("\0") > separators:
            text = _SEPARATOR.join([part.replace("\0", _ESCAPED_ZERO) for part in parts])
        return text.encode()

    return encode


def _ordered_value(value: Value) -> bytes:
    """Return bytes in the order of values; an absent one is the greatest."""
    if value is None:
        return b"\2" + bytes(_NUMBER_BYTES)
    if isinstance(value, datetime):
        number = (value - _EPOCH) // _MICROSECOND
    elif isinstance(value, Decimal):
        numerator, denominator = value.as_integer_ratio()
        number = numerator * 10**_SCALE_DIGITS // denominator
    else:
        number = int(cast("int", value)) * 10**_SCALE_DIGITS
    return b"\1" + (number + _OFFSET).to_bytes(_NUMBER_BYTES, "big")


# --- rows ---------------------------------------------------------------------------------------


BAD = b"\xc1"
"""Before a bad row: the one byte that MessagePack never has."""


class RowCodec:
    """Rows of one type as MessagePack, without the columns of their key."""

    def __init__(self, declared: EntityType) -> None:
        names = list(declared.attributes)
        stored = [name for name in names if name not in declared.key]
        types = [_python_type(declared.attributes[name].type) for name in stored]
        # Equal sets have equal bytes, so that a row is not written again for their order.
        self._encoder = msgspec.msgpack.Encoder(order="deterministic")
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
            tuple.__class_getitem__(tuple(types))
        )
        self._values = _picker([names.index(name) for name in stored])
        order = [*declared.key, *stored]
        is_permuted = order != names
        self._pick = itemgetter(*[order.index(name) for name in names]) if is_permuted else None
        self._single_key = len(declared.key) == 1

    def encode(self, row: Row) -> bytes:
        """Return the bytes of a row."""
        return self._encoder.encode(self._values(row))

    def encode_bad(self, row: Row) -> bytes:
        """Return the bytes of a bad row, which `decode` refuses."""
        return BAD + self.encode(row)

    def decode_any(self, key: Key, encoded: bytes) -> Row:
        """Return the row with a key, even if it is a bad one.

        Raises:
            msgspec.DecodeError: The bytes are no row of the type.
        """
        return self.decode(key, encoded.removeprefix(BAD))

    def decode(self, key: Key, encoded: bytes) -> Row:
        """Return the row with a key.

        Raises:
            msgspec.DecodeError: It is a bad row, or the bytes are no row of the type.
        """
        rest = self._decoder.decode(encoded)
        row = (key, *rest) if self._single_key else (*key, *rest)
        return row if self._pick is None else self._pick(row)


def _picker(indexes: list[int]) -> Callable[[Row], Row]:
    """Return a function from a row to its values at some indexes."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda row: tuple([row[index] for index in indexes])


_PYTHON_TYPES: dict[Kind, Any] = {
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.INSTANT: datetime,
    Kind.REFERENCE: str | tuple[str, ...],
}
"""How values are decoded; those of all other kinds are texts."""


def _python_type(value_type: ValueType) -> Any:  # noqa: ANN401  a type made of the schema
    if value_type.kind is Kind.SET and value_type.element is not None:
        member = _PYTHON_TYPES.get(value_type.element.kind, str)
        return frozenset.__class_getitem__(member) | None
    return _PYTHON_TYPES.get(value_type.kind, str) | None
