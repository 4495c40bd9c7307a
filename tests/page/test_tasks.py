"""Tasks in a process of their own: one at a time, and what becomes of their results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from sidecar.compiler.pack import read_texts, revision_of
from sidecar.config.settings import Settings
from sidecar.page.tasks import Pending, Result, Task, TaskFailedError, Tasks, run_in_process
from tests.paths import ROOT

PACK = ROOT / "tests" / "review" / "verdict" / "pack"
"""A small one with roles."""
TASK = Task(name="none", policies=Path(), fixtures=Path(), arguments={})


def result_of(tasks: Tasks, key: str, task: Task = TASK) -> Result:
    while isinstance(found := tasks.result(key, lambda: task), Pending):
        assert found.is_running
    return found


def test_one_task_runs_at_a_time_and_its_result_is_kept() -> None:
    go_on, runs = Event(), list[Task]()

    def run(task: Task) -> Result:
        runs.append(task)
        go_on.wait()
        return {"number": len(runs)}

    tasks = Tasks(run)
    first = tasks.result("first", lambda: TASK)
    second = tasks.result("second", lambda: TASK)
    go_on.set()

    assert isinstance(first, Pending)
    assert isinstance(second, Pending)
    assert (first.is_running, second.is_running) == (True, False)
    assert result_of(tasks, "first") == {"number": 1}
    assert result_of(tasks, "second") == {"number": 2}
    assert result_of(tasks, "first") == {"number": 1}


def test_a_result_that_is_too_old_is_made_anew() -> None:
    runs = list[Task]()

    def run(task: Task) -> Result:
        runs.append(task)
        return {"number": len(runs)}

    tasks = Tasks(run)
    assert result_of(tasks, "key") == {"number": 1}
    while len(runs) < 2:
        tasks.result("key", lambda: TASK, seconds=0.0)


def test_a_failure_is_raised_for_whoever_asks() -> None:
    def run(_: Task) -> Result:
        raise TaskFailedError("no")

    tasks = Tasks(run)

    with pytest.raises(TaskFailedError, match="no"):
        result_of(tasks, "key")


def test_a_task_that_breaks_leaves_the_others_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("threading.excepthook", lambda _: None)

    def run(task: Task) -> Result:
        if task.arguments:
            raise RuntimeError
        return {}

    tasks = Tasks(run)

    broken = replace(TASK, arguments={"a": "b"})
    with pytest.raises(TaskFailedError):
        result_of(tasks, "key", broken)
    assert result_of(tasks, "other") == {}


def test_a_process_that_ends_without_a_word_is_a_failure() -> None:
    with pytest.raises(TaskFailedError, match="ended"):
        run_in_process(TASK)


def test_the_matrix_of_other_files_than_those_in_use_is_not_shown() -> None:
    settings = Settings()
    task = Task(
        name="matrix",
        policies=settings.policies,
        fixtures=settings.fixtures,
        arguments={"revision": "another"},
    )

    with pytest.raises(TaskFailedError, match="not those in use"):
        run_in_process(task)


def test_the_process_puts_a_matrix_into_words() -> None:
    policies, fixtures = PACK / "policies", PACK / "fixtures"
    revision = revision_of(*read_texts(policies, fixtures))
    task = Task(
        name="matrix", policies=policies, fixtures=fixtures, arguments={"revision": revision}
    )

    told = run_in_process(task)

    (sheet,) = told["sheets"]
    columns = [each["name"] for each in sheet["columns"]]
    cells = {
        each["name"]: dict(zip(columns, each["cells"], strict=True)) for each in sheet["actions"]
    }
    assert cells["scrap"]["lead"]["kind"] == "yes"
    assert cells["scrap"]["mechanic"]["kind"] == "no"
    assert cells["run"]["operator"]["kind"] == "depends"
    rules = told["rules"]["person machine scrap"]
    assert '"scrap" if "lead";' in "".join(each["text"] for each in rules)
