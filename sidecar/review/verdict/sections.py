"""The parts of a review in their order, as text and Markdown show them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sidecar.review.verdict.model import InvariantResult, Review
from sidecar.review.verdict.words import (
    by_role,
    counted,
    first_of,
    gained_or_lost,
    people_of,
    replay_lines,
    when,
)

_MOST_FAILING = 4
"""Actions that are named for which an invariant fails."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is told, on one line."""

    text: str
    depth: int = 0
    """1 for what belongs to the entry above."""
    most: int = 5
    """Lines that it takes at most in a narrow text."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    entries: tuple[Entry, ...]
    is_detail: bool = False
    """Whether Markdown folds it."""
    most: int = 25
    """Entries that a text shows at most."""


def sections(review: Review) -> list[Section]:
    """Return the parts of a review that have anything to tell."""
    made = [
        Section("What was edited", tuple(_edits(review))),
        Section(
            "What could not be told", tuple(Entry(str(each), most=3) for each in review.untold)
        ),
        Section("Rules that hold elsewhere than before", tuple(_helpers(review))),
        Section("Who gains", tuple(_access(review, gains=True))),
        Section("Who loses", tuple(_access(review, gains=False))),
        Section("Reasons of denials", tuple(_reasons(review)), is_detail=True),
        _invariants(review),
        _suites(review),
        _mutants(review),
        Section("Logged decisions", tuple(map(Entry, replay_lines(review)))),
    ]
    return [section for section in made if section.entries]


def _edits(review: Review) -> Iterator[Entry]:
    for edit in review.edits:
        mark = "WEAKER: " if edit.weakens else ""
        yield Entry(f"{edit.places}  {mark}{edit.text}")


def _helpers(review: Review) -> Iterator[Entry]:
    for helper in review.helpers:
        places = ", ".join(map(str, helper.places))
        for verb, conditions in (("also holds", helper.gained), ("no longer holds", helper.lost)):
            if conditions:
                told = f"{helper.rule} {verb} {when(conditions, 'in every state')}"
                yield Entry(f"{told}  {places}", most=6)


def _access(review: Review, *, gains: bool) -> Iterator[Entry]:
    roles = by_role(review.access, gains=gains)
    for role, changes in roles.items():
        yield from (Entry(f"{role}: {gained_or_lost(change)}") for change in changes)
        if people := people_of(review.holders, role, gains=gains):
            yield Entry(people, depth=1, most=2)
    if review.holders is None:
        return
    found = review.holders.holders
    others = dict.fromkeys(
        each.role for each in found if each.gains is gains and each.role not in roles
    )
    for role in others:
        yield Entry(f"{role}: {people_of(review.holders, role, gains=gains)}", most=2)
    if gains:
        yield from (Entry(f"not listed: {why}", most=2) for why in review.holders.unlisted)


def _reasons(review: Review) -> Iterator[Entry]:
    for change in review.access:
        if not (change.effect.widens or change.effect.narrows):
            yield Entry(gained_or_lost(change), most=3)


def _invariants(review: Review) -> Section:
    of_base = [each for each in review.invariants if each.of_base]
    holding = sum(each.holds for each in of_base)
    entries = [_invariant(each) for each in review.invariants if not each.holds]
    if of_base and not entries:
        entries = [Entry("each holds in every state")]
    title = f"Invariants of the base on the new policy: {holding} of {len(of_base)} hold"
    return Section(title, tuple(entries), is_detail=not review.broken)


def _invariant(result: InvariantResult) -> Entry:
    verb = "FAILS" if result.actions else "cannot be proved"
    if result.failed_before:
        verb = "fails, as before"
    what = f": {first_of(result.actions, _MOST_FAILING)}" if result.actions else ""
    new = "" if result.of_base else " (new)"
    return Entry(f"{result.place}  {verb}{new}: {result.name}{what}")


def _suites(review: Review) -> Section:
    entries = []
    titles: dict[str, list[str]] = {}
    for each in review.suites:
        whose = "of the base" if each.of_base else "as they are now"
        if each.unusable:
            entries.append(Entry(f"{whose}: cannot be run: {each.unusable}"))
            continue
        passing = each.answers - len(each.failures)
        told = f"{passing} of {counted(each.answers, 'answer')} as expected"
        titles.setdefault(told, []).append(whose)
        if not each.of_base or not review.suites[-1].failures:
            entries += [Entry(f"{fail.place}  {fail.text}", most=2) for fail in each.failures]
    told = "; ".join(
        f"{text} ({', '.join(whose)})" if len(titles) > 1 else text
        for text, whose in titles.items()
    )
    title = "Suites on the new policy" + (f": {told}" if told else "")
    if titles and not entries:
        entries = [Entry("no answer differs")]
    return Section(title, tuple(entries), is_detail=True, most=4)


def _mutants(review: Review) -> Section:
    found = review.mutants
    if found is None or not (found.skipped or found.tried):
        return Section("", ())
    if found.skipped:
        entry = Entry(f"not tried: {found.skipped}")
        return Section("Slips in the changed rules", (entry,), is_detail=True)
    title = (
        f"Slips in the changed rules: {found.tried} of {found.made} tried,"
        f" {len(found.survivors)} that no suite notices"
    )
    entries = [Entry(f"{each.place}  {each.sentence}") for each in found.survivors]
    entries = entries or [Entry("the suites notice each of them")]
    return Section(title, tuple(entries), is_detail=True, most=8)
