"""Parse hand-written YAML documents into nodes with line numbers.

The nodes are built from parser events and not by PyYAML's composer: events are flat, so a document
with a hundred thousand levels is a fault and not a crash, and every scalar keeps its text and its
quotes. Features that make YAML hard to review are refused: anchors, aliases, tags, repeated keys.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import yaml

from sidecar.errors import Problem
from sidecar.schema.characters import hidden_characters
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.watch import read_file

NOT_UTF_8 = "is not UTF-8; save it as UTF-8"
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 30
MAX_HIDDEN_REPORTED = 20
"""Hidden characters of one document that are reported."""


_AFTER_NOW = re.compile(r":\s*(>=?\s*now)\b")
"""What YAML takes for the beginning of a folded text."""
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar: its text, and whether it was in quotes."""

    text: str
    quoted: bool
    line: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Members:
    """A map; `lines` has the line of each name."""

    members: Mapping[str, Node]
    lines: Mapping[str, int]
    line: int


Node: TypeAlias = Text | Items | Members


class Faults:
    """The faults of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, line: int, message: str) -> None:
        """Add a fault; `line` 0 is the file as a whole."""
        self.problems.append(Problem(self.file, line, message))

    def members(self, node: Node, what: str, known: Collection[str] | None = None) -> Members:
        """Return a node as a map; an empty map, and a fault, if it is not one.

        Args:
            node: The node.
            what: How faults name it: ``type `user` ``.
            known: The names that it may have, or None for any.
        """
        if isinstance(node, Text) and not node.quoted and node.text in {"", "~", "null"}:
            return Members({}, {}, node.line)
        if not isinstance(node, Members):
            self.add(node.line, f"{what} is {_shape(node)}; write a map, such as `name: ...`")
            return Members({}, {}, node.line)
        for name in node.members if known is not None else ():
            if known is not None and name not in known:
                mend = nearest(name, known) or f"; write one of {one_of(known)}"
                self.add(node.lines[name], f"{what} has no member {shown(name)}{mend}")
        return node

    def text(self, node: Node, what: str) -> str:
        """Return the text of a node; empty, and a fault, if it has none."""
        if isinstance(node, Text) and node.text:
            return node.text
        written = "empty" if isinstance(node, Text) else _shape(node)
        self.add(node.line, f"{what} is {written}; write text")
        return ""

    def flag(self, node: Node, what: str) -> bool:
        """Return the boolean of a node; false, and a fault, if it is not one."""
        if isinstance(node, Text) and not node.quoted and node.text in {"true", "false"}:
            return node.text == "true"
        written = shown(node.text) if isinstance(node, Text) else _shape(node)
        self.add(node.line, f"{what} is {written}; write true or false")
        return False

    def member_text(self, node: Members, name: str, what: str) -> str:
        """Return the text of an optional member of a map; empty if it is missing."""
        return self.text(node.members[name], f"{name} of {what}") if name in node.members else ""

    def member_flag(self, node: Members, name: str, what: str) -> bool:
        """Return the boolean of an optional member of a map; false if it is missing."""
        return name in node.members and self.flag(node.members[name], f"{name} of {what}")

    def texts(self, node: Node, what: str) -> Iterator[tuple[str, int]]:
        """Yield each text of a list with its line; add faults for its other items."""
        if not isinstance(node, Items):
            self.add(node.line, f"{what} is {_shape(node)}; write a list, such as `[a, b]`")
            return
        seen = set()
        for item in node.items:
            text = self.text(item, f"a member of {what}")
            if text in seen:
                self.add(item.line, f"{what} names {shown(text)} twice; remove one")
            elif text:
                seen.add(text)
                yield text, item.line


def shown_file(path: Path) -> str:
    """Return the name of a file for faults: with its directory."""
    return f"{path.absolute().parent.name}/{path.name}"


def read_document(path: Path, faults: Faults) -> Node | None:
    """Return the document of a file; None, and faults, if it is invalid.

    An empty file is an empty text. The name ends with `.yaml`. A file that ends with `.yml` is a
    fault: if it were ignored, its content would be lost without notice.
    """
    other = path.with_suffix(".yml")
    if path == other:
        faults.add(0, f"is not read; rename it to {shown(path.with_suffix('.yaml').name)}")
        return None
    if other.exists():
        faults.add(0, f"{shown(other.name)} stands beside it and is not read; rename or delete it")
    try:
        content = read_file(path, MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        faults.add(0, f"cannot be read: {error.strerror or 'unreadable'}")
        return None
    return parse_document(content, faults)


def parse_document(content: bytes, faults: Faults) -> Node | None:
    """Return the document of a content; None, and faults, if it is invalid."""
    if len(content) > MAX_DOCUMENT_BYTES:
        faults.add(0, f"is larger than {MAX_DOCUMENT_BYTES // 1024 // 1024} MB; split it")
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        faults.add(line, NOT_UTF_8)
        return None
    hidden = list(islice(hidden_characters(text), MAX_HIDDEN_REPORTED))
    for character in hidden:
        faults.add(character.line, character.message)
    if hidden:
        return None
    try:
        return _Builder(faults).build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        faults.add(*yaml_fault(error, content))
        return None


def feature_faults(event: yaml.Event) -> Iterator[str]:
    """Yield a message for each refused feature of an event: an alias, an anchor, a tag."""
    if isinstance(event, yaml.AliasEvent):
        yield f"alias {shown(event.anchor or '')} is not allowed; write it out"
    elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
        yield f"anchor {shown(event.anchor)} is not allowed; remove it"
    tag = getattr(event, "tag", None)
    if tag is not None:
        is_plain = isinstance(event, yaml.ScalarEvent) and not event.style
        mend = "quote the text instead" if is_plain and tag in _TEXT_TAGS else "remove it"
        yield f"tag {shown(tag)} is not allowed; {mend}"


_UNCLOSED = {
    "did not find expected ',' or '}'": "a comma or the `}` is missing, or a text needs quotes",
    "did not find expected ',' or ']'": "a comma or the `]` is missing, or a text needs quotes",
    "found unexpected end of stream": "the quote at the end of the text is missing",
}
_MENDS = {
    **_UNCLOSED,
    "did not find expected '-' indicator": "begin each item of the list with `- `",
    "did not find expected key": "indent all names alike, and quote a text that holds quotes",
    "found character that cannot start any token": "quote the text, and indent with spaces",
    "mapping values are not allowed in this context": "quote what holds `: `, or indent it",
}
"""What the parser finds, to how it is mended."""


def yaml_fault(error: yaml.YAMLError, content: bytes = b"") -> tuple[int, str]:
    """Return the line and the message of a parser error."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark, problem = error.problem_mark or error.context_mark, error.problem or ""
        if error.context_mark and problem in _UNCLOSED:
            mark = error.context_mark  # the mistake is nearer to the beginning than to the end
        detail = " ".join(part for part in (error.context, problem) if part)
        line = mark.line + 1 if mark else 0
        mend = _unquoted(content, line) or _MENDS.get(problem, "")
        return line, f"is not YAML: {detail}{mend and f'; {mend}'}"
    if isinstance(error, yaml.reader.ReaderError):
        line = content.count(b"\n", 0, error.position) + 1 if content else 0
        return line, NOT_UTF_8 if "UTF-8" in error.reason else f"is not YAML: {error.reason}"
    return 0, "is not YAML"


