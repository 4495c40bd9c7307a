"""Output formats: text, JSON for programs, Markdown and SARIF for pull requests, CSV, a sheet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

TEXT, JSON, MARKDOWN, SARIF = "text", "json", "markdown", "sarif"
CSV, SHEET = "csv", "sheet"

F = TypeVar("F", bound=Callable[..., Any])

_HELP = {
    JSON: "Print JSON, for programs.",
    MARKDOWN: "Print Markdown, for a pull request.",
    CSV: "Print CSV, for a spreadsheet.",
    SHEET: "Print an HTML page, to be printed and signed.",
    SARIF: "Print SARIF 2.1.0, for annotations of lines.",
}


def output_options(*outputs: str) -> Callable[[F], F]:
    """Give a command options of its formats; it receives the chosen one as ``output``."""

    def decorate(command: F) -> F:
        for output in reversed(outputs):
            click.option(f"--{output}", "output", flag_value=output, help=_HELP[output])(command)
        return click.option("--text", "output", flag_value=TEXT, default=TEXT, hidden=True)(command)

    return decorate


def print_json(answer: object) -> None:
    """Print an indented JSON document, with its members in their order."""
    click.echo(as_json(answer))


def as_json(answer: object) -> str:
    """Return an indented JSON document, with its members in their order."""
    return json.dumps(answer, indent=2, ensure_ascii=False)


def indented(conditions: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of conditions, one for each clause."""
    for index, clauses in enumerate(conditions):
        if not clauses:
            yield "  always"
        for position, clause in enumerate(clauses):
            start = "   and " if position else "or when " if index else "  when "
            yield f"{start}{clause}"


def in_line_of_markdown(clauses: Sequence[object]) -> str:
    """Return a condition in one line of Markdown."""
    joined = ", and ".join(f"`{clause}`" for clause in clauses)
    return f"when {joined}" if clauses else "always"


def in_cell(text: str) -> str:
    """Return a text for a cell of a Markdown table."""
    return text.replace("|", "\\|")
