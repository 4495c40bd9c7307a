"""What several test modules start from."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from hypothesis import HealthCheck, settings

from sidecar.compiler import child_process as process
from sidecar.compiler.child_process import Child
from tests.compiled import Remembered
from tests.library import Library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    made = Library(tmp_path)
    yield made
    made.close()


# How long an example takes depends on what else the machine does.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Compile no pack twice: all processes of a run share a cache, which goes with the run."""
    pytest.MonkeyPatch().setattr(process, "Child", Remembered)
    if not hasattr(config, "workerinput"):  # the process that starts the others, or the only one
        cache = mkdtemp(prefix="sidecar-tests-")
        os.environ["XDG_CACHE_HOME"] = cache  # noqa: TID251  for the processes that are started
        config.add_cleanup(partial(rmtree, cache, ignore_errors=True))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was collected, and look less often at the rest.

    A tenth of the CPU time of a run went into looking again and again at 8,500 tests, the modules
    and the compiled packs, none of which is garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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
