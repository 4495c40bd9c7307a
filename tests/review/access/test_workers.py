"""A report made by several processes is the report that one process makes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.compiler.pack import read_texts
from sidecar.facts import read_directory
from sidecar.review.access import pairs as pairs_module
from sidecar.review.access import report as report_module
from sidecar.review.access.output import as_csv, as_json, as_text
from sidecar.review.access.pairs import Selected
from sidecar.review.access.report import AccessReport
from sidecar.review.access.workers import LostWorkerError, in_workers
from sidecar.review.pack_revisions import PackPlace
from tests.paths import ROOT
from tests.small_pack import put_pack

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
Make = Callable[[int], AccessReport]
Output = Callable[[AccessReport], Iterator[str]]

OPEN_SCHEMA = """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  paper: {table: papers, key: id, attributes: {id: string}, actions: {read: {}}}
context: {}
settings: {}
"""
OPEN_RULES = """\
actor User {}
allow(_: User, _: Action{name: "read"}, _: Paper);
"""


@pytest.fixture(scope="module", name="make")
def _make() -> Make:
    fixtures = ROOT / "fixtures"
    return _maker(ROOT / "policies", fixtures, fixtures / "worlds" / "demo")


def _maker(policies: Path, fixtures: Path, mount: Path) -> Make:
    policy = PackPlace("now", policies, fixtures).load()
    pack, _ = read_texts(policies, fixtures)
    snapshot = read_directory(policy.schema, mount)

    def make(workers: int) -> AccessReport:
        report = AccessReport(policy, pack, snapshot, NOW, Selected())
        report.workers = workers
        return report

    return make


@pytest.mark.parametrize("output", [as_text, as_csv, as_json])
def test_two_processes_write_what_one_writes(make: Make, output: Output) -> None:
    alone, beside = make(1), make(2)

    assert list(output(beside)) == list(output(alone))
    assert beside.summary == alone.summary
    assert alone.summary.rows


def test_a_worker_that_is_ended_ends_the_report_with_an_error() -> None:
    def end(_: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(LostWorkerError, match="incomplete"):
        list(in_workers(end, range(4), 2))


def test_an_error_in_a_worker_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_workers(lambda part: 1 // part, [1, 0, 1], 2))


def test_results_come_in_the_order_of_the_parts_and_from_other_processes() -> None:
    found = list(in_workers(lambda part: (part, os.getpid()), range(50), 2))

    assert [part for part, _ in found] == list(range(50))
    assert os.getpid() not in {process for _, process in found}


@pytest.mark.parametrize("most", [0, 7, 9, 12])
def test_two_processes_end_a_report_of_too_many_pairs_where_one_ends_it(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies, fixtures = put_pack(tmp_path, OPEN_RULES, OPEN_SCHEMA)
    (mount := tmp_path / "mount").mkdir()
    (mount / "users.yaml").write_text("".join(f"- {{id: u{n}}}\n" for n in range(5)))
    (mount / "papers.yaml").write_text("".join(f"- {{id: p{n}}}\n" for n in range(3)))
    make = _maker(policies, fixtures, mount)
    for module in (report_module, pairs_module):
        monkeypatch.setattr(module, "MOST_PAIRS", most)
    alone, beside = make(1), make(2)

    assert list(as_csv(beside)) == list(as_csv(alone))
    assert beside.summary == alone.summary
    assert alone.summary.unlisted
    assert alone.summary.rows == most // 3 * 3
