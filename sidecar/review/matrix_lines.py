"""The approved matrix: all that a pack allows as lines, each of which names type, action and role.

It is written in one order, whatever the order of the policy, and helper rules are spelled out, so
that a refactoring without effect changes no line. Roles and reasons keep their names, which callers
and reviewers know; what they mean is told in lines of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from sidecar.compiler.pack import read_texts
from sidecar.diagram.paths import json_form
from sidecar.digests import digest_of, encode
from sidecar.engine.policy import Policy
from sidecar.polar.ast import Block, Node, Variable
from sidecar.review.clauses import Clause
from sidecar.review.declaration_diff import declared_lines
from sidecar.review.edit_reach import reaching
from sidecar.review.matrix import (
    ANYBODY,
    NEVER,
    NO_ROLE,
    SAME,
    UNKNOWN,
    UNLISTED,
    Cell,
    Explained,
    Sheet,
    drawn,
)
from sidecar.review.named_rules import OBLIGATION, REASON, ROLE
from sidecar.review.pack_revisions import PackPlace
from sidecar.schema.messages import in_line

HEAD = "# The approved matrix. `sidecar matrix --lines` writes it; do not edit it."


_GIVEN = frozenset({"context", "settings"})
"""No variables, though they are written so."""


def matrix_lines(place: PackPlace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines of the approved matrix of a pack, and what of it could not be listed.

    Raises:
        InvalidPackError: The pack cannot be used.
    """
    policy, sheets = drawn(place, (ROLE, REASON, OBLIGATION), json_form)
    pack, _ = read_texts(place.policies, place.fixtures)
    lines = [HEAD]
    for sheet in sheets:
        lines += dict.fromkeys(sorted(_sheet(sheet)))
        lines += _interpreted(policy, pack.texts, sheet)
    lines += (f"declared: {line}" for line in declared_lines(pack))
    return tuple(lines), tuple(sentence for sheet in sheets for sentence in sheet.unlisted)


def _sheet(sheet: Sheet) -> Iterator[str]:
    head = f"{sheet.resource} for {sheet.subject}:"
    for action, cells in sheet.cells.items():
        for column, cell in zip(sheet.columns, cells, strict=True):
            who = ANYBODY if column.name == NO_ROLE else column.name
            yield from (f"{head} {who} may {in_line(action)}{each}" for each in _cell(cell))
    for action, (more, less) in sheet.together.items():
        for verb, alternatives in (("may", more), ("may not", less)):
            for each in alternatives:
                yield f"{head} several roles {verb} {in_line(action)}{_when(each)}"
    for column in sheet.columns:
        for each in column.held:
            yield f"{head} {column.name} (for any action) is held{_when(each)}"
        yield from (f"{head} {column.name} has all actions of {each}" for each in column.brings)
    for explained in sheet.explained:
        yield from _coded(head, explained, ", ".join(map(in_line, explained.actions)))


def _cell(cell: Cell) -> Iterator[str]:
    if cell.allowed in {NEVER, SAME, UNKNOWN}:
        return
    if cell.allowed == UNLISTED:
        yield f", when is not listed: {cell.why}"
    unless = f", unless {', '.join(cell.unless)}" if cell.unless else ""
    yield from (f"{_when(each)}{unless}" for each in cell.when)


def _coded(head: str, explained: Explained, actions: str) -> Iterator[str]:
    does = "forbids" if explained.kind == REASON else "obliges"
    to = "to " if explained.kind == REASON else "with "
    if explained.unlisted:
        yield f"{head} {explained.title} {does} anybody {to}{actions}: {explained.unlisted}"
    for each in explained.when:
        yield f"{head} {explained.title} {does} anybody {to}{actions}{_when(each)}"


def _when(clauses: Sequence[Clause]) -> str:
    return f", when {' and '.join(map(str, clauses))}" if clauses else ""


def _interpreted(policy: Policy, texts: Mapping[str, str], sheet: Sheet) -> Iterator[str]:
    """Yield a line for each action that Oso decides, with a digest of the rules that it may use."""
    head = f"{sheet.resource} for {sheet.subject}:"
    for action in sheet.cells:
        key = (sheet.subject, sheet.resource, action)
        entry = policy.entries[key]
        roots = [("allow", "allow", entry.granted)]
        roots += [("forbid", code, root) for code, root in entry.forbids.items()]
        roots += [("oblige", code, root) for code, root in entry.obliges.items()]
        asked = sorted(name for _, name, root in roots if root is None)
        if asked:
            rules = {rule for rule, _, root in roots if root is None}
            statements = reaching(policy, texts, key, rules)
            written = sorted({encode(_shape(each, {})) for each in statements})
            digest = digest_of(*written).bytes().hex()[:12]
            yield (
                f"{head} Oso decides for anybody {in_line(action)} ({', '.join(asked)}),"
                f" by rules with the digest {digest}"
            )


def _shape(node: object, numbers: dict[str, int]) -> object:
    """Return a statement as plain data, whatever its variables are called and where it stands."""
    match node:
        case Variable(name=name):
            known = name in _GIVEN
            return ("variable", name if known else numbers.setdefault(name, len(numbers)))
        case Block():
            lines = [
                e
                for each in fields(node)
                if each.name not in {"span", "inside"}
                for e in _lines_of(node, each.name)
            ]
            return (type(node).__name__, *sorted(lines))
        case Node():
            members = (
                _shape(getattr(node, each.name), numbers)
                for each in fields(node)
                if each.name != "span"
            )
            return (type(node).__name__, *members)
        case tuple():
            return tuple(_shape(each, numbers) for each in node)
        case _:
            return node


def _lines_of(block: Block, member: str) -> list[bytes]:
    """Return a member of a block, its lines whatever their order."""
    value = getattr(block, member)
    parts = value if isinstance(value, tuple) else (value,)
    return [encode((member, _shape(each, {}))) for each in parts]
