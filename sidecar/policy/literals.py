"""What a policy writes out, as a value of the type that it is compared with or looked up by."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

from sidecar.policy.names import nearest
from sidecar.policy.symbols import PolicyFault
from sidecar.schema.nouns import Kind, Schema, ValueType
from sidecar.schema.values import Value, parse_text

MAXIMUM_DIGITS = 15
"""A decimal literal with more digits may not be what Polar's binary floats keep of it."""


def text_value(schema: Schema, value_type: ValueType, text: str) -> Value:
    """Return a string of a policy as a value of a type that is written as text.

    Raises:
        PolicyFault: It is no such value, so a fact could never equal it.
    """
    word = f'"{text}"'
    if not text:
        raise PolicyFault('`""`: no text is empty; ask whether the fact `.exists`', word)
    if value_type.kind is Kind.ENUM and text not in value_type.values:
        mend = nearest(text, value_type.values)
        raise PolicyFault(f"`{text}` is no value of `{value_type.name}`; {mend}", word)
    try:
        return parse_text(schema, value_type, text, quoted=True)
    except ValueError as error:
        raise PolicyFault(str(error), word) from None


def number_value(kind: Kind, number: float) -> Value:
    """Return a number of a policy as an integer or a decimal; None where it is none.

    Raises:
        PolicyFault: It has more digits than Polar keeps.
    """
    if not isfinite(number):
        return None
    exact = Decimal(repr(number))
    if "." in repr(number) and len(exact.as_tuple().digits) > MAXIMUM_DIGITS:
        raise PolicyFault(
            f"`{number}` has more than {MAXIMUM_DIGITS} digits; put it into the settings"
        )
    if kind is Kind.DECIMAL:
        return exact
    return int(exact) if exact == exact.to_integral_value() else None
