"""What several test modules start from."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

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


def pytest_configure(config: pytest.Config) -> None:
    """Compile no pack twice: all processes of a run share a cache, which goes with the run."""
    pytest.MonkeyPatch().setattr(process, "Child", Remembered)
    if not hasattr(config, "workerinput"):  # the process that starts the others, or the only one
        cache = mkdtemp(prefix="sidecar-tests-")
        os.environ["XDG_CACHE_HOME"] = cache  # noqa: TID251  for the processes that are started
        config.add_cleanup(partial(rmtree, cache, ignore_errors=True))


@pytest.fixture(scope="module", autouse=True)
def _compiled_anew(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give the modules that are about compiling their processes, and keep nothing for them."""
    with pytest.MonkeyPatch.context() as patch:
        if getattr(request.module, "COMPILES_ANEW", False):
            patch.setattr(process, "Child", Child)
            patch.setenv("XDG_CACHE_HOME", os.devnull)
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
