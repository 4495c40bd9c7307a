"""Each kind of values stands wherever kinds are listed; mypy does not find one that is missing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sidecar.compiler.oso_answers import _SCALARS
from sidecar.facts.sources.postgresql_ddl import _TYPES as POSTGRESQL
from sidecar.facts.sources.sqlite_ddl import _TYPES as SQLITE
from sidecar.review.terms import _SORTS
from sidecar.schema.caller_values import _JSON
from sidecar.schema.model import Kind
from sidecar.schema.values import _TEXT

LISTS: dict[str, Mapping[Kind, object]] = {
    "text": _TEXT,
    "JSON": _JSON,
    "class of Polar": _SCALARS,
    "column of PostgreSQL": POSTGRESQL,
    "column of SQLite": SQLITE,
    # A reference is as many terms as its type has key columns.
    "sort of the solver": {**_SORTS, Kind.REFERENCE: ""},
}


@pytest.mark.parametrize("what", LISTS)
def test_each_kind_is_in_the_list(what: str) -> None:
    assert set(LISTS[what]) == set(Kind)
