"""The output of `sidecar review` as SARIF 2.1.0, which code hosts show beside the lines.

The members are those that GitHub reads:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from sidecar.review.verdict import Review
from sidecar.review.verdict.model import Edit, Place
from sidecar.review.verdict.words import first_of

_RULES = {
    "cannot-tell": ("error", "Something could not be compared or proved."),
    "breaks-invariant": ("error", "An invariant of the base does not hold of the new policy."),
    "weakens-safety-net": ("warning", "Less is checked than before."),
    "widens": ("warning", "More is allowed than before."),
    "narrows": ("note", "Less is allowed than before."),
    "edit": ("note", "Something is written otherwise."),
}
"""The kinds of result: the level and what each means."""


def as_sarif(review: Review, root: PurePosixPath) -> dict[str, object]:
    """Return a review as a SARIF log.

    Args:
        review: The review.
        root: Where the pack stands in its repository.
    """
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "sidecar review",
                        "rules": [
                            {
                                "id": name,
                                "shortDescription": {"text": text},
                                "defaultConfiguration": {"level": level},
                            }
                            for name, (level, text) in _RULES.items()
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": rule,
                        "level": _RULES[rule][0],
                        "message": {"text": text},
                        "locations": [_location(place, root)],
                    }
                    for rule, text, place in _results(review)
                ],
            }
        ],
    }


def _location(place: Place, root: PurePosixPath) -> dict[str, object]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": str(root / place.file)},
            "region": {"startLine": max(1, place.line)},
        }
    }


def _results(review: Review) -> Iterator[tuple[str, str, Place]]:
    nowhere = Place("policies", 0)
    first = next((_place(edit) for edit in review.edits), nowhere)
    for untold in review.untold:
        yield "cannot-tell", str(untold), untold.place or first
    for each in review.broken:
        yield "breaks-invariant", f"fails: {each.name}: {first_of(each.actions, 4)}", first
    for edit in review.edits:
        yield _rule(review, edit), edit.text, _place(edit)


def _place(edit: Edit) -> Place:
    place = edit.places.new or edit.places.old
    assert place is not None  # noqa: S101 - an edit stands in one of the texts
    return place


def _rule(review: Review, edit: Edit) -> str:
    if edit.weakens:
        return "weakens-safety-net"
    following = [each.effect for each in review.access if edit.places in each.places]
    if any(effect.widens for effect in following):
        return "widens"
    return "narrows" if any(effect.narrows for effect in following) else "edit"
