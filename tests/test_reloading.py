"""Live reload: what is picked up, what is refused, and that versions never mix."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pytest

from sidecar.errors import InvalidDocumentsError, Problem, SnapshotUnavailableError
from sidecar.facts import Snapshot, read_directory
from sidecar.reloading import Places, Reloading
from sidecar.reloading import watching as module
from sidecar.reloading.halves import Half
from sidecar.reloading.watching import PATIENCE, RETRY
from sidecar.schema import Schema

SCHEMA = """
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string}
  note:
    table: notes
    key: id
    attributes: {id: string, writer: user}
    actions: [read]
"""
POLICY = """
allow(user: User, _: Action{name: "read"}, note: Note) if note.writer = user;
"""
USERS = "[{id: ana}, {id: bob}]\n"
NOTES = "[{id: n1, writer: ana}]\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "policies", tmp_path / "fixtures", tmp_path / "data")
    for directory in (places.policies, places.fixtures, places.data):
        directory.mkdir()
    write(places.fixtures / "schema.yaml", SCHEMA)
    write(places.fixtures / "settings.yaml", "{}\n")
    write(places.fixtures / "reasons.yaml", "{}\n")
    write(places.policies / "main.polar", POLICY)
    write(places.data / "users.yaml", USERS)
    write(places.data / "notes.yaml", NOTES)
    return places


@pytest.fixture
def reloading(places: Places) -> Reloading:
    loaded = Reloading(places)
    loaded.load()
    return loaded


def write(file: Path, text: str) -> None:
    """Replace a file as careful writers do; its inode tells, whatever the clock's grain."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.replace(file)


def settle(reloading: Reloading) -> None:
    """Look as often as it takes to notice a change and to find it at rest."""
    reloading.look()
    reloading.look()


def notes(reloading: Reloading) -> list[str]:
    return sorted(str(key) for key in reloading.current().snapshot.rows("note"))


def test_nothing_answers_before_the_first_reading(places: Places) -> None:
    reloading = Reloading(places)

    with pytest.raises(SnapshotUnavailableError):
        reloading.current()
    assert reloading.state().revisions is None


def test_a_first_reading_tells_everything_that_is_wrong(places: Places) -> None:
    write(places.data / "notes.yaml", "[{id: n1, writer: zoe}, {id: n1, writer: ana}]\n")

    with pytest.raises(InvalidDocumentsError) as caught:
        Reloading(places).load()

    assert {problem.file for problem in caught.value.problems} == {"data/notes.yaml"}
    assert len(caught.value.problems) == 2


def test_looking_at_files_that_do_not_change_keeps_the_pair(reloading: Reloading) -> None:
    pair = reloading.current()

    settle(reloading)

    assert reloading.current() is pair


def test_an_edited_mount_is_picked_up_and_the_policy_kept(
    reloading: Reloading, places: Places
) -> None:
    policy = reloading.current().policy
    write(places.data / "notes.yaml", "[{id: n1, writer: ana}, {id: n2, writer: bob}]\n")

    settle(reloading)

    assert notes(reloading) == ["n1", "n2"]
    assert reloading.current().policy is policy


def test_an_edited_policy_is_picked_up_and_the_snapshot_kept(
    reloading: Reloading, places: Places
) -> None:
    before = reloading.current()
    write(places.policies / "more.polar", 'allow(_: User{id: "bob"}, _: Action, _: Note);\n')

    settle(reloading)

    assert reloading.current().policy.revision != before.policy.revision
    assert reloading.current().snapshot is before.snapshot


@pytest.mark.parametrize("name", ["main_test.yaml", "README.md"])
def test_a_suite_is_no_part_of_the_policy(reloading: Reloading, places: Places, name: str) -> None:
    pair = reloading.current()
    write(places.policies / name, "anything\n")

    settle(reloading)

    assert reloading.current() is pair


def test_a_change_is_not_read_before_it_has_come_to_rest(
    reloading: Reloading, places: Places
) -> None:
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    reloading.look()
    write(places.data / "users.yaml", "[{id: ana}, {id: bob}, {id: cy}]\n")
    reloading.look()

    assert notes(reloading) == ["n1"]
    reloading.look()
    assert notes(reloading) == ["n2"]


