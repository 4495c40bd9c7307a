"""Text of Polar into syntax trees, exactly as far as Oso 0.27.3's own parser goes.

What Oso refuses only after parsing, such as a variable that stands once or a word other than
`resource` before a block, is parsed here too.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from sidecar.errors import InvalidPackError, Problem
from sidecar.polar.ast import File, Span
from sidecar.polar.positions import Misplaced
from sidecar.polar.tree_builder import plant

_FEW = 3
_QUOTED = 40


def parse(text: str, file: str) -> File:
    """Parse one file of Polar.

    Raises:
        InvalidPackError: Where Oso's parser would refuse it; with the line and what is wrong there.
    """
    try:
        return plant(_parser().parse(text), text)
    except Misplaced as error:
        problem = Problem(file, error.line, str(error))
    except UnexpectedInput as error:
        problem = Problem(file, *_fault(error, text))
    except RecursionError:
        problem = Problem(file, 0, "the conditions are nested too deeply; divide the rule")
    raise InvalidPackError([problem])


@cache
def _parser() -> Lark:
    grammar = files("sidecar.polar").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        propagate_positions=True,
        maybe_placeholders=False,
        lexer_callbacks={"SYMBOL": _symbol},
    )


def _symbol(token: Token) -> Token:
    if str(token) == "isa":
        raise Misplaced(_place(token), "`isa` is kept for Polar itself; take another name")
    if token.endswith("::"):
        raise Misplaced(_place(token), f"a name stands after `{_short(token)}`; write it")
    return token


def _place(token: Token) -> Span:
    return Span(token.start_pos or 0, token.end_pos or 0, token.line or 0, token.column or 0)


def _fault(error: UnexpectedInput, text: str) -> tuple[int, str]:
    """Return the line and what is wrong in it."""
    if isinstance(error, UnexpectedToken):
        if error.token.type == "$END":
            return text.count("\n", 0, len(text.rstrip())) + 1, (
                "the file ends in the middle of a rule or a block; is a `;` or a `}` missing?"
            )
        return error.line, f"`{_short(error.token)}` cannot stand here; {_advice(error)}"
    if isinstance(error, UnexpectedCharacters):
        character = error.char
        if character == '"':
            return error.line, 'the text is not closed; write `"` at its end, in the same line'
        return error.line, f"`{character}` is no part of Polar; take it away"
    return 0, "the file cannot be read"


def _advice(error: UnexpectedToken) -> str:
    expected = error.accepts or error.expected
    spelled = sorted(spelling for name in expected if (spelling := _spelling(name)))
    if "SEMICOLON" in expected and error.token.type in {"SYMBOL", "STRING", "TYPE", "QUERY"}:
        return "is a `;` missing before it?"
    if error.token.type in {"NEW", "IN", "CUT", "DEBUG", "PRINT", "FORALL", "TYPE", "MATCHES"}:
        return "it is a word of Polar; take another name"
    if 0 < len(expected) <= _FEW and len(spelled) == len(expected):
        return f"write {' or '.join(spelled)}"
    return "look for what is missing before it, or take it away"


def _spelling(name: str) -> str:
    named = {"SYMBOL": "a name", "STRING": 'a text in `"`', "SIGNLESS": "a number"}
    if name in named:
        return named[name]
    pattern = next((each.pattern for each in _parser().terminals if each.name == name), None)
    return f"`{pattern.value}`" if pattern is not None and pattern.type == "str" else ""


def _short(token: str) -> str:
    one = token.splitlines()[0]
    return one if len(one) <= _QUOTED else f"{one[:_QUOTED]}…"
