"""What every end-to-end test starts from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Sidecar, copy_pack, serving


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The shipped pack and the demo world, to edit."""
    return copy_pack(tmp_path)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar for all tests of a module that only ask it."""
    with serving(copy_pack(tmp_path_factory.mktemp("lasting"))) as running:
        yield running


@pytest.fixture
def sidecar(root: Path) -> Iterator[Sidecar]:
    with serving(root) as running:
        yield running
