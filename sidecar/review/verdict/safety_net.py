"""What guards a policy, in two packs: invariants, suites, the approved matrix; what is weaker."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sidecar.review.invariants import Invariant
from sidecar.review.verdict.model import Edit, EditKind, Place, Places
from sidecar.schema.messages import shown
from sidecar.schema.yaml_document import Items, Members, Node
from sidecar.suites import Cell

MATRIX = "matrix.txt"
"""The approved matrix, beside the policies (docs/reviewing.md)."""
_MOST_NAMED = 3
"""Requests that are named of the answers that are checked no longer."""


# --- invariants -------------------------------------------------------------------------------


def meaning(invariant: Invariant) -> tuple[object, ...]:
    """Return all that an invariant says, its name and its place apart."""
    return (
        invariant.always,
        frozenset(invariant.targets),
        frozenset(invariant.when),
        frozenset(invariant.unless),
        invariant.reason,
        invariant.obligation,
    )


def invariant_edits(old: Sequence[Invariant], new: Sequence[Invariant]) -> Iterator[Edit]:
    """Yield the invariants that are gone, say less, say something else, or are new.

    Args:
        old: Of the base, read by the schema of the new pack.
        new: Of the new pack.
    """
    says = {meaning(each) for each in new}
    said = {meaning(each) for each in old}
    names = {each.name: each for each in new}
    for each in old:
        if meaning(each) in says:
            continue
        now = names.get(each.name)
        if now is None:
            yield _net(f"invariant is gone: {each.name}", _place(each), None, weakens=True)
        else:
            is_stronger = _implies(now, each)
            how = "says more than before" if is_stronger else "says less, or something else"
            text = f"invariant {how}: {each.name}"
            yield _net(text, _place(each), _place(now), weakens=not is_stronger)
    for each in new:
        if meaning(each) not in said and each.name not in {other.name for other in old}:
            yield _net(f"invariant is new: {each.name}", None, _place(each))


def _implies(strong: Invariant, weak: Invariant) -> bool:
    """Tell whether an invariant says at least what another says, by what is written."""
    same = [(each.always, each.reason, each.obligation) for each in (strong, weak)]
    return (
        same[0] == same[1]
        and set(strong.targets) >= set(weak.targets)
        and set(strong.when) <= set(weak.when)
        and set(strong.unless) <= set(weak.unless)
    )


def _place(invariant: Invariant) -> Place:
    return Place(invariant.file, invariant.line)


def _net(text: str, old: Place | None, new: Place | None, *, weakens: bool = False) -> Edit:
    return Edit(kind=EditKind.SAFETY_NET, text=text, places=Places(old, new), weakens=weakens)


# --- suites -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Expected:
    allowed: bool
    reasons: tuple[str, ...] | None
    obligations: tuple[str, ...] | None

    def covers(self, other: _Expected) -> bool:
        """Tell whether this expectation fails wherever another one does."""
        if self.allowed is not other.allowed:
            return False
        codes = ((self.reasons, other.reasons), (self.obligations, other.obligations))
        return all(theirs is None or ours == theirs for ours, theirs in codes)


def suite_edits(
    old: Sequence[Cell], new: Sequence[Cell], worlds: Mapping[str, str]
) -> Iterator[Edit]:
    """Yield the cases of which answers are checked no longer, or expected otherwise.

    Answers are compared by what is asked, so that a case may be renamed or moved.

    Args:
        old: All cells of the suites of the base.
        new: All cells of the suites of the new pack.
        worlds: Suite to world.
    """
    expected: dict[str, list[_Expected]] = defaultdict(list)
    for cell in new:
        expected[_question(cell, worlds)].append(_expected(cell))
    cases = {(cell.suite, cell.case.name): cell for cell in reversed(new)}
    together: dict[tuple[str, str, str], list[Cell]] = defaultdict(list)
    for cell in old:
        now = expected.get(_question(cell, worlds))
        what = _what(_expected(cell), now)
        if what:
            together[cell.suite, cell.case.name, what].append(cell)
    for (suite, case, what), cells in together.items():
        here = cases.get((suite, case))
        text = f"suite case {shown(case)}: {_counted(cells)} {_WHAT[what]}: {_named(cells)}"
        if here is None and what == _GONE:
            text = f"suite case {shown(case)} is gone, with {_counted(cells)}"
        yield _net(
            text,
            _of_case(cells[0]),
            None if here is None else _of_case(here),
            weakens=what != _DENIED,
        )


_GONE, _ALLOWED, _LESS, _DENIED = "gone", "allowed", "less", "denied"
_WHAT = {
    _GONE: "checked no longer",
    _ALLOWED: "now to be allowed, and was to be denied",
    _LESS: "checked for other reasons or obligations, or for none",
    _DENIED: "now to be denied, and was to be allowed",
}


def _what(was: _Expected, now: Sequence[_Expected] | None) -> str:
    if not now:
        return _GONE
    if any(each.covers(was) for each in now):
        return ""
    alike = [each for each in now if each.allowed is was.allowed]
    if alike:
        return _LESS
    return _DENIED if was.allowed else _ALLOWED


def _expected(cell: Cell) -> _Expected:
    return _Expected(cell.allowed, cell.reasons, cell.obligations)


def _question(cell: Cell, worlds: Mapping[str, str]) -> str:
    case = cell.case
    facts = {name: [_plain(row) for row in rows] for name, rows in case.facts.items()}
    properties = (
        case.subject_properties,
        case.action_properties,
        case.resource_properties,
        case.context,
    )
    asked = (worlds.get(cell.suite, ""), str(cell.subject), cell.action, str(cell.resource))
    document = [case.now.isoformat(), *asked, *map(dict, properties), facts]
    return json.dumps(document, sort_keys=True, default=str)


def _plain(node: Node) -> object:
    if isinstance(node, Members):
        return {name: _plain(each) for name, each in node.members.items()}
    if isinstance(node, Items):
        return [_plain(each) for each in node.items]
    return [node.text, node.quoted]


def _of_case(cell: Cell) -> Place:
    return Place(cell.case.file, cell.case.line)


def _counted(cells: Sequence[Cell]) -> str:
    return "1 answer" if len(cells) == 1 else f"{len(cells)} answers"


def _named(cells: Sequence[Cell]) -> str:
    named = [f"{cell.subject} {cell.action} {cell.resource}" for cell in cells[:_MOST_NAMED]]
    if len(cells) > _MOST_NAMED:
        named.append(f"and {len(cells) - _MOST_NAMED} more")
    return ", ".join(named)


# --- files ------------------------------------------------------------------------------------


def matrix_edit(old: Path, new: Path, *, decides_alike: bool) -> Iterator[Edit]:
    """Yield that the approved matrix is gone, new, or written otherwise.

    Args:
        old: The policies of the base.
        new: The policies of the new pack.
        decides_alike: Whether rules, schema and settings are the same, so that no line of it may
            differ.
    """
    before, after = (
        (of / MATRIX).read_text("utf-8").splitlines() if (of / MATRIX).is_file() else None
        for of in (old, new)
    )
    places = [Place(f"{of.name}/{MATRIX}", 0) for of in (old, new)]
    if before is not None and after is None:
        yield _net("the approved matrix is gone", places[0], None, weakens=True)
    elif before is None and after is not None:
        yield _net("the approved matrix is new", None, places[1])
    elif before is not None and after is not None and before != after:
        gone = [at for at, line in enumerate(before, 1) if line not in after]
        added = [at for at, line in enumerate(after, 1) if line not in before]
        text = f"the approved matrix: {len(gone)} lines are gone, {len(added)} lines are new"
        if decides_alike:
            text += ", though the policy decides as before"
        yield _net(
            text,
            Place(places[0].file, gone[0] if gone else 0),
            Place(places[1].file, added[0] if added else 0),
            weakens=decides_alike,
        )


def world_edits(old: Path, new: Path) -> Iterator[Edit]:
    """Yield the worlds of suites whose facts differ, between the fixtures of two packs."""
    texts = [_worlds(of / "worlds") for of in (old, new)]
    for world in dict.fromkeys((*texts[0], *texts[1])):
        before, after = texts[0].get(world), texts[1].get(world)
        if before == after:
            continue
        places = [
            Place(f"{of.name}/worlds/{world}", 0) if files is not None else None
            for of, files in ((old, before), (new, after))
        ]
        verb = "is new" if before is None else "is gone" if after is None else "has other facts"
        yield _net(f"the world {shown(world)} of the suites {verb}", *places)


def _worlds(directory: Path) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(directory.glob("*/*")):
        if path.is_file():
            found.setdefault(path.parent.name, {})[path.name] = path.read_bytes()
    return found
