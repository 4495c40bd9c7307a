"""Candidate pairs of subject and resource, from the indexes of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sidecar.diagram.nodes import Node
from sidecar.diagram.paths import RESOURCE, SUBJECT, Path
from sidecar.diagram.questions import facts_of
from sidecar.engine.candidates import Candidates, Find
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.frame_builder import FrameBuilder
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.errors import BadRowError, SidecarError
from sidecar.facts import Facts
from sidecar.model import Reference, Request
from sidecar.review.access.state_tree import FAULT, OPEN, Ask, Probes, StateTree
from sidecar.schema import Key
from sidecar.schema.messages import in_line

MOST_PAIRS = 20_000_000
"""Pairs of two types that are looked at where no index bounds them."""


class TooManyPairsError(SidecarError):
    """A report would take too long; whoever asked for it must ask for less."""


class Entity(NamedTuple):
    """One entity, by its id in the mount and by its key."""

    id: str
    key: Key | None
    """None for an id that no entity can have."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The entities and the action that a report is about; None is all of them."""

    subject: Reference | None = None
    action: str | None = None
    resource: Reference | None = None
    resource_type: str | None = None

    def has_type(self, resource_type: str) -> bool:
        """Tell whether resources of a type are among them."""
        named = self.resource_type if self.resource is None else self.resource.type
        return named in {None, resource_type}


class Pairs:
    """Enumerates the pairs of two types for which one of several diagrams may hold."""

    def __init__(
        self,
        policy: Policy,
        scope: tuple[str, str],
        roots: Sequence[Node],
        snapshot: Facts,
        now: datetime,
    ) -> None:
        """Prepare to enumerate.

        Args:
            policy: The policy.
            scope: The types of subject and resource; both have rows.
            roots: The diagrams that grant.
            snapshot: The facts.
            now: The time of the decisions.
        """
        subject, resource = (policy.schema.types[name] for name in scope)
        self._scope, self._snapshot, self._now = scope, snapshot, now
        self._tests, self._roots = policy.tests, roots
        self._reader = Reader(policy.schema, policy.settings, subject, resource)
        evaluator = Evaluator(self._reader, policy.tests)
        self._probes = Probes(self._reader, evaluator, policy.tests)
        self._candidates: dict[Path, Candidates] = {
            side: Candidates(self._reader, evaluator, policy.tests, side)
            for side in (SUBJECT, RESOURCE)
        }
        self._finds: dict[Path, StateTree[tuple[Find, ...] | None]] = {
            side: StateTree(self._probes, self._reader, self._make(side))
            for side in (SUBJECT, RESOURCE)
        }
        self._frames = FrameBuilder(self._reader, subject, resource)
        self._all: Sequence[Entity] | None = None
        self.unbounded = 0
        """Pairs that no index bounds."""

    def selected(self, selected: Selected) -> Iterator[tuple[Entity, Sequence[Entity]]]:
        """Yield every subject with the resources on which a diagram may hold for it, sorted.

        Raises:
            TooManyPairsError: No index bounds them, and there are more than `MOST_PAIRS`.
        """
        subject, resource = selected.subject, selected.resource
        if resource is None:
            ids = self._snapshot.ids(self._scope[0]) if subject is None else (subject.id,)
            yield from self.of_subjects(ids)
            return
        known = self._entity(RESOURCE, resource.id)
        if subject is None:
            found = self._found(SUBJECT, known)
        else:
            found = [self._entity(SUBJECT, subject.id)]
        for each in found:
            yield each, (known,)

    def of_subjects(self, ids: Iterable[str]) -> Iterator[tuple[Entity, Sequence[Entity]]]:
        """Yield subjects by their ids, each with its resources as `selected` does.

        Raises:
            TooManyPairsError: As in `selected`.
        """
        for identifier in ids:
            known = self._entity(SUBJECT, identifier)
            yield known, self._found(RESOURCE, known)

    def _entity(self, side: Path, identifier: str) -> Entity:
        references = [Reference(name, identifier) for name in self._scope]
        request = Request(subject=references[0], action="", resource=references[1])
        return Entity(identifier, self._frames.keys(request)[side == RESOURCE])

    def _found(self, unknown: Path, known: Entity) -> Sequence[Entity]:
        """Return the entities of the unknown side, sorted: of an index, or else all of them."""
        keys = (None, known.key) if unknown == SUBJECT else (known.key, None)
        name = self._scope[unknown == RESOURCE]
        try:
            frame = self._frames.of_keys(keys, self._snapshot, self._now)
            finds = self._finds[unknown].result(frame)
        except BadRowError:  # the known side cannot be read
            return ()
        if finds is None:
            return self._every(unknown, name)
        found = self._candidates[unknown].found(finds, frame) if finds else ()
        return sorted(Entity(self._snapshot.id_of(name, key), key) for key in found)

    def _every(self, side: Path, name: str) -> Sequence[Entity]:
        """Return all entities of a type, and count the pairs."""
        if self._all is None:
            self._all = [self._entity(side, each) for each in self._snapshot.ids(name)]
        self.unbounded += len(self._all)
        if self.unbounded > MOST_PAIRS:
            raise TooManyPairsError(
                f"something on `{in_line(self._scope[1])}` is allowed without a relation that the"
                f" facts index, so that more than {MOST_PAIRS:,} pairs would have to be looked at;"
                " name a subject, a resource or an action"
            )
        return self._all

    def _make(self, unknown: Path) -> Callable[[Ask], tuple[Find, ...] | None]:
        candidates, sent = self._candidates[unknown], self._probes.sent

        def make(ask: Ask) -> tuple[Find, ...] | None:
            def ways(node: Node) -> Sequence[Node] | None:
                paths = facts_of(self._tests[node.test].question)
                if sent.always(*paths) or sent.unindexed(unknown, *paths):
                    return node.branches
                if candidates.depends(node):
                    return None
                outcome = ask(node)
                if outcome == FAULT:
                    return ()
                return node.branches if outcome == OPEN else (node.branches[outcome],)

            return candidates.finds(self._roots, ways)

        return make
