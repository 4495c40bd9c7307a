"""One Polar file as the compiler reads it: its rules, and its actor and resource blocks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from sidecar.errors import Problem
from sidecar.polar import ast
from sidecar.polar.ast import Call, Dictionary, InlineQuery, Literal, Name, Parameter, Term
from sidecar.polar.foreign_syntax import foreign_character
from sidecar.polar.parser import parse_statements
from sidecar.polar.statements import BLOCK_KEYWORDS
from sidecar.schema.characters import hidden_characters
from sidecar.schema.yaml_document import MAX_HIDDEN_REPORTED

Edit = tuple[int, int, str]
"""Where to begin and end in the text, and what to put there."""

MAXIMUM_FILE_BYTES = 1_000_000
"""A policy is written by people; Oso's parser is not made for more."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = frozenset({"n", "t", "r", "0", '"', "\\"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, `name(parameters) if body;`, and the file in which it stands."""

    file: str
    node: ast.Rule

    @property
    def line(self) -> int:
        """The line in which it begins."""
        return self.node.span.line

    @property
    def name(self) -> str:
        """What it is called."""
        return self.node.head.name.text

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What its head demands."""
        return self.node.head.parameters

    @property
    def body(self) -> Term | None:
        """What stands between `if` and `;`, None for a fact."""
        return self.node.body

    @property
    def literals(self) -> tuple[str | None, ...]:
        """The strings in its head; None for every other parameter."""
        return tuple(map(_literal, self.parameters))

    def calls(self) -> Iterator[Call]:
        """Yield the calls of rules in its body."""
        if self.node.body is not None:
            yield from ast.calls_in(self.node.body)


def _literal(parameter: Parameter) -> str | None:
    return None if parameter.specializer is not None else ast.text_of(parameter.term)


@dataclass(frozen=True, slots=True)
class Implication:
    """`"granted" if "implier" on "relation";` in a block; `relation` may be missing."""

    line: int
    column: int
    granted: str
    implier: str
    relation: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """`resource Document { … }` or `actor User { … }`, and the file in which it stands."""

    file: str
    node: ast.Block
    roles: tuple[Literal, ...]
    permissions: tuple[Literal, ...]
    relations: Mapping[str, Name]
    """The relation's name to the related type."""
    implications: tuple[Implication, ...]
    names: Mapping[str, str]
    """Each role, permission and relation to the rule that asks about it."""

    @property
    def line(self) -> int:
        """The line in which it begins."""
        return self.node.span.line

    @property
    def keyword(self) -> str:
        """`actor` or `resource`."""
        return self.node.keyword.text if self.node.keyword is not None else ""

    @property
    def type(self) -> str:
        """The type that it is about, by its Polar name."""
        return self.node.type.text

    @property
    def called(self) -> str:
        """What it is called in messages, with its article."""
        return f"{'an' if self.keyword == 'actor' else 'a'} {self.keyword} block"


@dataclass(frozen=True, slots=True)
class ImpliedRule:
    """The rule that Oso makes of a line of a block (polar-core, resource_block.rs)."""

    line: int
    column: int
    granted: str
    granted_by: str
    """The rule that holds then: `has_role`, `has_permission` or `has_relation`."""
    implier: str
    asks: str
    """The rule that it asks about the implier, of the resource itself or of a related one."""
    relation: str | None


def implied_rules(block: Block, blocks: Mapping[str, Block]) -> Iterator[ImpliedRule]:
    """Yield the rules that the lines of a block stand for; Oso refuses the lines that are left out.

    Args:
        block: The block.
        blocks: Every block, by its type.
    """
    for line in block.implications:
        owner: Block | None = block
        if line.relation is not None:
            related = block.relations.get(line.relation)
            owner = blocks.get(related.text) if related is not None else None
        granted_by = block.names.get(line.granted)
        asks = owner.names.get(line.implier) if owner is not None else None
        if granted_by is not None and asks is not None:
            place, names = (line.line, line.column), (line.granted, granted_by, line.implier, asks)
            yield ImpliedRule(*place, *names, line.relation)


