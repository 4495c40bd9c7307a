"""What `sidecar diff` prints: as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
from sidecar.review.example_text import as_json, told
from sidecar.review.replay import Replay
from sidecar.review.replay_judge import Effect
from sidecar.schema.messages import in_line

_HEADS = {
    ALLOWED: "newly allowed",
    DENIED: "newly denied",
    OBLIGED: "newly obliged",
    RELEASED: "no longer obliged",
    GIVEN: "reason newly given",
    WITHHELD: "reason no longer given",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """All that is told of an edit."""

    differences: Differences
    declarations: tuple[Declaration, ...]
    gained: tuple[Entitlement, ...]
    lost: tuple[Entitlement, ...]
    unlisted: tuple[str, ...]
    """What of the mount cannot be listed, and why."""
    with_data: bool
    replayed: Replay | None
    """A decision log, asked again of the new pack."""

    @property
    def differs(self) -> bool:
        """Whether anything changes."""
        found = self.differences
        changed = found.changes or found.reasons or self.declarations
        return bool(changed or self.gained or self.lost)

    @property
    def complete(self) -> bool:
        """Whether all could be compared, listed and judged."""
        found = self.differences
        return not (found.uncompared or found.unlisted or self.unjudged)

    def lines(self, change: Change) -> int | None:
        """Return how many lines of the log a change affects; None without a log."""
        if self.replayed is None or change.what not in {ALLOWED, DENIED}:
            return None
        return sum(
            lines.count
            for each, lines in self.replayed.changes.items()
            if (each.question.subject, each.question.resource) == change.scope
            and each.question.action in change.actions
            and each.before.allowed is not each.after.allowed
            and each.after.allowed is (change.what == ALLOWED)
        )

    @property
    def unjudged(self) -> int:
        """How many lines of the log cannot be judged, or are no decisions."""
        if self.replayed is None:
            return 0
        judged = (Effect.SAME, Effect.CHANGED)
        known = sum(self.replayed.counts[effect] for effect in judged)
        return self.replayed.readable + self.replayed.unreadable.count - known


# --- as text ----------------------------------------------------------------------------------


def as_text(answer: Compared, *, examples: bool) -> Iterator[str]:
    """Yield it line by line, with an example of the first change or of each."""
    found = answer.differences
    yield _summary(answer)
    for rule in found.rules:
        for verb, conditions in (("now also holds", rule.gained), ("no longer holds", rule.lost)):
            if conditions:
                yield f"rule {rule.rule} {verb}"
                yield from indented(conditions)
    for at, change in enumerate(found.changes):
        yield from _change(change, answer, with_example=examples or not at)
    for change in found.reasons:
        yield from _change(change, answer, with_example=examples)
    for declaration in answer.declarations:
        yield f"declared: {declaration}"
    for sentence in found.uncompared:
        yield f"not compared: {sentence}"
    yield from _people(answer)


def _change(change: Change, answer: Compared, *, with_example: bool) -> Iterator[str]:
    actions = ", ".join(map(in_line, change.actions))
    code = f" ({change.code})" if change.code else ""
    yield f"{_HEADS[change.what]}{code}: {actions} on {change.resource}, for {change.subject}"
    if change.unlisted:
        yield f"  when, is not listed: {change.unlisted}"
    if (count := answer.lines(change)) is not None:
        yield f"  affects {count} lines of the log"
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


def _people(answer: Compared) -> Iterator[str]:
    for sign, entitlements in (("+", answer.gained), ("-", answer.lost)):
        yield from (f"{sign} {entitlement}" for entitlement in entitlements)
    yield from (f"not listed: {sentence}" for sentence in answer.unlisted)


def _summary(answer: Compared) -> str:
    found = answer.differences
    counts = [
        (sum(len(each.actions) for each in found.changes if each.what == what), word)
        for what, word in _HEADS.items()
    ]
    parts = [f"{count} {word}" for count, word in counts if count]
    if parts:
        told_of = f"actions: {', '.join(parts)}"
    elif found.uncompared:
        told_of = "what could be compared is decided as before"
    else:
        told_of = "no situation is decided otherwise"
    if reasons := {(each.scope, action) for each in found.reasons for action in each.actions}:
        told_of += f"; other reasons for {_counted(len(reasons))}"
    if found.missed:
        told_of += f"; {_counted(found.missed)} could not be compared"
    if found.unlisted:
        told_of += "; not all conditions are listed"
    if answer.declarations:
        told_of += f"; {len(answer.declarations)} declared differently"
    if answer.with_data:
        told_of += f"; people gain {len(answer.gained)} and lose {len(answer.lost)} permissions"
    if answer.replayed is not None:
        told_of += f"; {answer.unjudged} lines of the log cannot be judged"
    return told_of


def _counted(actions: int) -> str:
    return f"{actions} action" if actions == 1 else f"{actions} actions"


# --- as Markdown ------------------------------------------------------------------------------


def as_markdown(answer: Compared) -> Iterator[str]:
    """Yield it for a pull request."""
    yield f"**Access:** {_summary(answer)}."
    found = answer.differences
    for rule in found.rules:
        for verb, conditions in (("now also holds", rule.gained), ("no longer holds", rule.lost)):
            if conditions:
                yield ""
                yield f"Rule `{rule.rule}` {verb}"
                yield from _bullets(conditions)
    for change in (*found.changes, *found.reasons):
        yield from _markdown_change(change, answer)
    if answer.declarations:
        yield ""
        yield from (f"- declared: {declaration}" for declaration in answer.declarations)
    yield from _markdown_people(answer)
    for sentence in (*found.uncompared, *answer.unlisted):
        yield ""
        yield f"Not compared: {sentence}"


def _markdown_change(change: Change, answer: Compared) -> Iterator[str]:
    yield ""
    actions = ", ".join(f"`{action}`" for action in change.actions)
    code = f" (`{change.code}`)" if change.code else ""
    head = _HEADS[change.what].capitalize()
    yield f"**{head}**{code}: {actions} on {change.resource}, for {change.subject}"
    if change.unlisted:
        yield ""
        yield f"When, is not listed: {change.unlisted}"
    yield from _bullets(change.clauses)
    if (count := answer.lines(change)) is not None:
        yield ""
        yield f"Affects {count} lines of the log."


def _markdown_people(answer: Compared) -> Iterator[str]:
    if answer.gained or answer.lost:
        yield ""
        yield "| | who | may |"
        yield "|---|---|---|"
        for sign, entitlements in (("gains", answer.gained), ("loses", answer.lost)):
            for each in entitlements:
                may = str(each).removeprefix(f"{in_line(each.subject)} ")
                yield f"| {sign} | `{in_cell(each.subject)}` | `{in_cell(may)}` |"


def in_cell(text: str) -> str:
    """Return a text that ends no cell of a table."""
    return text.replace("|", "\\|")


def _bullets(conditions: Sequence[Sequence[str]]) -> Iterator[str]:
    yield ""
    for clauses in conditions:
        said = ", and ".join(f"`{each}`" for each in clauses)
        yield f"- when {said}" if clauses else "- always"


# --- as JSON ----------------------------------------------------------------------------------


def as_plain(answer: Compared) -> dict[str, object]:
    """Return it as JSON."""
    found = answer.differences
    schema = found.joined.schema
    return {
        "differs": answer.differs,
        "complete": answer.complete,
        "rules": [
            {"rule": each.rule, "gained": each.gained, "lost": each.lost} for each in found.rules
        ],
        "changes": [
            {
                "what": change.what,
                "obligation": change.code if change.what in {OBLIGED, RELEASED} else None,
                "reason": change.code if change.what in {GIVEN, WITHHELD} else None,
                "subject": change.subject,
                "resource": change.resource,
                "actions": change.actions,
                "when": None if change.unlisted else change.clauses,
                "unlisted": change.unlisted or None,
                "log_lines": answer.lines(change),
                "examples": [
                    None if each is None else as_json(each, change.actions[0], schema)
                    for each in change.examples
                ],
            }
            for change in (*found.changes, *found.reasons)
        ],
        "declared": [
            {"name": each.name, "old": each.old, "new": each.new} for each in answer.declarations
        ],
        "uncompared": found.uncompared,
        "gained": [_entitlement(each) for each in answer.gained],
        "lost": [_entitlement(each) for each in answer.lost],
        "unlisted": answer.unlisted,
        "log_lines_not_judged": None if answer.replayed is None else answer.unjudged,
    }


def _entitlement(each: Entitlement) -> dict[str, object]:
    return {
        "subject": each.subject,
        "action": {"name": each.action, "properties": dict(each.properties)},
        "resource": each.resource,
    }
