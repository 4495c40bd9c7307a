"""Conditions in words that a reviewer reads: the names of the policy, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sidecar.diagram.path_text import member_shown, name_shown
from sidecar.diagram.paths import (
    NOW,
    RESOURCE,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
)
from sidecar.diagram.questions import (
    Exists,
    Includes,
    NumberOf,
    Order,
    Present,
    RuleHolds,
    Same,
    TextOf,
    ValueOf,
)
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.conditions import Outcomes
from sidecar.review.schema_union import OLD
from sidecar.schema import Attribute, EntityType, Schema
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
        self._names: dict[Operand, str] = {
            SUBJECT: "subject" if same else name_shown(subject),
            RESOURCE: "resource" if same else name_shown(resource),
        }
        self._types: dict[Path, EntityType] = {
            SUBJECT: schema.types[subject],
            RESOURCE: schema.types[resource],
        }

    def path(self, path: Operand) -> str:
        """Return a path with the types' names in place of subject and resource."""
        if path == NOW:
            return "now"
        match path:
            case Member(base):
                return f"{self.path(base)}.{_member(path)}"
            case LookupPath(base, name, operands):
                return f"{self.path(base)}.{name}({', '.join(map(self.path, operands))})"
            case Literal(text):
                return quoted(text)
            case root:
                return self._names.get(root, root.name)

    def answered(self, answered: Outcomes) -> str:
        """Return one answer as a clause: ``account.plan is committed``."""
        holds = answered.labelled == (True,)
        match answered.test.question:
            case TextOf(path):
                return self._text(self.path(path), answered)
            case NumberOf(path):
                return self._number(path, answered)
            case ValueOf(path):
                return self._value(self.path(path), answered)
            case Order(left, right):
                return self._order(left, right, answered)
            case Exists(path):
                return self._existence(path, "" if holds else "no ")
            case Present(path):
                return f"{self.path(path)} is {'given' if holds else 'missing'}"
            case Same(left, right):
                return f"{self.path(left)} is {'' if holds else 'not '}{self.path(right)}"
            case Includes(members, value):
                verb = "includes" if holds else "does not include"
                return f"{self.path(members)} {verb} {self.path(value)}"
            case RuleHolds(name):
                raise LookupError(f"`{name}` is no question about facts")

    def _existence(self, path: Path, negated: str) -> str:
        if path in self._names:
            return f"the {self.path(path)} {'does not exist' if negated else 'exists'}"
        return f"there is {negated}{self.path(path)}"

    def _value(self, subject: str, answered: Outcomes) -> str:
        left = answered.labelled
        if set(answered.labels) <= {True, False}:
            return f"{subject} is {'true' if left == (True,) else 'false'}"
        gone = [label for label in answered.labels if label not in left]
        if len(gone) == 1 and len(left) > 1:
            return f"{subject} is not {in_line(str(gone[0]))}"
        return f"{subject} is {either([in_line(str(each)) for each in left])}"

    def _text(self, subject: str, answered: Outcomes) -> str:
        left = answered.labelled
        if not answered.is_other:
            return f"{subject} is {either([quoted(str(each)) for each in left])}"
        gone = [quoted(str(each)) for each in answered.labels if each not in left]
        return f"{subject} is not {either(gone)}"

    def _number(self, path: Path, answered: Outcomes) -> str:
        attribute = self._attribute(path)
        unit = f" {attribute.unit}" if attribute is not None and attribute.unit else ""
        return f"{self.path(path)} is {either(list(_intervals(answered, unit)))}"

    def _attribute(self, path: Path) -> Attribute | None:
        """Return what the type of an entity declares; None of everything else."""
        owner = self._entity(path.base) if isinstance(path, Member) else None
        return owner.attributes.get(path.name) if owner is not None else None

    def _entity(self, path: Path) -> EntityType | None:
        if isinstance(path, LookupPath):
            owner = self._entity(path.base)
            return None if owner is None else self._schema.types[owner.lookups[path.name].finds]
        if path in self._types:
            return self._types[path]
        attribute = self._attribute(path)
        return None if attribute is None else self._schema.types.get(attribute.type.target)

    def _order(self, first: Path, second: Path, answered: Outcomes) -> str:
        left, right = self.path(first), self.path(second)
        outcomes = frozenset(map(str, answered.labelled))
        # What is measured comes first, the clock second: "contract_ends is after now".
        if left == "now":
            left, right = right, left
            turned = {"lt": "gt", "gt": "lt", "eq": "eq"}
            outcomes = frozenset(turned[each] for each in outcomes)
        words = _ORDERS[outcomes]
        attribute = self._attribute(first)
        is_instant = attribute is not None and attribute.type.name == "instant"
        timely = right == "now" or is_instant
        return f"{left} is {words[0] if timely else words[1]} {right}"


def _intervals(answered: Outcomes, unit: str) -> Iterator[str]:
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


def either(words: Sequence[str]) -> str:
    """Join words by commas and `or`."""
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"


def none_of(words: Sequence[str]) -> str:
    """Say that none of several things holds."""
    return f"not {words[0]}" if len(words) == 1 else f"none of {', '.join(words)}"


def _member(path: Member) -> str:
    own = path.name.removesuffix(OLD)
    return member_shown(Member(path.base, own)) + path.name[len(own) :]
