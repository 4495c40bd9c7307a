"""Mistakes that people often make in Polar, with the mend where it is certain.

Each is found before Oso reads the text: Oso names the token at which it gives up, which is seldom
the cause, and its advice can turn a condition into one that always holds. A mend is told only
where following it gives what was meant; in doubt the message says what is wrong, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.polar.tokens import Token, closing

Mistake = tuple[int, str]
"""The line, and what is wrong in it."""

_OPEN, _CLOSE = {"(": ")", "[": "]", "{": "}"}, frozenset(")]}")
_OPERATORS = frozenset({"and", "or", "in", "if", "matches", "mod", "rem", "isa"})
"""Words that stand between two values, or before a condition."""
_PREFIXES = frozenset({"not", "new", *_OPERATORS})
"""Words that a value or a condition follows."""
_FOREIGN = {
    "is": "=",
    "eq": "=",
    "equals": "=",
    "ne": "!=",
    "and": "and",
    "or": "or",
    "in": "in",
    "if": "if",
    "when": "if",
    "where": "if",
}
"""Words that other languages have between two values, in lower case, and what Polar has there."""
ABSENT_WORDS = frozenset({"nil", "null", "Null", "NULL", "None", "undefined"})
"""Words of this and of other languages for what is not there."""
TRUTH_WORDS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
"""Words of other languages for what is true and what is false."""
_LONGEST = 60


def bracket_mistakes(tokens: Sequence[Token]) -> Iterator[Mistake]:
    """Yield the first bracket that does not pair; all that follows would be its consequences."""
    open_brackets: list[tuple[Token, bool]] = []
    for position, token in enumerate(tokens):
        if token.kind != "mark":
            continue
        if token.text in _OPEN:
            block = token.text == "{" and _begins_block(tokens, position - 2)
            if block and open_brackets:
                yield _unclosed(open_brackets[-1][0])
                return
            open_brackets.append((token, block))
        elif token.text in _CLOSE:
            if not open_brackets:
                yield token.line, f"`{token.text}` closes nothing that is open"
                return
            opening = open_brackets.pop()[0]
            if _OPEN[opening.text] != token.text:
                place = f"`{opening.text}` of line {opening.line}"
                yield token.line, f"`{token.text}` cannot close the {place}"
                return
        elif token.text == ";" and open_brackets and not open_brackets[-1][1]:
            yield _unclosed(open_brackets[-1][0])
            return
    if open_brackets:
        yield _unclosed(open_brackets[-1][0])


def _unclosed(opening: Token) -> Mistake:
    return opening.line, f"the `{opening.text}` that begins here is not closed"


def _begins_block(tokens: Sequence[Token], position: int) -> bool:
    """Tell whether `actor Type` or `resource Type` stands at a position."""
    return (
        position >= 0
        and tokens[position].text in {"actor", "resource"}
        and tokens[position + 1].kind == "word"
    )


def rule_mistakes(tokens: Sequence[Token]) -> Iterator[Mistake]:
    """Yield the first place of a rule at which two parts stand side by side with nothing between.

    Args:
        tokens: One statement, up to its `;`, or up to the end of the file.
    """
    depth = 0
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else None
        if before is not None and _ends_value(before) and _begins_value(token):
            yield _side_by_side(tokens, position, depth)
            return
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
    if tokens[-1].text != ";":
        yield tokens[-1].line, "a `;` is missing at the end"


def _ends_value(token: Token) -> bool:
    if token.kind == "word":
        return token.text not in _PREFIXES
    return token.kind in {"string", "number"} or token.text in _CLOSE


def _begins_value(token: Token) -> bool:
    if token.kind == "word":
        return token.text not in _OPERATORS
    return token.kind in {"string", "number"}


def _side_by_side(tokens: Sequence[Token], position: int, depth: int) -> Mistake:
    before, token = tokens[position - 1], tokens[position]
    after = tokens[position + 1].text if position + 1 < len(tokens) else ""
    if depth == 0 and (_begins_block(tokens, position) or _is_head(tokens, position)):
        return before.line, f"a `;` is missing at the end of line {before.line}"
    if before.text.lower() == "not":
        return before.line, f"`{before.text}` is no word of Polar; write `not`"
    if token.text == "not" and after == "in":
        return token.line, "`not in` is nothing in Polar; write `not` before the whole condition"
    infix = (
        token.kind == "word"
        and position + 1 < len(tokens)
        and (
            _begins_value(tokens[position + 1]) or after in {"[", "("} or token.text.lower() == "in"
        )
    )
    mend = _mend(tokens, position) if infix else ""
    if mend or (infix and token.line == before.line and after != "("):
        return token.line, f"`{token.text}` is no word of Polar{mend}"
    if depth == 0 and _follows_head(tokens, position):
        message = f"between the head of this rule and `{token.text}` an `if` or a `;` is missing"
        return before.line, message
    return before.line, f"something is missing between `{before.text}` and `{token.text}`"


def _is_head(tokens: Sequence[Token], position: int) -> bool:
    """Tell whether what begins here can only be a rule: types in brackets, or a second `if`."""
    if position + 1 >= len(tokens) or tokens[position + 1].text != "(":
        return False
    end = closing(tokens, position + 1)
    inside = tokens[position + 2 : end]
    typed = any(
        inside[at].text == ":" and _depth(inside[:at]) == 0 and inside[at - 1].kind == "word"
        for at in range(1, len(inside))
    )
    return typed or (end + 1 < len(tokens) and tokens[end + 1].text == "if")


def _follows_head(tokens: Sequence[Token], position: int) -> bool:
    return len(tokens) > 1 and tokens[1].text == "(" and closing(tokens, 1) == position - 1


def _depth(tokens: Sequence[Token]) -> int:
    return sum((token.text in _OPEN) - (token.text in _CLOSE) for token in tokens)


def _mend(tokens: Sequence[Token], position: int) -> str:
    """Return what to write in place of a word that other languages have between two values."""
    word = tokens[position].text.lower()
    following = [token.text for token in tokens[position + 1 : position + 3]]
    turned = word == "is" and following[:1] == ["not"]
    meant = following[1:2] if turned else following[:1]
    if word == "is" and set(meant) & ABSENT_WORDS:
        return f"; ask `.exists = {'true' if turned else 'false'}`"
    if word == "is" and set(meant) & {"in"}:
        return ""
    sign = "!=" if turned else _FOREIGN.get(word)
    return f"; write `{sign}`" if sign else ""


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


def bracketed_list(tokens: Sequence[Token], position: int) -> str | None:
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
    written = "".join(", " if token.text == "," else token.text for token in inside)
    return f"this is no list; a list is written `[{written if len(written) <= _LONGEST else '…'}]`"
