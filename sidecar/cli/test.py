"""`sidecar test`: the policy suites and their coverage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.coverage_output import CoverageReport
from sidecar.cli.formats import JSON, MARKDOWN, output_options, print_json
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.progress import Progress
from sidecar.compiler import load_pack
from sidecar.errors import InvalidSettingError
from sidecar.review.pack_revisions import NOW, PackPlace
from sidecar.suites import Cell, junit, read_suites, run_suites


@main.command()
@setting_options(PACK)
@click.option(
    "--junit",
    "junit_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the results to FILE too, as JUnit XML.",
)
@click.option(
    "--coverage",
    is_flag=True,
    help="Show which rules and leaves of the diagrams they cover, with cases that cover more.",
)
@output_options(JSON, MARKDOWN)
def test(junit_file: Path | None, coverage: bool, output: str, **given: object) -> None:
    """Run the policy suites, *_test.yaml beside the policies, on the worlds in the fixtures.

    Example: sidecar test --coverage --junit results.xml

    Exit status: 0 all answers are as expected; 1 one is not; 2 the suites could not be run.
    """
    settings = pack_settings(given)
    worlds = settings.fixtures / "worlds"
    with Progress("compiling the policy") as progress:
        if coverage:
            policy = PackPlace(NOW, settings.policies, settings.fixtures).load()
        else:
            policy = load_pack(settings.policies, settings.fixtures)
        progress.begin("running the suites")
        suites = read_suites(settings.policies)
        cells = run_suites(suites, policy, worlds)
    if not cells:
        raise click.UsageError(f"there is no case in `{settings.policies}`; write a `*_test.yaml`")
    if junit_file is not None:
        _write(junit_file, junit(cells))
    failed = [cell for cell in cells if cell.failure is not None]
    with Progress("looking for what no case covers"):
        report = CoverageReport(policy, suites, worlds, output) if coverage else None
    if output == JSON:
        members = _members(policy.revision, cells, failed)
        print_json(members if report is None else {**members, "coverage": report.members()})
    else:
        for line in _markdown(failed) if output == MARKDOWN else map(failure_line, failed):
            click.echo(line)
        click.echo(f"{len(cells) - len(failed)} of {len(cells)} answers are as expected")
        for line in report.text(output) if report is not None else ():
            click.echo(line)
    raise SystemExit(EXIT_NO if failed else EXIT_YES)


def failure_line(cell: Cell) -> str:
    """Return the failure of a cell, with its file and line."""
    return f"{cell.case.file}:{cell.case.line}: {cell.name} {cell.failure}"


def _markdown(failed: Sequence[Cell]) -> list[str]:
    if not failed:
        return []
    rows = [
        f"| `{cell.case.file}:{cell.case.line}` | {_escaped(cell.case.name)} |"
        f" {_escaped(f'{cell.subject} {cell.action} {cell.resource}')} |"
        f" {_escaped(str(cell.failure))} |"
        for cell in failed
    ]
    return ["| place | case | request | what is wrong |", "|---|---|---|---|", *rows, ""]


def _escaped(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<").split())


def _members(revision: str, cells: Sequence[Cell], failed: Sequence[Cell]) -> dict[str, object]:
    return {
        "version": 1,
        "policy": revision,
        "asked": len(cells),
        "as_expected": len(cells) - len(failed),
        "failures": [
            {
                "file": cell.case.file,
                "line": cell.case.line,
                "suite": cell.suite,
                "case": cell.case.name,
                "subject": str(cell.subject),
                "action": cell.action,
                "resource": str(cell.resource),
                "failure": cell.failure,
            }
            for cell in failed
        ],
    }


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidSettingError(f"`{path}` cannot be written: {error.strerror}") from error
