"""What a reviewer cannot see is refused with its place, in every text of a pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError, InvalidSnapshotError, InvalidSuiteError
from sidecar.facts import read_directory
from sidecar.schema import read_schema
from sidecar.suites import read_suites

SCHEMA = """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}, actions: [view]}
"""
POLICY = 'allow(_: User, _: Action, _: User);\nforbid(_: User, _: Action, _: User, "no");\n'
HIDDEN = {
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "next line": "\x85",
    "vertical tab": "\x0b",
    "form feed": "\x0c",
    "null": "\0",
    "escape": "\x1b",
    "delete": "\x7f",
    "right-to-left override": "\u202e",
    "left-to-right mark": "\u200e",
    "arabic letter mark": "\u061c",
    "first strong isolate": "\u2068",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "word joiner": "\u2060",
    "zero width no-break space": "\ufeff",
    "soft hyphen": "\xad",
    "tag latin small letter a": "\U000e0061",
    "hangul filler": "\u3164",
    "variation selector-16": "\ufe0f",
}
HARMLESS = "Grüße\t日本語 «quoted» ⚠\ufe0f\r\n"


def _load(directory: Path, **texts: str) -> Policy:
    files = {
        "schema": SCHEMA,
        "settings": "{}\n",
        "reasons": "reasons: {no: No.}\n",
        **{name: text for name, text in texts.items() if name != "policy"},
    }
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text, encoding="utf-8", newline="")
    policy = directory / "main.polar"
    policy.write_text(texts.get("policy", POLICY), encoding="utf-8", newline="")
    return load_pack(directory, directory)


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_character_is_refused_with_its_position(tmp_path: Path, name: str) -> None:
    character = HIDDEN[name]
    policy = f"{POLICY}# nothing{character}is here\n"

    with pytest.raises(InvalidPackError) as refused:
        _load(tmp_path, policy=policy)

    (problem,) = refused.value.problems
    assert str(problem).startswith(f"main.polar:3: hidden character U+{ord(character):04X}")
    assert " in column 10;" in problem.message


def test_a_hidden_character_in_a_string_of_polar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPackError, match=r"main\.polar:2: hidden character U\+200B"):
        _load(tmp_path, policy=POLICY.replace('"no"', '"n\u200bo"'))


@pytest.mark.parametrize("name", ["schema", "settings", "reasons"])
def test_a_hidden_character_in_yaml_of_a_pack_is_refused(tmp_path: Path, name: str) -> None:
    first = {"schema": SCHEMA, "settings": "{}\n", "reasons": "reasons: {no: No.}\n"}[name]
    line = first.count("\n") + 1

    with pytest.raises(InvalidPackError) as refused:
        _load(tmp_path, **{name: f"{first}# no\u2028thing\n"})

    (problem,) = refused.value.problems
    assert str(problem).endswith(
        f"{name}.yaml:{line}: hidden character U+2028 (line separator) in column 5;"
        " no reviewer can see it"
    )


def test_a_hidden_character_in_a_suite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a_test.yaml").write_text("suite: a\nworld: demo # \u202e\n", encoding="utf-8")

    with pytest.raises(InvalidSuiteError, match=r"a_test\.yaml:2: hidden character U\+202E"):
        read_suites(tmp_path)


def test_a_carriage_return_alone_is_refused_in_yaml(tmp_path: Path) -> None:
    with pytest.raises(InvalidPackError, match=r"settings\.yaml:1: a carriage return stands alone"):
        _load(tmp_path, settings="{} # a\r# b\n")


def test_letters_of_any_script_and_a_byte_order_mark_at_the_start_load(tmp_path: Path) -> None:
    policy = _load(
        tmp_path,
        policy=f"\ufeff# {HARMLESS}{POLICY}",
        reasons=f"\ufeff# {HARMLESS}reasons:\n  no: Nö ⚠\ufe0f 日本語\n",
    )

    assert policy.sentences.reasons["no"] == "Nö ⚠\ufe0f 日本語"


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\r"])
@pytest.mark.parametrize("before", ["", "- {id: ana}\n"])
def test_no_row_of_facts_hides_behind_a_line_end_of_yaml_alone(
    tmp_path: Path, character: str, before: str
) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    mount = tmp_path / "mount"
    mount.mkdir()
    rows = f"{before}- {{id: bob}} # nobody else{character}- {{id: eve}}\n"
    (mount / "users.yaml").write_text(rows, encoding="utf-8", newline="")

    with pytest.raises(InvalidSnapshotError) as refused:
        read_directory(read_schema(tmp_path / "schema.yaml"), mount)

    (problem,) = refused.value.problems
    assert problem.line == before.count("\n") + 1
    assert "in column 26" in problem.message or "(column 26)" in problem.message


def test_facts_with_text_that_only_looks_odd_are_read(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "users.yaml").write_text('- {id: "a\u200db"} # soft\xadhyphen\n', encoding="utf-8")

    snapshot = read_directory(read_schema(tmp_path / "schema.yaml"), mount)

    assert set(snapshot.rows("user")) == {"a\u200db"}
