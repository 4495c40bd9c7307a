"""Colours of results on a terminal.

`click.style` suffices for words at the start of a line, and click is a dependency already, so that
`rich` would be one more for nothing. Click leaves colours out where there is no terminal.
"""

from __future__ import annotations

import os
import re

import click

_WORDS = {
    "green": ("allow", "proved", "whole"),
    "red": ("deny", "FAILS", "broken", "newly allowed"),
    "yellow": ("unproved", "cannot be told", "newly denied", "not compared"),
}
_COLOURS = {word: colour for colour, words in _WORDS.items() for word in words}
_START = re.compile(rf"(?:{'|'.join(_COLOURS)})(?![\w-])")


def print_line(line: str) -> None:
    """Print a line of a result; a word of the result at its start is coloured on a terminal.

    The variable ``NO_COLOR`` with any text leaves the colours out (https://no-color.org).
    """
    found = _START.match(line)
    if found and not os.environ.get("NO_COLOR"):  # noqa: TID251  of the terminal, no setting
        word = found[0]
        line = click.style(word, fg=_COLOURS[word], bold=True) + line[found.end() :]
    click.echo(line)
