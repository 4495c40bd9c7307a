"""Live reload: what is picked up, what is refused, and that versions never mix."""

from __future__ import annotations

import logging
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import pytest

from sidecar.errors import InvalidDocumentsError, SnapshotUnavailableError
from sidecar.facts import Mount, Snapshot, capture
from sidecar.reload import Places, Reloading, SharedPair
from sidecar.reload import reloader as module
from sidecar.reload.packs import RETRY_SECONDS
from sidecar.reload.reloader import WAITING
from sidecar.watch import PATIENCE_SECONDS

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
def shared() -> SharedPair:
    return SharedPair()


@pytest.fixture
def reloading(places: Places, clock: Clock, shared: SharedPair) -> Reloading:
    loaded = Reloading(places, clock=clock, shared=shared)
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
    assert reloading.state().pair is None


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


def test_edited_routes_are_picked_up_and_bad_ones_leave_the_last_good_ones(
    reloading: Reloading, places: Places
) -> None:
    before = reloading.current()
    file = places.fixtures / "routes.yaml"
    row = '{action: read, resource: "note:{id}"}'
    head = "subject: {type: user, header: x-user-id}\nroutes:\n"
    write(file, f"{head}  GET /notes/{{id}}: {row}\n")
    settle(reloading)
    after = reloading.current()

    write(file, f"{head}  GTE /notes/{{id}}: {row}\n")
    settle(reloading)

    assert (before.policy.routes, after.snapshot is before.snapshot) == (None, True)
    assert after.policy.revision != before.policy.revision
    assert after.policy.routes is not None
    assert [route.method for route in after.policy.routes.routes] == ["GET"]
    assert reloading.current() is after
    (problem,) = reloading.state().problems
    assert problem.line == 3
    assert "did you mean `GET`?" in problem.message


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
    reloading: Reloading, places: Places, clock: Clock
) -> None:
    for number in range(100, 121):
        write(places.data / "notes.yaml", f"[{{id: n{number}, writer: ana}}]\n")
        reloading.look()
        clock.seconds += PATIENCE_SECONDS / 20

    assert notes(reloading) == ["n120"]


def test_a_file_that_is_touched_all_the_time_is_no_change(
    reloading: Reloading, places: Places, clock: Clock
) -> None:
    pair = reloading.current()
    write(places.data / "users.yaml", USERS + "# more\n")
    for number in range(3):
        for file in places.data.iterdir():
            os.utime(file, (number, number))
        reloading.look()
        clock.seconds += 0.1

    assert reloading.current() is pair
    assert age(reloading) == pytest.approx(0.1)


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


