"""Decisions from a store are those from the dictionaries of the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from sidecar.engine.authorizer import authorize
from sidecar.model import Decision, Reference, Request, Revisions
from sidecar.reload import Pair, Places, Reloading
from tests.facts.store.changing import Stored, read_groups, tables_of
from tests.paths import PACKS, ROOT

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
UNKNOWN = ("nobody", "nobody/nowhere")
ENTITIES = 6
"""Entities of each type that are tried, beside unknown ones."""

WORLDS = sorted(
    min((pack / "fixtures" / "worlds").iterdir())
    for pack in (ROOT, *(PACKS / name for name in ("bank", "code_hosting", "todo", "two_subjects")))
)


@pytest.mark.many
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.parents[2].name)
def test_a_store_decides_as_dictionaries_do(world: Path, tmp_path: Path) -> None:
    pack = world.parents[2]
    pair = Reloading(Places(pack / "policies", pack / "fixtures", world)).load()
    schema = pair.policy.schema
    stored = Stored.loaded(
        tmp_path / "store", schema, tables_of(schema, read_groups(schema, world))
    )
    facts = stored.snapshot()

    for request in _requests(pair):
        from_store = authorize(request, pair.policy, facts, NOW)
        assert _unnamed(from_store) == _unnamed(authorize(request, pair.policy, pair.snapshot, NOW))
    del facts
    stored.file.close()


def _requests(pair: Pair) -> Iterator[Request]:
    schema = pair.policy.schema
    for subject_type in schema.types.values():
        if not subject_type.subject:
            continue
        for subject in _entities(pair, subject_type.name):
            for declared in schema.types.values():
                for action in declared.actions:
                    for resource in _entities(pair, declared.name):
                        yield Request(subject=subject, action=action, resource=resource)


def _entities(pair: Pair, name: str) -> Iterator[Reference]:
    for identifier in (*UNKNOWN, *islice(pair.snapshot.ids(name), ENTITIES)):
        yield Reference(name, identifier)


def _unnamed(decision: Decision) -> Decision:
    return replace(decision, revisions=Revisions("", ""))
