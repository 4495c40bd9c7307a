"""A mount and a request that show a state: the smallest that have all its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sidecar.diagram.questions import ACTION, CONTEXT, RESOURCE, SUBJECT, Path, text_of
from sidecar.facts import Cells, Quoted, Snapshot, Table, build
from sidecar.model import Reference, Request
from sidecar.review.states.chase import Chase
from sidecar.review.states.things import ABSENT, Absent, Fact, Slot, Thing, find, settled
from sidecar.review.states.valuing import EPOCH, Valuing
from sidecar.schema import Kind, Schema
from sidecar.schema.values import LARGEST

_DEEPEST = 1
"""Steps from what was asked about to entities that are made up only because others need them."""
_MALFORMED = " nothing"
"""An id that no entity has whose key has two columns, or a domain, or that nobody mounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Facts in the format of a mount, and what is asked of them; the action is still open."""

    rows: Mapping[str, tuple[Cells, ...]]
    """By type; types without rows are left out."""
    request: Request
    now: datetime

    def snapshot(self, schema: Schema) -> Snapshot:
        """Build the facts.

        Raises:
            InvalidSnapshotError: No mount can hold them.
        """
        tables = {
            name: Table(schema.types[name].table, list(enumerate(rows, 1)))
            for name, rows in self.rows.items()
            if name in schema.types
        }
        return build(schema, tables)

    def asking(self, action: str) -> Request:
        """Return the request with an action."""
        return replace(self.request, action=action)


def example_of(chase: Chase) -> Example:
    """Complete a state that obeys all laws to a mount and a request.

    Raises:
        Contradiction: Its values cannot be.
    """
    _complete(chase)
    valuing = Valuing(chase)
    valuing.assign()
    valuing.name_keys()
    return _Writing(chase, valuing).example()


def _complete(chase: Chase) -> None:
    """Give every row the attributes that it needs, and every entity a key."""
    fillers: dict[str, Thing] = {}
    depth = {thing.number: 0 for thing in chase.store.things}
    waiting = list(chase.store.things)
    while waiting:
        thing = find(waiting.pop())
        level = depth.setdefault(thing.number, 0)
        before = len(chase.store.things)
        for name, attribute in thing.type.attributes.items() if not thing.keyless else ():
            slot = thing.slots.get(name)
            needed = thing.row and not attribute.optional
            if slot is None and (needed or name in thing.type.key):
                if level >= _DEEPEST and attribute.type.target:
                    thing.slots[name] = _filler(chase, attribute.type.target, fillers)
                slot = chase.stored(thing, name)
            leads = thing.row and isinstance(slot, Thing) and not attribute.may_dangle
            if leads and isinstance(slot, Thing) and _is_nowhere(chase, find(slot)):
                chase.needs_row(find(slot))
                waiting.append(find(slot))
        for made in chase.store.things[before:]:
            depth.setdefault(made.number, level + 1)
            waiting.append(made)


def _is_nowhere(chase: Chase, thing: Thing) -> bool:
    return bool(thing.type.table) and not thing.row and not chase.is_implied(thing)


def _filler(chase: Chase, type_name: str, fillers: dict[str, Thing]) -> Thing:
    if type_name not in fillers:
        fillers[type_name] = chase.store.thing(chase.schema.types[type_name])
    return fillers[type_name]


class _Writing:
    def __init__(self, chase: Chase, valuing: Valuing) -> None:
        self._chase = chase
        self._valuing = valuing

    def example(self) -> Example:
        rows: dict[str, list[Cells]] = {}
        for thing in self._chase.store.things:
            if thing.joined is None and thing.row:
                rows.setdefault(thing.type.name, []).append(self._row(thing))
        subject, resource = (find(self._chase.roots[path]) for path in (SUBJECT, RESOURCE))
        request = Request(
            subject=Reference(subject.type.name, self._id(subject)),
            action="",
            resource=Reference(resource.type.name, self._id(resource)),
            subject_properties=self._said(SUBJECT),
            action_properties=self._said(ACTION),
            resource_properties=self._said(RESOURCE),
            context={name: v for name, v in self._said(CONTEXT).items() if name != "now"},
        )
        clock = self._chase.said.get((CONTEXT, "now"))
        now = EPOCH if not isinstance(clock, Fact) else self._valuing.value(clock)
        assert isinstance(now, datetime)  # noqa: S101 - it is an instant
        order = {name: rows[name] for name in self._chase.schema.types if name in rows}
        return Example(
            rows={name: tuple(sorted(held, key=str)) for name, held in order.items()},
            request=request,
            now=now,
        )

    def _row(self, thing: Thing) -> Cells:
        cells: dict[str, str | list[str]] = {}
        for name, attribute in thing.type.attributes.items():
            slot = thing.slots.get(name)
            if slot is None or isinstance(slot, Absent) or self._is_unstored(thing, name):
                continue
            text = self._text(settled(slot))
            quoted = attribute.type.kind is Kind.STRING or isinstance(settled(slot), Thing)
            cells[name] = Quoted(text) if quoted and isinstance(text, str) else text
        return cells

    def _is_unstored(self, thing: Thing, name: str) -> bool:
        """Tell whether a row must hold nothing there, since a caller says something else."""
        roots = self._chase.roots.items()
        return any((root, name) in self._chase.unstored for root, of in roots if find(of) is thing)

    def _text(self, slot: Slot) -> str | list[str]:
        if isinstance(slot, Thing):
            return self._id(slot)
        assert isinstance(slot, Fact)  # noqa: S101 - absent ones are not written
        if slot.type.kind is Kind.SET:
            held = {str(self._text(settled(member))) for member, is_in in slot.members if is_in}
            return [Quoted(each) for each in sorted(held)]
        return text_of(self._valuing.value(slot))

    def _id(self, thing: Thing) -> str:
        thing = find(thing)
        if thing.keyless:
            return _MALFORMED
        parts = [self._text(self._chase.stored(thing, column)) for column in thing.type.key]
        return "/".join(map(str, parts))

    def _said(self, base: Path) -> dict[str, object]:
        said: dict[str, object] = {}
        for (root, name), slot in self._chase.said.items():
            if root != base or (base in self._chase.roots and not self._is_sayable(base, name)):
                continue
            if slot is ABSENT:
                said |= self._nonsense(base, name)
                continue
            known = settled(slot)
            if isinstance(known, Fact) and known.type.kind in {Kind.BOOLEAN, Kind.INTEGER}:
                said[name] = self._valuing.value(known)
            elif not self._is_stored(base, name, known):
                said[name] = self._text(known)
        return said

    def _nonsense(self, base: Path, name: str) -> dict[str, object]:
        """Say what is outside the domain of a member that is absent though it has a default."""
        attribute = self._chase.declared(base, name)
        if attribute.default is None or attribute.type.kind is Kind.BOOLEAN:
            return {}
        return {name: LARGEST + 1 if attribute.type.kind is Kind.INTEGER else ""}

    def _is_sayable(self, base: Path, name: str) -> bool:
        return self._chase.declared(base, name).caller

    def _is_stored(self, base: Path, name: str, slot: Slot) -> bool:
        if base not in self._chase.roots:
            return False
        thing = find(self._chase.roots[base])
        stored = thing.slots.get(name)
        return bool(thing.row) and stored is not None and settled(stored) is slot
