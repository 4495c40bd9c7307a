"""Parts that JSON Schemas are made of, as the readers of YAML take them.

YAML 1.2 decides what an unquoted scalar is: a reader that takes any text takes numbers and booleans
too. A member without a value is null, which the readers take for an empty map and for no text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

Shape: TypeAlias = dict[str, object]
"""A JSON Schema."""

ANY: Shape = {}
TEXT: Shape = {"type": ["string", "number", "boolean"], "minLength": 1}
FLAG: Shape = {"type": "boolean"}
SCALAR: Shape = {"type": ["string", "number", "boolean", "null"]}

_WORDS: Mapping[str, object] = {
    "true": True, "false": False, "null": None, "~": None, "Null": None, "NULL": None,
}  # fmt: skip
"""Texts that are something else without quotes."""


def closed(
    members: Iterable[str],
    shapes: Mapping[str, Shape],
    *,
    required: Collection[str] = (),
    **more: object,
) -> Shape:
    """Return a map with no other members than the reader knows.

    Args:
        members: The names that the reader knows.
        shapes: The shape of each; neither more nor less, so that they cannot differ.
        required: Those that must not be missing. Without any, the map may be null.
        more: Further keywords.

    Raises:
        ValueError: Members and shapes have different names.
    """
    names = tuple(members)
    if {*names} != shapes.keys():
        different = sorted({*names} ^ shapes.keys())
        raise ValueError(f"the members have no shape, or the shapes no member: {different}")
    return {
        "type": "object" if required else ["object", "null"],
        "properties": {name: shapes[name] for name in names},
        "additionalProperties": False,
        **({"required": [*required]} if required else {}),
        **more,
    }


def not_both(one: str, other: str) -> Shape:
    """Return the keyword of a map that has one of two members, or none."""
    return {"not": {"type": "object", "required": [one, other]}}


def map_of(value: Shape, names: Shape | None = None, **more: object) -> Shape:
    """Return a map from any name, or from those of a shape, to a value."""
    of_names = {} if names is None else {"propertyNames": names}
    return {"type": ["object", "null"], "additionalProperties": value, **of_names, **more}


def either(one: Shape, other: Shape) -> Shape:
    """Return a value of one shape or another."""
    return {"anyOf": [one, other]}


def one_pair(value: Shape) -> Shape:
    """Return a map with one member."""
    return map_of(value) | {"type": "object", "minProperties": 1, "maxProperties": 1}


def list_of(item: Shape, **more: object) -> Shape:
    """Return a list without repetitions."""
    return {"type": "array", "items": item, "uniqueItems": True, **more}


def one_or_list(item: Shape, least: int = 0) -> Shape:
    """Return one item, or a list of at least so many."""
    return either(item, list_of(item, minItems=least))


def one_of(texts: Iterable[str]) -> Shape:
    """Return a text of several, quoted or not."""
    forms: list[object] = []
    for text in texts:
        forms.append(text)
        forms += [_WORDS[text]] if text in _WORDS else _numbers(text)
    return {"enum": forms}


def suggested(texts: Iterable[str], other: Shape = TEXT) -> Shape:
    """Return a text of another shape, for which an editor suggests some."""
    return either(one_of(texts), other) if (texts := [*texts]) else other


def reference_to(types: Iterable[str]) -> Shape:
    """Return a text ``type:id`` of one of these types."""
    names = "|".join(_SIGN.sub(r"\\\g<0>", name) for name in types)
    return {"type": "string", "pattern": rf"^(?:{names}):."}


_SIGN = re.compile(r"[][\\^$.|?*+(){}/]")
"""A sign that has a meaning in the regular expressions of JavaScript."""


def _numbers(text: str) -> list[object]:
    """Return the number that a text is without quotes; nothing if it is none."""
    try:
        return [int(text)]
    except ValueError:
        pass
    try:
        return [float(text)]
    except ValueError:
        return []
