"""`sidecar diff`: what an edit changes, in every situation, for people and for log lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from sidecar.cli.group import EXIT_NO, EXIT_YES, main
from sidecar.cli.outputs import JSON, MARKDOWN, output_options, print_json
from sidecar.cli.places import clock, settings_of
from sidecar.facts import read_directory
from sidecar.options import INSTANT, PACK, setting_options
from sidecar.policy import Policy
from sidecar.review.differences import (
    ALLOWED,
    DENIED,
    OBLIGED,
    RELEASED,
    Change,
    Differences,
    differences,
)
from sidecar.review.entitlements import Entitlement, Given
from sidecar.review.entitlements import changed as changed_entitlements
from sidecar.review.packs import NOW, PackPlace, found, load_all
from sidecar.review.presenting import as_json, told

_HEADS = {
    ALLOWED: "newly allowed",
    DENIED: "newly denied",
    OBLIGED: "newly obliged",
    RELEASED: "no longer obliged",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """All that is told of an edit."""

    differences: Differences
    gained: tuple[Entitlement, ...]
    lost: tuple[Entitlement, ...]
    unlisted: tuple[str, ...]
    with_data: bool

    @property
    def differs(self) -> bool:
        """Whether anything changes, or something could not be compared."""
        found = self.differences
        return bool(found.changes or found.uncompared or self.gained or self.lost)


@main.command()
@click.argument("old")
@click.argument("new", required=False)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Tell which users of this mount gain or lose what.",
)
@click.option(
    "--old-data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The mount before the edit, where the facts are edited too.",
)
@click.option(
    "--at", type=INSTANT, metavar="INSTANT", help="The moment for --data.  [default: now]"
)
@click.option(
    "--examples", is_flag=True, help="Show a mount and a question for each change, not for one."
)
@output_options(JSON, MARKDOWN)
@setting_options(PACK)
def diff(  # noqa: PLR0913, PLR0917  click passes each option by its name
    old: str,
    new: str | None,
    data: Path | None,
    old_data: Path | None,
    at: datetime | None,
    examples: bool,
    output: str,
    **places: object,
) -> None:
    """Show what an edit changes in every situation; status 1 when anything does.

    OLD and NEW are whole packs, each a directory with `policies` and `fixtures`, or a revision of
    git: `diff main`, `diff v1.2 HEAD`. Without NEW the files as they are now are compared.
    """
    if old_data is not None and data is None:
        raise click.UsageError("--old-data needs --data, the mount after the edit")
    settings = settings_of(places)
    policies, fixtures = settings.policies, settings.fixtures
    with found([old, *([new] if new else [])], policies, fixtures) as packs:
        last = packs[1] if new else PackPlace(NOW, policies, fixtures)
        before, after = load_all([packs[0], last])
        answer = _answer(before, after, (old_data or data, data), at or clock())
    if output == JSON:
        print_json(_as_json(answer))
    else:
        lines = _markdown(answer) if output == MARKDOWN else _text(answer, examples=examples)
        for line in lines:
            click.echo(line)
    raise SystemExit(EXIT_NO if answer.differs else EXIT_YES)


def _answer(
    old: Policy, new: Policy, data: tuple[Path | None, Path | None], now: datetime
) -> _Answer:
    compared = differences(old, new)
    if data[0] is None or data[1] is None:
        return _Answer(compared, (), (), (), with_data=False)
    before = Given(old, read_directory(old.schema, data[0]), now)
    after = Given(new, read_directory(new.schema, data[1]), now)
    only = None
    if before.snapshot.revision == after.snapshot.revision and not compared.uncompared:
        only = {
            (change.subject, change.resource, action)
            for change in compared.changes
            for action in change.actions
        }
    gained, lost, unlisted = changed_entitlements(before, after, only)
    return _Answer(compared, gained, lost, unlisted, with_data=True)


# --- as text ----------------------------------------------------------------------------------


def _text(answer: _Answer, *, examples: bool) -> Iterator[str]:
    found = answer.differences
    yield _summary(answer)
    for rule in found.rules:
        for verb, conditions in (("now also holds", rule.gained), ("no longer holds", rule.lost)):
            if conditions:
                yield f"rule {rule.rule} {verb}"
                yield from indented(conditions)
    for at, change in enumerate(found.changes):
        yield from _change(change, answer, with_example=examples or not at)
    for sentence in found.uncompared:
        yield f"not compared: {sentence}"
    yield from _people(answer)


def _change(change: Change, answer: _Answer, *, with_example: bool) -> Iterator[str]:
    actions = ", ".join(change.actions)
    obligation = f" ({change.code})" if change.code else ""
    yield f"{_HEADS[change.what]}{obligation}: {actions} on {change.resource}, for {change.subject}"
    yield from indented(change.clauses)
    example = next((each for each in change.examples if each is not None), None)
    if example is not None and with_example:
        yield "  for example"
        schema = answer.differences.joined.schema
        yield from (f"    {line}" for line in told(example, change.actions[0], schema))


def indented(conditions: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield conditions below a head, one clause a line."""
    for at, clauses in enumerate(conditions):
        if not clauses:
            yield "  always"
        for place, clause in enumerate(clauses):
            start = "   and " if place else "or when " if at else "  when "
            yield f"{start}{clause}"


