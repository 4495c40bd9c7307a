"""Values of requests.

A value outside its domain is absent, so that the policy denies; only a wrong JSON type is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from sidecar.schema.model import ABSENT, Kind, Scalar, Schema, Value, ValueType
from sidecar.schema.values import LARGEST, MAX_DIGITS, SMALLEST, parse_proposed


def parse_json(schema: Schema, value_type: ValueType, value: object) -> Value:
    """Return the value of a property; absent if it is outside its domain.

    Raises:
        TypeError: The JSON type is wrong; ``must be a string``.
    """
    return _JSON[value_type.kind](schema, value_type, value)


def _text_json(schema: Schema, value_type: ValueType, value: object) -> Value:
    if not isinstance(value, str):
        raise TypeError("must be a string")
    try:
        return parse_proposed(schema, value_type, value)
    except ValueError:
        return ABSENT


def _boolean_json(_schema: Schema, _type: ValueType, value: object) -> Value:
    if not isinstance(value, bool):
        raise TypeError("must be a boolean")
    return value


def _integer_json(_schema: Schema, _type: ValueType, value: object) -> Value:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("must be an integer")
    return value if SMALLEST <= value <= LARGEST else ABSENT


def _decimal_json(schema: Schema, value_type: ValueType, value: object) -> Value:
    if isinstance(value, str):
        return _text_json(schema, value_type, value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        raise TypeError("must be a number, or a string of digits")
    if isinstance(value, float):
        # Only whole numbers up to 2**53 are certain to equal the text that the caller sent.
        if not (value.is_integer() and abs(value) < 2**53):
            raise TypeError("must be a string of digits, since it has a fraction")
        value = int(value)
    number = Decimal(value)
    # The same limit as for decimals in texts.
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        return ABSENT
    return number if len(number.as_tuple().digits) <= MAX_DIGITS else ABSENT


def _set_json(schema: Schema, value_type: ValueType, value: object) -> Value:
    if not isinstance(value, list | tuple) or value_type.element is None:
        raise TypeError("must be an array")
    members: set[Scalar] = set()
    for member in value:
        admitted = parse_json(schema, value_type.element, member)
        if admitted is None or isinstance(admitted, frozenset):
            return ABSENT
        members.add(admitted)
    return frozenset(members)


_JSON: Mapping[Kind, Callable[[Schema, ValueType, object], Value]] = {
    Kind.STRING: _text_json,
    Kind.BOOLEAN: _boolean_json,
    Kind.INTEGER: _integer_json,
    Kind.DECIMAL: _decimal_json,
    Kind.INSTANT: _text_json,
    Kind.EMAIL: _text_json,
    Kind.DOMAIN: _text_json,
    Kind.ENUM: _text_json,
    Kind.REFERENCE: _text_json,
    Kind.SET: _set_json,
}