def test_the_log_says_when_a_fault_is_mended(
    reloading: Reloading, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    good = (places.data / "notes.yaml").read_text()
    with caplog.at_level(logging.INFO):
        for text in ("- {id: n1, writer: ana}\n- {id: n2, writer: bo}\n", good):
            write(places.data / "notes.yaml", text)
            settle(reloading)
            settle(reloading)

    assert caplog.records[-1].getMessage() == "nothing is wrong with the newest files any more"
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


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


@contextmanager
def overtaken(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> Iterator[list[Mount]]:
    """Let a file change after it was read, and before the last one was."""
    captured = list[Mount]()

    def capture_and_be_overtaken(directory: Path) -> Mount:
        captured.append(replace(capture(directory), whole=False))
        change(directory)
        return captured[-1]

    with monkeypatch.context() as patched:
        patched.setattr(module, "capture", capture_and_be_overtaken)
        yield captured


def test_what_was_read_while_files_changed_is_thrown_away(
    reloading: Reloading, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = reloading.current()
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    with overtaken(
        monkeypatch, lambda data: write(data / "users.yaml", "[{id: ana}, {id: cy}]\n")
    ) as captured:
        settle(reloading)
    between = reloading.current()
    settle(reloading)

    assert (len(captured), between) == (1, pair)
    assert sorted(map(str, reloading.current().snapshot.rows("user"))) == ["ana", "cy"]
    assert notes(reloading) == ["n2"]


def test_a_first_reading_is_repeated_until_the_files_hold_still(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = iter(["n2", "n3"])

    def change(directory: Path) -> None:
        if (name := next(changes, None)) is not None:
            write(directory / "notes.yaml", f"[{{id: {name}, writer: ana}}]\n")

    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    with overtaken(monkeypatch, change):
        reloading = Reloading(places)
        reloading.load()

    assert notes(reloading) == ["n3"]


def test_a_mount_in_which_a_file_always_changes_is_read_file_by_file(
    reloading: Reloading, places: Places, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file is rewritten so often that it changes during every reading; another revokes."""
    write(places.data / "notes.yaml", "[]\n")
    counter = iter(range(100))
    with overtaken(
        monkeypatch, lambda data: write(data / "users.yaml", f"{USERS}# {next(counter)}\n")
    ):
        for _ in range(2 + int(PATIENCE_SECONDS / 0.1)):
            clock.seconds += 0.1
            reloading.look()

    assert notes(reloading) == []
    assert reloading.state().problems == ()
    assert age(reloading) <= PATIENCE_SECONDS


def test_facts_read_file_by_file_must_refer_to_what_there_is(
    reloading: Reloading, places: Places, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = reloading.current()
    write(places.data / "notes.yaml", "[{id: n2, writer: cy}]\n")
    with overtaken(monkeypatch, lambda data: write(data / "users.yaml", USERS)):
        for _ in range(2 + int(PATIENCE_SECONDS / 0.1)):
            clock.seconds += 0.1
            reloading.look()

    assert reloading.current() is pair
    assert "`cy` does not exist" in str(reloading.state().problems[0])


def test_a_file_that_is_written_all_the_time_is_reported(
    reloading: Reloading, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, _most: int = -1) -> bytes:
        raise BlockingIOError(11, "it changes while it is read", str(path))

    monkeypatch.setattr("sidecar.facts.sources.mount.read_file", read)
    write(places.data / "notes.yaml", "[]\n")
    settle(reloading)

    assert notes(reloading) == ["n1"]
    assert [str(each) for each in reloading.state().problems] == [
        "data/notes.yaml: cannot be read: it changes while it is read",
        "data/users.yaml: cannot be read: it changes while it is read",
    ]


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


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let nothing be opened, as when a process has as many files open as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_could_not_be_read_for_a_moment_is_read_as_soon_as_it_can_be(
    reloading: Reloading, places: Places
) -> None:
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    write(places.policies / "main.polar", POLICY + "# edited\n")
    policy = reloading.current().policy
    with no_descriptors():
        settle(reloading)
        settle(reloading)
    problems = reloading.state().problems
    settle(reloading)

    assert "data: cannot be read: Too many open files" in [str(each) for each in problems]
    assert (notes(reloading), reloading.state().problems) == (["n2"], ())
    assert reloading.current().policy is not policy


@pytest.mark.parametrize("place", ["data/notes.yaml", "fixtures/schema.yaml", "policies/x.polar"])
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(
    reloading: Reloading, places: Places, place: str
) -> None:
    pair, file = reloading.current(), places.data.parent / place
    content = file.read_bytes() if file.exists() else None
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    settle(reloading)
    problems = reloading.state().problems
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    settle(reloading)

    assert ["not a regular file" in str(each) for each in problems] == [True]
    assert reloading.current().revisions() == pair.revisions()
    assert reloading.state().problems == ()


@pytest.mark.parametrize("name", ["read_mount", "capture"])
def test_an_error_that_nobody_thought_of_is_reported_and_the_reading_tried_again(
    reloading: Reloading,
    places: Places,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    def fail(*_: object, **__: object) -> Snapshot:
        raise KeyError("oops")

    pair = reloading.current()
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    with monkeypatch.context() as patched:
        patched.setattr(module, name, fail)
        with pytest.raises(KeyError):
            settle(reloading)
    between, problems = reloading.current(), reloading.state().problems
    clock.seconds += RETRY_SECONDS
    settle(reloading)

    assert between is pair
    assert [each.message for each in problems] in ([], ["cannot be used; see the log"])
    assert (notes(reloading), reloading.state().problems) == (["n2"], ())


# --- a new schema -------------------------------------------------------------------------------

WITH_TEXT = SCHEMA.replace("writer: user}", "writer: user, text: string}")
MAY_HAVE_TEXT = SCHEMA.replace(
    "writer: user}", "writer: user, text: {type: string, optional: true}}"
)


def test_a_pack_that_waits_is_reported_and_keeps_no_revocation_from_being_seen(
    reloading: Reloading, places: Places, caplog: pytest.LogCaptureFixture
) -> None:
    old = reloading.current().policy
    write(places.fixtures / "schema.yaml", WITH_TEXT)
    settle(reloading)
    settle(reloading)
    write(places.data / "notes.yaml", "[{id: n2, writer: bob}]\n")
    settle(reloading)
    waiting = reloading.state().problems
    confirmed, revoked = age(reloading), notes(reloading)
    write(places.data / "notes.yaml", "[{id: n2, writer: zoe}]\n")
    settle(reloading)
    both = reloading.state().problems
    write(places.fixtures / "schema.yaml", SCHEMA)
    write(places.data / "notes.yaml", "[{id: n4, writer: bob}]\n")
    settle(reloading)
    settle(reloading)

    assert reloading.current().policy.revision == old.revision
    assert [each.message.partition(":")[0] for each in waiting] == [WAITING]
    assert (confirmed, revoked) == (0.0, ["n2"])
    assert WAITING in caplog.text
    assert len(both) > 1
    assert "`zoe` does not exist" in str(both[-1])
    assert (notes(reloading), reloading.state().problems) == (["n4"], ())


def test_facts_with_an_undeclared_column_wait_for_a_schema_that_has_it(
    reloading: Reloading, places: Places
) -> None:
    pair = reloading.current()
    write(places.data / "notes.yaml", "[{id: n2, writer: bob, text: hello}]\n")
    settle(reloading)
    between, problems = reloading.current(), reloading.state().problems
    write(places.fixtures / "schema.yaml", MAY_HAVE_TEXT)
    settle(reloading)
    settle(reloading)

    assert between is pair
    assert "`text`" in str(problems[0])
    assert (notes(reloading), reloading.state().problems) == (["n2"], ())


def test_a_pack_whose_schema_would_make_rows_bad_waits_where_bad_rows_are_taken(
    places: Places, clock: Clock
) -> None:
    reloading = Reloading(replace(places, takes_bad_rows=True), clock=clock)
    write(places.data / "notes.yaml", "[{id: n1, writer: ana}, {id: n2, writer: zoe}]\n")
    reloading.load()
    old = reloading.current().policy.schema
    write(places.fixtures / "schema.yaml", WITH_TEXT)
    settle(reloading)
    settle(reloading)
    waiting, used = reloading.state().problems, reloading.current().policy.schema
    write(places.data / "notes.yaml", "[{id: n3, writer: bob}, {id: n2, writer: zoe}]\n")
    settle(reloading)
    revoked, readable = notes(reloading), reloading.current().snapshot.rows("note")["n3"]
    write(places.fixtures / "schema.yaml", MAY_HAVE_TEXT)
    settle(reloading)
    settle(reloading)

    assert used == old
    assert [WAITING in each.message for each in waiting] == [True, True, True, False]
    assert (revoked, readable) == (["n2", "n3"], ("n3", "bob"))
    assert reloading.current().policy.schema != old, "the same row is bad by both"
    assert [WAITING in each.message for each in reloading.state().problems] == [False]


# --- no facts at the start ----------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "[{id: n1, writer: zoe}]\n", "- {id: n1, writer: ana}"])
def test_facts_that_cannot_be_used_at_the_start_are_waited_for(
    places: Places, text: str | None
) -> None:
    if text is None:
        shutil.rmtree(places.data)
    else:
        write(places.data / "notes.yaml", text)
    reloading = Reloading(places)
    reloading.prepare()
    state = reloading.state()
    with pytest.raises(SnapshotUnavailableError):
        reloading.current()
    places.data.mkdir(exist_ok=True)
    write(places.data / "users.yaml", USERS)
    write(places.data / "notes.yaml", NOTES)
    settle(reloading)

    assert (state.pair, bool(state.problems)) == (None, True)
    assert (notes(reloading), reloading.state().problems) == (["n1"], ())


# --- a process of its own -----------------------------------------------------------------------


def test_a_process_that_replaces_another_answers_from_what_still_holds(
    reloading: Reloading,
) -> None:
    pair = reloading.current()

    reloading.begin()

    assert reloading.current().revisions() == pair.revisions()
    assert reloading.current().policy is pair.policy
    assert age(reloading) == 0.0


@pytest.fixture
def forked(places: Places, clock: Clock, shared: SharedPair) -> Reloading:
    """What a process was forked with at the start, while another goes on."""
    loaded = Reloading(places, clock=clock, shared=shared)
    loaded.load()
    return loaded


@pytest.mark.parametrize("edited", ["policies", "data"])
@pytest.mark.parametrize("broken", [False, True])
def test_a_process_that_replaces_another_answers_from_what_the_others_do(
    forked: Reloading, reloading: Reloading, places: Places, edited: str, *, broken: bool
) -> None:
    if edited == "data":
        write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    else:
        write(places.policies / "main.polar", POLICY + "# edited\n")
    settle(reloading)
    if broken and edited == "data":
        write(places.data / "notes.yaml", "[{id: n2, writer: bo}]\n")
    elif broken:
        write(places.policies / "main.polar", "allow(")
    settle(reloading)

    forked.begin()
    begun = forked.current().revisions()
    settle(forked)

    assert begun == reloading.current().revisions() == forked.current().revisions()
    assert bool(forked.state().problems) is broken


def test_a_process_that_begins_while_a_new_schema_waits_answers_from_the_old_one(
    forked: Reloading, reloading: Reloading, places: Places
) -> None:
    write(places.policies / "main.polar", POLICY + "# edited\n")
    settle(reloading)
    write(places.fixtures / "schema.yaml", WITH_TEXT)
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")
    settle(reloading)
    settle(reloading)

    forked.begin()
    settle(forked)
    settle(forked)
    write(places.data / "notes.yaml", "[{id: n3, writer: ana}]\n")
    settle(forked)

    assert forked.current().policy.revision == reloading.current().policy.revision
    assert (notes(reloading), notes(forked)) == (["n2"], ["n3"])
    assert WAITING in str(forked.state().problems[0])


def test_a_process_that_begins_alone_reads_the_files(places: Places) -> None:
    alone = Reloading(places)
    alone.load()
    write(places.data / "notes.yaml", "[{id: n2, writer: ana}]\n")

    alone.begin()

    assert notes(alone) == ["n2"]


def test_a_process_that_begins_alone_does_not_answer_from_what_is_no_longer_so(
    places: Places,
) -> None:
    alone = Reloading(places)
    alone.load()
    write(places.data / "notes.yaml", "[{id: n2, writer: bo}]\n")

    alone.begin()

    with pytest.raises(SnapshotUnavailableError):
        alone.current()
    assert alone.state().problems


# --- how old a snapshot is ----------------------------------------------------------------------


def age(reloading: Reloading) -> float:
    return reloading.age(reloading.current().snapshot)


def test_a_snapshot_is_as_old_as_the_last_look_that_found_the_mount_unchanged(
    reloading: Reloading, clock: Clock
) -> None:
    clock.seconds += 7
    before = age(reloading)

    reloading.look()

    assert (before, age(reloading)) == (7.0, 0.0)


def test_an_edit_that_is_not_taken_yet_lets_the_snapshot_grow_old(
    reloading: Reloading, places: Places, clock: Clock
) -> None:
    write(places.data / "notes.yaml", "[]\n")
    clock.seconds += 7

    reloading.look()
    noticed = age(reloading)
    reloading.look()

    assert (noticed, age(reloading)) == (7.0, 0.0)
    assert notes(reloading) == []


@pytest.mark.parametrize("text", ["[{id: n1, writer: zoe}]\n", "[{id: n1", None])
def test_while_the_mount_cannot_be_taken_the_last_good_snapshot_grows_old(
    reloading: Reloading, places: Places, clock: Clock, text: str | None
) -> None:
    if text is None:
        (places.data / "notes.yaml").unlink()
    else:
        write(places.data / "notes.yaml", text)

    for _ in range(60):
        clock.seconds += 1
        reloading.look()

    assert age(reloading) == 60


def test_a_mount_that_comes_back_is_young_again(
    reloading: Reloading, places: Places, clock: Clock
) -> None:
    write(places.data / "notes.yaml", "[{id: n1")
    settle(reloading)
    clock.seconds += 7
    write(places.data / "notes.yaml", NOTES)

    settle(reloading)

    assert age(reloading) == 0.0


def test_a_faulty_policy_does_not_make_the_facts_old(
    reloading: Reloading, places: Places, clock: Clock
) -> None:
    write(places.policies / "main.polar", "allow(")
    clock.seconds += 7

    settle(reloading)

    assert (age(reloading), len(reloading.state().problems)) == (0.0, 1)


def test_a_snapshot_that_the_mount_has_left_behind_is_older_than_anything(
    reloading: Reloading, places: Places
) -> None:
    old = reloading.current().snapshot
    write(places.data / "notes.yaml", "[]\n")

    settle(reloading)

    assert reloading.age(old) == inf


def test_a_snapshot_follows_those_that_the_mount_held_before(
    reloading: Reloading, forked: Reloading, places: Places, clock: Clock
) -> None:
    """Two processes take one change after the other; a third text nobody has taken."""
    old = reloading.current().snapshot
    clock.seconds += 1
    write(places.data / "notes.yaml", "[]\n")
    settle(reloading)
    new = reloading.current().snapshot
    behind = forked.current().snapshot

    assert reloading.follows(new, new.revision)
    assert reloading.follows(new, old.revision)
    assert not reloading.follows(new, "0" * 16)
    assert not reloading.follows(old, new.revision)
    assert not forked.follows(behind, new.revision), "known from the other process"
    settle(forked)
    assert forked.follows(forked.current().snapshot, new.revision)
    clock.seconds += 1
    write(places.data / "notes.yaml", NOTES)
    settle(reloading)
    assert not forked.follows(forked.current().snapshot, old.revision), "it is the newest again"


def test_time_goes_on_while_nobody_sets_a_clock(places: Places) -> None:
    reloading = Reloading(places)
    reloading.load()

    assert 0 <= age(reloading) < 60
