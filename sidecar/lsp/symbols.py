"""The outline of a file: its blocks and rules, its types, cases and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsprotocol.types import DocumentSymbol, SymbolKind

from sidecar.lsp.positions import Text
from sidecar.lsp.quick_checks import read_kept
from sidecar.lsp.yaml_tree import Node as YamlNode
from sidecar.lsp.yaml_tree import Scalar, entries, items, member, read_tree
from sidecar.polar.ast import Node
from sidecar.polar.source import Source

_LEVELS = 3
"""How deep the maps of a YAML file are listed."""


def symbols(path: Path, text: Text) -> list[DocumentSymbol]:
    """Return the outline of a file."""
    if path.suffix == ".polar":
        return list(_of_source(read_kept(path.name, text.text), text))
    document = read_tree(text)
    return list(_of_document(document, text, _LEVELS)) if document is not None else []


def _of_source(source: Source, text: Text) -> Iterator[DocumentSymbol]:
    found: list[tuple[int, DocumentSymbol]] = []
    for block in source.blocks:
        inside = [
            _symbol(source.written(line.head).strip('"'), SymbolKind.Field, line, line.head, text)
            for line in block.node.rules
        ]
        name = f"{block.keyword} {block.type}".strip()
        symbol = _symbol(name, SymbolKind.Class, block.node, block.node.type, text)
        symbol.children = inside
        found.append((block.node.span.start, symbol))
    for rule in source.rules:
        head = rule.node.head
        name = " ".join(source.written(head).split())
        symbol = _symbol(name, SymbolKind.Function, rule.node, head.name, text)
        found.append((rule.node.span.start, symbol))
    for _, symbol in sorted(found, key=lambda each: each[0]):
        yield symbol


def _symbol(name: str, kind: SymbolKind, node: Node, named: Node, text: Text) -> DocumentSymbol:
    whole = text.range(node.span.start, node.span.end)
    selected = text.range(named.span.start, named.span.end)
    return DocumentSymbol(name or "?", kind, whole, selected)


def _of_document(node: YamlNode, text: Text, levels: int) -> Iterator[DocumentSymbol]:
    """Yield the names of a map, and the items of a list that have names."""
    for key, value in entries(node):
        yield _named(key, value, text, levels)
    for item in items(node):
        named = member(item, "name") or member(item, "id")
        if isinstance(named, Scalar):
            yield _named(named, item, text, 0)


def _named(key: Scalar, value: YamlNode, text: Text, levels: int) -> DocumentSymbol:
    first = min(key.start, value.start)
    written = text.text[first : value.end].rstrip()
    whole = text.range(first, max(first + len(written), key.end))
    selected = text.range(key.start, key.end)
    kind = SymbolKind.Property if isinstance(value, Scalar) else SymbolKind.Object
    children = list(_of_document(value, text, levels - 1)) if levels > 1 else []
    return DocumentSymbol(key.value or "?", kind, whole, selected, children=children)
