"""The tables of the grammar that are kept beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.polar import tables
from sidecar.polar.tables import TABLES, encode_tables, load_parser

DIRECTORY = Path(tables.__file__).parent


def test_kept_tables_are_those_of_the_grammar() -> None:
    assert (DIRECTORY / TABLES).read_text() == encode_tables(), "run `make tables`"


@pytest.mark.parametrize("origin", [["0" * 64, "1.3.1"], []], ids=["another grammar", "nothing"])
def test_tables_of_another_grammar_are_not_used(
    origin: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = json.loads((DIRECTORY / TABLES).read_text())
    (tmp_path / TABLES).write_text(json.dumps({**kept, "origin": origin, "tables": {}}))
    (tmp_path / "grammar.lark").write_text((DIRECTORY / "grammar.lark").read_text())
    monkeypatch.setattr(tables, "files", lambda _: tmp_path)

    parser = load_parser()

    assert parser.parse("f(1);") == load_parser().parse("f(1);")
