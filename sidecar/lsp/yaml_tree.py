"""A YAML document with the place of every node; of one that is half written there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from sidecar.lsp.positions import Text
from sidecar.schema.yaml_document import MAX_DEPTH


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; its place is without the quotes."""

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Members:
    """A map."""

    nodes: tuple[tuple[Node, Node], ...]
    start: int
    end: int


Node: TypeAlias = Scalar | Items | Members


def read_tree(text: Text) -> Node | None:
    """Return the document of a text; None if it is not YAML, too deep, or uses aliases."""
    try:
        return _build(yaml.parse(text.text, Loader=yaml.CSafeLoader), text)
    except (yaml.YAMLError, UnicodeError):
        return None


def entries(node: Node | None) -> Iterator[tuple[Scalar, Node]]:
    """Yield the names and values of a map; nothing of another node."""
    if isinstance(node, Members):
        for key, value in node.nodes:
            if isinstance(key, Scalar):
                yield key, value


def member(node: Node | None, name: str) -> Node | None:
    """Return the value of a name in a map, None if it has none."""
    return next((value for key, value in entries(node) if key.value == name), None)


def scalars(node: Node | None) -> list[Scalar]:
    """Return the texts of a list, or the one that stands for a list; nothing of a map."""
    if isinstance(node, Items):
        return [each for each in node.nodes if isinstance(each, Scalar)]
    return [node] if isinstance(node, Scalar) else []


def items(node: Node | None) -> tuple[Node, ...]:
    """Return the items of a list; nothing of another node."""
    return node.nodes if isinstance(node, Items) else ()


def _build(events: Iterator[yaml.Event], text: Text) -> Node | None:
    """Build the nodes, without recursion: the loader's own ones overflow the stack on deep ones."""
    open_nodes: list[tuple[bool, int, list[Node]]] = []
    for event in events:
        if event.start_mark is None or event.end_mark is None:
            continue
        start = text.offset_of(event.start_mark.line + 1, event.start_mark.column + 1)
        end = text.offset_of(event.end_mark.line + 1, event.end_mark.column + 1)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            quotes = event.style in {"'", '"'}
            node = Scalar(event.value, start + quotes, end - quotes)
        elif isinstance(event, yaml.CollectionEndEvent):
            is_map, begin, inside = open_nodes.pop()
            pairs = tuple(zip(inside[::2], inside[1::2], strict=False))
            node = Members(pairs, begin, end) if is_map else Items(tuple(inside), begin, end)
        elif isinstance(event, yaml.CollectionStartEvent) and len(open_nodes) < MAX_DEPTH:
            open_nodes.append((isinstance(event, yaml.MappingStartEvent), start, []))
            continue
        elif isinstance(event, yaml.NodeEvent):  # too deep, or an alias
            return None
        else:
            continue
        if not open_nodes:
            return node
        open_nodes[-1][2].append(node)
    return None
