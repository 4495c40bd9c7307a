"""What a policy writes out, as a value of the type that it is compared with or looked up by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import isfinite

from sidecar.errors import PolicyFault
from sidecar.polar.ast import Literal, walk
from sidecar.polar.names import Names, nearest
from sidecar.polar.source import Edit, Source, apply_edits, read_source
from sidecar.schema import email_address as addresses
from sidecar.schema.model import Kind, Value, ValueType
from sidecar.schema.values import parse_text

MAXIMUM_DIGITS = 15
"""A decimal literal with more digits may not be what Polar's binary floats keep of it."""


def one_spelling(sources: Sequence[Source]) -> tuple[list[Source], frozenset[str]]:
    """Write every address that stands in several spellings in its canonical form.

    Oso compares two strings itself, letter by letter, so literals that are one address have to be
    one text before it is given them.

    Returns:
        The sources, and the addresses that were written otherwise.
    """
    found: dict[str, list[tuple[str, Literal]]] = defaultdict(list)
    for source in sources:
        for literal in _strings(source) if "@" in source.text else ():
            address = addresses.email(str(literal.value))
            if address is not None:
                found[address].append((source.file, literal))
    respelled = {
        address: places
        for address, places in found.items()
        if len({literal.value for _, literal in places}) > 1
    }
    edits: dict[str, list[Edit]] = defaultdict(list)
    for address, places in respelled.items():
        written = address.replace("\\", "\\\\").replace('"', '\\"')
        for file, literal in places:
            edits[file].append((literal.span.start, literal.span.end, f'"{written}"'))
    edited = [
        read_source(source.file, apply_edits(source.text, edits[source.file]))[0]
        if source.file in edits
        else source
        for source in sources
    ]
    return edited, frozenset(respelled)


def _strings(source: Source) -> Iterator[Literal]:
    statements = (*(rule.node for rule in source.rules), *(block.node for block in source.blocks))
    for statement in statements:
        for node in walk(statement):
            if isinstance(node, Literal) and isinstance(node.value, str):
                yield node


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
