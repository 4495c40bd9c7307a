"""Explains syntax errors: the cause and its place, and the mend where only one thing can be meant.

The parser stops at the first token that cannot go on; what a person got wrong is that token, the
one before it, or a bracket that is not closed. The table of `tests/polar/test_syntax_errors.py`
has an example of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from lark import Token

from sidecar.polar.foreign_syntax import (
    ABSENT_WORDS,
    ALTERNATIVES,
    ARITHMETIC,
    FOREIGN_SIGN,
    STRAY_WORDS,
    bracketed_list,
    foreign_character,
    sign_message,
    word_instead,
)
from sidecar.polar.statements import (
    BLOCK_KEYWORDS,
    CLOSING,
    Statement,
    Tokens,
    certainly_begins,
    closing,
    is_head,
)

_BEFORE_CONDITION = frozenset({"IF", "AND", "OR", "NOT", "LPAR", "COMMA"})
_KEYWORDS = frozenset(
    {"IF", "AND", "OR", "NOT", "IN", "MATCHES", "NEW", "CUT", "DEBUG", "PRINT", "FORALL", "TYPE"}
    | {"MOD", "REM", "ISA", "INF", "NAN", "TRUE", "FALSE"}
)
_CALLED_KEYWORDS = frozenset({"DEBUG", "PRINT", "FORALL"})
_CONNECTING = frozenset({"AND", "OR", "IN", "IF", "MATCHES", "MOD", "REM", "ISA"})
"""Words that stand between two values, or before a condition."""
_PREFIXES = frozenset({"NOT", "NEW", *_CONNECTING})
"""Words that a value or a condition follows."""
_JOINING = frozenset({"NOT", *_CONNECTING}) - {"MATCHES"}
"""Words where a name should stand that are there on purpose: something before them is missing."""
_CONDITIONS_FOLLOW = frozenset({"IF", "AND", "OR", "NOT", "QUERY"})
_OPERATORS = frozenset(
    {"UNIFY", "ASSIGN", "EQ", "NEQ", "LEQ", "GEQ", "LT", "GT", "PLUS", "MINUS", "STAR", "SLASH"}
)
_VALUES_FOLLOW = frozenset({"IN", "MATCHES", "MOD", "REM", "COMMA", "LPAR", "COLON"})
_CLOSERS = frozenset(CLOSING.values())
_LINE_ENDS = frozenset({"SEMICOLON", "LBRACE"})
"""What stands before the first token of a line of a block."""
_LONGEST = 60
"""Characters of a token that are shown in a message."""
_FEW = 3


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """A syntax error: its line, what is wrong, and the token at which it is met."""

    line: int
    message: str
    at: int


def explain(statement: Statement, at: int, text: str, expected: frozenset[str]) -> SyntaxFault:
    """Explain why a statement cannot be parsed.

    Args:
        statement: The statement.
        at: The token that cannot stand there; the number of tokens where they end too soon.
        text: The whole file.
        expected: The types of the tokens that could stand there.
    """
    place = _Place(statement, at, text, expected)
    line, message = next(place.explanations())
    return SyntaxFault(line, message, at)


def foreign_letter(token: Token) -> int | None:
    """Return where in a name a letter stands that is no ASCII letter, None where there is none."""
    places = (at for at, letter in enumerate(token) if not letter.isascii())
    return next(places, None) if token.type == "SYMBOL" else None


class _Place:
    """The place at which a statement cannot go on."""

    def __init__(self, statement: Statement, at: int, text: str, expected: frozenset[str]) -> None:
        self._tokens, self._is_block = statement.tokens, statement.is_block
        self._at, self._text, self._expected = at, text, expected
        end = Token.new_borrow_pos("$END", "", self._tokens[-1])
        self._token = self._tokens[at] if at < len(self._tokens) else end
        self._before = self._tokens[at - 1] if at else None
        self._after = self._tokens[at + 1] if at + 1 < len(self._tokens) else end

    def explanations(self) -> Iterator[tuple[int, str]]:
        """Yield lines and messages, the likeliest cause first."""
        yield from self._foreign()
        yield from self._brackets()
        if self._is_block:
            yield from self._in_block()
        yield from self._beginning()
        yield from self._keyword()
        yield from self._after_head()
        yield from self._list()
        yield from self._side_by_side()
        yield from self._separator()
        yield from self._missing()
        yield self._line, f"{self._shown} cannot stand here{self._advice}"

    # --- signs and letters -----------------------------------------------------------------------

    def _foreign(self) -> Iterator[tuple[int, str]]:
        for token in self._tokens[: self._at + 1]:
            letter = foreign_letter(token)
            if letter is not None:
                message = foreign_character(self._text, (token.start_pos or 0) + letter)
                yield token.line or 0, message
        token = self._token
        if token.type == "UNCLOSED":
            column = f"column {token.column}"
            yield self._line, f"the string that begins here ({column}) has no end in this line"
        for place in (token, self._before):
            if place is not None and place.type != "STRING" and (sign := self._sign_at(place)):
                yield self._line, sign
        if token.type == "UNKNOWN":
            yield self._line, foreign_character(self._text, token.start_pos or 0)

    def _sign_at(self, token: Token) -> str | None:
        """Return what is wrong with a sign of another language of which a token is a part."""
        start = token.start_pos or 0
        for match in FOREIGN_SIGN.finditer(self._text, max(0, start - 2), start + 4):
            inside = match.start() <= start < match.end()
            begun = next(
                (place for place in self._tokens if place.start_pos == match.start()), None
            )
            if not inside or begun is None or begun.type == "STRING":
                continue
            column = match.start() - self._text.rfind("\n", 0, match.start())
            before = self._before is not None and self._before.type in _BEFORE_CONDITION
            return sign_message(match[0], column, at_start=not self._at, before_condition=before)
        return None

    # --- brackets --------------------------------------------------------------------------------

    def _brackets(self) -> Iterator[tuple[int, str]]:
        """Yield the first bracket that does not pair."""
        unpaired: list[Token] = []
        for at, token in enumerate(self._tokens):
            if token.type in CLOSING:
                unpaired.append(token)
            elif token.type in _CLOSERS:
                if not unpaired:
                    yield token.line or 0, f"`{token}` closes nothing that is open"
                    return
                opening = unpaired.pop()
                if CLOSING[opening.type] != token.type:
                    place = f"`{opening}` of line {opening.line}"
                    yield token.line or 0, f"`{token}` cannot close the {place}"
                    return
            elif len(unpaired) > self._is_block and (
                token.type == "SEMICOLON" or certainly_begins(self._tokens, at)
            ):
                break
        if unpaired:
            yield unpaired[-1].line or 0, f"the `{unpaired[-1]}` that begins here is not closed"

    @cached_property
    def _open(self) -> int | None:
        """The place of the innermost bracket that is open here."""
        unpaired: list[int] = []
        for at, token in enumerate(self._tokens[: self._at]):
            if token.type in CLOSING:
                unpaired.append(at)
            elif token.type in _CLOSERS and unpaired:
                unpaired.pop()
        return unpaired[-1] if unpaired else None

    def _opened(self) -> tuple[str, bool]:
        """Return the type of the innermost open bracket, and whether it follows a name."""
        if self._open is None:
            return "", False
        before = self._tokens[self._open - 1] if self._open else None
        named = before is not None and before.type in {"SYMBOL", *_CALLED_KEYWORDS}
        return self._tokens[self._open].type, named

    # --- statements ------------------------------------------------------------------------------

    def _beginning(self) -> Iterator[tuple[int, str]]:
        first = self._tokens[0]
        types = [token.type for token in self._tokens[:2]]
        if self._at > 2 or types == ["SYMBOL", "LPAR"] or first.type in {"TYPE", "QUERY"}:  # noqa: PLR2004 - a word, a second, and what should be a bracket
            return
        line = first.line or 0
        if first.type == "SEMICOLON":
            yield line, "this `;` ends nothing; take it away"
        elif first in BLOCK_KEYWORDS:
            yield line, f"`{first}` needs a type and `{{ … }}`"
        elif first.type == "STRING" or first in {"roles", "permissions", "relations"}:
            yield line, f"{_quoted(first)} stands in a block only; write `resource Type {{ … }}`"
        elif first.lower() in STRAY_WORDS:
            yield line, f"`{first}` is no word of Polar; a rule begins with its name"
        else:
            yield line, f"{_quoted(first)} does not begin a rule, a resource or an actor"

    def _after_head(self) -> Iterator[tuple[int, str]]:
        types = [token.type for token in self._tokens[:2]]
        if types != ["SYMBOL", "LPAR"] or closing(self._tokens, 1) != self._at - 1:
            return
        if self._token.lower() in {"when", "where", "if", "iff"}:
            yield self._line, f"`{self._token}` is no word of Polar; write `if`"
        elif self._token.type == "$END" or is_head(self._tokens, self._at):
            return
        elif _begins_value(self._token):
            message = f"between the head of this rule and `{self._token}`"
            yield self._line_before, f"{message} an `if` or a `;` is missing"
        else:
            message = "cannot follow the head of a rule; a condition begins with `if`"
            yield self._line, f"{self._shown} {message}"

    # --- blocks ----------------------------------------------------------------------------------

    def _in_block(self) -> Iterator[tuple[int, str]]:
        token, before = self._token, self._before
        if before is None:
            return
        yield from self._missing_semicolon()
        keyword = self._tokens[0]
        called = f"{'an' if keyword == 'actor' else 'a'} {keyword} block"
        in_line = self._open == self._block_opening
        begins_line = in_line and before.type in {"LBRACE", "SEMICOLON", "RBRACE"}
        second = in_line and self._at > 1 and self._tokens[self._at - 2].type in _LINE_ENDS
        if token.type in {"AND", "OR", "COMMA"} and "SEMICOLON" in self._expected:
            yield self._line, f"a line of {called} has one condition; write a rule for more"
        elif second and before.type == "SYMBOL" and token.type == "COLON":
            yield self._line, "write `=` instead of `:`"
        elif second and before.type == "SYMBOL" and token.type == "IF":
            yield self._line, f'names stand in quotes here; write `"{before}"`'
        elif second and before.type == token.type == "STRING":
            yield self._line, f"between {_quoted(before)} and {_quoted(token)} an `if` is missing"
        elif begins_line:
            yield self._line, f"{self._shown} does not begin a line of {called}"
        else:
            yield from self._in_declaration()

    @cached_property
    def _block_opening(self) -> int:
        """The place of the bracket that opens the block."""
        return next((at for at, token in enumerate(self._tokens) if token.type == "LBRACE"), 0)

    def _missing_semicolon(self) -> Iterator[tuple[int, str]]:
        token, line = self._token, self._line_before
        earlier = self._tokens[self._at - 2]
        if token.type == "UNIFY" and earlier.type == "STRING":
            line = earlier.line or 0  # the word before was taken for an `on`
        elif "SEMICOLON" not in self._expected or token.type not in {"STRING", "SYMBOL", "RBRACE"}:
            return
        yield line, f"a `;` is missing at the end of line {line}"

    def _in_declaration(self) -> Iterator[tuple[int, str]]:
        """Explain what is wrong in the lists of a block, and with names in its lines."""
        token, before = self._token, self._before
        names = [each for each in self._tokens[: self._at] if each.type == "SYMBOL"]
        relations = bool(names) and "relations" in names[-2:]
        if relations and (token.type == "LSQB" or "LSQB" in {each.type for each in self._inside}):
            yield self._line, "relations are written `{name: Type}`"
        elif relations and token.type == "STRING":
            yield self._line, f"names stand without quotes here; write `{str(token)[1:-1]}`"
        elif relations and before is not None and before.type == token.type == "SYMBOL":
            yield self._line, f"between `{before}` and `{token}` a `:` is missing"
        elif token.type == "SYMBOL" and "STRING" in self._expected:
            yield self._line, f'names stand in quotes here; write `"{token}"`'
        elif "LSQB" in self._expected and token.type in {"LPAR", "STRING"}:
            end = closing(self._tokens, self._at)
            written = self._tokens[self._at + 1 : end] if token.type == "LPAR" else [token]
            yield self._line, bracketed_list(_joined(written))
        elif token.type == "STRING" and before is not None and before.type == "LBRACE":
            end = closing(self._tokens, self._at - 1)
            yield self._line, bracketed_list(_joined(self._tokens[self._at : end]))

    @property
    def _inside(self) -> Tokens:
        """What stands in the innermost open bracket, itself included, up to here."""
        return self._tokens[self._open or 0 : self._at]

    # --- words -----------------------------------------------------------------------------------

    def _keyword(self) -> Iterator[tuple[int, str]]:
        before, token = self._before, self._token
        if before is not None and before.type in _CALLED_KEYWORDS | {"NEW"}:
            if token.type != "LPAR" and self._expected <= {"LPAR", "SYMBOL"}:
                yield self._line_before, f"`{before}` is a word of Polar; take another name"
        elif before is not None and before.type == "IN" and self._expected == {"LPAR"}:
            yield self._line_before, "`in` is a word of Polar; take another name"
        elif token.type == "NOT" and before is not None and before.type == "NOT":
            yield self._line, "`not` cannot follow `not`; write `not (not …)`"
        elif token.type in _KEYWORDS - _JOINING and "SYMBOL" in self._expected:
            yield self._line, f"`{token}` is a word of Polar; take another name"
        elif token.type == "ISA":
            yield self._line, "`isa` is not supported: write `matches`"

    def _side_by_side(self) -> Iterator[tuple[int, str]]:
        """Explain two parts with nothing between that would join them."""
        before, token, after = self._before, self._token, self._after
        if before is None or not _ends_value(before) or not _begins_value(token):
            return
        if self._open is None and certainly_begins(self._tokens, self._at):
            yield self._line_before, f"a `;` is missing at the end of line {self._line_before}"
            return
        if before.lower() == "not" or before in {"¬", "unless"}:
            mend = "; write `not`" if before.lower() == "not" else ""
            yield self._line_before, f"`{before}` is no word of Polar{mend}"
            return
        if before.lower() in STRAY_WORDS:
            yield self._line_before, f"`{before}` is no word of Polar"
            return
        if token.type == "NOT" and after.type == "IN":
            message = "`not in` is nothing in Polar; write `not` before the whole condition"
            yield self._line, message
            return
        if token.lower() in ALTERNATIVES | STRAY_WORDS:
            mend = "; write a second rule of this name" if token.lower() in ALTERNATIVES else ""
            yield self._line, f"`{token}` is no word of Polar{mend}"
            return
        infix = _is_word(token) and (
            _begins_value(after) or after.type in {"LSQB", "LPAR", "IN"} or token.lower() == "in"
        )
        mend = self._mend_of_word() if infix else ""
        if mend or (infix and token.line == before.end_line and after.type != "LPAR"):
            yield self._line, f"`{token}` is no word of Polar{mend}"
            return
        bracket, named = self._opened()
        between = f"between {_quoted(before)} and {self._shown}"
        if bracket in {"LSQB", "LBRACE"} or (bracket == "LPAR" and named):
            yield self._line_before, f"{between} a `,` is missing"
        else:
            yield self._line_before, f"something is missing {between}"

    def _mend_of_word(self) -> str:
        """Return what to write in place of a word that other languages have between two values."""
        word = self._token.lower()
        following = self._tokens[self._at + 1 : self._at + 3]
        turned = word == "is" and bool(following) and following[0].type == "NOT"
        meant = following[1:2] if turned else following[:1]
        if word == "is" and set(meant) & ABSENT_WORDS:
            return f"; ask `.exists = {'true' if turned else 'false'}`"
        if word == "is" and any(each.type == "IN" for each in meant):
            return ""
        sign = "!=" if turned else word_instead(word)
        return f"; write `{sign}`" if sign else ""

    # --- lists, and what stands between ----------------------------------------------------------

    def _list(self) -> Iterator[tuple[int, str]]:
        bracket, named = self._opened()
        if self._open is None:
            return
        if bracket == "LSQB" and self._before is not None and self._before.type != "COMMA":
            last = [token.type for token in self._inside[-2:]]
            if "STAR" in last:
                yield self._line, "`*rest` in a list cannot be compiled; write the list out"
        inside = self._tokens[self._open + 1 : closing(self._tokens, self._open)]
        tuple_of = bracket == "LPAR" and not named and self._token.type == "COMMA"
        keyed = any(token.type == "COLON" for token in inside)
        set_of = bracket == "LBRACE" and not self._is_block and bool(inside) and not keyed
        if (tuple_of or set_of) and not _OPERATORS & {token.type for token in inside}:
            yield self._tokens[self._open].line or 0, bracketed_list(_joined(inside))

    def _separator(self) -> Iterator[tuple[int, str]]:
        token, before = self._token, self._before
        bracket, _ = self._opened()
        in_braces = bracket == "LBRACE" and not (
            self._is_block and self._open == self._block_opening
        )
        after_value = before is not None and _ends_value(before)
        if token.type == "COMMA" and not bracket and after_value:
            yield self._line, "`,` joins no conditions; write `and`"
        elif token.type == "IF" and not self._is_block:
            mend = "end the rule before with `;`, or write `and`"
            yield self._line, f"a second `if` stands in this rule; {mend}"
        elif token.type == "COLON" and not bracket and after_value:
            yield self._line, "`:` gives types to parameters only; write `matches` in a condition"
        elif token.type == "COLON" and before is not None and before.type == "COLON":
            yield self._line, "`::` stands between two parts of a name"
        elif in_braces and token.type in {"UNIFY", "ASSIGN", "EQ"}:
            yield self._line, f"between a key and its value stands a `:`, not `{token}`"
        elif (in_braces or bracket == "LSQB") and token.type in {"AND", "OR", "NOT"}:
            yield self._line, f"a condition with `{token}` cannot stand in a list or in braces"
        elif token.type == "LSQB" and before is not None and _ends_value(before):
            message = f"`[` cannot follow {_quoted(before)}: nothing is read by its position"
            yield self._line, message
        elif token.type == "LPAR" and before is not None and _ends_value(before):
            yield self._line, f"`(` cannot follow {_quoted(before)}: only a name can be called"
        elif token.type in {"PLUS", "MINUS", "STAR", "SLASH", "MOD", "REM"} and after_value:
            yield self._line, f"`{token}`: {ARITHMETIC}"

    def _missing(self) -> Iterator[tuple[int, str]]:
        before, token = self._before, self._token
        if token.type == "$END" and "SEMICOLON" in self._expected:
            yield self._line, "a `;` is missing at the end"
        if before is None:
            return
        between = f"between {_quoted(before)} and {self._shown}"
        if before.type == "DOT" and "SYMBOL" not in self._expected:
            yield self._line, f"a number begins with a digit; write `0.{token}`"
        elif before.type == "DOT":
            yield self._line, f"{between} the name of a member is missing"
        elif before.type in {"MINUS", "PLUS"} and _begins_value(token):
            yield self._line, f"`{before}`: {ARITHMETIC}"
        elif token.type == "NOT" and before.type in _OPERATORS:
            yield self._line, f"{between} a value is missing; `not` stands before a whole condition"
        elif not _begins_value(token):
            yield from self._missing_operand(before, between)

    def _missing_operand(self, before: Token, between: str) -> Iterator[tuple[int, str]]:
        if before.type == "COMMA" and self._token.type in _CLOSERS:
            yield self._line, f"nothing stands {between}; take the `,` away"
        elif before.type == "LPAR" and self._token.type == "RPAR":
            yield self._line, f"{between} something is missing"
        elif before.type in _CONDITIONS_FOLLOW:
            yield self._line, f"{between} a condition is missing"
        elif before.type in _OPERATORS | _VALUES_FOLLOW:
            yield self._line, f"{between} a value is missing"

    # --- words for messages ----------------------------------------------------------------------

    @property
    def _line(self) -> int:
        return self._token.line or 0

    @property
    def _line_before(self) -> int:
        return (self._before.end_line if self._before is not None else self._token.line) or 0

    @property
    def _shown(self) -> str:
        return "the end of the file" if self._token.type == "$END" else _quoted(self._token)

    @property
    def _advice(self) -> str:
        spelled = sorted(filter(None, (_SPELLED.get(kind) for kind in self._expected)))
        if 0 < len(self._expected) <= _FEW and len(spelled) == len(self._expected):
            return f"; write {' or '.join(spelled)}"
        return ""


_SPELLED = {
    "SYMBOL": "a name",
    "STRING": 'a text in `"`',
    "SIGNLESS": "a number",
    "SEMICOLON": "`;`",
    "IF": "`if`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "COMMA": "`,`",
    "LSQB": "`[`",
    "LBRACE": "`{`",
    "UNIFY": "`=`",
}


def _quoted(token: Token) -> str:
    one = token.splitlines()[0] if token else ""
    return f"`{one if len(one) <= _LONGEST else f'{one[:_LONGEST]}…'}`"


def _joined(tokens: Tokens) -> str:
    return "".join(", " if token.type == "COMMA" else token for token in tokens)


def _is_word(token: Token) -> bool:
    return token.type == "SYMBOL" or token.type in _KEYWORDS


def _ends_value(token: Token) -> bool:
    if _is_word(token):
        return token.type not in _PREFIXES
    return token.type in {"STRING", "SIGNLESS"} or token.type in _CLOSERS


def _begins_value(token: Token) -> bool:
    if _is_word(token):
        return token.type not in _CONNECTING
    return token.type in {"STRING", "SIGNLESS"}
