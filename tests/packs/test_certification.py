"""The certification fixture of AuthZEN: a pack like any other, and it needs no Python."""

from __future__ import annotations

from functools import cache

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.suites import Cell, read_suites, run_suite
from tests.paths import PACKS

PACK = PACKS / "certification"


@cache
def certification() -> Policy:
    return load_pack(PACK / "policies", PACK / "fixtures")


@cache
def grid() -> tuple[Cell, ...]:
    return tuple(
        cell
        for suite in read_suites(PACK / "policies")
        for cell in run_suite(suite, certification(), PACK / "fixtures" / "worlds")
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        named = {f"{cell.suite}: {cell.name}": cell for cell in grid()}
        metafunc.parametrize("cell", named.values(), ids=named)


def test_answer_is_the_one_that_the_suite_expects(cell: Cell) -> None:
    assert cell.failure is None, f"{cell.case.file}:{cell.case.line}"


def test_every_rule_is_compiled() -> None:
    assert certification().notices == ()


def test_pack_holds_no_python() -> None:
    suffixes = {path.suffix for path in PACK.rglob("*") if path.is_file()}

    assert suffixes == {".polar", ".yaml"}
