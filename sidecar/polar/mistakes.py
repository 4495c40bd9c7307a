"""Mistakes that people often make in Polar, with the mend where it is certain.

Each is found before Oso reads the text: Oso names the token at which it gives up, which is seldom
the cause, and its advice can turn a condition into one that always holds. A mend is told only
where following it gives what was meant; in doubt the message says what is wrong, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.polar.syntax_errors import bracketed_list
from sidecar.polar.tokens import Token, closing

_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
_PREFIXES = frozenset({"not", "new", "and", "or", "in", "if", "matches", "mod", "rem", "isa"})
"""Words that a value or a condition follows."""


def _depth(tokens: Sequence[Token]) -> int:
    return sum((token.text in _OPEN) - (token.text in _CLOSE) for token in tokens)


def absent_word(tokens: Sequence[Token], position: int) -> str:
    """Return what is wrong with a word for what is not there, and how it is asked."""
    around = {tokens[at].text for at in (position - 1, position + 1) if 0 <= at < len(tokens)} & {
        "=",
        "==",
        "!=",
    }
    how = f" = {'true' if '!=' in around else 'false'}" if len(around) == 1 else ""
    word = tokens[position].text
    message = f"`{word}` is not supported: an absent fact equals nothing"
    return f"{message}; ask whether it `.exists{how}`"


def foreign_list(tokens: Sequence[Token], position: int) -> str | None:
    """Return how a list is written in Polar where one of another language stands; None elsewhere.

    Args:
        tokens: Parameters or a body.
        position: Of an opening bracket.
    """
    before = tokens[position - 1] if position else None
    after_in = before is not None and before.text == "in" and before.kind == "word"
    inside = tokens[position + 1 : closing(tokens, position)]
    several = any(token.text == "," and _depth(inside[:at]) == 0 for at, token in enumerate(inside))
    alone = len(inside) == 1 and inside[0].kind in {"string", "number"}
    if tokens[position].text == "(":
        called = before is not None and before.kind == "word" and before.text not in _PREFIXES
        wrong = not called and (several or (after_in and alone))
    else:
        keyed = any(token.text == ":" for token in inside)
        wrong = tokens[position].text == "{" and after_in and bool(inside) and not keyed
    if not wrong:
        return None
    return bracketed_list("".join(", " if token.text == "," else token.text for token in inside))
