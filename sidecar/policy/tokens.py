"""The tokens of Polar, each with its place: enough to split a policy, not to understand it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import islice

from sidecar.errors import Problem
from sidecar.schema.characters import hidden_characters
from sidecar.schema.documents import MOST_HIDDEN

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
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


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
        return re.sub(
            r"\\(.)",
            lambda match: _ESCAPES.get(match[1], match[1]),
            self.text[1:-1],
            flags=re.DOTALL,
        )


def tokenize(file: str, text: str) -> tuple[tuple[Token, ...], list[Problem]]:
    """Split `text` into tokens, within bounds that keep Oso's parser alive.

    Returns:
        The tokens, and the problems found: an unknown character, or nesting beyond the bounds.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAXIMUM_FILE_BYTES:
        return (), [
            Problem(file, 0, f"the file is larger than {MAXIMUM_FILE_BYTES} bytes; split it")
        ]
    if hidden := list(islice(hidden_characters(text), MOST_HIDDEN)):
        # Oso ends a comment at a carriage return, which no editor shows: a rule hides there.
        return (), [Problem(file, each.line, each.message) for each in hidden]
    tokens: list[Token] = []
    position, line, depth, chain = 0, 1, 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return (), [Problem(file, line, _meaningless(text[position]))]
        kind, written = str(match.lastgroup), match[0]
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


def _meaningless(character: str) -> str:
    shown = character if character.isprintable() else character.encode("unicode_escape").decode()
    called = unicodedata.name(character, "a control character").lower()
    advice = 'write `"` instead' if "quotation mark" in called else "delete it"
    return f"`{shown}` ({called}) has no meaning in Polar here; {advice}"