def _people(answer: _Answer) -> Iterator[str]:
    for sign, entitlements in (("+", answer.gained), ("-", answer.lost)):
        yield from (f"{sign} {entitlement}" for entitlement in entitlements)
    yield from (f"not listed: {sentence}" for sentence in answer.unlisted)


def _summary(answer: _Answer) -> str:
    counts = [
        (sum(len(each.actions) for each in answer.differences.changes if each.what == what), word)
        for what, word in _HEADS.items()
    ]
    parts = [f"{count} {word}" for count, word in counts if count]
    told_of = f"actions: {', '.join(parts)}" if parts else "no situation is decided otherwise"
    if answer.with_data:
        told_of += f"; people gain {len(answer.gained)} and lose {len(answer.lost)} permissions"
    return told_of


# --- as Markdown ------------------------------------------------------------------------------


def _markdown(answer: _Answer) -> Iterator[str]:
    yield f"**Access:** {_summary(answer)}."
    found = answer.differences
    for rule in found.rules:
        for verb, conditions in (("now also holds", rule.gained), ("no longer holds", rule.lost)):
            if conditions:
                yield ""
                yield f"Rule `{rule.rule}` {verb}"
                yield from _bullets(conditions)
    for change in found.changes:
        yield ""
        actions = ", ".join(f"`{action}`" for action in change.actions)
        obligation = f" (`{change.code}`)" if change.code else ""
        head = _HEADS[change.what].capitalize()
        yield f"**{head}**{obligation}: {actions} on {change.resource}, for {change.subject}"
        yield from _bullets(change.clauses)
    if answer.gained or answer.lost:
        yield ""
        yield "| | who | may |"
        yield "|---|---|---|"
        for sign, entitlements in (("gains", answer.gained), ("loses", answer.lost)):
            for each in entitlements:
                may = str(each).removeprefix(f"{each.subject} ")
                yield f"| {sign} | `{each.subject}` | `{may}` |"
    for sentence in (*found.uncompared, *answer.unlisted):
        yield ""
        yield f"Not compared: {sentence}"


def _bullets(conditions: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    for clauses in conditions:
        said = ", and ".join(f"`{each}`" for each in clauses)
        yield f"- when {said}" if clauses else "- always"


# --- as JSON ----------------------------------------------------------------------------------


def _as_json(answer: _Answer) -> dict[str, object]:
    found = answer.differences
    schema = found.joined.schema
    return {
        "differs": answer.differs,
        "rules": [
            {"rule": each.rule, "gained": each.gained, "lost": each.lost} for each in found.rules
        ],
        "changes": [
            {
                "what": change.what,
                "obligation": change.code,
                "subject": change.subject,
                "resource": change.resource,
                "actions": change.actions,
                "when": change.clauses,
                "examples": [
                    None if each is None else as_json(each, change.actions[0], schema)
                    for each in change.examples
                ],
            }
            for change in found.changes
        ],
        "uncompared": found.uncompared,
        "gained": [_entitlement(each) for each in answer.gained],
        "lost": [_entitlement(each) for each in answer.lost],
        "unlisted": answer.unlisted,
    }


def _entitlement(each: Entitlement) -> dict[str, object]:
    return {
        "subject": each.subject,
        "action": {"name": each.action, "properties": dict(each.properties)},
        "resource": each.resource,
    }