@dataclass(frozen=True, slots=True)
class Source:
    """One Polar file, divided into statements."""

    file: str
    text: str
    rules: tuple[Rule, ...]
    blocks: tuple[Block, ...]

    def written(self, node: ast.Node) -> str:
        """Return the text of a node."""
        return self.text[node.span.start : node.span.end]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with edits that do not overlap; of two at one place the first in order wins."""
    pieces: list[str] = []
    end = 0
    for start, stop, replacement in sorted(edits):
        pieces += text[end:start], replacement
        end = stop
    return "".join((*pieces, text[end:]))


def read_source(file: str, text: str) -> tuple[Source, list[Problem]]:
    """Read one file, which may be wrong in any way.

    Returns:
        Its statements, and why it cannot be used; every other fault could be a consequence.
    """
    if problems := list(_text_problems(file, text)):
        return Source(file, text, (), ()), problems
    tree, problems = parse_statements(text, file)
    rules: list[Rule] = []
    blocks: list[Block] = []
    for line in tree.lines:
        problems += [Problem(file, *problem) for problem in _statement_problems(line, text)]
        if isinstance(line, ast.Rule):
            rules.append(Rule(file, line))
        elif isinstance(line, ast.Block):
            blocks.append(_block(file, line))
    return Source(file, text, tuple(rules), tuple(blocks)), problems


def _text_problems(file: str, text: str) -> Iterator[Problem]:
    """Yield why a text is not even parsed: it is too large, or holds hidden characters."""
    if len(text.encode("utf-8", "surrogatepass")) > MAXIMUM_FILE_BYTES:
        yield Problem(file, 0, f"the file is larger than {MAXIMUM_FILE_BYTES} bytes; split it")
        return
    # Oso ends a comment at a carriage return, which no editor shows: a rule hides there.
    for hidden in islice(hidden_characters(text), MAX_HIDDEN_REPORTED):
        yield Problem(file, hidden.line, hidden.message)


def _statement_problems(line: ast.Line, text: str) -> Iterator[tuple[int, str]]:
    """Yield why a statement that Oso can parse is no statement of a policy."""
    start = line.span.line
    if isinstance(line, InlineQuery):
        yield start, "`?=` would run when the policy is loaded; write a case of a suite"
    elif isinstance(line, ast.RuleType):
        yield start, "`type` declarations are not supported; give the parameters types"
    elif isinstance(line, ast.Block):
        yield from _block_problems(line)
    for node in ast.walk(line):
        if isinstance(node, Name | ast.Variable):
            name = node.text if isinstance(node, Name) else node.name
            letter = next((at for at, sign in enumerate(name) if not sign.isascii()), None)
            if letter is not None:
                yield node.span.line, foreign_character(text, node.span.start + letter)
        elif isinstance(node, Literal) and isinstance(node.value, str):
            written = text[node.span.start : node.span.end]
            yield from ((node.span.line, fault) for fault in _unknown_escapes(written))


def _unknown_escapes(string: str) -> Iterator[str]:
    """Yield what is wrong with the escapes of a string.

    Of one that it does not know, Oso drops the backslash, so that the string means another.
    """
    for match in _ESCAPED.finditer(string):
        if match[1] not in _ESCAPES:
            mend = "write the character itself, or `\\\\` for a backslash"
            yield f"`{match[0]}` is no escape of Polar; {mend}"


def _block_problems(block: ast.Block) -> Iterator[tuple[int, str]]:
    keyword = block.keyword.text if block.keyword is not None else ""
    if keyword not in BLOCK_KEYWORDS:
        first = keyword or block.type.text
        yield block.span.line, f"`{first}` does not begin a rule, a resource or an actor"
        return
    called = f"{'an' if keyword == 'actor' else 'a'} {keyword} block"
    for declaration in block.declarations:
        word, line = declaration.keyword.text, declaration.span.line
        is_list = not isinstance(declaration.value, Dictionary)
        if word not in {"roles", "permissions", "relations"}:
            yield line, f"`{word}` does not begin a line of {called}"
        elif word == "relations" and is_list:
            yield line, "relations are written `{name: Type}`"
        elif word != "relations" and not is_list:
            yield line, f"{word} are written as a list, `[…]`"
    for rule in block.rules:
        if rule.keyword is not None and rule.keyword.text != "on":
            yield rule.keyword.span.line, f"`{rule.keyword.text}` cannot stand here; write `on`"


def _block(file: str, block: ast.Block) -> Block:
    lists: dict[str, tuple[Literal, ...]] = {"roles": (), "permissions": ()}
    relations: dict[str, Name] = {}
    for declaration in block.declarations:
        value = declaration.value
        if isinstance(value, Dictionary):
            for entry in value.entries:
                if isinstance(entry.value, ast.Variable):
                    relations[entry.key.text] = Name(entry.value.span, entry.value.name)
        else:
            lists[declaration.keyword.text] = tuple(
                item for item in value.items if isinstance(item, Literal)
            )
    return Block(
        file,
        block,
        lists["roles"],
        lists["permissions"],
        relations,
        tuple(map(_implication, block.rules)),
        {
            **dict.fromkeys(relations, "has_relation"),
            **{str(literal.value): "has_permission" for literal in lists["permissions"]},
            **{str(literal.value): "has_role" for literal in lists["roles"]},
        },
    )


def _implication(rule: ast.ShorthandRule) -> Implication:
    relation = str(rule.relation.value) if rule.relation is not None else None
    place = (rule.span.line, rule.span.column)
    return Implication(*place, str(rule.head.value), str(rule.implier.value), relation)