def test_files_that_never_come_to_rest_are_read_all_the_same(
    reloading: Reloading, places: Places
) -> None:
    for number in range(PATIENCE + 1):
        write(places.data / "notes.yaml", f"[{{id: n{number}, writer: ana}}]\n")
        reloading.look()

    assert notes(reloading) == [f"n{PATIENCE}"]


def test_a_bad_mount_leaves_the_last_good_one_answering(
    reloading: Reloading, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    pair = reloading.current()
    write(places.data / "notes.yaml", "- {id: n1, writer: ana}\n- {id: n2, writer: bo}\n")

    with caplog.at_level(logging.ERROR):
        settle(reloading)
        settle(reloading)

    assert reloading.current() is pair
    assert [(each.file, each.line) for each in reloading.state().problems] == [
        ("data/notes.yaml", 2)
    ]
    assert [record.getMessage() for record in caplog.records] == [
        f"not taken, the last good one stays: {reloading.state().problems[0]}"
    ]


def test_a_bad_policy_leaves_the_last_good_one_answering_with_newer_facts(
    reloading: Reloading, places: Places
) -> None:
    policy = reloading.current().policy
    write(places.policies / "main.polar", POLICY.replace("note.writer", "note.writr"))
    settle(reloading)
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    settle(reloading)

    assert (reloading.current().policy, notes(reloading)) == (policy, ["n2"])
    assert "writer" in str(reloading.state().problems[0])


def test_a_mended_file_is_taken_and_its_problem_forgotten(
    reloading: Reloading, places: Places
) -> None:
    write(places.data / "notes.yaml", "- {id: n9, writer: bo}\n")
    settle(reloading)
    write(places.data / "notes.yaml", "- {id: n9, writer: bob}\n")
    settle(reloading)

    assert (notes(reloading), reloading.state().problems) == (["n9"], ())


@pytest.mark.parametrize("gone", ["policies", "fixtures", "data"])
def test_a_directory_that_vanishes_leaves_the_last_good_one_answering(
    reloading: Reloading, places: Places, gone: str
) -> None:
    pair = reloading.current()
    directory: Path = getattr(places, gone)
    directory.rename(directory.with_name("elsewhere"))
    settle(reloading)
    problems = reloading.state().problems
    directory.with_name("elsewhere").rename(directory)
    settle(reloading)

    assert problems
    assert reloading.current().revisions() == pair.revisions()
    assert reloading.state().problems == ()


def test_a_new_schema_is_taken_together_with_facts_that_fit_it(
    reloading: Reloading, places: Places
) -> None:
    old = reloading.current()
    write(
        places.fixtures / "schema.yaml",
        SCHEMA.replace("writer: user}", "writer: user, text: string}"),
    )
    settle(reloading)
    between, problems = reloading.current(), reloading.state().problems
    write(places.data / "notes.yaml", "[{id: n2, writer: ana, text: hello}]\n")
    settle(reloading)

    assert between is old
    assert problems
    new = reloading.current()
    assert new.policy.schema.revision == new.snapshot.schema.revision != old.policy.schema.revision
    assert notes(reloading) == ["n2"]


def test_a_new_schema_that_fits_the_facts_is_taken_with_them_read_again(
    reloading: Reloading, places: Places
) -> None:
    write(
        places.fixtures / "schema.yaml",
        SCHEMA.replace("writer: user}", "writer: user, text: {type: string, optional: true}}"),
    )

    settle(reloading)

    pair = reloading.current()
    assert "text" in pair.policy.schema.types["note"].attributes
    assert "text" in pair.snapshot.schema.types["note"].attributes


def test_what_was_read_while_files_changed_is_thrown_away(
    reloading: Reloading, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = reloading.current()
    changes = iter(["[{id: ana}, {id: cy}]\n"])

    def read_and_be_overtaken(schema: Schema, directory: Path) -> Snapshot:
        snapshot = read_directory(schema, directory)
        for text in changes:
            write(places.data / "users.yaml", text)
        return snapshot

    monkeypatch.setattr(module, "read_directory", read_and_be_overtaken)
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    settle(reloading)
    overtaken = reloading.current()
    settle(reloading)

    assert overtaken is pair
    assert sorted(map(str, reloading.current().snapshot.rows("user"))) == ["ana", "cy"]
    assert notes(reloading) == ["n2"]


def test_a_first_reading_is_repeated_until_the_files_hold_still(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = iter(["n2", "n3"])

    def read_and_be_overtaken(schema: Schema, directory: Path) -> Snapshot:
        snapshot = read_directory(schema, directory)
        if (name := next(changes, None)) is not None:
            write(places.data / "notes.yaml", f"[{{id: {name}, writer: ana}}]\n")
        return snapshot

    monkeypatch.setattr(module, "read_directory", read_and_be_overtaken)
    reloading = Reloading(places)

    reloading.load()

    assert notes(reloading) == ["n3"]


def test_a_mount_that_never_holds_still_is_told(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_and_be_overtaken(schema: Schema, directory: Path) -> Snapshot:
        snapshot = read_directory(schema, directory)
        write(directory / "users.yaml", USERS)
        return snapshot

    monkeypatch.setattr(module, "read_directory", read_and_be_overtaken)

    with pytest.raises(InvalidDocumentsError, match="changes all the time"):
        Reloading(places).load()


def test_a_mount_swapped_by_kubernetes_is_read_as_a_whole(places: Places) -> None:
    versions = [places.data / f"..v{number}" for number in (1, 2)]
    for version, name in zip(versions, ("old", "new"), strict=True):
        version.mkdir()
        write(version / "users.yaml", f"[{{id: {name}}}]\n")
        write(version / "notes.yaml", f"[{{id: n1, writer: {name}}}]\n")
    for file in ("users.yaml", "notes.yaml"):
        (places.data / file).unlink()
        (places.data / file).symlink_to(Path("..data") / file)
    (places.data / "..data").symlink_to(versions[0].name)
    reloading = Reloading(places)
    reloading.load()

    (places.data / "..new").symlink_to(versions[1].name)
    (places.data / "..new").replace(places.data / "..data")
    shutil.rmtree(versions[0])
    settle(reloading)

    assert list(reloading.current().snapshot.rows("user")) == ["new"]
    assert reloading.state().problems == ()


def test_a_reading_that_failed_is_tried_again_after_a_while(
    reloading: Reloading, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_schema: Schema, directory: Path) -> Snapshot:
        raise PermissionError(13, "Permission denied", str(directory))

    with monkeypatch.context() as patched:
        patched.setattr(module, "read_directory", fail)
        write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
        settle(reloading)
    problems = reloading.state().problems
    for _ in range(RETRY):
        reloading.look()

    assert problems == (Problem(str(places.data), 0, "cannot be read: Permission denied"),)
    assert (notes(reloading), reloading.state().problems) == (["n2"], ())


def test_an_error_that_nobody_thought_of_is_kept_as_a_problem(
    reloading: Reloading, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_schema: Schema, _directory: Path) -> Snapshot:
        raise KeyError("oops")

    pair = reloading.current()
    monkeypatch.setattr(module, "read_directory", fail)
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")

    with pytest.raises(KeyError):
        settle(reloading)

    assert reloading.current() is pair
    assert [each.message for each in reloading.state().problems] == ["cannot be read; see the log"]


# --- a process of its own -----------------------------------------------------------------------


def test_a_process_that_replaces_another_answers_from_what_still_holds(
    reloading: Reloading,
) -> None:
    pair = reloading.current()

    reloading.begin()

    assert reloading.current() is pair


@pytest.mark.parametrize("edited", ["policies", "data"])
def test_a_process_that_replaces_another_reads_what_has_changed_since(
    reloading: Reloading, places: Places, edited: str
) -> None:
    pair = reloading.current()
    if edited == "data":
        write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    else:
        write(places.policies / "main.polar", POLICY + POLICY)

    reloading.begin()

    assert reloading.current().revisions() != pair.revisions()


@pytest.mark.parametrize("edited", ["policies", "data"])
def test_a_process_that_replaces_another_does_not_answer_from_what_is_no_longer_so(
    reloading: Reloading, places: Places, edited: str
) -> None:
    if edited == "data":
        write(places.data / "notes.yaml", "[{id: n2, writer: bo}]\n")
    else:
        write(places.policies / "main.polar", "allow(")

    reloading.begin()

    with pytest.raises(SnapshotUnavailableError):
        reloading.current()
    assert reloading.state().problems


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_watching_goes_on_until_told_and_outlives_a_look_that_fails(reloading: Reloading) -> None:
    stop, looks = threading.Event(), list[int]()

    def fail() -> None:
        looks.append(1)
        if len(looks) == 3:
            stop.set()
        raise KeyError("oops")

    reloading.look = fail  # type: ignore[method-assign]  # stands in for an unforeseen error
    reloading.watch(0.001, stop)

    assert len(looks) == 3


# --- one half -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """What a half holds, reduced to what it looks at."""

    revision: str
    schema: Schema


def test_a_half_keeps_the_last_good_reading(reloading: Reloading) -> None:
    versions, schema = [1], reloading.current().policy.schema
    half: Half[Read] = Half("place", lambda: versions[-1])

    half.read(lambda: Read("good", schema))
    versions.append(2)
    outdated = half.outdated()
    with pytest.raises(ZeroDivisionError):
        half.read(lambda: Read(str(1 // 0), schema))

    assert outdated
    assert (half.good, half.outdated()) == (Read("good", schema), False)
    assert half.problems == (Problem("place", 0, "cannot be read; see the log"),)


def test_a_half_keeps_the_object_whose_content_has_not_changed(reloading: Reloading) -> None:
    schema = reloading.current().policy.schema
    first, same, other = Read("a", schema), Read("a", schema), Read("b", schema)
    half: Half[Read] = Half("place", lambda: 1)

    half.read(lambda: first)
    half.read(lambda: same)
    kept = half.good
    half.read(lambda: other)

    assert (kept, half.good) == (first, other)
    assert kept is first


def test_the_place_of_an_error_of_the_system_is_told() -> None:
    half: Half[Read] = Half("place", lambda: 1)

    def fail() -> Read:
        raise FileNotFoundError(2, "No such file or directory", "/nowhere")

    half.read(fail)

    assert half.problems == (Problem("/nowhere", 0, "cannot be read: No such file or directory"),)


# --- how old a snapshot is ----------------------------------------------------------------------


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def timed(places: Places, clock: Clock) -> Reloading:
    loaded = Reloading(places, clock=clock)
    loaded.load()
    return loaded


def age(reloading: Reloading) -> float:
    return reloading.age(reloading.current().snapshot)


def test_a_snapshot_is_as_old_as_the_last_look_that_found_the_mount_unchanged(
    timed: Reloading, clock: Clock
) -> None:
    clock.seconds += 7
    before = age(timed)

    timed.look()

    assert (before, age(timed)) == (7.0, 0.0)


def test_an_edit_that_is_not_taken_yet_lets_the_snapshot_grow_old(
    timed: Reloading, places: Places, clock: Clock
) -> None:
    write(places.data / "notes.yaml", "[]\n")
    clock.seconds += 7

    timed.look()
    noticed = age(timed)
    timed.look()

    assert (noticed, age(timed)) == (7.0, 0.0)
    assert notes(timed) == []


@pytest.mark.parametrize("text", ["[{id: n1, writer: zoe}]\n", "[{id: n1", None])
def test_while_the_mount_cannot_be_taken_the_last_good_snapshot_grows_old(
    timed: Reloading, places: Places, clock: Clock, text: str | None
) -> None:
    if text is None:
        (places.data / "notes.yaml").unlink()
    else:
        write(places.data / "notes.yaml", text)

    for _ in range(RETRY + PATIENCE):
        clock.seconds += 1
        timed.look()

    assert age(timed) == RETRY + PATIENCE


def test_a_mount_that_comes_back_is_young_again(
    timed: Reloading, places: Places, clock: Clock
) -> None:
    write(places.data / "notes.yaml", "[{id: n1")
    settle(timed)
    clock.seconds += 7
    write(places.data / "notes.yaml", NOTES)

    settle(timed)

    assert age(timed) == 0.0


def test_a_faulty_policy_does_not_make_the_facts_old(
    timed: Reloading, places: Places, clock: Clock
) -> None:
    write(places.policies / "main.polar", "allow(")
    clock.seconds += 7

    settle(timed)

    assert (age(timed), len(timed.state().problems)) == (0.0, 1)


def test_a_snapshot_that_the_mount_has_left_behind_is_older_than_anything(
    timed: Reloading, places: Places
) -> None:
    old = timed.current().snapshot
    write(places.data / "notes.yaml", "[]\n")

    settle(timed)

    assert timed.age(old) == inf


def test_time_goes_on_while_nobody_sets_a_clock(reloading: Reloading) -> None:
    assert 0 <= age(reloading) < 60
