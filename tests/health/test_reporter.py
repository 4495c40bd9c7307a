"""What a worker reports: its pair, and since when it has its problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.errors import Problem
from sidecar.health import Reporter, Troubles
from sidecar.http import Access
from sidecar.model import Revisions
from sidecar.reload import Places, Reloading
from tests.e2e.running import copy_pack, write


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_problem_keeps_its_time_as_long_as_it_lasts() -> None:
    clock = Clock()
    troubles = Troubles(clock)
    bad = Problem("users.yaml", 3, "is wrong")

    first = troubles.of([bad, bad, Problem("users.yaml", 4, "a check has not ended for 11 s")])
    clock.now = 107.0
    second = troubles.of([Problem("users.yaml", 4, "a check has not ended for 18 s"), bad])
    none = troubles.of([])
    third = troubles.of([bad])

    assert [each.since for each in first + second] == [100.0] * 4
    assert [each.problem.message for each in second] == [
        "a check has not ended for 18 s",
        "is wrong",
    ]
    assert none == ()
    assert third[0].since == 107.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy_pack(tmp_path)


def test_a_report_names_the_pair_its_age_and_the_pack_that_waits(root: Path) -> None:
    clock, now = Clock(), Clock()
    reloading = Reloading(Places(root / "policies", root / "fixtures", root / "data"), clock=clock)
    reporter = Reporter(
        pairs=reloading, log=None, max_staleness=5.0, access=Access(), clock=clock, now=now
    )
    reloading.prepare()
    used = reloading.current()
    first = reporter.report().worker
    schema = root / "fixtures" / "schema.yaml"
    write(
        schema,
        schema.read_text().replace(
            "      plan: plan", "      new_column: string\n      plan: plan", 1
        ),
    )
    now.now = 200.0
    for _ in range(3):
        clock.now += 2.0
        reloading.look()
    clock.now += 6.0
    second = reporter.report()

    assert first is not None
    assert second.worker is not None
    assert (first.age, first.is_stale, first.waiting, first.since) == (0.0, False, "", 100.0)
    assert first.revisions == Revisions(used.policy.revision, used.snapshot.revision)
    assert first.policy is not None
    assert first.policy.revision == used.policy.revision
    assert "forbid expired" in first.policy.compiled
    assert (second.worker.age, second.worker.is_stale, second.worker.since) == (6.0, True, 100.0)
    assert second.worker.revisions == first.revisions
    assert len(second.worker.waiting) == 16
    assert second.worker.waiting != used.policy.revision
    assert [each.since for each in second.problems] == [200.0] * len(second.problems)
    assert "waits for facts that fit its schema" in second.problems[0].message


def test_before_there_is_a_pair_there_is_no_age(root: Path) -> None:
    (root / "data" / "users.yaml").write_text("")
    reloading = Reloading(Places(root / "policies", root / "fixtures", root / "data"))
    reloading.prepare()

    report = Reporter(pairs=reloading, log=None, max_staleness=5.0, access=Access()).report()

    assert report.worker is not None
    assert (report.worker.revisions, report.worker.age, report.worker.policy) == (None, None, None)
    assert not report.worker.is_ready
    assert report.problems[0].file == "data/users.yaml"
