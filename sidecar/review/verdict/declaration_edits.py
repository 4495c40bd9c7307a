"""What two packs declare differently, in words, with the lines of their YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from sidecar.review.declaration_diff import Declaration
from sidecar.review.verdict.model import Edit, EditKind, Place, Places
from sidecar.schema.settings_loader import MORE_SETTINGS
from sidecar.schema.yaml_document import Faults, Items, Members, Node, Text, read_document

_SECTIONS = {
    "type": "types",
    "enum": "enums",
    "attribute": "attributes",
    "look-up": "lookups",
    "action": "actions",
    "property": "properties",
    "reason": "reasons",
    "obligation": "obligations",
    "route": "routes",
}
"""The word for a declaration, to the member of the YAML that holds those of its kind."""
_WHOLE = {"the context": "context", "the settings": "settings", "the subject of routes": "subject"}
_NAMED = re.compile(r"([a-z-]*) ?`(.*)`", re.DOTALL)
_FOR_PEOPLE = frozenset({"`description`", "`label`"})


def declaration_edits(declarations: Sequence[Declaration], old: Path, new: Path) -> Iterator[Edit]:
    """Yield what is declared differently.

    Args:
        declarations: As `sidecar.review.declaration_diff` tells them.
        old: The fixtures of the old pack.
        new: Those of the new one.
    """
    documents = (_Documents(old), _Documents(new))
    for each in declarations:
        kind = _kind(each)
        there = (each.old is not None, each.new is not None)
        places = (
            documents[side].place(kind, each.path) if is_there else None
            for side, is_there in enumerate(there)
        )
        yield Edit(
            kind=kind,
            text=str(each),
            places=Places(*places),
            weakens=_weakens(each, kind),
            before=each.old,
            after=each.new,
        )


def file_edits(old: Path, new: Path) -> Iterator[Edit]:
    """Yield the files of two directories of fixtures that differ, each with its first new line."""
    names = {path.name: None for of in (new, old) for path in sorted(of.glob("*.y*ml"))}
    for name in names:
        lines = [_lines_of(of / name) for of in (old, new)]
        if lines[0] == lines[1]:
            continue
        pairs = zip_longest(*((() if each is None else each) for each in lines))
        at = next((at for at, pair in enumerate(pairs, 1) if pair[0] != pair[1]), 0)
        places = [
            None if each is None else Place(f"{of.name}/{name}", at)
            for of, each in zip((old, new), lines, strict=True)
        ]
        now = lines[1][at - 1].strip() if lines[1] is not None and at <= len(lines[1]) else ""
        text = "the file differs" + (f": `{now}`" if now else "")
        yield Edit(kind=EditKind.SCHEMA, text=text, places=Places(*places))


def _lines_of(file: Path) -> list[str] | None:
    if not file.is_file():
        return None
    return file.read_text("utf-8", errors="replace").splitlines()


def _kind(declaration: Declaration) -> EditKind:
    first = declaration.path[-1]
    if first.startswith("setting "):
        return EditKind.SETTING
    if first.startswith(("route ", "the subject of routes")):
        return EditKind.ROUTE
    if first.startswith(("reason ", "obligation ")) or declaration.path[0] in _FOR_PEOPLE:
        return EditKind.SENTENCE
    return EditKind.SCHEMA


def _weakens(declaration: Declaration, kind: EditKind) -> bool:
    """Tell whether more is let through, or shown to more people, than decisions tell.

    A value that is no longer sensitive is written to decision logs and explanations in plain text.
    A route that is new, or asks something else, lets requests through a gateway.
    A reference that may name what does not exist lets rows be used that were refused; both are
    compared with such rows, so that no decision differs.
    """
    if kind is EditKind.ROUTE:
        return declaration.new is not None
    flag = declaration.path[0]
    if flag == "`sensitive`":
        return declaration.old == "true"
    return flag == "`may_dangle`" and declaration.old == "false"


class _Documents:
    """The YAML of the fixtures of one pack."""

    def __init__(self, fixtures: Path) -> None:
        self._fixtures = fixtures
        self._read: dict[Path, Node | None] = {}

    def place(self, kind: EditKind, path: Sequence[str]) -> Place:
        """Return the line of a declaration; of what holds it, if it is not found."""
        best = Place(f"{self._fixtures.name}/{self._files(kind, path)[0].name}", 0)
        for file in self._files(kind, path):
            line, depth = self._line(self._document(file), path)
            if depth:
                return Place(f"{self._fixtures.name}/{file.name}", line)
        return best

    def _files(self, kind: EditKind, path: Sequence[str]) -> list[Path]:
        if kind is EditKind.SETTING:
            more = sorted(self._fixtures.glob(MORE_SETTINGS))
            return [self._fixtures / "settings.yaml", *more]
        if kind is EditKind.ROUTE:
            return [self._fixtures / "routes.yaml"]
        if path[-1].startswith(("reason ", "obligation ")):
            return [self._fixtures / "reasons.yaml"]
        return [self._fixtures / "schema.yaml"]

    def _document(self, file: Path) -> Node | None:
        if file not in self._read:
            self._read[file] = read_document(file, Faults("")) if file.is_file() else None
        return self._read[file]

    def _line(self, document: Node | None, path: Sequence[str]) -> tuple[int, int]:
        """Return the line of the innermost part of a path that is found, and its depth."""
        line = depth = 0
        node = document
        for step in reversed(path):
            found = None if node is None else _within(node, step)
            if found is None:
                break
            line, node = found
            depth += 1
        return line, depth


def _within(node: Node, step: str) -> tuple[int, Node | None] | None:
    """Return the line of a part of a document and what it holds; None where it is not there."""
    whole = _WHOLE.get(step)
    word, name = ("", whole) if whole is not None else _parts(step)
    if isinstance(node, Members):
        section = node.members.get(_SECTIONS.get(word, ""))
        for inside in (section, node):
            if isinstance(inside, Members) and name in inside.members:
                return inside.lines[name], inside.members[name]
    elif isinstance(node, Items):
        for item in node.items:
            if isinstance(item, Text) and item.text == name:
                return item.line, None
    return None


def _parts(step: str) -> tuple[str, str]:
    named = _NAMED.fullmatch(step)
    return (named[1], named[2]) if named else ("", step)
