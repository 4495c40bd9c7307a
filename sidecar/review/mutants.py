"""Mutants: the policy with one small slip in it, as its author could make it.

A suite is good where it tells each of them from the policy. Each is one textual edit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sidecar.errors import InvalidPackError
from sidecar.polar.ast import Block, Node, Rule, Variable, walk
from sidecar.polar.parser import parse
from sidecar.review.mutations import Edit, Slips
from sidecar.review.replacements import Vocabulary
from sidecar.schema import Schema

_GIVEN = {"context", "settings"}
"""No variables, though they are written so."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit of one file of a policy."""

    file: str
    line: int
    """1-based: where what is written otherwise begins."""
    edit: Edit

    @property
    def sentence(self) -> str:
        """What the edit does, in the imperative."""
        return self.edit.sentence

    def applied(self, text: str) -> str:
        """Return the text of the file with the edit."""
        span = self.edit.span
        return f"{text[: span.start]}{self.edit.replacement}{text[span.end :]}"


def mutants_of(texts: Mapping[str, str], schema: Schema) -> tuple[Mutant, ...]:
    """Return all mutants of a policy, in the order of its files and their lines.

    Raises:
        InvalidPackError: Where a file does not parse.
    """
    files = {file: parse(text, file) for file, text in texts.items()}
    vocabulary = Vocabulary(schema, files.values())
    found: dict[tuple[str, str], Mutant] = {}
    for file, tree in files.items():
        slips = Slips(texts[file], vocabulary)
        for line in tree.lines:
            edits: Iterator[Edit] = iter(())
            if isinstance(line, Rule):
                edits = (_sound(line, edit, texts[file]) for edit in slips.of_rule(line))
            elif isinstance(line, Block):
                edits = slips.of_block(line)
            for edit in sorted(edits, key=lambda edit: edit.span.line):
                mutant = Mutant(file, edit.span.line, edit)
                found.setdefault((file, mutant.applied(texts[file])), mutant)
    return tuple(found.values())


def _sound(rule: Rule, edit: Edit, text: str) -> Edit:
    """Let variables that stand but once after an edit begin with an underscore, as Oso wants."""
    own = rule.span
    if edit.span == own:
        return edit
    before = text[own.start : own.end]
    start, end = edit.span.start - own.start, edit.span.end - own.start
    after = f"{before[:start]}{edit.replacement}{before[end:]}"
    try:
        (edited,) = parse(after, "").lines
    except InvalidPackError:  # Oso refuses it too, and says why
        return edit
    stood, stands = _counted(rule), _counted(edited)
    alone = [
        node
        for node in walk(edited)
        if isinstance(node, Variable) and stands[node.name] == 1 < stood[node.name]
    ]
    for node in sorted(alone, key=lambda node: node.span.start, reverse=True):
        after = f"{after[: node.span.start]}_{after[node.span.start :]}"
    if not alone:
        return edit
    whole = replace(own, line=edit.span.line, column=edit.span.column)
    return Edit(whole, after, edit.sentence)


def _counted(node: Node) -> Counter[str]:
    variables = (each.name for each in walk(node) if isinstance(each, Variable))
    return Counter(name for name in variables if name not in _GIVEN)
