"""`sidecar log`: reading a decision log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import asdict

from sidecar.cli.colours import print_line
from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, output_options, print_json
from sidecar.cli.options import INSTANT, REFERENCE, setting_options
from sidecar.cli.progress import Progress
from sidecar.decision_log import Hashing
from sidecar.decision_log.files import MAX_LINE_BYTES, lines_of, log_files
from sidecar.decision_log.reader import read_members
from sidecar.decision_log.selection import Selection, text_of_line
from sidecar.decision_log.verifier import Chain, Verification
from sidecar.errors import UnreadableLineError, UnreadableLogError

_MAX_SHOWN = 20
"""Faults that are printed, and chains that are named."""

_MAX_LINE = click.option(
    "--max-line",
    type=click.IntRange(min=1),
    metavar="BYTES",
    default=MAX_LINE_BYTES,
    show_default=True,
    help="Longest line that is read.",
)
_FILES = click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True)
)


@main.group()
def log() -> None:
    """Read a decision log, and verify that it is whole.

    FILES are read in their order, the oldest first; `-` is standard input, `.gz` is read as well.
    Before a FILE come those that the sidecar has renamed from it.
    """


@log.command()
@_FILES
@setting_options(("decision_log_key",))
@_MAX_LINE
@output_options(JSON)
def verify(
    files: Sequence[Path], output: str, decision_log_key: Path | None, max_line: int
) -> None:
    """Tell whether lines of FILES were removed, edited, moved or inserted.

    With the key of the log nobody without it can have done so unnoticed. Without a key the hashes
    show accidents, and edits by somebody who does not make them anew. Lines that were cut from the
    end of the last file are noticed where their process has ended, or another one began or ended
    later.

    Example: sidecar log verify --decision-log-key log.key decisions.log

    Exit status: 0 all lines are there as they were written; 1 they are not; 2 it cannot be
    told.
    """
    hashing = None if decision_log_key is None else Hashing.by_file(decision_log_key)
    result = Verification(hashing)
    read = log_files(files)
    with Progress("reading the decision log"):
        for file in read:
            try:
                result.read(str(file), lines_of(file, max_line))
            except UnreadableLogError as error:
                result.doubts[str(error)] = None
        result.finish()
    if output == JSON:
        print_json(_members(result, read))
    else:
        for line in _text(result, read):
            print_line(line)
    if result.fault_count:
        raise SystemExit(EXIT_NO)
    raise SystemExit(EXIT_TROUBLE if result.doubts else EXIT_YES)


def _text(result: Verification, files: Sequence[Path]) -> list[str]:
    lines_and_chains = f"{_count(result.lines, 'line')} of {_count(len(result.chains), 'chain')}"
    amount = f"{lines_and_chains} in {_count(len(files), 'file')}"
    if result.fault_count:
        lines = [f"broken: {_count(result.fault_count, 'fault')} in {amount}"]
    elif result.doubts:
        lines = [f"cannot be told: {amount}"]
    else:
        lines = [f"whole: {amount}"]
    lines += [f"{place}: {message}" for place, message in result.faults[:_MAX_SHOWN]]
    if result.fault_count > _MAX_SHOWN:
        lines.append(f"and {result.fault_count - _MAX_SHOWN} more")
    lines += [f"cannot be told: {doubt}" for doubt in result.doubts]
    if result.lost:
        lines.append(f"lost: {_count(result.lost, 'answer')} without a line, which were counted")
    if result.torn:
        torn = _count(result.torn, "line")
        lines.append(f"torn: {torn}, of a full disk or a killed process; the log tells of it")
    cut_in = [chain for chain in result.chains.values() if chain.cut_in and chain.last]
    if cut_in:
        lines.append(f"begins in older files, which were not given: {_names(cut_in)}")
    if result.older is not None:
        older = f"line {result.older.sequence} of chain {result.older.chain}"
        lines.append(f"older lines, up to {older}, were not given, or were removed")
    if open_chains := result.open_chains():
        lines.append(
            "open, its process runs or was killed, so that lines can be cut from its end:"
            f" {_names(open_chains)}"
        )
    if result.hashing is None and result.chains:
        lines.append("without a key: whoever edits the log can make its hashes anew")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _names(chains: Sequence[Chain]) -> str:
    shown = ", ".join(f"chain {c.name} (last {c.last})" for c in chains[:_MAX_SHOWN] if c.last)
    more = len(chains) - _MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _members(result: Verification, files: Sequence[Path]) -> dict[str, object]:
    return {
        "version": 1,
        "whole": None if result.doubts and not result.fault_count else not result.fault_count,
        "keyed": result.hashing is not None,
        "files": [str(file) for file in files],
        "lines": result.lines,
        "faults": result.fault_count,
        "first_faults": [
            {"file": place.file, "line": place.line, "message": message}
            for place, message in result.faults
        ],
        "doubts": list(result.doubts),
        "older": None if result.older is None else asdict(result.older),
        "lost": result.lost,
        "torn": result.torn,
        "chains": [
            {
                "chain": chain.name,
                "lines": chain.next - 1,
                "ended": chain.ended,
                "begins_in_older_files": chain.cut_in,
                "last": str(chain.last) if chain.last else None,
            }
            for chain in result.chains.values()
        ],
    }


@log.command()
@_FILES
@click.option("--subject", type=REFERENCE, metavar="TYPE:ID", help="Of this subject.")
@click.option("--action", metavar="NAME", help="Of this action.")
@click.option("--resource", type=REFERENCE, metavar="TYPE:ID", help="Of this resource.")
@click.option("--decision", type=click.Choice(["allow", "deny"]), help="With this decision.")
@click.option("--reason", metavar="CODE", help="Denied with this reason, alone or among others.")
@click.option("--since", type=INSTANT, metavar="INSTANT", help="At this moment or later.")
@click.option("--until", type=INSTANT, metavar="INSTANT", help="Before this moment.")
@click.option("--kind", metavar="KIND", help="decision, search, permissions, gateway or end.")
@click.option("--decision-id", metavar="ID", help="With this id.")
@click.option("--trace-id", metavar="ID", help="Of this trace.")
@_MAX_LINE
@output_options(JSON)
def show(
    files: Sequence[Path],
    output: str,
    decision: str | None,
    max_line: int,
    **wanted: Any,  # noqa: ANN401  the options, by their names
) -> None:
    """Print the lines of FILES that fit all options, as they are read.

    An id that the log has only as a hash is written as that hash. With --json lines are printed as
    they are in the log.

    Example: sidecar log show --decision deny decisions.log

    Exit status: 0 there are such lines; 1 there are none; 2 a line or a file could not be read.
    """
    selection = Selection(decision=None if decision is None else decision == "allow", **wanted)
    shown = unreadable = 0
    for file in log_files(files):
        for line in lines_of(file, max_line):
            try:
                members = read_members(line)
            except UnreadableLineError:
                unreadable += 1
                continue
            if selection.fits(members):
                shown += 1
                text = line.decode().rstrip("\n") if output == JSON else text_of_line(members)
                click.echo(text)
    if unreadable:
        click.echo(f"error: {_count(unreadable, 'line')} cannot be read", err=True)
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_YES if shown else EXIT_NO)
