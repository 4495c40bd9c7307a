"""The file of a bundle: a line that states format, size and digest, and one JSON document.

    sidecar-bundle <format> <bytes of the document> <SHA-256 of the document, hexadecimal>

The same pack gives the same bytes: nodes and tests are numbered by the order in which the entries
lead to them, and nothing in the file depends on the time or on the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from sidecar.bundle.checks import check_diagrams
from sidecar.bundle.errors import BundleError
from sidecar.bundle.model import (
    Bundle,
    DiagramRows,
    Entry,
    EntryRow,
    NodeRow,
    PlainLabel,
    diagrams_of,
    nodes_of,
)
from sidecar.diagram.nodes import LEAVES, Node, Test
from sidecar.errors import InvalidPackError, Problem
from sidecar.files import replace_file
from sidecar.routes import routes_of
from sidecar.schema import Value
from sidecar.schema.loader import schema_of
from sidecar.schema.plain_document import Plain, node_of, plain_of, plain_value
from sidecar.schema.reasons import sentences_of
from sidecar.schema.settings_loader import settings_of
from sidecar.schema.yaml_document import Faults
from sidecar.schema.yaml_document import Node as Document
from sidecar.watch import read_file

FORMAT = 2
"""Raised whenever a reader of the format before it would read a new file wrongly."""

LARGEST_BUNDLE = 128 * 1024 * 1024
"""Bytes. The most nodes that the compiler makes (`diagram.MAXIMUM_NODES`) take about 20 MB."""

_MAGIC = b"sidecar-bundle"
_HEAD = re.compile(_MAGIC + rb" ([1-9][0-9]{0,5}) ([1-9][0-9]{0,11}) ([0-9a-f]{64})\n")
_LONGEST_HEAD = 128
_REVISION = re.compile(r"[0-9a-f]{16}")
_MEND = "build it again, or copy it again"


class _Node(Struct, array_like=True, forbid_unknown_fields=True):
    """Its number is its place among the nodes, counted on from the leaves."""

    test: int
    labels: tuple[PlainLabel, ...]
    branches: tuple[int, ...]


class _Content(Struct, forbid_unknown_fields=True):
    compiler: str
    """Version of the sidecar that built it."""
    revision: str
    files: list[str]
    schema: dict[str, Any]
    settings: dict[str, Any]
    sentences: dict[str, dict[str, str]]
    routes: dict[str, Any] | None
    tests: list[Test]
    nodes: list[_Node]
    entries: list[EntryRow]
    foreign: list[EntryRow]
    notices: list[tuple[str, int, str]]
    uncompiled: list[tuple[str, int, str, str, str, str, str]]


# --- writing ------------------------------------------------------------------------------------


def encode(bundle: Bundle, schema: Document, compiler: str) -> bytes:
    """Return the bytes of a bundle.

    Args:
        bundle: The bundle.
        schema: The document that its schema was read from.
        compiler: Version of the sidecar that compiled it.
    """
    numbering = _Numbering(bundle)
    content = _Content(
        compiler=compiler,
        revision=bundle.revision,
        files=list(bundle.files),
        schema=_members(plain_of(schema)),
        settings={
            name: plain_value(value) for name, value in bundle.settings.items() if value is not None
        },
        sentences={
            "reasons": dict(bundle.sentences.reasons),
            "obligations": dict(bundle.sentences.obligations),
        },
        routes=_members(bundle.routes.document) if bundle.routes else None,
        tests=numbering.tests,
        nodes=numbering.nodes,
        entries=numbering.entries(bundle.entries),
        foreign=numbering.entries(bundle.foreign),
        notices=[(each.file, each.line, each.message) for each in bundle.notices],
        uncompiled=[each.row() for each in bundle.uncompiled],
    )
    document = msgspec.json.encode(content) + b"\n"
    digest = sha256(document).hexdigest().encode()
    return b"%b %d %d %b\n%b" % (_MAGIC, FORMAT, len(document), digest, document)


def write_bundle(path: Path, content: bytes) -> None:
    """Write a bundle beside `path` and rename it: a reader has the old file or the new one.

    Raises:
        OSError: It cannot be written.
    """
    replace_file(path, content, 0o644)  # bundles hold no secrets


class _Numbering:
    """Numbers the nodes that entries lead to, and the tests that these make."""

    def __init__(self, bundle: Bundle) -> None:
        self._numbers = {leaf.number: leaf.number for leaf in LEAVES}
        ordered: list[Node] = []
        for entry in (*bundle.entries.values(), *bundle.foreign.values()):
            for root in _roots(entry):
                self._number(root, ordered)
        # Their order is what makes the diagrams ordered, so it stays.
        used = sorted({node.test for node in ordered})
        places = {test: place for place, test in enumerate(used)}
        self.tests = [bundle.tests[test] for test in used]
        self.nodes = [
            _Node(
                places[node.test],
                node.labels,
                tuple(self._numbers[branch.number] for branch in node.branches),
            )
            for node in ordered
        ]

    def entries(self, entries: Mapping[tuple[str, str, str], Entry]) -> list[EntryRow]:
        """Return the rows of entries."""
        return [
            EntryRow(
                *key,
                self._root(entry.granted),
                {code: self._root(root) for code, root in entry.forbids.items()},
                {code: self._root(root) for code, root in entry.obliges.items()},
                self._root(entry.allowed),
            )
            for key, entry in entries.items()
        ]

    def _root(self, node: Node | None) -> int | None:
        return None if node is None else self._numbers[node.number]

    def _number(self, root: Node, ordered: list[Node]) -> None:
        """Number a node and all below it, branches before the nodes that lead to them."""
        waiting = [root]
        while waiting:
            node = waiting[-1]
            below = [each for each in node.branches if each.number not in self._numbers]
            if below and node.number not in self._numbers:
                waiting += reversed(below)
                continue
            waiting.pop()
            if node.number not in self._numbers:
                self._numbers[node.number] = len(LEAVES) + len(ordered)
                ordered.append(node)


def _roots(entry: Entry) -> Iterator[Node]:
    roots = (entry.granted, *entry.forbids.values(), *entry.obliges.values(), entry.allowed)
    return (root for root in roots if root is not None)


def _members(plain: Plain) -> dict[str, Any]:
    return plain if isinstance(plain, dict) else {}


# --- reading ------------------------------------------------------------------------------------


def read_bundle(path: Path) -> bytes:
    """Read the file of a bundle; `decode` tells whether it is one.

    Raises:
        OSError: It cannot be read.
    """
    return read_file(path, _LONGEST_HEAD + LARGEST_BUNDLE + 1)


def decode(content: bytes, name: str) -> Bundle:
    """Return the bundle of a file's content, every part of it checked.

    Args:
        content: The content; it may come from anywhere.
        name: What the problem calls the file.

    Raises:
        InvalidPackError: It is no whole bundle, is of another format, or is not as it was built.
    """
    try:
        return _bundle_of(_document(content))
    except BundleError as error:
        raise InvalidPackError([Problem(name, 0, str(error))]) from error
    except InvalidPackError as error:  # of the schema, the settings or the sentences
        problems = [Problem(name, 0, f"{each.file}: {each.message}") for each in error.problems]
        raise InvalidPackError(problems) from error


def _document(content: bytes) -> bytes:
    """Return the document of a bundle, which has the size and the digest that the file states."""
    if not content:
        raise BundleError("is empty; build it with `sidecar build`")
    head = _HEAD.match(content[:_LONGEST_HEAD])
    if head is None:
        raise BundleError("is no bundle; build one with `sidecar build`")
    version, size, digest = int(head[1]), int(head[2]), head[3]
    if version != FORMAT:
        newer = "update this sidecar, or " if version > FORMAT else ""
        raise BundleError(
            f"has format {version}, and this sidecar reads format {FORMAT}; {newer}build it with"
            " the version of the sidecar that serves it"
        )
    if size > LARGEST_BUNDLE:
        raise BundleError(f"is larger than {LARGEST_BUNDLE} bytes; divide the policy")
    document = content[head.end() :]
    if len(document) < size:
        raise BundleError(
            f"is cut short: {len(document)} of {size} bytes; copy it again, and replace the file"
            " by renaming a whole one over it"
        )
    if len(document) > size:
        raise BundleError(f"goes on behind its end, {len(document) - size} bytes; {_MEND}")
    if sha256(document).hexdigest().encode() != digest:
        raise BundleError(f"was altered: its content does not have the digest it states; {_MEND}")
    return document


def _bundle_of(document: bytes) -> Bundle:
    try:
        content = msgspec.json.decode(document, type=_Content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = str(error) or "nested too deep"
        raise BundleError(f"is not as bundles are: {said[:1].lower()}{said[1:]}; {_MEND}") from None
    if not _REVISION.fullmatch(content.revision):
        raise BundleError(f"`revision` is not 16 hexadecimal digits; {_MEND}")
    schema = schema_of(_node(content.schema, "schema"), Faults("schema"))
    settings = _node(content.settings, "settings")
    named = Faults("settings")
    values: Mapping[str, Value] = settings_of(schema, [("settings", settings, named)])
    sentences = sentences_of(_node(content.sentences, "sentences"), Faults("sentences"))
    routes = None
    if content.routes is not None:
        declared = _node(content.routes, "routes")
        routes = routes_of(declared, schema, sentences.obligations, Faults("routes"))
    rows = DiagramRows(
        notices=content.notices,
        tests=content.tests,
        nodes=[
            NodeRow(number, node.test, node.labels, node.branches)
            for number, node in enumerate(content.nodes, len(LEAVES))
        ],
        entries=content.entries,
        foreign=content.foreign,
        uncompiled=content.uncompiled,
    )
    check_diagrams(rows, schema, sentences)
    return Bundle(
        schema=schema,
        settings=values,
        sentences=sentences,
        routes=routes,
        revision=content.revision,
        digest=sha256(document).hexdigest(),
        files=tuple(content.files),
        **diagrams_of(rows, nodes_of(rows.nodes, {})),
    )


def _node(plain: object, what: str) -> Document:
    try:
        return node_of(plain)
    except ValueError as error:
        raise BundleError(f"{what}: {error}; {_MEND}") from None
