"""The tokens of Polar, each with its place: enough to split a policy, not to understand it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sidecar.errors import Problem
from sidecar.schema.characters import hidden_characters
from sidecar.schema.yaml_document import MAX_HIDDEN_REPORTED

MAXIMUM_FILE_BYTES = 1_000_000
"""A policy is written by people; Oso's parser is not made for more."""
MAXIMUM_NESTING = 60
"""Levels of brackets; Oso's parser overflows its stack on deeply nested lists."""
MAXIMUM_CHAIN = 2000
"""Tokens without a comma or semicolon; `not not not …` overflows Oso's parser like brackets do."""
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+ | \#[^\r\n]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*\??)
  | (?P<mark>\?=|:=|==|!=|<=|>=|[-+*/=<>.,;:|(){}\[\]])
    """,
    re.VERBOSE,
)
_FOREIGN = re.compile(r"&&|\|\||!==|===|<>|=>|=<|//|/\*|--|!(?!=)|'")
_INSTEAD = {
    "&&": "write `and`",
    "||": "write `or`",
    "===": "write `=`",
    "!==": "write `!=`",
    "<>": "write `!=`",
    "=<": "write `<=`",
    "//": "a comment begins with `#`",
    "/*": "each line of a comment begins with `#`",
    "--": "a comment begins with `#`",
    "'": 'strings stand in `"..."`',
}
"""Signs of other languages, and what Polar has for them; what is left out could mean several."""
_BEFORE_CONDITION = frozenset({"if", "and", "or", "not", "(", ","})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", '"': '"', "\\": "\\"}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: what it is, what stands there, and where."""

    kind: str
    """``string``, ``number``, ``word`` or ``mark``."""
    text: str
    """As written, quotes included."""
    line: int
    start: int
    end: int

    @property
    def literal(self) -> str:
        """The value of a string token."""
        return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), self.text[1:-1])


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Return the position of the bracket that closes the one at `opening`, or the last one."""
    depth = 0
    for position in range(opening, len(tokens)):
        text = tokens[position].text
        depth += (text in {"(", "[", "{"}) - (text in {")", "]", "}"})
        if depth == 0:
            return position
    return len(tokens) - 1


def text_problems(file: str, text: str) -> list[Problem]:
    """Return why a text is not even parsed: it is too large, or holds hidden characters."""
    if len(text.encode("utf-8", "surrogatepass")) > MAXIMUM_FILE_BYTES:
        message = f"the file is larger than {MAXIMUM_FILE_BYTES} bytes; split it"
        return [Problem(file, 0, message)]
    # Oso ends a comment at a carriage return, which no editor shows: a rule hides there.
    hidden = islice(hidden_characters(text), MAX_HIDDEN_REPORTED)
    return [Problem(file, each.line, each.message) for each in hidden]


def tokenize(file: str, text: str) -> tuple[tuple[Token, ...], list[Problem]]:
    """Split `text` into tokens, within bounds that keep Oso's parser alive.

    Returns:
        The tokens, and the problems found: an unknown character, or nesting beyond the bounds.
    """
    if problems := text_problems(file, text):
        return (), problems
    tokens: list[Token] = []
    position, line, depth, chain = 0, 1, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or _FOREIGN.match(text, position):
            return (), [Problem(file, line, _meaningless(text, position, tokens))]
        kind, written = str(match.lastgroup), match[0]
        if kind == "string" and (fault := _unknown_escape(written)):
            return (), [Problem(file, line, fault)]
        if kind != "space":
            tokens.append(Token(kind, written, line, position, match.end()))
            depth += (written in {"(", "[", "{"}) - (written in {")", "]", "}"})
            chain = 0 if written in {",", ";", "{", "}"} else chain + 1
            if depth > MAXIMUM_NESTING:
                return (), [
                    Problem(file, line, f"brackets nest deeper than {MAXIMUM_NESTING} levels")
                ]
            if chain > MAXIMUM_CHAIN:
                advice = "divide the condition into rules of their own"
                return (), [
                    Problem(
                        file, line, f"more than {MAXIMUM_CHAIN} words in one condition; {advice}"
                    )
                ]
        line += written.count("\n")
        position = match.end()
    return tuple(tokens), []


def _unknown_escape(string: str) -> str:
    """Return what is wrong with the escapes of a string.

    Of one that it does not know, Oso drops the backslash, so that the string means another.
    """
    for match in _ESCAPED.finditer(string):
        if match[1] not in _ESCAPES:
            said = f"`{match[0]}` is no escape of Polar"
            return f"{said}; write the character itself, or `\\\\` for a backslash"
    return ""


def _meaningless(text: str, position: int, before: Sequence[Token]) -> str:
    """Return what is wrong at a place where no token of Polar begins; the mend if it is certain."""
    column = position - text.rfind("\n", 0, position)
    if text[position] == '"':
        return f"the string that begins here (column {column}) has no end in this line"
    foreign = _FOREIGN.match(text, position)
    if foreign is not None:
        sign = foreign[0]
        mend = _INSTEAD.get(sign, "")
        if sign == "!" and before and before[-1].text in _BEFORE_CONDITION:
            mend = "write `not`"
        return f"`{sign}` has no meaning in Polar (column {column}){mend and f'; {mend}'}"
    character = text[position]
    called = unicodedata.name(character, "a character without a name").lower()
    mend = '; write `"` instead' if "quotation mark" in called else ""
    return f"`{character}` ({called}) has no meaning in Polar here (column {column}){mend}"
