"""The statements of a policy: its rules, and its actor and resource blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sidecar.errors import Problem
from sidecar.polar.parser import parse_statements
from sidecar.polar.tokens import Token, closing, text_problems, tokenize

Tokens = tuple[Token, ...]

MAXIMUM_RULE = 2000
"""Tokens of one rule. Each string in a list is a question that Oso asks again on every path."""

KEYWORDS = frozenset({"and", "or", "not", "in", "if", "forall", "matches", "new", "print", "debug"})
"""Words that a bracket may follow without calling a rule."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One clause: `name(parameters) if body;`."""

    file: str
    line: int
    name: str
    head: Token
    """The token of the name."""
    parameters: tuple[Tokens, ...]
    body: Tokens
    """What stands between `if` and `;`, empty for a fact."""

    def literal(self, position: int) -> str | None:
        """Return the string that stands as the parameter at `position`, None for anything else."""
        tokens = self.parameters[position]
        return tokens[0].literal if len(tokens) == 1 and tokens[0].kind == "string" else None

    def calls(self) -> Iterator[tuple[Token, tuple[Tokens, ...]]]:
        """Yield the rules that the body calls, with their arguments."""
        for position, token in enumerate(self.body[:-1]):
            called = token.kind == "word" and self.body[position + 1].text == "("
            member = position > 0 and self.body[position - 1].text == "."
            if called and not member and token.text not in KEYWORDS:
                inside = self.body[position + 2 : closing(self.body, position + 1)]
                yield token, tuple(split(inside, ","))


@dataclass(frozen=True, slots=True)
class Implication:
    """`"granted" if "implier" on "relation";` in a block; `relation` may be missing."""

    line: int
    granted: str
    implier: str
    relation: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """`resource Document { … }` or `actor User { … }`."""

    file: str
    line: int
    keyword: str
    type: str
    type_token: Token
    span: tuple[int, int]
    """Where the inside of the braces begins and ends in the text."""
    roles: tuple[Token, ...]
    permissions: tuple[Token, ...]
    relations: Mapping[str, Token]
    """The relation's name to the token of the related type."""
    implications: tuple[Implication, ...]
    names: Mapping[str, str]
    """Each role, permission and relation to the rule that asks about it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One Polar file, divided into statements."""

    file: str
    text: str
    tokens: Tokens
    rules: tuple[Rule, ...]
    blocks: tuple[Block, ...]


def read_source(file: str, text: str) -> tuple[Source, list[Problem]]:
    """Divide one file into statements.

    The text may be wrong in any way: what is not a statement of Polar is a problem here, or in
    Oso, which reads the same file before anything is compiled from it.
    """
    problems = text_problems(file, text) or parse_statements(text, file)[1]
    tokens: Tokens = ()
    if not problems:
        tokens, problems = tokenize(file, text)
    if problems:  # what follows would be consequences
        return Source(file, text, (), (), ()), problems
    rules: list[Rule] = []
    blocks: list[Block] = []
    for statement in _statements(tokens):
        found = _block(file, statement) if _is_block(statement) else _rule(file, statement)
        if isinstance(found, Problem):
            problems.append(found)
        elif isinstance(found, Rule):
            rules.append(found)
        else:
            blocks.append(found)
    return Source(file, text, tokens, tuple(rules), tuple(blocks)), problems


def called_block(keyword: str) -> str:
    """Return what a block is called, with its article."""
    return f"{'an' if keyword == 'actor' else 'a'} {keyword} block"


def split(tokens: Sequence[Token], mark: str) -> Iterator[Tokens]:
    """Divide tokens at `mark` where it stands outside all brackets; empty pieces are left out."""
    piece: list[Token] = []
    depth = 0
    for token in tokens:
        depth += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
        if token.text == mark and token.kind == "mark" and depth == 0:
            if piece:
                yield tuple(piece)
            piece = []
        else:
            piece.append(token)
    if piece:
        yield tuple(piece)


def _statements(tokens: Tokens) -> Iterator[Tokens]:
    start = depth = 0
    block = False
    for position, token in enumerate(tokens):
        if position == start:
            block = _is_block(tokens[position : position + 2])
        depth += (token.text in {"(", "[", "{"}) - (token.text in {")", "]", "}"})
        if depth <= 0 and token.text == ("}" if block else ";"):
            yield tokens[start : position + 1]
            start, depth = position + 1, 0
    if start < len(tokens):
        yield tokens[start:]


