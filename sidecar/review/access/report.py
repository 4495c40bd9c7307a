"""The access report: one row for each subject and resource between which something is allowed.

Rows are made one after the other, so that a report of any length takes the memory of the snapshot
and no more. Everything is decided at one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import NamedTuple

from sidecar.compiler.pack import PackTexts
from sidecar.diagram.paths import RESOURCE, SUBJECT
from sidecar.engine.always_on import always_on_reasons
from sidecar.engine.bound_rules import RuleBinder
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.frame import Frame, Read
from sidecar.engine.frame_builder import FrameBuilder
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.errors import BadRowError
from sidecar.facts import Facts
from sidecar.model import Reference
from sidecar.review.access.grounds import GroundsFinder
from sidecar.review.access.groups import Groups
from sidecar.review.access.pair_access import NOTHING, PairAccess, PairDecider
from sidecar.review.access.pairs import MOST_PAIRS, Entity, Pairs, Selected, TooManyPairsError
from sidecar.review.access.rule_calls import RuleCalls
from sidecar.review.access.state_tree import Mark, Probes, StateTree, is_result
from sidecar.review.access.workers import in_workers
from sidecar.schema import Key, Value
from sidecar.schema.messages import in_line

_MOST_OF_PART = 500
"""Subjects of a part that one process makes at a time."""


class AccessRow(NamedTuple):
    """What one subject may do on one resource."""

    subject: Reference
    resource: Reference
    access: PairAccess
    """Shared by all rows that are in the same state."""
    rows: tuple[Reference, ...]
    """The rows of the facts that give it, by type and id."""
    keys: tuple[Key | None, Key | None]
    """Of the subject and the resource."""


@dataclass(slots=True)
class Summary:
    """What became of a report, known once its rows have been taken."""

    rows: int = 0
    subjects: set[tuple[str, Key | None]] = field(default_factory=set)
    """Those with a row, by type and key."""
    unreadable: int = 0
    """Pairs that are denied because a row breaks the schema."""
    unlisted: dict[str, None] = field(default_factory=dict)
    """What could not be listed, in sentences."""
    left_out: dict[str, None] = field(default_factory=dict)
    """What a report of stored facts never lists, in sentences."""

    def add(self, other: Summary) -> None:
        """Add what became of another part of the report."""
        self.rows += other.rows
        self.subjects |= other.subjects
        self.unreadable += other.unreadable


class AccessReport:
    """Lists who may do what, by one policy, one snapshot and one instant."""

    def __init__(
        self,
        policy: Policy,
        pack: PackTexts,
        snapshot: Facts,
        now: datetime,
        selected: Selected,
    ) -> None:
        """Prepare to list.

        Args:
            policy: Loaded with the diagrams of its single rules.
            pack: What it was compiled of.
            snapshot: The facts.
            now: The instant of every decision; aware.
            selected: What the report is about.
        """
        self.policy, self.snapshot, self.now, self.selected = policy, snapshot, now, selected
        self.pack = pack
        self.workers = 1
        """In how many processes `formatted` makes a report of all subjects and resources."""
        self.summary = Summary()
        self._calls = RuleCalls.of(pack.texts, policy.schema)

    def rows(self) -> Iterator[AccessRow]:
        """Yield the rows, by type of subject and resource, then by their ids."""
        for listing in self._listings():
            yield from self._of(listing, listing.pairs.selected(self.selected))

    def formatted(self, form: Callable[[AccessRow], str]) -> Iterator[str]:
        """Yield the text of each row, in the order of `rows`.

        Args:
            form: Returns the text; it is called in several processes if there are several workers.

        Raises:
            LostWorkerError: One of the processes was ended.
        """
        for listing in self._listings():
            if self.workers > 1 and self.selected.subject is self.selected.resource is None:
                yield from self._in_workers(listing, form)
            else:
                yield from map(form, self._of(listing, listing.pairs.selected(self.selected)))

    def _in_workers(self, listing: _Listing, form: Callable[[AccessRow], str]) -> Iterator[str]:
        ids = list(self.snapshot.ids(listing.scope[0]))
        size = max(1, min(_MOST_OF_PART, len(ids) // (8 * self.workers)))
        parts = [ids[start : start + size] for start in range(0, len(ids), size)]

        def make(part: Sequence[str]) -> tuple[list[str], Summary, int]:
            self.summary = Summary()  # of this process
            listing.pairs.unbounded = 0
            texts = [form(row) for row in self._of(listing, listing.pairs.of_subjects(part))]
            return texts, self.summary, listing.pairs.unbounded

        with closing(in_workers(make, parts, self.workers)) as made:
            for part, (texts, summary, unbounded) in zip(parts, made, strict=True):
                if listing.pairs.unbounded + unbounded > MOST_PAIRS:
                    # Somewhere in this part the report ends: here the pairs before it are known.
                    yield from map(form, self._of(listing, listing.pairs.of_subjects(part)))
                    return
                listing.pairs.unbounded += unbounded
                self.summary.add(summary)
                yield from texts

    def _listings(self) -> Iterator[_Listing]:
        """Yield what lists the rows of two types, of all types in their order."""
        schema, selected = self.policy.schema, self.selected
        for subject in schema.subjects():
            if selected.subject is not None and selected.subject.type != subject:
                continue
            for resource, declared in schema.types.items():
                if not selected.has_type(resource):
                    continue
                names = [n for n in declared.actions if selected.action in {None, n}]
                actions = list(self._listable((subject, resource), names))
                if actions:
                    yield _Listing(self, (subject, resource), actions, self._calls)

    def _listable(self, scope: tuple[str, str], names: list[str]) -> Iterator[str]:
        """Yield the actions that can be listed, and note the others."""
        subject, resource = (self.policy.schema.types[name] for name in scope)
        if names and not subject.table:
            self.summary.unlisted[
                f"nobody mounts `{in_line(subject.name)}`, so that no subject can be listed"
            ] = None
            return
        if names and not resource.table:
            self.summary.left_out[
                f"nobody mounts `{in_line(resource.name)}`: what is allowed there follows from what"
                " callers send"
            ] = None
            return
        for name in names:
            action = f"`{in_line(name)}` of `{in_line(scope[1])}`"
            if resource.actions[name].creates:
                self.summary.left_out[f"{action} is about what does not exist yet"] = None
                continue
            entry = self.policy.entry(*scope, name)
            if None in (entry.granted, *entry.forbids.values(), *entry.obliges.values()):
                self.summary.unlisted[
                    f"{action} cannot be listed: a rule is put to Oso at request time, as"
                    " `sidecar check` tells"
                ] = None
                continue
            yield name

    def _of(
        self, listing: _Listing, pairs: Iterator[tuple[Entity, Sequence[Entity]]]
    ) -> Iterator[AccessRow]:
        summary = self.summary
        try:
            for subject, resources in pairs:
                before = summary.rows
                for row in listing.rows(subject, resources):
                    summary.rows += 1
                    yield row
                if summary.rows > before:
                    summary.subjects.add((listing.scope[0], subject.key))
        except TooManyPairsError as error:
            summary.unlisted[str(error)] = None


class _Listing:
    """The rows between two types."""

    def __init__(
        self,
        report: AccessReport,
        scope: tuple[str, str],
        actions: list[str],
        calls: RuleCalls,
    ) -> None:
        policy, self._report, self.scope = report.policy, report, scope
        self._snapshot, self._now = report.snapshot, report.now
        subject, resource = (policy.schema.types[name] for name in scope)
        reader = self._reader = Reader(policy.schema, policy.settings, subject, resource)
        evaluator = Evaluator(reader, policy.tests)
        finder = GroundsFinder(policy, scope, calls)
        decider = PairDecider(policy, scope, actions, finder)
        # Where subject or resource do not exist, nothing is looked at.
        assumed = RuleBinder(reader, policy.tests, subject, resource).assumed(
            resource.actions[actions[0]]
        )
        probes = Probes(reader, evaluator, policy.tests, assumed)
        self._groups = Groups(resource, policy.tests)
        self._tree = StateTree(probes, reader, decider.access, self._groups.is_shared)
        self._exists = reader.exists(SUBJECT), reader.exists(RESOURCE)
        self._frames = FrameBuilder(reader, subject, resource)
        self._denied = {
            there: bool(
                always_on_reasons(
                    resource,
                    resource.actions[actions[0]],
                    subject_exists=there[0],
                    resource_exists=there[1],
                    can_be_created=lambda: False,  # no action here creates
                )
            )
            for there in product((True, False), repeat=2)
        }
        """Whether no action is allowed whatever the policy says, by what exists."""
        roots = [policy.entry(*scope, name).granted for name in actions]
        self.pairs = Pairs(policy, scope, [r for r in roots if r], report.snapshot, report.now)
        self._origins: dict[PairAccess, list[tuple[str, Read, Read]]] = {}

    def rows(self, subject: Entity, resources: Iterable[Entity]) -> Iterator[AccessRow]:
        """Yield the rows of a subject.

        Resources that refer to the same entity are a group: all that is read of that entity and
        of the subject is read once for them.
        """
        marks: dict[Value, Mark[PairAccess]] = {}
        stored = self._snapshot.rows(self.scope[1])
        for resource in resources:
            try:
                group = self._groups.of(stored.get(resource.key))  # type: ignore[arg-type]  # None is no key
                mark = None if group is None else marks.get(group)
                if mark is not None and is_result(mark, NOTHING):
                    continue
                row, mark = self._row(subject, resource, mark)
            except BadRowError:
                self._report.summary.unreadable += 1
                continue
            if group is not None and mark is not None:
                marks[group] = mark
            if row is not None:
                yield row

    def _row(
        self, subject: Entity, resource: Entity, mark: Mark[PairAccess] | None
    ) -> tuple[AccessRow | None, Mark[PairAccess] | None]:
        """Return the row of a pair, None where nothing is allowed, and where its group goes on.

        Raises:
            BadRowError: A row would have to be read that does not fit the schema.
        """
        frame = self._frames.of_keys((subject.key, resource.key), self._snapshot, self._now)
        if self._denied[self._exists[0](frame), self._exists[1](frame)]:
            return None, None
        access, mark = self._tree.walk(frame, mark)
        if access is NOTHING:
            return None, mark
        origins = self._origins.get(access) or self._read_origins(access, frame)
        row = AccessRow(
            Reference(self.scope[0], subject.id),
            Reference(self.scope[1], resource.id),
            access,
            tuple(
                [
                    Reference(name, self._snapshot.id_of(name, key(frame)))
                    for name, row, key in origins
                    if row(frame) is not None
                ]
            ),
            (subject.key, resource.key),
        )
        return row, mark

    def _read_origins(self, access: PairAccess, frame: Frame) -> list[tuple[str, Read, Read]]:
        """Return how the rows are read that give access in a state."""
        reader = self._reader
        self._origins[access] = [
            (reader.type_of(path).name, reader.row(path), reader.comparable(path))
            for path in access.rows
        ]
        reader.make_room(frame)
        return self._origins[access]
