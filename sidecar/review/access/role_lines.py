"""The lines of a policy that give a role a permission, and edits of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from sidecar.polar.ast import Span
from sidecar.polar.source import Block, apply_edits, read_source
from sidecar.schema.messages import quoted

PERMISSION = "has_permission"


@dataclass(frozen=True, slots=True, order=True)
class RoleLine:
    """``"cards.view" if "support";`` in a block."""

    file: str
    line: int
    column: int
    start: int
    """Where it begins in the text of the file."""
    end: int
    type: str
    """The type of the resource, as Polar calls it."""
    permission: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """A line that is written otherwise."""

    line: RoleLine
    roles: tuple[str, ...]
    """Those that get the permission in the place of the role; none where the line goes."""

    @property
    def new(self) -> str:
        """What is written in its place; empty where the line goes."""
        permission = quoted(self.line.permission)
        return " ".join(f"{permission} if {quoted(role)};" for role in self.roles)


@dataclass(frozen=True, slots=True)
class RoleLines:
    """The lines of a whole policy."""

    lines: tuple[RoleLine, ...]
    above: Mapping[tuple[str, str], frozenset[str]]
    """The roles that bring a role along, by type and role; not itself."""

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> RoleLines:
        """Read the lines of a policy that compiles."""
        blocks = [
            (block, text)
            for file, text in texts.items()
            for block in read_source(file, text)[0].blocks
        ]
        return cls(
            tuple(sorted(line for block, text in blocks for line in _lines(block, text))),
            {
                (block.type, role): _above(block, role)
                for block, _ in blocks
                for role in map(_text, block.roles)
            },
        )


def _text(literal: object) -> str:
    return str(getattr(literal, "value", literal))


def _lines(block: Block, text: str) -> Iterator[RoleLine]:
    roles = {_text(role) for role in block.roles}
    permissions = {_text(permission) for permission in block.permissions}
    for rule in block.node.rules:
        granted, implier = _text(rule.head), _text(rule.implier)
        if rule.relation is None and granted in permissions and implier in roles:
            span = _whole(rule.span, text)
            place = (block.file, span.line, span.column, span.start, span.end)
            yield RoleLine(*place, block.type, granted, implier, text[span.start : span.end])


def _whole(span: Span, text: str) -> Span:
    """Return the place of a line with its semicolon."""
    rest = text[span.end :]
    gap = len(rest) - len(rest.lstrip())
    end = span.end + gap + 1 if rest[gap : gap + 1] == ";" else span.end
    return Span(span.start, end, span.line, span.column)


def _above(block: Block, role: str) -> frozenset[str]:
    found: set[str] = set()
    new = {role}
    while new:
        new = (
            {
                line.implier
                for line in block.implications
                if line.granted in new
                and line.relation is None
                and block.names.get(line.implier) == "has_role"
            }
            - found
            - {role}
        )
        found |= new
    return frozenset(found)


def edited(texts: Mapping[str, str], edits: Iterable[Edit]) -> dict[str, str]:
    """Return the files of a policy with edits; a line that is left empty goes."""
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.line.file, []).append(edit)
    return {**texts, **{file: _edited(texts[file], found) for file, found in by_file.items()}}


def _edited(text: str, edits: list[Edit]) -> str:
    pieces = [(edit.line.start, edit.line.end, edit.new) for edit in edits]
    lines = {text.count("\n", 0, start) for start, _, _ in pieces}
    after = apply_edits(text, pieces).split("\n")
    # No replacement has more than one line, so that lines keep their numbers until now.
    kept = [
        line.rstrip() if number in lines else line
        for number, line in enumerate(after)
        if number not in lines or line.strip()
    ]
    return "\n".join(kept)


def patch(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a patch that `git apply` takes in the directory of the policies."""
    for file, text in old.items():
        if new[file] != text:
            yield from unified_diff(
                text.splitlines(),
                new[file].splitlines(),
                f"a/{file}",
                f"b/{file}",
                lineterm="",
            )
