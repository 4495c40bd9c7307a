"""Which changes of a store's file the check of its pages notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sidecar.facts.store.file import DamagedStoreError, StoreFile
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.pages import check_pages
from sidecar.schema import Schema

PAGE = 4096


@pytest.fixture
def store(tmp_path: Path, schema: Schema) -> Iterator[StoreFile]:
    store = StoreFile(tmp_path / "x.facts", Layout.of(schema), writable=True)
    yield store
    store.close()


def change(store: StoreFile, random: Random) -> None:
    """Write as a follower does: few or many entries, short and long values."""
    with store.writing() as transaction:
        for _ in range(random.choice([1, 10, 4000])):
            key = b"%d" % random.randrange(20_000)
            if random.random() < 0.6:
                length = random.choice([3000, 9000]) if random.random() < 0.02 else 60
                transaction.put(key, random.randbytes(length))
                transaction.put(b"v%d" % random.randrange(50), key, db=store.links)
            else:
                transaction.delete(key)
                transaction.delete(b"v%d" % random.randrange(50), key, db=store.links)


@pytest.mark.parametrize("seed", range(3))
def test_no_change_of_the_follower_is_taken_for_damage(store: StoreFile, seed: int) -> None:
    random = Random(seed)  # noqa: S311  not a secret
    snapshots = []
    for _ in range(60):
        change(store, random)
        snapshots.append(store.begin())
        if len(snapshots) > 3:
            snapshots.pop(random.randrange(3)).abort()

        check_pages(store.path)
    for each in snapshots:
        each.abort()


@pytest.mark.parametrize("content", [b"\0", b"\xff", b"page"])
def test_each_page_in_use_that_is_overwritten_is_noticed(
    store: StoreFile, tmp_path: Path, content: bytes
) -> None:
    with store.writing() as transaction:
        for number in range(3000):
            transaction.put(b"%d" % number, bytes(60))
    intact = store.path.read_bytes()
    copy = tmp_path / "copy"
    noticed = 0
    for page in range(len(intact) // PAGE):
        start = page * PAGE
        filled = (content * PAGE)[:PAGE]
        copy.write_bytes(intact[:start] + filled + intact[start + PAGE :])
        try:
            check_pages(copy)
        except DamagedStoreError:
            noticed += 1

    assert len(intact) // PAGE > 60
    assert len(intact) // PAGE - noticed <= 5, "the others are free"


def test_a_store_without_its_end_is_noticed(store: StoreFile, tmp_path: Path) -> None:
    change(store, Random(0))  # noqa: S311  not a secret
    copy = tmp_path / "copy"
    for size in (0, 100, PAGE, store.path.stat().st_size - 1):
        copy.write_bytes(store.path.read_bytes()[:size])

        with pytest.raises(DamagedStoreError):
            check_pages(copy)
