"""What a review says, in words that text and Markdown share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.review.line_decision import Effect as LineEffect
from sidecar.review.matrix import ANYBODY, NO_ROLE
from sidecar.review.verdict.model import AccessChange, Effect, Holder, Holders, Review, Verdict
from sidecar.schema.messages import in_line

_TITLES = {
    Verdict.NO_CHANGE: "NO CHANGE: every request is decided as before",
    Verdict.NARROWS: "NARROWS: less is allowed than before, and nothing more",
    Verdict.WIDENS: "WIDENS: more is possible than before",
    Verdict.BREAKS_INVARIANT: "BREAKS AN INVARIANT: what must always hold no longer does",
    Verdict.CANNOT_TELL: "CANNOT TELL: something could not be compared or proved",
}
_WEAKER = "WIDENS: what guards the policy is weaker; its rules allow nothing more"
_HEADS = {
    Verdict.NO_CHANGE: "no change",
    Verdict.NARROWS: "narrows",
    Verdict.WIDENS: "widens",
    Verdict.BREAKS_INVARIANT: "breaks an invariant",
    Verdict.CANNOT_TELL: "cannot tell",
}
_MOST_ACTIONS = 8
_MOST_CONDITIONS = 2
_MOST_PEOPLE = 5
_MOST_CHANGES = 5


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, as ``1 action`` and ``2 actions``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def title(review: Review) -> str:
    """Return the first line of a review."""
    if review.verdict is Verdict.WIDENS and not review.widened:
        return _WEAKER
    return _TITLES[review.verdict]


def headline(verdict: Verdict) -> str:
    """Return a verdict in two or three words."""
    return _HEADS[verdict]


def summary(review: Review) -> str:
    """Return the counts behind a verdict, in one sentence."""
    parts = []
    if review.verdict is Verdict.CANNOT_TELL and review.told is not Verdict.NO_CHANGE:
        parts.append(f"what could be told: {headline(review.told)}")
    if review.broken:
        parts.append(f"breaks {counted(len(review.broken), 'invariant')} of the base")
    if review.widened:
        parts.append(f"widens {counted(len(review.widened), 'action')}")
    if review.narrowed:
        parts.append(f"narrows {counted(len(review.narrowed), 'action')}")
    if review.weakened:
        parts.append(f"weakens the safety net in {counted(len(review.weakened), 'place')}")
        if not review.widened and not review.narrowed:
            parts.append("every request that could be compared is decided as before")
    if review.holders is not None and review.holders.holders:
        found = review.holders.holders
        counts = [
            len({each.subject for each in found if each.gains is gains}) for gains in (True, False)
        ]
        parts.append(f"in {review.holders.source} {counts[0]} gain and {counts[1]} lose something")
    edits = counted(len(review.edits), "edit") if review.edits else "nothing was edited"
    told = f"{edits} between {review.old} and {review.new}"
    return ": ".join(filter(None, (told, "; ".join(parts))))


def by_role(access: Sequence[AccessChange], *, gains: bool) -> dict[str, list[AccessChange]]:
    """Return the changes that widen, or those that narrow, by role; those without a role first."""
    found: dict[str, list[AccessChange]] = {}
    chosen = [each for each in access if (each.effect.widens if gains else each.effect.narrows)]
    for change in sorted(chosen, key=lambda each: each.role not in {NO_ROLE, ANYBODY}):
        found.setdefault(change.role, []).append(change)
    return found


def gained_or_lost(change: AccessChange) -> str:
    """Return what changes, when, and by which edit."""
    actions = first_of([in_line(action) for action in change.actions], _MOST_ACTIONS)
    what = f"{actions} on {change.resource}"
    match change.effect:
        case Effect.RELEASED:
            what = f"no longer has to `{change.code}` for {what}"
        case Effect.OBLIGED:
            what = f"now has to `{change.code}` for {what}"
        case Effect.GIVEN:
            what = f"`{change.code}` is newly given for {what}"
        case Effect.WITHHELD:
            what = f"`{change.code}` is no longer given for {what}"
        case _:
            pass
    told = when(change.conditions) if not change.unlisted else "in more states than can be listed"
    places = ", ".join(map(str, change.places))
    return "  ".join(filter(None, (f"{what} {told}".rstrip(), places)))


def when(conditions: Sequence[Sequence[str]], always: str = "") -> str:
    """Return conditions in one line: the first ones, and how many more there are."""
    if not conditions or not all(conditions):
        return "in every state" if always else ""
    shown = [" and ".join(each) for each in conditions[:_MOST_CONDITIONS]]
    more = len(conditions) - len(shown)
    return f"when {'; or when '.join(shown)}" + (f"; or in {more} more cases" if more else "")


def people_of(found: Holders | None, role: str, *, gains: bool) -> str:
    """Return how many hold a role and gain or lose something, and the first of them."""
    if found is None:
        return ""
    chosen = [each for each in found.holders if each.gains is gains and each.role == role]
    if not chosen:
        return ""
    subjects = len({each.subject for each in chosen})
    named = first_of([_person(each) for each in chosen], _MOST_PEOPLE)
    return f"{counted(subjects, 'subject')} in {found.source}: {named}"


def _person(holder: Holder) -> str:
    more = f" ({len(holder.actions)} actions)" if len(holder.actions) > 1 else ""
    return f"{in_line(holder.subject)} on {in_line(holder.resource)}{more}"


def first_of(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def replay_lines(review: Review) -> Iterator[str]:
    """Yield what the decisions of a log would have been."""
    found = review.replayed
    if found is None:
        return
    yield (
        f"{counted(found.counts[LineEffect.CHANGED], 'line')} of {found.readable} would change;"
        f" {found.not_judged} could not be judged"
    )
    ranked = sorted(found.changes.items(), key=lambda each: -each[1].count)
    for change, lines in ranked[:_MOST_CHANGES]:
        verbs = ["allowed" if each.allowed else "denied" for each in (change.before, change.after)]
        group = change.group
        yield (
            f"{counted(lines.count, 'line')}: {group.action or 'an undeclared action'} on"
            f" {group.resource}, {verbs[0]} before, {verbs[1]} now (line {lines.first[0]})"
        )
    if len(ranked) > _MOST_CHANGES:
        yield f"and {len(ranked) - _MOST_CHANGES} more changes"
