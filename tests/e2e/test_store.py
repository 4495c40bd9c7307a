"""Facts of a database in the store that all workers share: what callers see when it changes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.e2e.databases import execute, make_database
from tests.e2e.running import EDIT, Sidecar, serving, until

pytestmark = pytest.mark.e2e

BOB = {**EDIT, "subject": "user:bob"}
"""An admin of the account."""
CHANGE = "UPDATE memberships SET role = '{}' WHERE account = 'acme' AND user = 'bob'"
DEMOTE, PROMOTE = CHANGE.format("support"), CHANGE.format("admin")
DANGLING = (
    "INSERT INTO memberships (account, user, role, status)"
    " VALUES ('acme', 'nobody', 'support', 'active')"
)
REPAIR = "DELETE FROM memberships WHERE user = 'nobody'"


@contextmanager
def following(root: Path, *options: str) -> Iterator[Sidecar]:
    """Serve from a database with the demo world."""
    database = root / "facts.sqlite"
    if not database.exists():
        make_database(database, root / "fixtures", root / "data")
    options = ("--data", "sqlite:facts.sqlite", "--store", "store", *options)
    with serving(root, *options) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        yield sidecar


def answer(sidecar: Sidecar) -> bool | None:
    """Return the decision; None if there is no answer, or one that says that there is none."""
    try:
        status, said = sidecar.ask("/v1/authorize", BOB)
    except (OSError, HTTPException):  # the worker has ended
        return None
    assert said["decision"] is False or status == 200
    return bool(said["decision"]) if status == 200 else None


def allowed(sidecar: Sidecar, token: str = "") -> bool:
    demand = {"min_revision": token} if token else {}
    return bool(sidecar.ask("/v1/authorize", {**BOB, **demand})[1]["decision"])


def followers(sidecar: Sidecar) -> list[int]:
    """Return the children of the master that are no workers."""
    children = Path(f"/proc/{sidecar.process.pid}/task/{sidecar.process.pid}/children").read_text()
    return sorted({int(pid) for pid in children.split()} - set(sidecar.workers()))


def problems(sidecar: Sidecar) -> str:
    return "\n".join(each["message"] for each in sidecar.ready()[1]["problems"])


def test_a_writer_reads_its_own_write_by_the_token_of_its_transaction(root: Path) -> None:
    with following(root) as sidecar:
        before = allowed(sidecar)
        after = [
            allowed(sidecar, execute(root / "facts.sqlite", change))
            for change in (DEMOTE, PROMOTE, DEMOTE)
        ]
        revision = sidecar.ask("/v1/authorize", BOB)[1]["revisions"]["data"]
        unknown = sidecar.ask("/v1/authorize", {**BOB, "min_revision": "sqlite:00:99"})[1]

        assert (before, after) == (True, [False, True, False])
        assert allowed(sidecar, revision) is False
        assert [reason["code"] for reason in unknown["reasons"]] == ["stale_data"]


def test_a_faulty_change_is_refused_as_a_whole_until_it_is_mended(root: Path) -> None:
    database = root / "facts.sqlite"
    with following(root) as sidecar:
        execute(database, DANGLING, DEMOTE)
        until(lambda: "user `nobody` does not exist" in problems(sidecar))
        while_faulty = allowed(sidecar)
        token = execute(database, REPAIR)

        assert while_faulty
        until(lambda: not allowed(sidecar, token))
        until(lambda: problems(sidecar) == "")


def test_a_follower_that_is_killed_at_any_moment_loses_nothing(root: Path) -> None:
    database = root / "facts.sqlite"
    with following(root) as sidecar:
        for change, expected in ((DEMOTE, False), (PROMOTE, True), (DEMOTE, False)):
            (follower,) = followers(sidecar)
            token = execute(database, change)
            os.kill(follower, signal.SIGKILL)
            until(lambda token=token, expected=expected: allowed(sidecar, token) == expected)  # type: ignore[misc]
            until(lambda: len(followers(sidecar)) == 1)

        assert re.search(r"the follower .* is started again", sidecar.log())
        assert "reading all rows" not in sidecar.log().split("started again")[1]


def test_a_follower_that_dies_while_a_pack_waits_follows_by_the_pack_in_use(root: Path) -> None:
    schema, database = root / "fixtures" / "schema.yaml", root / "facts.sqlite"
    email = "      email: {type: email, sensitive: true}\n"
    assert schema.read_text().count(email) == 1

    def edit(old: str, new: str) -> None:
        edited = schema.with_suffix(".new")
        edited.write_text(schema.read_text().replace(old, new))
        edited.replace(schema)

    with following(root) as sidecar:
        execute(database, "ALTER TABLE users ADD COLUMN nick TEXT")
        edit(email, f"{email}      nick: {{type: string, optional: true}}\n")
        until(sidecar.has_taken(4))
        edit("nick: {type: string, optional: true}", "nick: string")
        until(lambda: "column `nick` is missing" in problems(sidecar))
        (follower,) = followers(sidecar)
        os.kill(follower, signal.SIGKILL)
        token = execute(database, DEMOTE)

        demand = {**BOB, "min_revision": token}
        until(lambda: "stale_data" not in str(sidecar.ask("/v1/authorize", demand)))
        assert not allowed(sidecar)


def test_a_store_survives_a_restart_and_catches_up(root: Path) -> None:
    with following(root) as sidecar:
        revision = sidecar.ask("/v1/authorize", BOB)[1]["revisions"]["data"]
        assert "not taken" not in sidecar.log()
    token = execute(root / "facts.sqlite", DEMOTE)
    with following(root) as sidecar:
        assert not allowed(sidecar, token)
        assert not allowed(sidecar, revision)
        assert "reading all rows" not in sidecar.log()


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "foreign"])
def test_a_damaged_store_is_built_anew(root: Path, damage: str) -> None:
    with following(root):
        pass
    (path,) = (root / "store" / "0").glob("*.facts")
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(
        {
            "truncated": content[:half],
            "overwritten": content[: 4096 * 3] + b"\xff" * (len(content) - 4096 * 3),
            "foreign": b"SQLite format 3\0" * 1000,
        }[damage]
    )

    with following(root) as sidecar:
        assert allowed(sidecar)
        assert "a store is built anew" in sidecar.log()


def _truncate(path: Path) -> None:
    os.truncate(path, 4096 * 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(bytes(path.stat().st_size - 4096 * 2))


def _truncate_lock(path: Path) -> None:
    os.truncate(f"{path}-lock", 64)


def _remove(path: Path) -> None:
    path.unlink()


def _remove_lock(path: Path) -> None:
    Path(f"{path}-lock").unlink()


@pytest.mark.parametrize(
    "damage", [_truncate, _empty, _overwrite, _truncate_lock, _remove, _remove_lock]
)
def test_a_store_that_is_damaged_in_use_is_built_anew(
    root: Path, damage: Callable[[Path], None]
) -> None:
    """Meanwhile there is the right answer or none, and nobody needs to start anything again."""
    with following(root) as sidecar:
        execute(root / "facts.sqlite", DEMOTE)
        until(lambda: sidecar.each(lambda: answer(sidecar)) == [False, False])
        (path,) = (root / "store" / "0").glob("*.facts")
        token = sidecar.ask("/v1/authorize", BOB)[1]["revisions"]["data"]

        damage(path)

        def has_recovered() -> bool:
            assert answer(sidecar) is not True
            stores = list((root / "store" / "0").glob("*.facts"))
            return len(stores) == 1 and stores != [path] and answer(sidecar) is False

        until(has_recovered)
        promoted = execute(root / "facts.sqlite", PROMOTE)
        until(lambda: answer(sidecar) is True)
        until(lambda: sidecar.each(lambda: allowed(sidecar, promoted)) == [True, True])
        assert sidecar.process.poll() is None
        if damage in {_remove, _remove_lock}:
            assert allowed(sidecar, token), "it is contained in the store that was built anew"
