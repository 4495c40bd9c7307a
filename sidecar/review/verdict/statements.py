"""The statements of a policy, each with the words that it is made of and its place.

A statement is a rule, or one line of a block: a role, a permission, a relation, or a line such as
``"view" if "member"``. Comments, blanks and the order of statements are no part of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lark import Token

from sidecar.polar import ast
from sidecar.polar.ast import Block, Dictionary, Items, Junction, Rule, ShorthandRule, Span, text_of
from sidecar.polar.parser import parse_statements, tokenize
from sidecar.polar.reachability import named_action, named_types
from sidecar.schema.messages import shown

_ENTRY_POINTS = {"forbid": "prohibition", "oblige": "obligation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a policy."""

    file: str
    span: Span
    title: str
    """What a reader calls it; two versions of one statement share it."""
    block: str
    """The type of its block; empty for a rule."""
    words: tuple[str, ...]
    """Its tokens; with `title` and `block` they are all that it means."""
    lines: tuple[int, ...]
    """The line of each word."""
    text: str
    """As it is written, on one line."""
    types: frozenset[str]
    """The types, by their names in Polar, without which it does not hold."""
    action: str | None
    """The only action that it speaks of; None where it may speak of any."""
    given: str = ""
    """Of a line such as ``"view" if "member"``: the permission or role that it gives."""
    giver: str = ""
    """Of such a line: who is given it, in words."""
    gives_role: bool = False
    """Whether `given` is a role."""
    permission: str | None = None
    """Of a rule ``has_permission(_, "view", _)``: the permission; None for others."""
    head: tuple[str, ...] = ()
    """Of a rule: the words before `if`."""
    conditions: tuple[tuple[str, int], ...] = ()
    """Of a rule: the conditions that hold together, each with its line."""

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """What two statements share that say the same."""
        return self.block, self.title if self.block else "", self.words

    @property
    def begin(self) -> tuple[str, int]:
        """The file and the line in which it begins."""
        return self.file, self.lines[0]


def statements_of(texts: Mapping[str, str]) -> tuple[Statement, ...]:
    """Return the statements of a policy that can be parsed, by file and place."""
    return tuple(
        statement for file, text in texts.items() for statement in _File(file, text).statements()
    )


class _File:
    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._tokens: Sequence[Token] = tokenize(text)
        self._starts = [token.start_pos or 0 for token in self._tokens]

    def statements(self) -> Iterator[Statement]:
        tree, _ = parse_statements(self._text, self._file)
        for line in tree.lines:
            if isinstance(line, Block):
                yield from self._of_block(line)
            elif isinstance(line, Rule):
                yield self._rule(line)

    def _rule(self, rule: Rule) -> Statement:
        conditions: tuple[ast.Term, ...] = ()
        if rule.body is not None:
            body = rule.body
            together = isinstance(body, Junction) and body.word == "and"
            conditions = body.operands if isinstance(body, Junction) and together else (body,)
        head, _ = self._words(rule.head.span)
        words, lines = self._words(rule.span)
        return Statement(
            file=self._file,
            span=rule.span,
            title=_title(rule),
            block="",
            words=words,
            lines=lines,
            text=self._written(rule.span),
            types=named_types(rule),
            action=named_action(rule),
            permission=_permission(rule),
            head=head,
            conditions=tuple((self._written(each.span), each.span.line) for each in conditions),
        )

    def _of_block(self, block: Block) -> Iterator[Statement]:
        kind = block.keyword.text if block.keyword is not None else "block"
        name = block.type.text
        head = Span(block.span.start, block.inside.start, block.span.line, block.span.column)
        yield self._line(block, head, f"{kind} {name}")
        roles: set[str] = set()
        for declaration in block.declarations:
            value = declaration.value
            members: Sequence[ast.Node] = ()
            if isinstance(value, Items):
                members = value.items
            elif isinstance(value, Dictionary):
                members = value.entries
            kind = declaration.keyword.text.removesuffix("s")
            if kind == "role":
                roles |= {text_of(item) or "" for item in members}  # type: ignore[arg-type]
            for member in members:
                title = f"{kind} {shown(self._written(member.span).strip(chr(34)))} of {name}"
                yield self._line(block, member.span, title)
        for line in block.rules:
            yield self._implication(block, line, roles)

    def _implication(self, block: Block, line: ShorthandRule, roles: set[str]) -> Statement:
        given, giver = str(line.head.value), str(line.implier.value)
        words, lines = self._words(line.span)
        told = shown(giver)
        if line.relation is not None:
            told += f" of the {line.relation.value}"
        is_role = given in roles
        return Statement(
            file=self._file,
            span=line.span,
            title=f"{shown(given)} on {block.type.text}",
            block=block.type.text,
            words=words,
            lines=lines,
            text=self._written(line.span),
            types=named_types(block),
            action=None if is_role else given,
            given=given,
            giver=told,
            gives_role=is_role,
        )

    def _line(self, block: Block, span: Span, title: str) -> Statement:
        words, lines = self._words(span)
        return Statement(
            file=self._file,
            span=span,
            title=title,
            block=block.type.text,
            words=words,
            lines=lines,
            text=self._written(span),
            types=named_types(block),
            action=None,
        )

    def _words(self, span: Span) -> tuple[tuple[str, ...], tuple[int, ...]]:
        first, last = (bisect_left(self._starts, each) for each in (span.start, span.end))
        tokens = self._tokens[first:last]
        return tuple(map(str, tokens)), tuple(token.line or 0 for token in tokens)

    def _written(self, span: Span) -> str:
        """Return a text on one line, without comments."""
        words, _ = self._words(span)
        lines = self._text[span.start : span.end].splitlines()
        joined = " ".join(" ".join(lines).split())
        return joined if "#" not in joined else " ".join(words)


def _permission(rule: Rule) -> str | None:
    """Return the permission that a rule gives; None where it gives none, or any."""
    terms = [each.term for each in rule.head.parameters]
    return text_of(terms[1]) if rule.head.name.text == "has_permission" and terms[1:] else None


def _title(rule: Rule) -> str:
    name, parameters = rule.head.name.text, rule.head.parameters
    literals = [text_of(each.term) for each in parameters]
    types = [ast.type_of(each) for each in parameters]
    of = next((each for each in reversed(types) if each is not None), "anything")
    match name, literals:
        case ("forbid" | "oblige", [_, _, _, str(code)]):
            return f"{_ENTRY_POINTS[name]} {shown(code)} on {types[2] or 'anything'}"
        case ("has_permission", [_, str(permission), _]):
            return f"permission {shown(permission)} on {of}"
        case ("has_permission", [_, _, _]):
            return f"permissions on {of}"
        case ("has_role", [_, str(role), _]):
            return f"who is {shown(role)} of {of}"
        case ("has_role", [_, _, _]):
            return f"who has a role on {of}"
        case ("has_relation", [_, str(relation), _]):
            return f"relation {shown(relation)} of {of}"
        case ("allow", _):
            return "what is granted (`allow`)"
        case _:
            pass
    return f"rule {shown(name)} on {of}" if of != "anything" else f"rule {shown(name)}"
