"""The output of `sidecar diff`: as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.cli.formats import in_cell, in_line_of_markdown, indented
from sidecar.cli.line_budget import MOST_LINES, fitting
from sidecar.review.clauses import plain
from sidecar.review.declaration_diff import Declaration
from sidecar.review.diff import (
    ALLOWED,
    DENIED,
    GIVEN,
    OBLIGED,
    RELEASED,
    WITHHELD,
    Change,
    Differences,
)
from sidecar.review.entitlements import Entitlement
from sidecar.review.example_text import as_json, lines_of
from sidecar.review.line_decision import Effect
from sidecar.review.named_rules import OBLIGATION, REASON, ROLE, RULE
from sidecar.review.replay import Replay
from sidecar.review.rule_changes import RuleChange
from sidecar.schema.messages import in_line

_HEADS = {
    ALLOWED: "newly allowed",
    DENIED: "newly denied",
    OBLIGED: "newly obliged",
    RELEASED: "no longer obliged",
    GIVEN: "reason newly given",
    WITHHELD: "reason no longer given",
}


_TITLES = {ROLE: "", RULE: "rule ", REASON: "reason ", OBLIGATION: "obligation "}


@dataclass(frozen=True, slots=True)
class DiffReport:
    """The changes of an edit."""

    differences: Differences
    declarations: tuple[Declaration, ...]
    gained: tuple[Entitlement, ...]
    lost: tuple[Entitlement, ...]
    unlisted: tuple[str, ...]
    """The entitlements of the mount that cannot be listed, and the causes."""
    with_data: bool
    replayed: Replay | None
    """The replay of a decision log with the new pack."""

    @property
    def differs(self) -> bool:
        """Whether anything changes."""
        differences = self.differences
        changed = differences.changes or differences.reasons or self.declarations
        return bool(changed or self.gained or self.lost)

    @property
    def complete(self) -> bool:
        """Whether everything could be compared, listed and judged."""
        differences = self.differences
        return not (differences.uncompared or differences.unlisted or self.unjudged)

    def lines(self, change: Change) -> int | None:
        """Return the number of lines of the log that a change affects; None without a log."""
        if self.replayed is None or change.what not in {ALLOWED, DENIED}:
            return None
        return sum(
            lines.count
            for effect, lines in self.replayed.changes.items()
            if (effect.group.subject, effect.group.resource) == change.scope
            and effect.group.action in change.actions
            and effect.before.allowed is not effect.after.allowed
            and effect.after.allowed is (change.what == ALLOWED)
        )

    @property
    def unjudged(self) -> int:
        """The number of lines of the log that cannot be judged, or are not decisions."""
        if self.replayed is None:
            return 0
        judged = (Effect.SAME, Effect.CHANGED)
        known = sum(self.replayed.counts[effect] for effect in judged)
        return self.replayed.readable + self.replayed.unreadable.count - known


# --- as text ----------------------------------------------------------------------------------


def as_text(report: DiffReport, *, examples: bool, whole: bool) -> Iterator[str]:
    """Yield the lines of the text.

    Args:
        report: The changes.
        examples: Whether to show an example for each change, and not for the first one alone.
        whole: Whether to show all conditions, however many lines they take.
    """
    uncompared = [f"not compared: {each}" for each in report.differences.uncompared]
    lines = list(_changes(report, examples=examples))
    if not (whole or examples):
        lines = fitting(lines, max(MOST_LINES - len(uncompared), 1), "--all")
    yield from lines
    yield from uncompared
    yield from _people(report)


def _changes(report: DiffReport, *, examples: bool) -> Iterator[str]:
    differences = report.differences
    yield _summary(report)
    yield from _rules(differences.rules)
    for index, change in enumerate(differences.changes):
        yield from _change(change, report, with_example=examples or index == 0)
    yield from _reasons(differences.reasons, report, with_example=examples)
    for declaration in report.declarations:
        yield f"declared: {declaration}"


def _rules(rules: Sequence[RuleChange]) -> Iterator[str]:
    for rule in rules:
        of = (
            f" ({', '.join(map(in_line, rule.actions))} on {rule.resource})" if rule.actions else ""
        )
        for verb, conditions in (("now also holds", rule.gained), ("no longer holds", rule.lost)):
            if conditions:
                yield f"{_TITLES[rule.kind]}{rule.rule}{of} {verb}"
                yield from indented(conditions)
        if rule.unlisted:
            yield f"{_TITLES[rule.kind]}{rule.rule}{of} holds elsewhere: {rule.unlisted}"
    following = dict.fromkeys(rule.rule.partition(" on ")[0] for rule in rules if rule.follows)
    if following:
        yield f"which changes {', '.join(following)} too"


def _reasons(changes: Sequence[Change], report: DiffReport, *, with_example: bool) -> Iterator[str]:
    """Yield the reasons that come or go; where their own rule was told, in one line each."""
    together: dict[tuple[str, str | None], list[str]] = {}
    for change in changes:
        if _says_itself(change) and not with_example:
            together.setdefault((change.what, change.code), []).append(_on(change))
        else:
            yield from _change(change, report, with_example=with_example)
    for (what, code), places in together.items():
        yield f"{_HEADS[what]} ({code}): {'; '.join(places)}"


def _says_itself(change: Change) -> bool:
    """Tell whether the conditions of a reason are but that it holds, and did not before."""
    names = [
        name.rule
        for clauses in change.listing.clauses
        for clause in clauses
        for name in clause.names
    ]
    return not change.listing.unlisted and names == [change.code]


def _on(change: Change) -> str:
    actions = ", ".join(map(in_line, change.actions))
    return f"{actions} on {change.resource}, for {change.subject}"


def _change(change: Change, report: DiffReport, *, with_example: bool) -> Iterator[str]:
    code = f" ({change.code})" if change.code else ""
    yield f"{_HEADS[change.what]}{code}: {_on(change)}"
    if change.listing.unlisted:
        yield f"  when, is not listed: {change.listing.unlisted}"
    if (count := report.lines(change)) is not None:
        yield f"  affects {count} lines of the log"
    yield from indented(change.listing.clauses)
    example = next(filter(None, change.examples), None)
    if example is not None and with_example:
        yield "  for example"
        schema = report.differences.joined.schema
        yield from (f"    {line}" for line in lines_of(example, change.actions[0], schema))


def _people(report: DiffReport) -> Iterator[str]:
    for sign, entitlements in (("+", report.gained), ("-", report.lost)):
        yield from (f"{sign} {entitlement}" for entitlement in entitlements)
    yield from (f"not listed: {sentence}" for sentence in report.unlisted)


def _summary(report: DiffReport) -> str:
    differences = report.differences
    counts = [
        (sum(len(change.actions) for change in differences.changes if change.what == what), word)
        for what, word in _HEADS.items()
    ]
    parts = [f"{count} {word}" for count, word in counts if count]
    if parts:
        summary = f"actions: {', '.join(parts)}"
    elif differences.uncompared:
        summary = "what could be compared is decided as before"
    else:
        summary = "no situation is decided otherwise"
    if reasons := {
        (change.scope, action) for change in differences.reasons for action in change.actions
    }:
        summary += f"; other reasons for {_counted(len(reasons))}"
    if differences.missed:
        summary += f"; {_counted(differences.missed)} could not be compared"
    if differences.unlisted:
        summary += "; not all conditions are listed"
    if report.declarations:
        summary += f"; {len(report.declarations)} declared differently"
    if report.with_data:
        summary += f"; people gain {len(report.gained)} and lose {len(report.lost)} permissions"
    if report.replayed is not None:
        summary += f"; {report.unjudged} lines of the log cannot be judged"
    return summary


def _counted(actions: int) -> str:
    return f"{actions} action" if actions == 1 else f"{actions} actions"


# --- as Markdown ------------------------------------------------------------------------------


def as_markdown(report: DiffReport) -> Iterator[str]:
    """Yield the lines of Markdown for a pull request."""
    yield f"**Access:** {_summary(report)}."
    differences = report.differences
    for rule in differences.rules:
        for verb, conditions in (("now also holds", rule.gained), ("no longer holds", rule.lost)):
            if conditions:
                yield ""
                yield f"Rule `{rule.rule}` {verb}"
                yield from _bullets(conditions)
    for change in (*differences.changes, *differences.reasons):
        yield from _markdown_change(change, report)
    if report.declarations:
        yield ""
        yield from (f"- declared: {declaration}" for declaration in report.declarations)
    yield from _markdown_people(report)
    for sentence in (*differences.uncompared, *report.unlisted):
        yield ""
        yield f"Not compared: {sentence}"


def _markdown_change(change: Change, report: DiffReport) -> Iterator[str]:
    yield ""
    actions = ", ".join(f"`{action}`" for action in change.actions)
    code = f" (`{change.code}`)" if change.code else ""
    head = _HEADS[change.what].capitalize()
    yield f"**{head}**{code}: {actions} on {change.resource}, for {change.subject}"
    if change.listing.unlisted:
        yield ""
        yield f"When, is not listed: {change.listing.unlisted}"
    yield from _bullets(change.listing.clauses)
    if (count := report.lines(change)) is not None:
        yield ""
        yield f"Affects {count} lines of the log."


def _markdown_people(report: DiffReport) -> Iterator[str]:
    if report.gained or report.lost:
        yield ""
        yield "| | who | may |"
        yield "|---|---|---|"
        for sign, entitlements in (("gains", report.gained), ("loses", report.lost)):
            for entitlement in entitlements:
                subject = entitlement.subject
                permission = str(entitlement).removeprefix(f"{in_line(subject)} ")
                yield f"| {sign} | `{in_cell(subject)}` | `{in_cell(permission)}` |"


def _bullets(conditions: Sequence[Sequence[object]]) -> Iterator[str]:
    yield ""
    yield from (f"- {in_line_of_markdown(clauses)}" for clauses in conditions)


# --- as JSON ----------------------------------------------------------------------------------


def as_plain(report: DiffReport) -> dict[str, object]:
    """Return the report as JSON."""
    differences = report.differences
    schema = differences.joined.schema
    return {
        "version": 1,
        "differs": report.differs,
        "complete": report.complete,
        "rules": [
            {
                "rule": rule.rule,
                "kind": rule.kind,
                "subject": rule.subject,
                "resource": rule.resource,
                "actions": rule.actions,
                "old_places": _places(rule.places[0]),
                "new_places": _places(rule.places[1]),
                "gained": plain(rule.gained),
                "lost": plain(rule.lost),
                "unlisted": rule.unlisted or None,
                "follows": rule.follows,
            }
            for rule in differences.rules
        ],
        "changes": [
            {
                "what": change.what,
                "obligation": change.code if change.what in {OBLIGED, RELEASED} else None,
                "reason": change.code if change.what in {GIVEN, WITHHELD} else None,
                "subject": change.subject,
                "resource": change.resource,
                "actions": change.actions,
                "when": None if change.listing.unlisted else plain(change.listing.clauses),
                "unlisted": change.listing.unlisted or None,
                "log_lines": report.lines(change),
                "examples": [
                    None if example is None else as_json(example, change.actions[0], schema)
                    for example in change.examples
                ],
            }
            for change in (*differences.changes, *differences.reasons)
        ],
        "declared": [
            {"name": declaration.name, "old": declaration.old, "new": declaration.new}
            for declaration in report.declarations
        ],
        "uncompared": differences.uncompared,
        "gained": list(map(_entitlement, report.gained)),
        "lost": list(map(_entitlement, report.lost)),
        "unlisted": report.unlisted,
        "log_lines_not_judged": None if report.replayed is None else report.unjudged,
    }


def _places(places: Sequence[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"file": file, "line": line} for file, line in places]


def _entitlement(entitlement: Entitlement) -> dict[str, object]:
    return {
        "subject": entitlement.subject,
        "action": {"name": entitlement.action, "properties": dict(entitlement.properties)},
        "resource": entitlement.resource,
    }
