"""A prohibition that can never hold, and one that nobody sees, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError
from tests.library import REASONS, SCHEMA, SETTINGS

MAIN = "actor User {}\nallow(_: User, _: Action, _: Doc);\n"


def _load(directory: Path, **files: str) -> Policy:
    (directory / "schema.yaml").write_text(SCHEMA)
    (directory / "settings.yaml").write_text(SETTINGS)
    (directory / "reasons.yaml").write_text(REASONS)
    for name, text in files.items():
        (directory / f"{name}.polar").write_text(text, newline="")
    policy = load_pack(directory, directory)
    policy.interpreter.close()
    return policy


@pytest.mark.parametrize(
    "rules",
    [
        'forbid(_: Doc, _: Action, _: Doc, "no");',
        'forbid(_: User, _: Doc, _: Action, "no");',
        'forbid(_: User, _: Action{name: "make"}, _: Folder, "no");',
        'forbid(_: User, _: Action, d: Doc, "no") if d.stage = "draft" and d.stage = "archived";',
        'forbid(_: User, _: Action, d: Doc, "no") if d.public = true and 1 = 2;',
        'forbid(_: User, _: Action, d: Doc, "no") if d.pages > 5 and d.pages < 5;',
        'oblige(_: User, _: Action, f: Folder, "log") if f.owner matches Doc;',
    ],
)
def test_a_prohibition_or_obligation_that_can_never_hold_does_not_load(
    rules: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidPackError) as refused:
        _load(tmp_path, main=MAIN + rules + "\n")

    assert {(problem.file, problem.line) for problem in refused.value.problems} == {
        ("main.polar", 3)
    }


def test_a_rule_that_its_callers_never_satisfy_does_not_load(tmp_path: Path) -> None:
    gate = "gate(_: Share) if context.trusted = true;\n"
    grant = "allow(_: User, _: Action, d: Doc) if not gate(d.folder);\n"

    with pytest.raises(InvalidPackError, match=r"main\.polar:2: .* `gate` can never hold"):
        _load(tmp_path, main="actor User {}\n" + gate + grant)


def test_a_prohibition_that_a_setting_switches_off_loads(tmp_path: Path) -> None:
    rule = 'forbid(_: User, _: Action, _: Doc, "no") if closed();\n'

    policy = _load(tmp_path, main=MAIN + rule + 'closed() if settings.word = "open";\n')

    assert policy.notices == ()


def test_a_rule_that_is_asked_for_what_is_not_known_yet_is_not_called_dead(tmp_path: Path) -> None:
    relation = 'near(folder: Folder, "up", doc: Doc) if folder = doc.folder;\n'
    rule = 'forbid(u: User, _: Action, d: Doc, "no") if near(f, "up", d) and f.owner = u;\n'

    assert _load(tmp_path, main=MAIN + relation + rule).notices == ()


def test_a_setting_that_one_prohibition_looks_at_brings_no_other_to_life(tmp_path: Path) -> None:
    varying = """\
forbid(_: User, _: Action, d: Doc, "never") if d.title = settings.word;
forbid(_: User, _: Action, d: Doc, "no") if settings.word = "open" and d.public = true;
oblige(_: User, _: Action, _: Doc, "log") if closed();
closed() if settings.word = "open";
"""
    dead = 'forbid(_: User, _: Doc, _: Action, "no");\n'

    with pytest.raises(InvalidPackError) as refused:
        _load(tmp_path, main=MAIN + varying, other=dead)

    assert [problem.file for problem in refused.value.problems] == ["other.polar"]


def test_a_grant_that_can_never_hold_is_told(tmp_path: Path) -> None:
    rule = 'allow(_: User, _: Action, d: Doc) if d.stage = "draft" and d.stage = "archived";\n'

    policy = _load(tmp_path, main=MAIN + rule)

    assert [(notice.file, notice.line) for notice in policy.notices] == [("main.polar", 3)]


def test_what_hides_behind_a_carriage_return_does_not_load(tmp_path: Path) -> None:
    hidden = '# nothing to see\rforbid(_: User, _: Action, _: Doc, "no");\n'

    with pytest.raises(InvalidPackError, match=r"main\.polar:3: a carriage return stands alone"):
        _load(tmp_path, main=MAIN + hidden)


def test_line_ends_of_windows_load(tmp_path: Path) -> None:
    assert _load(tmp_path, main=MAIN.replace("\n", "\r\n")).notices == ()


def test_a_second_block_of_a_type_does_not_load(tmp_path: Path) -> None:
    block = 'resource Doc { permissions = ["view"]; }\n'
    asked = "allow(u: User, a: Action, d: Doc) if has_permission(u, a.name, d);\n"
    granted = 'has_permission(_: User, "view", _: Doc);\n'

    with pytest.raises(InvalidPackError, match=r"old\.polar:1: .* at main\.polar:3 already"):
        _load(tmp_path, main=MAIN + block + asked + granted, old=block)


def test_an_emptied_file_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(InvalidPackError, match=r"doc\.polar: is empty"):
        _load(tmp_path, main=MAIN, doc="\n")


def test_a_file_whose_name_begins_with_a_dot_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".main.polar.swp.polar").write_text("not Polar at all")

    assert _load(tmp_path, main=MAIN).files == ("main.polar",)


def test_a_sentence_that_no_rule_leads_to_is_told(tmp_path: Path) -> None:
    policy = _load(tmp_path, main=MAIN + 'forbid(_: User, _: Action, d: Doc, "no") if d.public;\n')

    assert {notice.message for notice in policy.unused} == {
        "no rule gives the obligation `log`; was one deleted?",
        "no rule gives the reason `never`; was one deleted?",
    }