def _rule(file: str, tokens: Tokens) -> Rule | Problem:
    first = tokens[0]
    if first.text == "?=":
        return Problem(
            file, first.line, "`?=` would run when the policy is loaded; write a case of a suite"
        )
    if first.text == "type" and len(tokens) > 1 and tokens[1].kind == "word":
        return Problem(
            file, first.line, "`type` declarations are not supported; give the parameters types"
        )
    if first.kind != "word" or len(tokens) < 3 or tokens[1].text != "(":
        return Problem(
            file, first.line, f"`{first.text}` does not begin a rule, a resource or an actor"
        )
    if len(tokens) > MAXIMUM_RULE:
        advice = "divide it, or put its list into the settings as a set"
        message = f"`{first.text}` has more than {MAXIMUM_RULE} words; {advice}"
        return Problem(file, first.line, message)
    end = closing(tokens, 1)
    rest = tokens[end + 1 : -1]
    if rest and rest[0].text != "if":
        message = f"`{rest[0].text}` cannot follow the head of a rule; a condition begins with `if`"
        return Problem(file, rest[0].line, message)
    parameters = tuple(split(tokens[2:end], ","))
    return Rule(file, first.line, first.text, first, parameters, rest[1:])


def _is_block(tokens: Tokens) -> bool:
    """Tell whether a statement begins as a block does."""
    return tokens[0].text in {"actor", "resource"} and len(tokens) > 1 and tokens[1].kind == "word"


def _missing_end(line: Tokens) -> tuple[int, str] | None:
    """Return where a `;` is missing, if what stands as one line of a block is two."""
    for before, token, after in zip(line, line[1:], line[2:], strict=False):
        implies = token.kind == "string" and after.text == "if"
        if before.text not in {"if", "on"} and (
            implies or (token.kind == "word" and after.text == "=")
        ):
            return before.line, f"a `;` is missing at the end of line {before.line}"
    return None


def _block(file: str, tokens: Tokens) -> Block | Problem:
    if len(tokens) < 4 or tokens[2].text != "{" or tokens[-1].text != "}":
        return Problem(file, tokens[0].line, f"`{tokens[0].text}` needs a type and `{{ … }}`")
    inside = tokens[3:-1]
    lists: dict[str, Tokens] = {"roles": (), "permissions": ()}
    relations: dict[str, Token] = {}
    implications: list[Implication] = []
    if inside and inside[-1].text != ";":
        return Problem(
            file, inside[-1].line, f"a `;` is missing at the end of line {inside[-1].line}"
        )
    for line in split(inside, ";"):
        texts = [token.text for token in line]
        if mistake := _missing_end(line):
            return Problem(file, *mistake)
        if len(line) > 1 and texts[1] == "=" and texts[0] in lists:
            lists[texts[0]] = tuple(token for token in line[2:] if token.kind == "string")
        elif len(line) > 1 and texts[:2] == ["relations", "="]:
            for entry in split(line[3:-1], ","):
                if len(entry) == 3:
                    relations[entry[0].text] = entry[2]
        elif [token.kind for token in line[::2]] in (["string"] * 2, ["string"] * 3) and texts[
            1:4:2
        ] in (
            ["if"],
            ["if", "on"],
        ):
            on = line[4].literal if len(line) == 5 else None
            implications.append(Implication(line[0].line, line[0].literal, line[2].literal, on))
        else:
            return Problem(
                file,
                line[0].line,
                f"`{texts[0]}` does not begin a line of {called_block(tokens[0].text)}",
            )
    span = (tokens[2].end, tokens[-1].start)
    return Block(
        file,
        tokens[0].line,
        tokens[0].text,
        tokens[1].text,
        tokens[1],
        span,
        lists["roles"],
        lists["permissions"],
        relations,
        tuple(implications),
        {
            **dict.fromkeys(relations, "has_relation"),
            **{token.literal: "has_permission" for token in lists["permissions"]},
            **{token.literal: "has_role" for token in lists["roles"]},
        },
    )
