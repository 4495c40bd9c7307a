from __future__ import annotations

import pytest

from sidecar.schema import Schema, read_schema
from tests.facts.world import SCHEMA


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    path = tmp_path_factory.mktemp("fixtures") / "schema.yaml"
    path.write_text(SCHEMA)
    return read_schema(path)
