"""Words of a Polar file: its tokens, each with the comments and blank lines around it.

The lexer leaves comments out, so that they stand between the end of a token and the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lark import Token

_LINE_ENDS_OR_COMMENTS = re.compile(r"#[^\r\n]*|\n")
_BLANK_LINE = 2
"""Line feeds in a row that make a blank line."""
_ENDS_LINE = frozenset({"COMMA", "SEMICOLON", "AND", "OR", "IF"})
"""Types of words that stay in the line of the word before them."""


@dataclass(slots=True)
class Comment:
    """A comment on a line of its own."""

    text: str
    """With its `#`, without blanks at its end."""
    after_blank: bool
    """Whether a blank line stands before it."""
    column: int
    """Where it began in its line, 0-based."""


@dataclass(slots=True)
class Word:
    """A token, with what belongs to it."""

    text: str
    kind: str
    """The type of the token in the grammar."""
    line: int
    column: int
    """Where it began in its line, 0-based."""
    above: list[Comment] = field(default_factory=list)
    """The comments on lines of their own before it."""
    after_blank: bool = False
    """Whether a blank line stands right before it."""
    comment: str = ""
    """The comment at the end of its line; empty if there is none."""


def read_words(text: str, tokens: Sequence[Token]) -> tuple[list[Word], list[Comment]]:
    """Return the words of a file, and the comments after the last one."""
    words: list[Word] = []
    end = 0
    for token in tokens:
        word = Word(str(token), token.type, token.line or 0, (token.column or 1) - 1)
        _read_gap(text, end, token.start_pos or 0, words[-1] if words else None, word)
        words.append(word)
        end = token.end_pos or 0
    last = Word("", "", 0, 0)
    _read_gap(text, end, len(text), words[-1] if words else None, last)
    for before, word, after in zip(words[:-1], words[1:], [*words[2:], last], strict=bool(words)):
        if word.kind in _ENDS_LINE:
            _move_comments(before, word, after)
    return words, last.above


def comments_of(words: Sequence[Word], last: Sequence[Comment]) -> Iterator[str]:
    """Yield the text of every comment, in their order."""
    for word in words:
        yield from (comment.text for comment in word.above)
        if word.comment:
            yield word.comment
    yield from (comment.text for comment in last)


def _read_gap(text: str, start: int, end: int, before: Word | None, after: Word) -> None:
    """Give two words the comments that stand between them."""
    feeds = 0 if before is not None else 1
    for match in _LINE_ENDS_OR_COMMENTS.finditer(text, start, end):
        if match[0] == "\n":
            feeds += 1
        elif feeds == 0 and before is not None:
            before.comment = match[0].rstrip()
        else:
            column = match.start() - text.rfind("\n", 0, match.start()) - 1
            after.above.append(Comment(match[0].rstrip(), feeds >= _BLANK_LINE, column))
            feeds = 0
    after.after_blank = feeds >= _BLANK_LINE


def _move_comments(before: Word, word: Word, after: Word) -> None:
    """Move comments in front of a word that stays in the line of the word before it."""
    if not before.comment and not word.above:
        return
    moved = [*word.above, *([Comment(word.comment, False, 0)] if word.comment else [])]  # noqa: FBT003
    word.comment, before.comment, word.above = before.comment, "", []
    after.above[:0] = moved
