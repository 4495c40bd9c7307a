"""Convert YAML documents to plain data and back, for the schema in a bundle.

The readers of YAML read the plain form too, so that a schema is checked by one implementation
wherever it comes from. An unquoted scalar is a boolean, an integer or null if it is written so; any
other scalar is a text, which the readers accept with quotes as well as without.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from sidecar.schema.model import Value
from sidecar.schema.values import LARGEST, SMALLEST
from sidecar.schema.yaml_document import MAX_DEPTH, Items, Members, Node, Text

Plain: TypeAlias = "str | bool | int | list[Plain] | dict[str, Plain] | None"

_TRUTHS = {"true": True, "false": False}
_NULLS = frozenset({"", "~", "null"})
_LONGEST_INTEGER = len(str(SMALLEST))


def plain_of(node: Node) -> Plain:
    """Return a document as plain data, without its lines."""
    if isinstance(node, Members):
        return {name: plain_of(member) for name, member in node.members.items()}
    if isinstance(node, Items):
        return [plain_of(item) for item in node.items]
    if node.quoted:
        return node.text
    if node.text in _TRUTHS:
        return _TRUTHS[node.text]
    if node.text in _NULLS:
        return None
    return int(node.text) if _is_integer(node.text) else node.text


def node_of(plain: object, depth: int = MAX_DEPTH) -> Node:
    """Return plain data as a document; every node is in line 0.

    Raises:
        ValueError: It is nested too deep, or holds a value that no document can.
    """
    if depth == 0:
        raise ValueError(f"is nested deeper than {MAX_DEPTH}")
    if isinstance(plain, dict):
        members = {name: node_of(member, depth - 1) for name, member in plain.items()}
        return Members(members, dict.fromkeys(members, 0), 0)
    if isinstance(plain, list):
        return Items(tuple(node_of(item, depth - 1) for item in plain), 0)
    if isinstance(plain, str):
        return Text(plain, quoted=True, line=0)
    if plain is None:
        return Text("null", quoted=False, line=0)
    if isinstance(plain, bool):
        return Text("true" if plain else "false", quoted=False, line=0)
    if isinstance(plain, int):
        return Text(str(plain), quoted=False, line=0)
    raise ValueError(f"holds `{plain}`; numbers with a fraction are texts")


def _is_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(text) > _LONGEST_INTEGER:
        return False
    return text == str(int(text)) and SMALLEST <= int(text) <= LARGEST


def plain_value(value: Value) -> Plain:
    """Return a value as plain data that the readers of constants accept."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, frozenset):
        return sorted((plain_value(member) for member in value), key=str)
    if isinstance(value, datetime):
        return value.isoformat()
    # All its digits, so that it is read back as the same decimal.
    return "/".join(value) if isinstance(value, tuple) else f"{value:f}"
