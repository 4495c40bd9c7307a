"""What several test modules start from."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from sidecar.compiler import child_process as process
from sidecar.compiler.child_process import Child
from tests.compiled import Remembered
from tests.library import Library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library(tmp_path)
    yield made
    made.close()


def pytest_configure() -> None:
    """Compile no pack twice, not even while tests are collected; and keep nothing on disk."""
    os.environ["XDG_CACHE_HOME"] = os.devnull  # noqa: TID251  for the processes that are started
    pytest.MonkeyPatch().setattr(process, "Child", Remembered)


@pytest.fixture(scope="module", autouse=True)
def _compiled_anew(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give the modules that are about compiling the process as it is."""
    with pytest.MonkeyPatch.context() as patch:
        if getattr(request.module, "COMPILES_ANEW", False):
            patch.setattr(process, "Child", Child)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let `many` run untraced: what only one case in thousands reaches counts as not covered."""
    tracer = sys.gettrace() if item.get_closest_marker("many") else None
    if tracer is None:
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
