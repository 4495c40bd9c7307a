"""A server of a bundle answers as one of the pack does, and has neither Oso nor the grammar."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.bundle.file import FORMAT
from tests.decision_lines import lines_of_answers
from tests.e2e.bundles import (
    BUNDLE,
    OPTIONS,
    PATHS,
    QUESTIONS,
    Both,
    build,
    same,
    told,
    without_oso,
)
from tests.e2e.running import EDIT, Sidecar, copy_pack, serving, start, until
from tests.patience import PATIENCE

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    roots = [copy_pack(tmp_path_factory.mktemp(name)) for name in ("pack", "bundle")]
    for root in roots:
        (root / "key").write_bytes(bytes(range(32)))
    build(roots[1])
    variables = without_oso(roots[1])
    with (
        serving(roots[0], *OPTIONS, workers=1) as pack,
        serving(roots[1], *OPTIONS, workers=1, pack=BUNDLE, variables=variables) as bundle,
    ):
        yield Both(pack, bundle)


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_a_question_is_answered_as_from_the_pack(both: Both, number: int) -> None:
    path, body = QUESTIONS[number]

    answers = [told(sidecar, "POST", path, body) for sidecar in both]

    assert answers[0] == answers[1]


@pytest.mark.parametrize("path", PATHS)
def test_what_there_is_to_know_is_told_as_from_the_pack(both: Both, path: str) -> None:
    answers = [told(sidecar, "GET", path) for sidecar in both]

    assert answers[0] == answers[1]
    assert answers[0][0] == 200


def test_the_decision_log_is_written_as_from_the_pack(both: Both) -> None:
    def lines(sidecar: Sidecar) -> list[Any]:
        path, body = QUESTIONS[0]
        told(sidecar, "POST", path, {**body, "subject": "user:the-last"})
        file = sidecar.root / "decisions.jsonl"
        until(lambda: "the-last" in file.read_text() or "the-last" in sidecar.log())
        of_chains = {"chain", "sequence", "mac"}
        return [
            same({name: line[name] for name in line if name not in of_chains})
            for line in lines_of_answers(file)
        ]

    pack, bundle = map(lines, both)

    shared = min(len(pack), len(bundle))
    assert shared > 0
    assert pack[-1] == bundle[-1]


def test_a_server_of_a_bundle_is_small(both: Both) -> None:
    maps = [Path(f"/proc/{worker}/maps").read_text() for worker in both.bundle.workers()]
    status = [Path(f"/proc/{worker}/status").read_text() for worker in both.bundle.workers()]

    assert "polar" not in "".join(maps)
    assert all(int(re.findall(r"VmRSS:\s+(\d+)", each)[0]) < 80_000 for each in status)


# --- replacement --------------------------------------------------------------------------------


@pytest.fixture
def served(root: Path) -> Iterator[Sidecar]:
    build(root)
    with serving(root, pack=BUNDLE, variables=without_oso(root)) as sidecar:
        yield sidecar


def test_a_bundle_that_is_replaced_is_taken_by_every_worker(served: Sidecar) -> None:
    before = served.ask("/v1/authorize", EDIT)[1]
    main_file = served.policies / "main.polar"
    main_file.write_text(main_file.read_text() + "\n# edited\n")

    build(served.root)

    until(served.has_taken(1 + len(served.workers())))
    answers = served.each(lambda: served.ask("/v1/authorize", EDIT)[1])
    assert {each["decision"] for each in answers} == {before["decision"]}
    assert before["revisions"]["policy"] not in {each["revisions"]["policy"] for each in answers}


@pytest.mark.parametrize("spoil", ["short", "altered", "newer", "other facts"])
def test_a_bad_bundle_is_reported_and_the_last_good_one_answers(
    served: Sidecar, spoil: str
) -> None:
    before = served.ask("/v1/authorize", EDIT)[1]["revisions"]
    file = served.root / "policy.bundle"
    content = file.read_bytes()
    if spoil == "other facts":
        schema = served.root / "fixtures" / "schema.yaml"
        schema.write_text(schema.read_text().replace("table: accounts", "table: customers"))
        for world in (served.root / "fixtures" / "worlds").iterdir():
            (world / "accounts.yaml").rename(world / "customers.yaml")
        for suite in served.policies.glob("*_test.yaml"):
            suite.unlink()  # they speak of the table by its name
        build(served.root)
    else:
        new = {
            "short": content[:1000],
            "altered": content[:-9] + b"x" + content[-8:],
            "newer": content.replace(b"bundle %d " % FORMAT, b"bundle %d " % (FORMAT + 1), 1),
        }[spoil]
        (served.root / "new").write_bytes(new)
        (served.root / "new").rename(file)

    until(lambda: served.ready()[1]["problems"])
    status, ready = served.ready()

    assert (status, ready["ready"], ready["revisions"]) == (200, True, before)
    assert served.ask("/v1/authorize", EDIT)[1]["decision"] is True
    assert "not taken, the last good one stays" in served.log()
    assert "Traceback" not in served.log()


def test_a_worker_that_replaces_a_dead_one_answers_from_the_last_good_bundle(
    served: Sidecar,
) -> None:
    before = served.ready()[1]["revisions"]
    (served.root / "policy.bundle").write_bytes(b"bad")
    until(lambda: served.ready()[1]["problems"])
    os.kill(served.workers()[0], signal.SIGKILL)
    until(lambda: len(served.workers()) > 2)

    newest = served.workers()[-1]
    with served.standing_still(but=newest):
        answer = served.ask("/v1/authorize", EDIT)

    assert (answer[0], answer[1]["revisions"]) == (200, before)


# --- the start ----------------------------------------------------------------------------------


def test_a_bundle_that_is_bad_at_the_start_ends_it(root: Path) -> None:
    (root / "policy.bundle").write_bytes(b"bad")

    ended = start(root, "--port", "0", pack=BUNDLE).wait(PATIENCE)

    assert ended == 2
    assert (
        "policy.bundle: is no bundle; build one with `sidecar build`" in (root / "log").read_text()
    )


def test_a_pack_is_not_served_without_oso(root: Path) -> None:
    ended = start(root, "--port", "0", **without_oso(root)).wait(PATIENCE)

    log = (root / "log").read_text()
    assert ended == 2
    assert "error: policies cannot be compiled here: Oso is not installed" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("command", ["check", "test", "build", "tree numbers.edit account"])
def test_a_command_that_compiles_says_that_oso_is_missing(root: Path, command: str) -> None:
    done = run(root, *command.split())

    assert done.returncode == 2
    assert "error: policies cannot be compiled here: Oso is not installed" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_names_what_is_not_to_be_had_without_oso(root: Path) -> None:
    done = run(root, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"check +Not here: Oso is not installed\.", done.stdout)
    assert re.search(r"serve +Serve", done.stdout)


def run(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the program where Oso and the grammar cannot be imported."""
    return subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-m", "sidecar", *args],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **without_oso(root)},  # noqa: TID251  a child's
    )
