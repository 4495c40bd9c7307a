"""`sidecar replay`: the decisions of a log under another policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, MARKDOWN, output_options, print_json
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.progress import Progress
from sidecar.compiler import load_pack
from sidecar.decision_log import Hashing
from sidecar.facts import read_directory
from sidecar.review.line_decision import Effect
from sidecar.review.replay import FIRST, Lines, Outcome, Replay, RequestGroup, replay

K = TypeVar("K")

_MAX_REPORTED = 20
"""Unreadable lines that are reported one by one."""


@main.command("replay")
@click.argument("log", type=click.File("rb"))
@setting_options((*PACK, "decision_log_key"))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="A mount for facts that lines do not hold.",
)
@output_options(JSON, MARKDOWN)
def replay_command(log: Iterator[bytes], output: str, data: Path | None, **given: object) -> None:
    """Repeat the decisions of LOG, a decision log, under other policies; `-` is standard input.

    Each line is judged from the facts that it holds. Changes are listed, and so are lines that
    cannot be judged because they lack a fact. With --data such facts are read from a mount, and the
    results that depend on them are marked.

    Example: sidecar replay decisions.log --policies new/policies

    Exit status: 0 nothing changes; 1 something does; 2 a line could not be judged, or none was.
    """
    settings = pack_settings(given)
    with Progress("reading policy and facts") as progress:
        policy = load_pack(settings.policies, settings.fixtures)
        key: Path | None = settings.decision_log_key
        snapshot = None if data is None else read_directory(policy.schema, data)
        progress.begin("replaying the decision log")
        result = replay(log, policy, None if key is None else Hashing.by_file(key), snapshot)
    if output == JSON:
        print_json(_members(result))
    else:
        for line in _markdown(result) if output == MARKDOWN else _text(result):
            click.echo(line)
        for number, message in result.errors[:_MAX_REPORTED]:
            click.echo(f"error: line {number} {message}", err=True)
    if result.not_judged or not result.judged:
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_NO if result.counts[Effect.CHANGED] else EXIT_YES)


def _headline(result: Replay) -> str:
    """Return the result in one line, beginning with the lines that could not be judged."""
    counts = result.counts
    total = (
        f"{counts[Effect.CHANGED]} of {counts.total()} decisions change,"
        f" {counts[Effect.SAME]} stay as they are,"
        f" {counts[Effect.UNKNOWN] + counts[Effect.PARTLY]} cannot be judged"
    )
    if not result.judged:
        return f"incomplete, no line could be judged: {total}"
    if result.not_judged:
        whole = result.readable + result.unreadable.count
        return f"incomplete, {result.not_judged} of {whole} lines could not be judged: {total}"
    return total


def _text(result: Replay) -> Iterator[str]:
    yield _headline(result)
    for change, lines in _largest(result.changes):
        before, after = _describe(change.before), _describe(change.after)
        head = f"{_lines(lines)}: {_group_text(change.group)}"
        by = _by(change.supplied, "; ")
        yield f"{head}: was {before}, now {after}{by} {_line_numbers(lines)}"
    for unjudged, lines in _largest(result.unjudged):
        what = "the reasons cannot be judged" if unjudged.decided else "cannot be judged"
        missing = ", ".join(unjudged.missing)
        head = f"{_lines(lines)}: {_group_text(unjudged.group)}"
        yield f"{head}: {what}; not recorded: {missing} {_line_numbers(lines)}"
    for lines, why in _other_lines(result):
        if lines.count:
            yield f"{_lines(lines)}: {why} {_line_numbers(lines)}"


def _markdown(result: Replay) -> Iterator[str]:
    yield _headline(result)
    if result.changes:
        yield ""
        yield "| lines | request | was | now | first |"
        yield "|---|---|---|---|---|"
    for change, lines in _largest(result.changes):
        before, after = _describe(change.before), _describe(change.after)
        first = ", ".join(map(str, lines.first))
        now = f"{after}{_by(change.supplied, '; ')}"
        yield f"| {lines.count} | {_group_text(change.group)} | {before} | {now} | {first} |"
    if result.unjudged:
        yield ""
        yield "| lines | request | cannot be judged | not recorded | first |"
        yield "|---|---|---|---|---|"
    for unjudged, lines in _largest(result.unjudged):
        what = "the reasons" if unjudged.decided else "the decision"
        missing, first = ", ".join(unjudged.missing), ", ".join(map(str, lines.first))
        group = _group_text(unjudged.group)
        yield f"| {lines.count} | {group} | {what} | {missing} | {first} |"
    others = [item for item in _other_lines(result) if item[0].count]
    if others:
        yield ""
    for lines, why in others:
        yield f"- {_lines(lines)}: {why} {_line_numbers(lines)}"


def _other_lines(result: Replay) -> tuple[tuple[Lines, str], ...]:
    supplied = [
        (lines, f"stay as they are{_by(facts, ', ')}") for facts, lines in _largest(result.supplied)
    ]
    return (
        *supplied,
        (result.another_schema, "not judged: written under another schema"),
        (result.stale, "not judged: denied as stale, before the policy was evaluated"),
        (result.bad_rows, "not judged: denied because of a row that does not fit the schema"),
        (result.gateway, "not judged: denied at a gateway, before the policy was evaluated"),
        (result.searches, "not judged: searches"),
        (result.permissions, "not judged: lists of permissions"),
        (result.unreadable, "cannot be read"),
    )


def _by(facts: tuple[str, ...], separator: str) -> str:
    """Return the mark of a result that depends on facts from --data."""
    return f"{separator}with {', '.join(facts)} from --data" if facts else ""


def _largest(groups: dict[K, Lines]) -> list[tuple[K, Lines]]:
    return sorted(groups.items(), key=lambda item: (-item[1].count, item[1].first))


def _lines(lines: Lines) -> str:
    return f"{lines.count} line" if lines.count == 1 else f"{lines.count} lines"


def _line_numbers(lines: Lines) -> str:
    more = ", …" if lines.count > FIRST else ""
    word = "line" if lines.count == 1 else "lines"
    return f"({word} {', '.join(map(str, lines.first))}{more})"


def _group_text(group: RequestGroup) -> str:
    action = group.action or "an undeclared action"
    return f"{group.subject} {action} {group.resource}"


def _describe(outcome: Outcome) -> str:
    word = "allowed" if outcome.allowed else "denied"
    if outcome.codes is None:
        return f"{word}, with {'obligations' if outcome.allowed else 'reasons'} not known in full"
    if not outcome.codes:
        return word
    codes = ", ".join(outcome.codes)
    return f"{word} and obliged to {codes}" if outcome.allowed else f"{word}: {codes}"


def _members(result: Replay) -> dict[str, object]:
    counts = result.counts
    return {
        "version": 1,
        "headline": _headline(result),
        "complete": bool(result.judged and not result.not_judged),
        "not_judged": result.not_judged,
        "decisions": counts.total(),
        **{effect.value: counts[effect] for effect in Effect},
        "changes": [
            {
                **_group_members(change.group),
                "before": _json_outcome(change.before),
                "after": _json_outcome(change.after),
                "facts_from_data": list(change.supplied),
                **_counted(lines),
            }
            for change, lines in _largest(result.changes)
        ],
        "unjudged": [
            {
                **_group_members(unjudged.group),
                "what": "reasons" if unjudged.decided else "decision",
                "missing": list(unjudged.missing),
                **_counted(lines),
            }
            for unjudged, lines in _largest(result.unjudged)
        ],
        "same_with_facts_from_data": [
            {"facts": list(facts), **_counted(lines)} for facts, lines in _largest(result.supplied)
        ],
        "another_schema": _counted(result.another_schema),
        "stale": _counted(result.stale),
        "bad_rows": _counted(result.bad_rows),
        "gateway": _counted(result.gateway),
        "searches": _counted(result.searches),
        "permissions": _counted(result.permissions),
        "unreadable": {
            **_counted(result.unreadable),
            "errors": [{"line": number, "message": text} for number, text in result.errors],
        },
    }


def _group_members(group: RequestGroup) -> dict[str, object]:
    return {
        "subject": group.subject,
        "action": group.action or None,
        "resource": group.resource,
    }


def _json_outcome(outcome: Outcome) -> dict[str, object]:
    codes = None if outcome.codes is None else list(outcome.codes)
    return {"decision": outcome.allowed, "obligations" if outcome.allowed else "reasons": codes}


def _counted(lines: Lines) -> dict[str, object]:
    return {"lines": lines.count, "first": list(lines.first)}
