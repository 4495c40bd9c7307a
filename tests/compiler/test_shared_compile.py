"""Compiling once for several processes."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from sidecar.compiler import SharedCompiling, load_pack
from sidecar.compiler import shared_compile as sharing
from sidecar.compiler.compiled import Compiled, CompiledPack
from sidecar.compiler.disk_cache import DiskCache
from sidecar.compiler.pack import PackTexts
from sidecar.config.settings import Settings
from sidecar.errors import InvalidPackError, Problem


def compiled(text: str) -> Compiled:
    return Compiled(notices=[], tests=[], nodes=[], entries=[], gone_through=[text])


class Counting:
    """Stands in for the child process; says which text it was given."""

    def __init__(self) -> None:
        self.compiled: list[str] = []
        self.found: list[bytes] = []

    def __call__(self, _: DiskCache, pack: PackTexts, earlier: bytes) -> CompiledPack:
        text = pack.texts["main.polar"]
        self.compiled.append(text)
        self.found.append(earlier)
        if text == "bad":
            raise InvalidPackError([Problem("main.polar", 1, "is bad")])
        return CompiledPack(compiled(text), earlier + text.encode())


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counted = Counting()
    monkeypatch.setattr(sharing, "compile_by", counted)
    return counted


@pytest.fixture(scope="module")
def pack() -> PackTexts:
    seen: list[PackTexts] = []

    def compiling(texts: PackTexts) -> Compiled:
        seen.append(texts)
        return compiled("")

    load_pack(Settings().policies, Settings().fixtures, compiling)
    return seen[0]


def with_text(pack: PackTexts, text: str) -> PackTexts:
    return replace(pack, texts={"main.polar": text})


def test_a_pack_is_compiled_once_until_it_changes(counting: Counting, pack: PackTexts) -> None:
    compiling = SharedCompiling()

    told = [compiling(with_text(pack, text)) for text in ("one", "one", "other", "one")]

    assert told == list(map(compiled, ("one", "one", "other", "one")))
    assert counting.compiled == ["one", "other", "one"]


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"minimum_commitment": 1}},
        {"settings": {"personal_email_domains": frozenset({"a.example"})}},
        {"codes": {"reason": frozenset({"a"}), "obligation": frozenset()}},
        {"texts": {"main.polar": "one", "more.polar": ""}},
        {"texts": {"main.polar": "one", "\ud800": ""}},
    ],
)
def test_every_part_of_a_pack_counts(
    counting: Counting, pack: PackTexts, changed: dict[str, Any]
) -> None:
    compiling = SharedCompiling()

    compiling(with_text(pack, "one"))
    compiling(replace(with_text(pack, "one"), **changed))

    assert counting.compiled == ["one", "one"]


def test_an_edit_takes_over_what_was_found_of_the_text_before(
    counting: Counting, pack: PackTexts
) -> None:
    compiling = SharedCompiling()

    for text in ("one", "other", "third"):
        compiling(with_text(pack, text))

    assert counting.found == [b"", b"one", b"oneother"]


def test_a_pack_that_does_not_compile_is_not_kept(counting: Counting, pack: PackTexts) -> None:
    compiling = SharedCompiling()

    compiling(with_text(pack, "good"))
    for _ in range(2):
        with pytest.raises(InvalidPackError):
            compiling(with_text(pack, "bad"))
    compiling(with_text(pack, "good"))

    assert counting.compiled == ["good", "bad", "bad"]


def test_what_was_half_written_is_compiled_again(counting: Counting, pack: PackTexts) -> None:
    compiling = SharedCompiling()

    compiling(with_text(pack, "one"))
    os.ftruncate(compiling._memory, 70)  # noqa: SLF001  as a process leaves it that dies
    told = compiling(with_text(pack, "one"))

    assert (told, counting.compiled) == (compiled("one"), ["one", "one"])


def test_a_shared_policy_is_the_policy() -> None:
    compiling = SharedCompiling()
    settings = Settings()

    alone = load_pack(settings.policies, settings.fixtures)
    first, second = (load_pack(settings.policies, settings.fixtures, compiling) for _ in range(2))

    assert alone.revision == first.revision == second.revision
    assert first.entries.keys() == second.entries.keys() == alone.entries.keys()
    assert first.tests == second.tests == alone.tests
