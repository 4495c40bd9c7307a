"""What several test modules start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.policy import process
from tests.compiled import Remembered
from tests.library import Library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def _compiled_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile no pack twice, except where a module says that it is about compiling."""
    with pytest.MonkeyPatch.context() as patch:
        if not getattr(request.module, "COMPILES_ANEW", False):
            patch.setattr(process, "Child", Remembered)
        yield
