"""Text of Polar into syntax trees, exactly as far as Oso 0.27.3's own parser goes.

What Oso refuses only after parsing, such as a variable that stands once or a word other than
`resource` before a block, is parsed here too. Each statement is parsed by itself, so that several
faults of a file are reported together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from lark import Token
from lark.exceptions import UnexpectedToken

from sidecar.errors import InvalidPackError, Problem
from sidecar.polar.ast import File, Line, Span
from sidecar.polar.builder import MisplacedError, span_of_token
from sidecar.polar.statements import CLOSING, Statement, divide, resume
from sidecar.polar.syntax_errors import SyntaxFault, explain
from sidecar.polar.tables import load_parser

MAXIMUM_NESTING = 60
"""Levels of brackets; Oso's parser overflows its stack on deeply nested lists."""
MAXIMUM_CHAIN = 2000
"""Tokens without a comma or semicolon; `not not not …` overflows Oso's parser like brackets do."""
MAXIMUM_RULE = 2000
"""Tokens of one rule. Each string in a list is a question that Oso asks again on every path."""
MAXIMUM_FAULTS = 20
"""Syntax errors that are reported of one file."""


def parse(text: str, file: str) -> File:
    """Parse one file of Polar.

    Raises:
        InvalidPackError: Where Oso's parser would refuse it, or it exceeds the bounds on nesting;
            with a problem for each statement that is wrong.
    """
    tree, problems = parse_statements(text, file)
    if problems:
        raise InvalidPackError(problems)
    return tree


def parse_statements(text: str, file: str) -> tuple[File, list[Problem]]:
    """Parse the statements of one file that can be parsed.

    Returns:
        A tree of these statements, and a problem for each of the others.
    """
    whole = Span(0, len(text), 1, 1)
    try:
        tokens = list(_within_bounds(_lex(text)))
    except MisplacedError as error:
        return File(whole, ()), [Problem(file, error.span.line, str(error))]
    lines: list[Line] = []
    problems: list[Problem] = []
    at = 0
    while at < len(tokens) and len(problems) < MAXIMUM_FAULTS:
        statement = divide(tokens, at)
        parsed = _parse_statement(statement, text)
        if isinstance(parsed, SyntaxFault):
            faults = [parsed, *_other_lines(statement, parsed, text)]
            problems += [Problem(file, fault.line, fault.message) for fault in faults]
            at = resume(tokens, at, at + parsed.at)
        else:
            lines.append(parsed)
            at += len(statement.tokens)
    return File(whole, tuple(lines)), problems


def tokenize(text: str) -> list[Token]:
    """Divide any text into tokens, without blanks and comments; what is no token is `UNKNOWN`."""
    return list(_lex(text))


def _lex(text: str) -> Iterator[Token]:
    parser = _parser().parse_interactive(text)
    yield from parser.lexer_thread.lex(parser.parser_state)  # type: ignore[no-untyped-call]  # of lark's


def _within_bounds(tokens: Iterator[Token]) -> Iterator[Token]:
    """Yield tokens as long as neither brackets nor conditions grow beyond what Oso survives."""
    depth = chain = 0
    for token in tokens:
        kind = token.type
        depth = max(0, depth + (kind in CLOSING) - (kind in CLOSING.values()))
        if kind == "SEMICOLON":  # of a rule, or of a line of a block
            depth = min(depth, 1)
        chain = 0 if kind in {"COMMA", "SEMICOLON", "LBRACE", "RBRACE"} else chain + 1
        if depth > MAXIMUM_NESTING:
            message = f"brackets nest deeper than {MAXIMUM_NESTING} levels"
            raise MisplacedError(span_of_token(token), message)
        if chain > MAXIMUM_CHAIN:
            advice = "divide the condition into rules of their own"
            message = f"more than {MAXIMUM_CHAIN} words in one condition; {advice}"
            raise MisplacedError(span_of_token(token), message)
        yield token


def _other_lines(statement: Statement, fault: SyntaxFault, text: str) -> Iterator[SyntaxFault]:
    """Yield what is wrong in the other lines of a block, each found without the faulty ones."""
    for _ in range(MAXIMUM_FAULTS):
        rest = statement.without_line(fault.at)
        parsed = _parse_statement(rest, text) if rest is not None else None
        if rest is None or not isinstance(parsed, SyntaxFault):
            return
        yield parsed
        statement, fault = rest, parsed


def _parse_statement(statement: Statement, text: str) -> Line | SyntaxFault:
    first = statement.tokens[0]
    if not statement.is_block and len(statement.tokens) > MAXIMUM_RULE:
        advice = "divide it, or put its list into the settings as a set"
        message = f"`{first}` has more than {MAXIMUM_RULE} words; {advice}"
        return SyntaxFault(first.line or 0, message, len(statement.tokens) - 1)
    parser = _parser().parse_interactive("")
    at = 0
    try:
        for token in statement.tokens:
            parser.feed_token(token)
            at += 1
        line: Line = parser.feed_eof(statement.tokens[-1])  # type: ignore[no-untyped-call]  # of lark's
    except MisplacedError as error:
        return SyntaxFault(error.span.line, str(error), at)
    except UnexpectedToken:
        expected: set[str] = parser.accepts()  # type: ignore[no-untyped-call]  # of lark's
        return explain(statement, at, text, frozenset(expected))
    return line


_parser = cache(load_parser)
