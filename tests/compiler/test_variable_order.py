"""Rules whose facts belong together in pairs stay small, in whatever order they are met."""

from __future__ import annotations

import pytest

from sidecar.compiler import entries
from sidecar.compiler.compile import compile_pack
from sidecar.compiler.pack import PackTexts, read_texts
from tests.compiler.test_clause_selection import comparable

PAIRS = 12


@pytest.fixture
def pack(tmp_path_factory: pytest.TempPathFactory) -> PackTexts:
    """Return a pack that looks at all first facts, and then at each with its second one."""
    directory = tmp_path_factory.mktemp("pack")
    flags = [f"{half}{number}" for half in "ab" for number in range(PAIRS)]
    schema = [
        "types:",
        "  user: {subject: true, table: users, key: id, attributes: {id: string}}",
        "  doc:",
        "    table: docs",
        "    key: id",
        "    attributes:",
        "      id: string",
        *(f"      {flag}: boolean" for flag in flags),
        "    actions: [read]",
    ]
    head = 'allow(_: User, _: Action{name: "read"}, doc: Doc) if'
    rules = [f"{head} {' and '.join(f'doc.a{number}' for number in range(PAIRS))};"]
    rules += [f"{head} doc.a{number} and doc.b{number};" for number in range(PAIRS)]
    (directory / "schema.yaml").write_text("\n".join(schema) + "\n")
    (directory / "settings.yaml").write_text("{}\n")
    (directory / "reasons.yaml").write_text("{}\n")
    (directory / "main.polar").write_text("\n".join(["actor User {}", *rules]) + "\n")
    return read_texts(directory, directory)[0]


def test_an_order_is_found_in_which_diagrams_are_small(pack: PackTexts) -> None:
    compiled = compile_pack(pack)

    assert compiled.notices == []
    assert len(compiled.nodes) < 10 * PAIRS


def test_another_order_means_the_same(pack: PackTexts, monkeypatch: pytest.MonkeyPatch) -> None:
    small = compile_pack(pack)
    monkeypatch.setattr(entries, "LARGE", 100_000)
    large = compile_pack(pack)

    assert len(large.nodes) > 2**PAIRS
    ours, theirs = comparable(small, large)
    assert ours == theirs


def test_where_no_order_is_small_the_first_one_is_taken(
    pack: PackTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "LARGE", 10)
    monkeypatch.setattr(entries, "MAXIMUM_NODES", 40)

    compiled = compile_pack(pack)

    assert len(compiled.nodes) > 2**PAIRS