def _unquoted(content: bytes, line: int) -> str:
    """Return a mend where a line compares with the clock without quotes."""
    lines = content.decode(errors="replace").splitlines()
    found = _AFTER_NOW.search(lines[line - 1]) if 0 < line <= len(lines) else None
    return f'write `"{found[1]}"` in quotes' if found is not None else ""


@dataclass(slots=True)
class _Open:
    """A list or a map before its end."""

    line: int
    is_map: bool
    items: list[Node] = field(default_factory=list)
    members: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    name: str | None = None
    name_line: int = 0
    skipping: bool = False
    """Whether the next value is ignored, as its name is repeated or not a text."""


class _Builder:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._stack: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def build(self, events: Iterator[yaml.Event]) -> Node | None:
        for event in events:
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    self._faults.add(line, "holds a second document; remove the `---` before it")
                    return None
            elif isinstance(event, yaml.NodeEvent):
                for message in feature_faults(event):
                    self._faults.add(line, message)
                if isinstance(event, yaml.AliasEvent):
                    self._close(Text("", quoted=True, line=line))
                elif isinstance(event, yaml.ScalarEvent):
                    # `!!str` is one fault, for the tag; reading the value as text avoids a second.
                    quoted = bool(event.style) or event.tag in _TEXT_TAGS
                    self._close(Text(event.value, quoted=quoted, line=line))
                else:
                    self._stack.append(_Open(line, isinstance(event, yaml.MappingStartEvent)))
                    if len(self._stack) > MAX_DEPTH:
                        self._faults.add(line, f"is nested deeper than {MAX_DEPTH}; flatten it")
                        return None
            elif isinstance(event, yaml.CollectionEndEvent):
                top = self._stack.pop()
                self._close(
                    Members(top.members, top.lines, top.line)
                    if top.is_map
                    else Items(tuple(top.items), top.line)
                )
        return self._root if self._documents else Text("", quoted=False, line=1)

    def _close(self, node: Node) -> None:
        """Add a complete node to its list or map."""
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        if not top.is_map:
            top.items.append(node)
        elif top.skipping:
            top.skipping = False
        elif top.name is not None:
            top.members[top.name] = node
            top.lines[top.name] = top.name_line
            top.name = None
        elif not isinstance(node, Text):
            self._faults.add(node.line, f"{_shape(node)} stands where a name must; write text")
            top.skipping = True
        elif node.text in top.members:
            first = top.lines[node.text]
            self._faults.add(
                node.line,
                f"{shown(node.text)} is repeated (first on line {first}); remove one",
            )
            top.skipping = True
        else:
            top.name, top.name_line = node.text, node.line


def _shape(node: Node) -> str:
    if isinstance(node, Text):
        return f"the text {shown(node.text)}" if node.text else "empty"
    return "a list" if isinstance(node, Items) else "a map"
