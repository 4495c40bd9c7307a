"""The output of `sidecar review` as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

from sidecar.review.line_decision import Effect as LineEffect
from sidecar.review.replay import Outcome, Replay
from sidecar.review.verdict import Review

VERSION = 1
"""Raised when a member is removed or means something else; members may be added without."""


def as_plain(review: Review) -> dict[str, object]:
    """Return a review as JSON: the members of `sidecar.review.verdict.Review`, by their names."""
    members = {
        field.name: _plain(getattr(review, field.name))
        for field in fields(review)
        if field.name != "replayed"
    }
    return {
        "version": VERSION,
        "verdict": review.verdict.value,
        "told": review.told.value,
        **members,
        "replayed": None if review.replayed is None else _replay(review.replayed),
    }


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.name.lower()
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def _replay(found: Replay) -> Mapping[str, object]:
    return {
        "lines": found.readable,
        "changed": found.counts[LineEffect.CHANGED],
        "not_judged": found.not_judged,
        "changes": [
            {
                "subject": change.group.subject,
                "action": change.group.action,
                "resource": change.group.resource,
                "before": _outcome(change.before),
                "after": _outcome(change.after),
                "count": lines.count,
                "first_lines": lines.first,
            }
            for change, lines in found.changes.items()
        ],
    }


def _outcome(outcome: Outcome) -> Mapping[str, object]:
    return {"allowed": outcome.allowed, "codes": outcome.codes}
