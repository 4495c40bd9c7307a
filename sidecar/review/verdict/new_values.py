"""Values that rows may newly have: what is allowed because of them.

A comparison of two packs asks both of every state, also of rows that the old schema refused. What a
rule says of a value that it does not name, as in ``not plan = "free"``, is then no difference. But
before the edit no row had the value, so whoever is allowed something by it is newly allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.diagram.nodes import FALSE, Label, Node
from sidecar.diagram.paths import CONTEXT
from sidecar.review.aligned_diagrams import NEW_SIDE, Scope
from sidecar.review.diff import ALLOWED, Differences
from sidecar.review.verdict.comparing import Comparing
from sidecar.review.verdict.fixed_values import Owner, attributes_of
from sidecar.schema import Attribute, Kind, Schema


@dataclass(frozen=True, slots=True)
class NewValue:
    """A value that rows of a type may newly have."""

    owner: Owner
    name: str
    value: Label
    """None: rows may newly have no value."""
    known: tuple[str, ...] | None
    """The values of an enum that rows could have before; None for other kinds."""

    @property
    def where(self) -> str:
        """The states that are compared, as a reviewer calls them."""
        is_what = "is missing" if self.value is None else f"is {self.value}"
        return f"{self.name} of the {self.owner[1]} {is_what}, which no row could say before"


def new_values(old: Schema, new: Schema) -> tuple[NewValue, ...]:
    """Return the values that rows may newly have, of attributes that both schemas declare.

    What callers send is compared with the domains of both packs anyway.
    """
    before = dict(attributes_of(old))
    return tuple(
        value
        for (owner, name), now in attributes_of(new)
        if owner[0] == "attribute" and not now.caller and new.types[owner[1]].table
        if (was := before.get((owner, name))) is not None and was.type.kind is now.type.kind
        for value in _of(owner, name, was, now)
    )


def with_new_values(found: Differences, values: Sequence[NewValue]) -> Differences:
    """Add what is allowed because of new values of rows, and would not be with every old one."""
    return _Newly(found).add_changes(values)


def _of(owner: Owner, name: str, was: Attribute, now: Attribute) -> Iterator[NewValue]:
    known = None
    if now.type.kind is Kind.ENUM:
        known = was.only or was.type.values
        for value in now.only or now.type.values:
            if value not in known:
                yield NewValue(owner, name, value, known)
    if now.optional and not was.optional:
        yield NewValue(owner, name, None, known)


class _Newly(Comparing[NewValue]):
    """Asks the new pack what it allows because of new values."""

    def regions(self, scope: Scope, action: str, state: NewValue) -> Iterator[tuple[str, Node]]:
        """As `Comparing.regions`: for each path to the value, what an old value does not allow."""
        trees, allowed = self.joined.trees, self.joined.allowed(NEW_SIDE, scope, action)
        declared = (state.owner, state.name)
        for path in dict.fromkeys(self.fixed.paths(scope, action, declared, (allowed,))):
            if path != CONTEXT:
                by_any = self.fixed.whatever(allowed, path, state.known)
                by_new = self.fixed.fix(allowed, path, state.value)
                yield ALLOWED, trees.choose(by_any, FALSE, by_new)
