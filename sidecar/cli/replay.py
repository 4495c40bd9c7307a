"""`sidecar replay`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, MARKDOWN, output_options, print_json
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.compiler import load_pack
from sidecar.decision_log import Hashing
from sidecar.facts import read_directory
from sidecar.review.replay import FIRST, Answer, Lines, Question, Replay, replay
from sidecar.review.replay_judge import Effect

K = TypeVar("K")

_MOST_TOLD = 20
"""Lines that cannot be read and are named one by one."""


@main.command("replay")
@click.argument("log", type=click.File("rb"))
@setting_options((*PACK, "decision_log_key"))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Facts of a mount for what lines do not hold.",
)
@output_options(JSON, MARKDOWN)
def replay_command(log: Iterator[bytes], output: str, data: Path | None, **places: object) -> None:
    """Ask the decisions of LOG, a decision log, again of other policies; `-` is standard input.

    Each line is judged from the facts that it carries: what changes is told, and so is what
    cannot be judged, because the line lacks a fact. With --data such facts are taken from a mount,
    and what is judged by them is marked. Status 1 when something changes, 2 when a line could not
    be judged, or none was.
    """
    settings = pack_settings(places)
    policy = load_pack(settings.policies, settings.fixtures)
    key: Path | None = settings.decision_log_key
    snapshot = None if data is None else read_directory(policy.schema, data)
    found = replay(log, policy, None if key is None else Hashing.by_file(key), snapshot)
    if output == JSON:
        print_json(_members(found))
    else:
        for line in _markdown(found) if output == MARKDOWN else _text(found):
            click.echo(line)
        for number, message in found.errors[:_MOST_TOLD]:
            click.echo(f"error: line {number} {message}", err=True)
    if found.not_judged or not found.judged:
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_NO if found.counts[Effect.CHANGED] else EXIT_YES)


def _headline(found: Replay) -> str:
    """Return what became of the log in one line, what could not be judged first."""
    counts = found.counts
    total = (
        f"{counts[Effect.CHANGED]} of {counts.total()} decisions change,"
        f" {counts[Effect.SAME]} stay as they are,"
        f" {counts[Effect.UNKNOWN] + counts[Effect.PARTLY]} cannot be judged"
    )
    if not found.judged:
        return f"incomplete, no line could be judged: {total}"
    if found.not_judged:
        whole = found.readable + found.unreadable.count
        return f"incomplete, {found.not_judged} of {whole} lines could not be judged: {total}"
    return total


def _text(found: Replay) -> Iterator[str]:
    yield _headline(found)
    for change, lines in _largest(found.changes):
        before, after = _answered(change.before), _answered(change.after)
        where = f"{_lines(lines)}: {_asked(change.question)}"
        by = _by(change.supplied, "; ")
        yield f"{where}: was {before}, now {after}{by} {_places(lines)}"
    for unjudged, lines in _largest(found.unjudged):
        what = "the reasons cannot be judged" if unjudged.decided else "cannot be judged"
        missing = ", ".join(unjudged.missing)
        where = f"{_lines(lines)}: {_asked(unjudged.question)}"
        yield f"{where}: {what}; not told: {missing} {_places(lines)}"
    for lines, why in _beside(found):
        if lines.count:
            yield f"{_lines(lines)}: {why} {_places(lines)}"


def _markdown(found: Replay) -> Iterator[str]:
    yield _headline(found)
    if found.changes:
        yield ""
        yield "| lines | asked | was | now | first |"
        yield "|---|---|---|---|---|"
    for change, lines in _largest(found.changes):
        before, after = _answered(change.before), _answered(change.after)
        first = ", ".join(map(str, lines.first))
        now = f"{after}{_by(change.supplied, '; ')}"
        yield f"| {lines.count} | {_asked(change.question)} | {before} | {now} | {first} |"
    if found.unjudged:
        yield ""
        yield "| lines | asked | cannot be judged | not told | first |"
        yield "|---|---|---|---|---|"
    for unjudged, lines in _largest(found.unjudged):
        what = "the reasons" if unjudged.decided else "the decision"
        missing, first = ", ".join(unjudged.missing), ", ".join(map(str, lines.first))
        yield f"| {lines.count} | {_asked(unjudged.question)} | {what} | {missing} | {first} |"
    beside = [each for each in _beside(found) if each[0].count]
    if beside:
        yield ""
    for lines, why in beside:
        yield f"- {_lines(lines)}: {why} {_places(lines)}"


def _beside(found: Replay) -> tuple[tuple[Lines, str], ...]:
    supplied = [
        (lines, f"stay as they are{_by(facts, ', ')}") for facts, lines in _largest(found.supplied)
    ]
    return (
        *supplied,
        (found.another_schema, "not judged: written under another schema"),
        (found.stale, "not judged: denied as stale, before any policy was asked"),
        (found.searches, "not judged: searches"),
        (found.permissions, "not judged: lists of permissions"),
        (found.unreadable, "cannot be read"),
    )


def _by(facts: tuple[str, ...], separator: str) -> str:
    """Return the mark of what was judged by facts that the line does not hold."""
    return f"{separator}with {', '.join(facts)} from --data" if facts else ""


def _largest(found: dict[K, Lines]) -> list[tuple[K, Lines]]:
    return sorted(found.items(), key=lambda each: (-each[1].count, each[1].first))


def _lines(lines: Lines) -> str:
    return f"{lines.count} line" if lines.count == 1 else f"{lines.count} lines"


def _places(lines: Lines) -> str:
    more = ", …" if lines.count > FIRST else ""
    word = "line" if lines.count == 1 else "lines"
    return f"({word} {', '.join(map(str, lines.first))}{more})"


def _asked(question: Question) -> str:
    action = question.action or "an undeclared action"
    return f"{question.subject} {action} {question.resource}"


def _answered(answer: Answer) -> str:
    word = "allowed" if answer.allowed else "denied"
    if answer.codes is None:
        return f"{word}, with {'obligations' if answer.allowed else 'reasons'} not known in full"
    if not answer.codes:
        return word
    codes = ", ".join(answer.codes)
    return f"{word} and obliged to {codes}" if answer.allowed else f"{word}: {codes}"


def _members(found: Replay) -> dict[str, object]:
    counts = found.counts
    return {
        "headline": _headline(found),
        "complete": bool(found.judged and not found.not_judged),
        "not_judged": found.not_judged,
        "decisions": counts.total(),
        **{effect.value: counts[effect] for effect in Effect},
        "changes": [
            {
                **_question(change.question),
                "before": _said(change.before),
                "after": _said(change.after),
                "facts_from_data": list(change.supplied),
                **_counted(lines),
            }
            for change, lines in _largest(found.changes)
        ],
        "unjudged": [
            {
                **_question(unjudged.question),
                "what": "reasons" if unjudged.decided else "decision",
                "missing": list(unjudged.missing),
                **_counted(lines),
            }
            for unjudged, lines in _largest(found.unjudged)
        ],
        "same_with_facts_from_data": [
            {"facts": list(facts), **_counted(lines)} for facts, lines in _largest(found.supplied)
        ],
        "another_schema": _counted(found.another_schema),
        "stale": _counted(found.stale),
        "searches": _counted(found.searches),
        "permissions": _counted(found.permissions),
        "unreadable": {
            **_counted(found.unreadable),
            "errors": [{"line": number, "message": text} for number, text in found.errors],
        },
    }


def _question(question: Question) -> dict[str, object]:
    return {
        "subject": question.subject,
        "action": question.action or None,
        "resource": question.resource,
    }


def _said(answer: Answer) -> dict[str, object]:
    codes = None if answer.codes is None else list(answer.codes)
    return {"decision": answer.allowed, "obligations" if answer.allowed else "reasons": codes}


def _counted(lines: Lines) -> dict[str, object]:
    return {"lines": lines.count, "first": list(lines.first)}
