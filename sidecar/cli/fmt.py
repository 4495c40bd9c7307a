"""`sidecar fmt`: one layout for all Polar files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from stat import S_IMODE

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.errors import InvalidPackError, Problem
from sidecar.files import replace_file
from sidecar.polar.layout import format_polar
from sidecar.schema.yaml_document import NOT_UTF_8
from sidecar.watch import read_file

_STANDARD_INPUT = "-"


@main.command()
@click.argument("files", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; print the files that would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@setting_options(PACK)
def fmt(files: tuple[str, ...], check: bool, diff: bool, **given: object) -> None:
    """Write Polar files in one layout, which changes neither their meaning nor their comments.

    FILES are files, directories of files, or `-`: standard input, whose layout is printed. Without
    any, all policies of the pack.

    A file with faults is left as it is.

    Example: sidecar fmt --check policies

    Exit status: 0 all is written; 1 with --check or --diff, a file would change; 2 a file has
    faults.
    """
    status = EXIT_YES
    for file in _files(files) if files else _polar_files(pack_settings(given).policies):
        try:
            content = _read(file)
            formatted = format_polar(_decode(content, file), file).encode()
            is_changed = formatted != content
            if not (check or diff):
                _write(file, formatted, is_changed)
        except InvalidPackError as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
            status = EXIT_TROUBLE
            continue
        except OSError as error:
            click.echo(f"error: {file}: {error.strerror}", err=True)
            status = EXIT_TROUBLE
            continue
        if is_changed and (check or diff):
            status = max(status, EXIT_NO)
        if is_changed and check:
            click.echo(file)
        if is_changed and diff:
            click.echo("".join(_difference(file, content, formatted)), nl=False)
    raise SystemExit(status)


def _files(given: tuple[str, ...]) -> Iterator[str]:
    for name in given:
        if name != _STANDARD_INPUT and Path(name).is_dir():
            yield from _polar_files(Path(name))
        else:
            yield name


def _polar_files(directory: Path) -> list[str]:
    """Return the policies of a directory, as a pack has them."""
    found = sorted(directory.glob("*.polar"))
    return [str(file) for file in found if not file.name.startswith(".")]


def _read(file: str) -> bytes:
    if file == _STANDARD_INPUT:
        return sys.stdin.buffer.read()
    return read_file(Path(file))


def _decode(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidPackError([Problem(file, line, NOT_UTF_8)]) from None


def _difference(file: str, content: bytes, formatted: bytes) -> Iterator[str]:
    before, after = (each.decode().splitlines(keepends=True) for each in (content, formatted))
    for line in unified_diff(before, after, file, file):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _write(file: str, formatted: bytes, is_changed: bool) -> None:
    """Print the layout of standard input; else write a file that changes, and print its name."""
    if file == _STANDARD_INPUT:
        sys.stdout.buffer.write(formatted)
    elif is_changed:
        path = Path(file).resolve()  # a link stays one
        replace_file(path, formatted, S_IMODE(path.stat().st_mode))
        click.echo(file)
