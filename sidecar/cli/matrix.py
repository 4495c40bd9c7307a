"""`sidecar matrix`: the permissions of each role, and their conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import unified_diff
from pathlib import Path

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, MARKDOWN, TEXT, output_options, print_json
from sidecar.cli.matrix_output import as_markdown, as_plain, as_text
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.progress import Progress
from sidecar.review.matrix import matrix
from sidecar.review.matrix_lines import matrix_lines
from sidecar.review.pack_revisions import NOW, PackPlace

_PHASE = "listing what each role gives"


@main.command("matrix")
@click.option(
    "--golden",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compare with the approved matrix in FILE; status 1 if a line differs.",
)
@click.option(
    "--lines", is_flag=True, help="Print the approved matrix: all that is allowed, as lines."
)
@output_options(JSON, MARKDOWN)
@setting_options(PACK)
def matrix_command(golden: Path | None, lines: bool, output: str, **given: object) -> None:
    """Show the permissions of each role on each type of resource, and their conditions.

    Keep the output of --lines in a file beside the policies: each change of access is then a line
    in a diff, and a refactoring without effect is none.

    Example: sidecar matrix --golden approved.matrix

    Exit status: 0 all is listed and, with --golden, as approved; 1 a line differs; 2 something
    could not be listed.
    """
    if (golden is not None or lines) and output != TEXT:
        raise click.UsageError("--golden and --lines are text; leave --json and --markdown out")
    settings = pack_settings(given)
    place = PackPlace(NOW, settings.policies, settings.fixtures)
    if golden is not None or lines:
        with Progress(_PHASE):
            written, unlisted = matrix_lines(place)
        status = _status(unlisted)
        if golden is None:
            _print(written)
        else:
            status = status or _compared(golden, written)
        raise SystemExit(status)
    with Progress(_PHASE):
        sheets = matrix(place)
    status = _status([sentence for sheet in sheets for sentence in sheet.unlisted])
    if output == JSON:
        print_json(as_plain(sheets))
    else:
        _print((as_markdown if output == MARKDOWN else as_text)(sheets))
    raise SystemExit(status)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _status(unlisted: Sequence[str]) -> int:
    for sentence in unlisted:
        click.echo(f"error: not listed: {sentence}", err=True)
    return EXIT_TROUBLE if unlisted else EXIT_YES


def _compared(golden: Path, lines: Sequence[str]) -> int:
    """Print the lines that an approved matrix has not, or has too much."""
    try:
        approved = golden.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"the approved matrix `{golden}` cannot be read: {error}"
        raise click.UsageError(message) from error
    changed = list(unified_diff(approved, lines, str(golden), "now", lineterm="", n=0))
    _print(changed)
    return EXIT_NO if changed else EXIT_YES
