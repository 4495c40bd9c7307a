"""What was compiled is compiled once; and nothing depends on the cache but time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from sidecar.compiler import compile_cache, disk_cache
from sidecar.compiler.compile_cache import compile_by
from sidecar.compiler.compiled import Compiled, CompiledPack
from sidecar.compiler.disk_cache import DiskCache
from sidecar.compiler.pack import PackTexts
from sidecar.schema.model import Attribute, Kind, ValueType
from tests.library import Library, allow

NOTHING = Compiled(notices=[], tests=[], nodes=[], entries=[])
KEY, OTHER = b"k" * 32, b"o" * 32


class Counting:
    """Stands in for the child process; keeps which findings it was given."""

    def __init__(self) -> None:
        self.earlier: list[bytes] = []
        self.late = False

    def __call__(self, pack: PackTexts, earlier: bytes) -> CompiledPack:
        self.earlier.append(earlier)
        compiled = structs.replace(NOTHING, gone_through=[*pack.texts.values()], late=self.late)
        return CompiledPack(compiled, f"found {len(self.earlier)}".encode())


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counted = Counting()
    monkeypatch.setattr(compile_cache, "compile_with_findings", counted)
    return counted


@pytest.fixture
def disk(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache" / "sidecar")


@pytest.fixture
def pack(library: Library) -> PackTexts:
    return library.texts(allow("doc.public"))


def files(disk: DiskCache) -> list[Path]:
    assert disk.directory is not None
    return sorted(disk.directory.iterdir())


def test_a_pack_is_compiled_once_for_all_processes(
    disk: DiskCache, pack: PackTexts, counting: Counting
) -> None:
    found = [compile_by(DiskCache(disk.directory), pack).compiled for _ in range(3)]

    assert found == [structs.replace(NOTHING, gone_through=[*pack.texts.values()])] * 3
    assert len(counting.earlier) == 1
    assert {path.stat().st_mode & 0o777 for path in files(disk)} == {0o600}


def test_an_edit_takes_over_what_was_found_before(
    disk: DiskCache, pack: PackTexts, counting: Counting
) -> None:
    for text in ("one", "other"):
        compile_by(disk, replace(pack, texts={"main.polar": text}))

    assert counting.earlier == [b"", b"found 1"]


def _with_a_type_of_another_domain(pack: PackTexts) -> Mapping[str, Any]:
    doc = pack.schema.types["doc"]
    more = Attribute(name="more", type=ValueType(Kind.STRING, "string"))
    other = replace(doc, attributes={**doc.attributes, "more": more})
    # With the same revision, as a schema has that is widened to be compared with another.
    return {"schema": replace(pack.schema, types={**pack.schema.types, "doc": other})}


@pytest.mark.parametrize(
    "changed",
    [
        lambda _: {"settings": {"word": "a"}},
        lambda _: {"codes": {"reason": frozenset({"a"}), "obligation": frozenset()}},
        lambda _: {"texts": {"main.polar": "one", "more.polar": ""}},
        lambda _: {"reviewing": True},
        lambda _: {"probes": ("probe",)},
        lambda pack: {"schema": replace(pack.schema, context={})},
        _with_a_type_of_another_domain,
    ],
    ids=["settings", "codes", "texts", "reviewing", "probes", "context", "types"],
)
def test_every_part_of_a_pack_counts(
    disk: DiskCache,
    pack: PackTexts,
    counting: Counting,
    changed: Callable[[PackTexts], dict[str, Any]],
) -> None:
    compile_by(disk, pack)
    compile_by(disk, replace(pack, **changed(pack)))

    assert len(counting.earlier) == 2


def test_another_compiler_trusts_nothing(
    disk: DiskCache, pack: PackTexts, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_by(disk, pack)
    monkeypatch.setattr(compile_cache, "compiler_digest", lambda: "another")
    compile_by(disk, pack)

    assert counting.earlier == [b"", b""]


def test_what_there_was_no_time_for_is_tried_again(
    disk: DiskCache, pack: PackTexts, counting: Counting
) -> None:
    counting.late = True

    compile_by(disk, pack)
    compile_by(disk, pack)

    assert len(counting.earlier) == 2


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _alter(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _let_others_write(path: Path) -> None:
    path.chmod(0o620)


def _let_others_into_the_directory(path: Path) -> None:
    path.parent.chmod(0o770)


def _link(path: Path) -> None:
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")


def _name_after_another(path: Path) -> None:
    path.write_bytes((path.parent / OTHER.hex()).read_bytes())


@pytest.mark.parametrize(
    "spoil",
    [
        _cut,
        _alter,
        _empty,
        _let_others_write,
        _let_others_into_the_directory,
        _link,
        _name_after_another,
    ],
)
def test_what_cannot_be_trusted_is_not_read(disk: DiskCache, spoil: Callable[[Path], None]) -> None:
    assert disk.directory is not None
    disk.write(KEY, b"content")
    disk.write(OTHER, b"content of another")
    assert disk.read(KEY) == b"content"

    spoil(disk.directory / KEY.hex())

    assert disk.read(KEY) is None


@pytest.mark.parametrize("place", ["file", "file/below", None])
def test_where_nothing_can_be_written_everything_is_compiled(
    place: str | None, tmp_path: Path, pack: PackTexts, counting: Counting
) -> None:
    (tmp_path / "file").write_text("")
    disk = DiskCache(tmp_path / place if place else None)

    compile_by(disk, pack)
    compile_by(disk, pack)

    assert counting.earlier == [b"", b""]


def test_the_oldest_files_go_when_the_cache_is_full(
    disk: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_cache, "MOST_BYTES", 400)
    keys = [bytes([number]) * 32 for number in range(5)]

    for key in keys:
        disk.write(key, b"x" * 100)
        disk.read(keys[0])  # used again and again, so kept

    kept = [number for number, key in enumerate(keys) if disk.read(key)]
    assert kept[0] == 0
    assert kept[-1] == 4
    assert sum(path.stat().st_size for path in files(disk)) <= 400


def test_the_cache_stands_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    places = []
    for value in ("/caches", "not/absolute", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        places.append(DiskCache.default().directory)

    home = tmp_path / ".cache" / "sidecar"
    assert places == [Path("/caches/sidecar"), home, home]


def test_a_pack_from_the_cache_decides_as_one_that_was_compiled(
    disk: DiskCache, pack: PackTexts
) -> None:
    compiled, cached = (compile_by(disk, pack).compiled for _ in range(2))

    assert compiled == cached
