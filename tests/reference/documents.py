"""Reads YAML documents strictly, without the implicit types of YAML 1.1."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Document: TypeAlias = Any
"""Dicts, lists, str, int, Decimal, bool and None, as a document has them."""

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Takes every scalar as a text; the one in C, where there is one, is several times faster."""

_INTEGER = re.compile(r"[-+]?[0-9]+")
_DECIMAL = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_NULLS = frozenset(["", "~", "null", "Null", "NULL"])
_BOOLEANS = {"true": True, "false": False}


def read_document(path: Path) -> Document:
    """Return a YAML file as dicts, lists, str, int, Decimal, bool and None.

    Instants remain text; the declared type decides what a text means.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return parse_document(text, path.name)


def parse_document(text: str, name: str = "document") -> Document:
    """Return the only YAML document of a text."""
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if getattr(event, "anchor", None) is not None:
                raise ValueError(f"{name}: anchors and aliases are not allowed")
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: {error}") from error
    if node is None:
        raise ValueError(f"{name}: the file is empty")
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and not text.endswith("\n"):
        raise ValueError(f"{name}: the file has no final newline")
    return _plain(node, name)


def _plain(node: yaml.Node, name: str) -> Document:
    if isinstance(node, yaml.MappingNode):
        members: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in members:
                raise ValueError(f"{name}: the key {key} is repeated")
            members[key] = _plain(value_node, name)
        return members
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, name) for item in node.value]
    text = str(node.value)
    if not isinstance(node, yaml.ScalarNode) or node.style:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    return text
