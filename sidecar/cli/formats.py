"""How an answer is printed: as text, as JSON for programs, or as Markdown for a pull request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

TEXT, JSON, MARKDOWN = "text", "json", "markdown"

F = TypeVar("F", bound=Callable[..., Any])

_HELP = {
    JSON: "Print JSON, for programs.",
    MARKDOWN: "Print Markdown, for a pull request.",
}


def output_options(*outputs: str) -> Callable[[F], F]:
    """Give a command ``--json`` and ``--markdown``; it gets the one asked for as ``output``."""

    def decorate(command: F) -> F:
        for output in reversed(outputs):
            click.option(f"--{output}", "output", flag_value=output, help=_HELP[output])(command)
        return click.option("--text", "output", flag_value=TEXT, default=TEXT, hidden=True)(command)

    return decorate


def print_json(answer: object) -> None:
    """Print one JSON document, indented, members in the order in which they were put."""
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
