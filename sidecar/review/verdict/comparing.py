"""Further changes: in states that a comparison of all states does not tell apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import Node
from sidecar.review.aligned_diagrams import Joined, Scope, UncompiledError
from sidecar.review.condition_cover import MOST_NODES, Covering
from sidecar.review.diff import Change, Differences
from sidecar.review.verdict.fixed_values import FixedValues


class State(Protocol):
    """Something that an edit declares, and the states that it makes."""

    @property
    def where(self) -> str:
        """The states, as a reviewer calls them."""


S = TypeVar("S", bound=State)


class Comparing(ABC, Generic[S]):
    """Compares what two packs decide in some states."""

    def __init__(self, found: Differences) -> None:
        """Prepare to compare.

        Args:
            found: What the comparison of all states found.
        """
        self.joined: Joined = found.joined
        self.fixed = FixedValues(found.joined)
        self._found = found
        self._uncompared: list[str] = []

    @abstractmethod
    def regions(self, scope: Scope, action: str, state: S) -> Iterator[tuple[str, Node]]:
        """Yield what changes, as `Change.what` says it, and where.

        Raises:
            TooLargeError: A diagram grows too large.
            UncompiledError: Oso answers at request time.
        """

    def add_changes(self, states: Sequence[S]) -> Differences:
        """Return what was found, with the changes in further states."""
        if not states:
            return self._found
        changes = [
            change
            for scope in self.joined.scopes()
            if self.joined.schema.types[scope[0]].subject
            for change in self._of_scope(scope, states)
        ]
        return replace(
            self._found,
            changes=(*self._found.changes, *changes),
            uncompared=(*self._found.uncompared, *self._uncompared),
        )

    def leave_out(self, scope: Scope, action: str, state: S, why: str) -> None:
        """Report that an action cannot be compared in some states."""
        self._uncompared.append(f"`{action}` on a `{scope[1]}` where {state.where}: {why}")

    def _of_scope(self, scope: Scope, states: Sequence[S]) -> Iterator[Change]:
        """Yield the changes for one pair of types, those of actions that change alike as one."""
        trees = self.joined.trees
        together: dict[tuple[str, str, int], tuple[Node, list[str]]] = {}
        for action in self.joined.schema.types[scope[1]].actions:
            if (scope, action) in self._found.unknown:
                continue
            for state in states:
                try:
                    with trees.bounded(MOST_NODES):
                        trees.scope = scope
                        regions = list(self.regions(scope, action, state))
                except (TooLargeError, UncompiledError) as error:
                    self.leave_out(scope, action, state, str(error))
                    continue
                for what, region in regions:
                    key = (what, state.where, region.number)
                    together.setdefault(key, (region, []))[1].append(action)
        covering = self._found.coverings.get(scope) or Covering(self.joined, scope)
        for (what, where, _), (region, actions) in together.items():
            if covering.regions.is_empty(region):
                continue
            listing = covering.told(region)
            yield Change(
                what=what,
                code=None,
                subject=scope[0],
                resource=scope[1],
                actions=tuple(actions),
                region=region,
                listing=listing,
                examples=tuple(covering.examples(listing, region)),
                where=where,
            )
