"""Live reload of a bundle: a file that is replaced is taken, and a bad one is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.bundle.file import FORMAT, write_bundle
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.errors import InvalidDocumentsError
from sidecar.model import Reference, Request
from sidecar.reload import BundlePlaces, Reloading, SharedPair
from sidecar.reload.reloader import WAITING
from tests.bundled import written

SCHEMA = """
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  note: {table: notes, key: id, attributes: {id: string, writer: user}, actions: [read]}
"""
WIDER = SCHEMA.replace("writer: user}", "writer: user, text: string}")
OWN = 'allow(user: User, _: Action{name: "read"}, note: Note) if note.writer = user;\n'
EVERY = "allow(_: User, _: Action, _: Note);\n"
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], bytes]:
    """Return what compiles a policy and a schema into the bytes of a bundle."""

    def built(policy: str, schema: str = SCHEMA) -> bytes:
        pack = tmp_path_factory.mktemp("pack")
        for name, text in {
            "main.polar": policy,
            "schema.yaml": schema,
            "settings.yaml": "{}\n",
            "reasons.yaml": "{}\n",
        }.items():
            (pack / name).write_text(text)
        return written(load_pack(pack, pack), pack)

    return built


@pytest.fixture
def places(tmp_path: Path, build: Callable[[str], bytes]) -> BundlePlaces:
    data = tmp_path / "data"
    data.mkdir()
    (data / "users.yaml").write_text("[{id: ana}, {id: bob}]\n")
    (data / "notes.yaml").write_text("[{id: n1, writer: ana}]\n")
    write_bundle(tmp_path / "policy.bundle", build(OWN))
    return BundlePlaces(tmp_path / "policy.bundle", data)


def settle(reloading: Reloading) -> None:
    """Look as often as it takes to notice a change and to find it at rest."""
    for _ in range(3):
        reloading.look()


def allows(reloading: Reloading, user: str) -> bool:
    pair = reloading.current()
    request = Request(
        subject=Reference("user", user), action="read", resource=Reference("note", "n1")
    )
    return authorize(request, pair.policy, pair.snapshot, NOW).allowed


def test_a_bundle_that_is_replaced_is_taken(
    places: BundlePlaces, build: Callable[[str], bytes]
) -> None:
    reloading = Reloading(places)
    reloading.load()
    before = [allows(reloading, user) for user in ("ana", "bob")]

    write_bundle(places.bundle, build(EVERY))
    settle(reloading)

    assert before == [True, False]
    assert [allows(reloading, user) for user in ("ana", "bob")] == [True, True]
    assert reloading.state().problems == ()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[:200], "is cut short"),
        (lambda content: content.replace(b"note", b"nose", 1), "was altered"),
        (lambda content: content.replace(b"bundle 2", b"bundle 9", 1), "has format 9"),
        (lambda _: b"", "is empty"),
    ],
)
def test_a_bad_bundle_is_reported_and_the_last_good_one_answers(
    places: BundlePlaces,
    build: Callable[[str], bytes],
    spoil: Callable[[bytes], bytes],
    message: str,
) -> None:
    reloading = Reloading(places)
    pair = reloading.load()

    write_bundle(places.bundle, spoil(build(EVERY)))
    settle(reloading)
    problems = reloading.state().problems
    between = reloading.current()
    write_bundle(places.bundle, build(EVERY))
    settle(reloading)

    assert between is pair
    assert [each.file for each in problems] == [str(places.bundle)]
    assert problems[0].message.startswith(message)
    assert allows(reloading, "bob")
    assert reloading.state().problems == ()


def test_a_bundle_that_is_gone_is_reported_and_the_last_good_one_answers(
    places: BundlePlaces,
) -> None:
    reloading = Reloading(places)
    pair = reloading.load()

    places.bundle.unlink()
    settle(reloading)

    assert reloading.current() is pair
    assert str(reloading.state().problems[0]).startswith(
        f"{places.bundle}: cannot be read: No such"
    )


def test_a_bundle_whose_schema_does_not_fit_the_facts_waits_for_them(
    places: BundlePlaces, build: Callable[[str, str], bytes]
) -> None:
    reloading = Reloading(places)
    pair = reloading.load()

    write_bundle(places.bundle, build(EVERY, WIDER))
    settle(reloading)
    between, problems = reloading.current(), reloading.state().problems
    (places.data / "notes.yaml").write_text("[{id: n1, writer: ana, text: hello}]\n")
    settle(reloading)

    assert between is pair
    assert WAITING in str(problems[0])
    assert allows(reloading, "bob")
    assert reloading.state().problems == ()


@pytest.mark.parametrize("content", [None, b"", b"sidecar-bundle"])
def test_a_bundle_that_is_bad_at_the_start_is_refused(
    places: BundlePlaces, content: bytes | None
) -> None:
    if content is None:
        places.bundle.unlink()
    else:
        places.bundle.write_bytes(content)

    with pytest.raises(InvalidDocumentsError) as caught:
        Reloading(places).load()

    assert caught.value.problems[0].file == str(places.bundle)


def test_a_process_that_replaces_another_takes_the_bundle_that_the_others_have(
    places: BundlePlaces, build: Callable[[str], bytes]
) -> None:
    shared = SharedPair()
    old, other = (Reloading(places, shared=shared) for _ in range(2))
    old.load()
    other.load()
    write_bundle(places.bundle, build(EVERY))
    settle(other)
    write_bundle(places.bundle, b"bad")
    settle(other)

    old.begin()

    assert allows(old, "bob")
    assert old.current().revisions() == other.current().revisions()


def test_the_format_is_stated_in_the_first_line(build: Callable[[str], bytes]) -> None:
    assert build(OWN).startswith(f"sidecar-bundle {FORMAT} ".encode())
