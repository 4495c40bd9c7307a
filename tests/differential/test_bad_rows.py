"""Nothing is allowed because a row is bad: whatever the row should have been, it would be allowed.

Over generated packs and worlds, one cell is spoilt. What is allowed then must be allowed in every
world in which the cell has been mended: with what it held, with what other rows hold, or with
nothing. If it names an entity that does not exist, the row is removed, or the entity is added; what
this changes by itself is seen in a third world, which has the entity and not the row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import permissions, search_resources, search_subjects
from sidecar.errors import InvalidRequestError, InvalidSnapshotError
from sidecar.facts import Cell, Cells, Facts, Snapshot, build
from sidecar.facts.row_batches import Quoted, Refused
from sidecar.model import Request
from sidecar.schema import Key, Schema
from tests.depth import deep
from tests.differential.test_against_reference import load_pack, request_of
from tests.facts.store.changing import Groups, Stored, read_groups, tables_of
from tests.generated.packs import GeneratedPack, write_pack
from tests.generated.worlds import Question

GROUPS, PACKS = 2, deep(4, quick=2)
WORLDS, SPOILT, QUESTIONS, MENDS = 3, 10, 24, 3
MISSING = "missing@one.example"
"""The id of nobody, of any type."""


@pytest.mark.many
@pytest.mark.parametrize("group", range(GROUPS))
def test_what_is_allowed_in_spite_of_a_bad_row_is_allowed_however_it_is_mended(
    group: int, tmp_path: Path
) -> None:
    tally: Counter[str] = Counter()
    for seed in range(group * PACKS, (group + 1) * PACKS):
        pack = write_pack(seed, tmp_path / str(seed))
        policy = load_pack(pack)
        if policy is None:
            continue
        for number in range(WORLDS):
            pack.worlds.world(tmp_path / str(seed) / f"world{number}")
            groups = read_groups(policy.schema, tmp_path / str(seed) / f"world{number}")
            dice = Random(f"{seed}/{number}")  # noqa: S311 - the same each time
            for spoilt in range(SPOILT):
                store = tmp_path / str(seed) / f"store{number}.{spoilt}"
                _compare(pack, policy, groups, dice, store, tally)
        policy.interpreter.close()

    for kind in ("allowed", "data_error", "found", "would be allowed", "completed", "stored"):
        assert tally[kind] > 5, (kind, tally)


def _compare(
    pack: GeneratedPack,
    policy: Policy,
    groups: Groups,
    dice: Random,
    store: Path,
    tally: Counter[str],
) -> None:
    schema = policy.schema
    cell = _some_cell(dice, schema, groups)
    if cell is None:
        return
    name, key, at, column = cell
    cells = groups[name][key][at]
    names_entity = bool(schema.types[name].attributes[column].type.target)
    nested: Cell = [Quoted("x"), Refused("is nested")]
    broken: Cell = dice.choice([Quoted("\0"), nested, "null", *[Quoted(MISSING)] * 3])
    bad = _with(groups, cell, {**cells, column: broken})
    tables = tables_of(schema, bad)
    try:
        snapshot: Facts = build(schema, tables, takes_bad_rows=True)
    except InvalidSnapshotError:
        tally["refused"] += 1
        return
    if not snapshot.problems():  # type: ignore[attr-defined]
        tally["good after all"] += 1
        return
    if dice.random() < 0.5:
        snapshot = Stored.loaded(store, schema, tables, takes_bad_rows=True).snapshot()
        tally["stored"] += 1
    if broken == MISSING and names_entity:
        mended = list(_completed(dice, schema, bad, cell))
        tally["completed"] += len(mended)
    else:
        mended = [(world, None) for world in _mended(dice, schema, groups, cell)]
    for _ in range(QUESTIONS):
        question = pack.worlds.question()
        request, now = request_of(question.request), question.now
        found = _answers(request, policy, snapshot, now)
        tally["allowed"] += found[0] == {"yes"}
        tally["data_error"] += "data_error" in found[0]
        tally["found"] += bool(found[2] or found[3])
        for world, without in mended:
            expected = _answers(request, policy, world, now)
            tally["would be allowed"] += "data_error" in found[0] and expected[0] == {"yes"}
            assert ("bad request" in found[0]) == ("bad request" in expected[0])
            allowed = found
            if without is not None:
                others = _answers(request, policy, without, now)
                allowed = tuple(one & other for one, other in zip(found, others, strict=True))
            if allowed[0] == {"yes"}:
                assert expected[0] == {"yes"}, _described(pack, question, cell, bad)
            for some, all_of in zip(allowed[1:], expected[1:], strict=True):
                assert some <= all_of, _described(pack, question, cell, bad)


_CellPlace = tuple[str, Key, int, str]
"""Type, key, index of the row among those of the key, and column."""


def _some_cell(dice: Random, schema: Schema, groups: Groups) -> _CellPlace | None:
    places = [
        (name, key, at, column)
        for name, keys in groups.items()
        for key, rows in keys.items()
        for at, cells in enumerate(rows)
        for column in cells
        if column not in schema.types[name].key
    ]
    return dice.choice(places) if places else None


def _with(groups: Groups, cell: _CellPlace, cells: Cells) -> Groups:
    name, key, at, _ = cell
    rows = list(groups[name][key])
    rows[at] = cells
    return {**groups, name: {**groups[name], key: rows}}


def _mended(dice: Random, schema: Schema, groups: Groups, cell: _CellPlace) -> Iterator[Snapshot]:
    """Yield worlds in which a cell has a value that it can have; the first is what it had."""
    name, key, at, column = cell
    cells = groups[name][key][at]
    held: list[Cell | None] = [each.get(column) for rows in groups[name].values() for each in rows]
    values = [cells[column], *dice.sample(held, min(MENDS, len(held))), None]
    values += [Quoted(value) for value in ("low", "mid", "high", "t1", "t2", "p1", "p2", "d1")]
    values += ["true", "false", "0", "100", "2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"]
    count = 0
    for value in values:
        others = {each: text for each, text in cells.items() if each != column}
        mended = others if value is None else {**others, column: value}
        try:
            yield build(schema, tables_of(schema, _with(groups, cell, mended)))
        except InvalidSnapshotError:
            continue
        count += 1
        if count > MENDS + 2:
            return


def _completed(
    dice: Random, schema: Schema, bad: Groups, cell: _CellPlace
) -> Iterator[tuple[Snapshot, Snapshot | None]]:
    """Yield worlds in which a reference is no longer to what does not exist, and what is added."""
    name, key, _, column = cell
    target = schema.types[schema.types[name].attributes[column].type.target]
    others = {**bad, name: {each: rows for each, rows in bad[name].items() if each != key}}
    worlds: list[tuple[Groups, Groups | None]] = [(others, None)]
    for rows in dice.sample(list(bad[target.name].values()), min(MENDS, len(bad[target.name]))):
        added = {MISSING: [{**rows[0], target.key[0]: Quoted(MISSING)}]}
        whole, without = (
            {**world, target.name: {**world[target.name], **added}} for world in (bad, others)
        )
        worlds.append((whole, without))
    for world, without_row in worlds:
        try:
            yield (
                build(schema, tables_of(schema, world)),
                build(schema, tables_of(schema, without_row)) if without_row else None,
            )
        except InvalidSnapshotError:
            continue


def _answers(
    request: Request, policy: Policy, snapshot: Facts, now: datetime
) -> tuple[set[str], ...]:
    """Return the outcome of a decision, permissions, and the ids of both searches."""
    try:
        decision = authorize(request, policy, snapshot, now)
    except InvalidRequestError:
        return {"bad request"}, set(), set(), set()
    codes = {"yes"} if decision.allowed else {reason.code for reason in decision.reasons}
    listed: list[set[str]] = []
    for search in (permissions, search_resources, search_subjects):
        try:
            listed.append(set(search(request, policy, snapshot, now)))
        except InvalidRequestError:
            listed.append(set())
    return codes, listed[0], listed[1], listed[2]


def _described(
    pack: GeneratedPack, question: Question, cell: _CellPlace, bad: Groups
) -> Mapping[str, object]:
    return {
        "pack": pack.describe(),
        "request": question.request,
        "now": str(question.now),
        "spoilt": cell,
        "rows": bad,
    }
