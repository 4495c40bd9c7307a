"""What a policy writes out, as a value of the type that it is compared with or looked up by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite

from sidecar.errors import PolicyFault
from sidecar.polar.names import Names, nearest
from sidecar.polar.tokens import Token, tokenize
from sidecar.schema import email_address as addresses
from sidecar.schema.model import Kind, Value, ValueType
from sidecar.schema.values import parse_text

MAXIMUM_DIGITS = 15
"""A decimal literal with more digits may not be what Polar's binary floats keep of it."""


def one_spelling(texts: Mapping[str, str]) -> tuple[Mapping[str, str], frozenset[str]]:
    """Write every address that stands in several spellings in its canonical form.

    Oso compares two strings itself, letter by letter, so literals that are one address have to be
    one text before it is given them.

    Returns:
        The texts by file, and the addresses that were written otherwise.
    """
    found: dict[str, list[tuple[str, Token]]] = defaultdict(list)
    for file, text in texts.items():
        for token in tokenize(file, text)[0] if "@" in text else ():
            address = addresses.email(token.literal) if token.kind == "string" else None
            if address is not None:
                found[address].append((file, token))
    edited = dict(texts)
    respelled = {
        address: places
        for address, places in found.items()
        if len({token.literal for _, token in places}) > 1
    }
    edits = [(*place, address) for address, places in respelled.items() for place in places]
    for file, token, address in sorted(edits, key=lambda edit: edit[1].start, reverse=True):
        written = address.replace("\\", "\\\\").replace('"', '\\"')
        edited[file] = f'{edited[file][: token.start]}"{written}"{edited[file][token.end :]}'
    return edited, frozenset(respelled)


def text_value(names: Names, value_type: ValueType, text: str) -> Value:
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
    if value_type.kind is Kind.STRING and text in names.respelled:
        # Strings are compared exactly, and which spelling stood here is not known any more.
        raise PolicyFault(
            f"the address `{text}` is written in several spellings, and compared with a string;"
            " write one spelling everywhere, or declare the string as `email`",
            word,
        )
    try:
        return parse_text(names.schema, value_type, text, quoted=True)
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
