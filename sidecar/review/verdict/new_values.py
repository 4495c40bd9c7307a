"""Values that rows may newly have: what is allowed because of them.

A comparison of two packs asks both of every state, also of rows that the old schema refused. What a
rule says of a value that it does not name, as in ``not plan = "free"``, is then no difference. But
before the edit no row had the value, so whoever is allowed something by it is newly allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, Label, Node
from sidecar.diagram.paths import CONTEXT
from sidecar.review.aligned_diagrams import NEW_SIDE, Joined, Scope, UncompiledError
from sidecar.review.condition_cover import MOST_NODES, Covering
from sidecar.review.diff import ALLOWED, Change, Differences
from sidecar.review.verdict.fixed_values import FixedValues, Owner, attributes_of
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
    def said(self) -> str:
        """The state, as a reviewer calls it."""
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
    if not values:
        return found
    comparing = _Comparing(found, values)
    changes = tuple(comparing.changes())
    return replace(
        found,
        changes=(*found.changes, *changes),
        uncompared=(*found.uncompared, *comparing.uncompared),
    )


def _of(owner: Owner, name: str, was: Attribute, now: Attribute) -> Iterator[NewValue]:
    known = None
    if now.type.kind is Kind.ENUM:
        known = was.only or was.type.values
        for value in now.only or now.type.values:
            if value not in known:
                yield NewValue(owner, name, value, known)
    if now.optional and not was.optional:
        yield NewValue(owner, name, None, known)


class _Comparing:
    """Asks the new pack what it allows because of new values."""

    def __init__(self, found: Differences, values: Sequence[NewValue]) -> None:
        self._joined: Joined = found.joined
        self._found = found
        self._values = values
        self._fixed = FixedValues(found.joined)
        self.uncompared: list[str] = []

    def changes(self) -> Iterator[Change]:
        """Yield the changes, those of actions that change alike as one."""
        for scope in self._joined.scopes():
            if self._joined.schema.types[scope[0]].subject:
                yield from self._of_scope(scope)

    def _of_scope(self, scope: Scope) -> Iterator[Change]:
        together: dict[tuple[NewValue, int], tuple[Node, list[str]]] = {}
        for action in self._joined.schema.types[scope[1]].actions:
            if (scope, action) in self._found.unknown:
                continue
            for value in self._values:
                try:
                    with self._joined.trees.bounded(MOST_NODES):
                        self._joined.trees.scope = scope
                        regions = list(self._regions(scope, action, value))
                except (TooLargeError, UncompiledError) as error:
                    self.uncompared.append(
                        f"`{action}` on a `{scope[1]}` where {value.said}: {error}"
                    )
                    continue
                for region in regions:
                    together.setdefault((value, region.number), (region, []))[1].append(action)
        covering = self._found.coverings.get(scope) or Covering(self._joined, scope)
        for (value, _), (region, actions) in together.items():
            if covering.regions.is_empty(region):
                continue
            listing = covering.told(region)
            yield Change(
                what=ALLOWED,
                code=None,
                subject=scope[0],
                resource=scope[1],
                actions=tuple(actions),
                region=region,
                listing=listing,
                examples=tuple(covering.examples(listing, region)),
                where=value.said,
            )

    def _regions(self, scope: Scope, action: str, value: NewValue) -> Iterator[Node]:
        """Yield, for each path to the value, where it allows what an old value does not."""
        trees, allowed = self._joined.trees, self._joined.allowed(NEW_SIDE, scope, action)
        declared = (value.owner, value.name)
        for path in dict.fromkeys(self._fixed.paths(scope, action, declared, (allowed,))):
            if path != CONTEXT:
                by_any = self._fixed.whatever(allowed, path, value.known)
                by_new = self._fixed.fix(allowed, path, value.value)
                yield trees.choose(by_any, FALSE, by_new)
