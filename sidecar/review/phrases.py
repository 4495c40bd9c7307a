"""Conditions in words that a reviewer reads: the names of the policy, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sidecar.diagram.questions import (
    NOW,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Path,
    member_shown,
    name_shown,
)
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.condition_cover import Condition
from sidecar.review.schema_union import OLD
from sidecar.review.states import Answered
from sidecar.schema import EntityType, Schema
from sidecar.schema.messages import in_line, quoted

_ORDERS: Mapping[frozenset[str], tuple[str, str]] = {
    frozenset({"lt"}): ("before", "less than"),
    frozenset({"gt"}): ("after", "more than"),
    frozenset({"eq"}): ("exactly", "equal to"),
    frozenset({"lt", "eq"}): ("not after", "at most"),
    frozenset({"gt", "eq"}): ("not before", "at least"),
    frozenset({"lt", "gt"}): ("not exactly", "not equal to"),
}
"""Outcomes to how they are said of instants, and of other numbers."""


class Wording:
    """Words for one pair of types."""

    def __init__(self, schema: Schema, scope: Scope) -> None:
        self._schema = schema
        subject, resource = scope
        same = subject == resource
        self._names = {
            SUBJECT: "subject" if same else name_shown(subject),
            RESOURCE: "resource" if same else name_shown(resource),
        }
        self._types = {SUBJECT: schema.types[subject], RESOURCE: schema.types[resource]}

    def condition(self, condition: Condition) -> tuple[str, ...]:
        """Return what a condition says, a clause for each thing that it looks at."""
        said = [word.told(self.path) for word in condition.words]
        said += [self.answered(answered) for answered in condition.answers]
        return tuple(said)

    def path(self, path: Path) -> str:
        """Return a path with the types' names in place of subject and resource."""
        if path in self._names:
            return self._names[path]
        if path == NOW:
            return "now"
        if path[0] == "member":
            return f"{self.path(path[1])}.{_member(path)}"
        if path[0] == "lookup":
            return f"{self.path(path[1])}.{path[2]}({', '.join(map(self.path, path[3]))})"
        return quoted(path[1]) if path[0] == "literal" else str(path[0])

    def answered(self, answered: Answered) -> str:
        """Return one answer as a clause: ``account.plan is committed``."""
        test, kind = answered.test, answered.test.question[0]
        subject = self.path(test.question[1])
        if test.outcomes == "text":
            return self._text(subject, answered)
        if test.outcomes == "number":
            return self._number(subject, answered, test.question[1])
        if kind == "value":
            return self._value(subject, answered)
        if kind == "order":
            return self._order(subject, self.path(test.question[2]), answered)
        holds = answered.labelled == (True,)
        if kind == "exists":
            if test.question[1] in self._names:
                return f"the {subject} exists" if holds else f"the {subject} does not exist"
            return f"there is {subject}" if holds else f"there is no {subject}"
        if kind == "present":
            return f"{subject} is given" if holds else f"{subject} is missing"
        other = self.path(test.question[2])
        if kind == "same":
            return f"{subject} is {other}" if holds else f"{subject} is not {other}"
        verb = "includes" if holds else "does not include"
        return f"{subject} {verb} {other}"

    def _value(self, subject: str, answered: Answered) -> str:
        left = answered.labelled
        if set(answered.labels) <= {True, False}:
            return f"{subject} is {'true' if left == (True,) else 'false'}"
        gone = [label for label in answered.labels if label not in left]
        if len(gone) == 1 and len(left) > 1:
            return f"{subject} is not {in_line(str(gone[0]))}"
        return f"{subject} is {_either([in_line(str(each)) for each in left])}"

    def _text(self, subject: str, answered: Answered) -> str:
        left = answered.labelled
        if not answered.is_other:
            return f"{subject} is {_either([quoted(str(each)) for each in left])}"
        gone = [quoted(str(each)) for each in answered.labels if each not in left]
        return f"{subject} is not {_either(gone)}"

    def _number(self, subject: str, answered: Answered, path: Path) -> str:
        unit = self._unit(path)
        return f"{subject} is {_either(list(_intervals(answered, unit)))}"

    def _unit(self, path: Path) -> str:
        owner = self._owner(path[1]) if path[0] == "member" else None
        attribute = owner.attributes.get(path[2]) if owner is not None else None
        return f" {attribute.unit}" if attribute is not None and attribute.unit else ""

    def _owner(self, path: Path) -> EntityType | None:
        if path in self._types:
            return self._types[path]
        if path[0] not in {"member", "lookup"} or path[1] == SETTINGS:
            return None
        owner = self._owner(path[1])
        if owner is None:
            return None
        if path[0] == "lookup":
            return self._schema.types[owner.lookups[path[2]].finds]
        attribute = owner.attributes.get(path[2])
        return self._schema.types.get(attribute.type.target) if attribute is not None else None

    def _order(self, left: str, right: str, answered: Answered) -> str:
        outcomes = frozenset(map(str, answered.labelled))
        # What is measured comes first, the clock second: "contract_ends is after now".
        if left == "now":
            left, right = right, left
            turned = {"lt": "gt", "gt": "lt", "eq": "eq"}
            outcomes = frozenset(turned[each] for each in outcomes)
        words = _ORDERS[outcomes]
        timely = right == "now" or self._is_instant(answered.test.question[1])
        return f"{left} is {words[0] if timely else words[1]} {right}"

    def _is_instant(self, path: Path) -> bool:
        owner = self._owner(path[1]) if path[0] == "member" else None
        attribute = owner.attributes.get(path[2]) if owner is not None else None
        return attribute is not None and attribute.type.name == "instant"


def _intervals(answered: Answered, unit: str) -> Iterator[str]:
    labels = answered.labels
    for start, end in _runs(sorted(answered.outcomes)):
        low = labels[start - 1] if start else None
        high = labels[end] if end < len(labels) else None
        if low is not None and high is not None and low[0] == high[0]:
            yield f"exactly {low[0]}{unit}"
            continue
        parts = []
        if low is not None:
            parts.append(f"{'more than' if low[1] else 'at least'} {low[0]}{unit}")
        if high is not None:
            parts.append(f"{'at most' if high[1] else 'less than'} {high[0]}{unit}")
        yield " and ".join(parts)


def _runs(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where neighbouring intervals begin and end."""
    start = before = places[0]
    for at in places[1:]:
        if at != before + 1:
            yield start, before
            start = at
        before = at
    yield start, before


def _either(words: Sequence[str]) -> str:
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _member(path: Path) -> str:
    name: str = path[2]
    own = name.removesuffix(OLD)
    return member_shown((*path[:2], own)) + name[len(own) :]
