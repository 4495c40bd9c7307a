"""`sidecar review`: one verdict on an edit of a pack."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, MARKDOWN, SARIF, as_json, output_options, print_json
from sidecar.cli.options import INSTANT, PACK, setting_options
from sidecar.cli.pack_choice import clock, pack_settings
from sidecar.cli.progress import Progress
from sidecar.cli.review_json import as_plain
from sidecar.cli.review_markdown import as_markdown
from sidecar.cli.review_sarif import as_sarif
from sidecar.cli.review_text import as_text
from sidecar.decision_log import Hashing
from sidecar.errors import InvalidSettingError
from sidecar.review.pack_revisions import NOW, PackPlace, in_repository, packs_named
from sidecar.review.verdict import MOST_MUTANTS, Mount, Options, Review, Verdict, review

_HEAD = "HEAD"
_DEMO = Path("worlds") / "demo"
_WIDTH = 100
_APPROVALS = {"widens": (Verdict.WIDENS,), "breaks": (Verdict.WIDENS, Verdict.BREAKS_INVARIANT)}


@main.command("review")
@click.argument("base", default=_HEAD)
@click.argument("new", required=False)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Name the people of this mount who gain or lose something.  [default: the demo world]",
)
@click.option("--at", type=INSTANT, metavar="INSTANT", help="The time for --data.  [default: now]")
@click.option("--anonymous", is_flag=True, help="Print hashes in place of the names of --data.")
@click.option("--log", type=click.File("rb"), help="Replay this decision log with the new policy.")
@click.option(
    "--approve",
    type=click.Choice(list(_APPROVALS)),
    help="Accept a policy that widens, or also one that breaks an invariant: status 0.",
)
@click.option(
    "--mutants",
    type=click.IntRange(0),
    default=MOST_MUTANTS,
    show_default=True,
    help="Slips in the changed rules that are tried on the suites, at most.",
)
@click.option(
    "--output-directory",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIRECTORY",
    help="Write review.md, review.json and review.sarif into DIRECTORY, too.",
)
@output_options(JSON, MARKDOWN, SARIF)
@setting_options((*PACK, "decision_log_key"))
def review_command(  # noqa: PLR0913, PLR0917  click passes each option by its name
    base: str,
    new: str | None,
    data: Path | None,
    at: datetime | None,
    anonymous: bool,
    log: Iterator[bytes] | None,
    approve: str | None,
    mutants: int,
    directory: Path | None,
    output: str,
    **given: object,
) -> None:
    """Judge an edit of the policy in one verdict, on at most 60 lines.

    The verdict is: no change, narrows, widens, breaks an invariant, or cannot tell. Below it stand
    the edits in words, who gains and loses what, and what guards the policy.

    BASE is a revision of git or a directory with `policies` and `fixtures`; without it, the last
    commit. NEW is another one; without it, the files as they are now. BASE..NEW names both.

    Example: sidecar review main --markdown

    Exit status: 0 nothing widens or breaks, or it is approved; 1 something does; 2 something could
    not be told, which no approval covers.
    """
    if new is None and ".." in base and not Path(base).is_dir():
        base, _, new = base.partition("..")
        base = base or _HEAD

    @cache
    def pack() -> PackPlace:  # chosen and printed only if it is used
        settings = pack_settings(given)
        return PackPlace(NOW, settings.policies, settings.fixtures)

    fixtures: Any = given.get("fixtures")
    key: Any = given.get("decision_log_key")
    with ExitStack() as stack:
        packs = stack.enter_context(packs_named([base, *([new] if new else [])], pack, fixtures))
        old, edited = packs[0], packs[1] if new else pack()
        progress = stack.enter_context(Progress())
        options = Options(
            mount=_mount((old, edited), data, at or clock(), anonymous=anonymous),
            log=log,
            log_hashing=None if key is None else Hashing.by_file(key),
            most_mutants=mutants,
            progress=progress.begin,
        )
        found = review(old, edited, options)
    if directory is not None:
        _write(found, edited, directory)
    _print(found, edited, output)
    raise SystemExit(_status(found, approve))


def _mount(
    packs: tuple[PackPlace, PackPlace], data: Path | None, now: datetime, *, anonymous: bool
) -> Mount | None:
    hashing = Hashing.for_this_start() if anonymous else None
    if data is not None:
        return Mount(str(data), (data, data), now, hashing=hashing)
    worlds = [pack.fixtures / _DEMO for pack in packs]
    if not all(world.is_dir() for world in worlds):
        return None
    return Mount("the demo world", (worlds[0], worlds[1]), now, is_demanded=False, hashing=hashing)


def _print(found: Review, pack: PackPlace, output: str) -> None:
    if output == JSON:
        print_json(as_plain(found))
    elif output == SARIF:
        print_json(as_sarif(found, in_repository(pack)))
    else:
        width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 1)).columns)
        for line in as_markdown(found) if output == MARKDOWN else as_text(found, width):
            click.echo(line)


def _write(found: Review, pack: PackPlace, directory: Path) -> None:
    documents = {
        "review.md": "\n".join(as_markdown(found)),
        "review.json": as_json(as_plain(found)),
        "review.sarif": as_json(as_sarif(found, in_repository(pack))),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in documents.items():
            (directory / name).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise InvalidSettingError(f"`{directory}` cannot be written: {error.strerror}") from error


def _status(found: Review, approve: str | None) -> int:
    if found.untold:
        return EXIT_TROUBLE
    approved = _APPROVALS.get(approve or "", ())
    if found.verdict in {Verdict.NO_CHANGE, Verdict.NARROWS, *approved}:
        return EXIT_YES
    return EXIT_NO
