"""A second pack, with nouns of its own and a hierarchy of folders: it needs no Python."""

from __future__ import annotations

from functools import cache

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.suites import Cell, read_suites, run_suite
from tests.paths import PACKS

PACK = PACKS / "documents"


@cache
def documents() -> Policy:
    return load_pack(PACK / "policies", PACK / "fixtures")


@cache
def grid() -> tuple[Cell, ...]:
    return tuple(
        cell
        for suite in read_suites(PACK / "policies")
        for cell in run_suite(suite, documents(), PACK / "fixtures" / "worlds")
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        named = {f"{cell.suite}: {cell.name}": cell for cell in grid()}
        metafunc.parametrize("cell", named.values(), ids=named)


def test_answer_is_the_one_that_the_suite_expects(cell: Cell) -> None:
    assert cell.failure is None, f"{cell.case.file}:{cell.case.line}"


def test_hierarchy_of_folders_is_put_to_oso_and_nothing_else_is() -> None:
    (notice,) = [notice.message for notice in documents().notices]

    assert notice.startswith(
        "`allow` is put to Oso at request time for `view`, `share`, `remove` on a `folder`,"
        " `create`, `view`, `edit`, `publish`, `remove` on a `document`: "
    )
    assert ".parent." in notice


def test_pack_holds_no_python() -> None:
    suffixes = {path.suffix for path in PACK.rglob("*") if path.is_file()}

    assert suffixes == {".polar", ".yaml"}
