"""The approved matrix: a refactoring changes no line, and a change of access is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.review.matrix_lines import matrix_lines
from sidecar.review.pack_revisions import PackPlace

SCHEMA = """\
enums:
  rank: [reader, writer, owner]
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, active: {type: boolean, default: true}}
  folder:
    table: folders
    key: id
    attributes: {id: string, owner: user, size: integer, parent: {type: folder, optional: true}}
    lookups:
      share: {finds: share, arguments: {user: user}, match: {folder: this, user: user}}
    actions: {view: {}, edit: {}, seal: {}}
  share:
    table: shares
    key: [folder, user]
    attributes: {folder: folder, user: user, rank: {type: rank, only: [reader, writer]}}
settings:
  most: integer
"""
LARGE = "folder for user: `large` forbids anybody to edit"
LOGGED = "folder for user: `log_it` obliges anybody with edit, when folder.size is"
POLICY = """\
actor User {}
resource Folder {
  roles = ["reader", "writer", "owner"];
  permissions = ["view", "edit", "seal"];
  "view" if "reader";
  "edit" if "writer";
  "reader" if "writer";
  "writer" if "owner";
}
allow(user: User, action: Action, resource) if has_permission(user, action.name, resource);
has_role(user: User, "owner", folder: Folder) if folder.owner = user;
has_role(user: User, rank: String, folder: Folder) if folder.share(user).rank = rank;
forbid(user: User, _: Action{name: "edit"}, folder: Folder, "large") if
  folder.size > settings.most and user.active = true;
oblige(_: User, _: Action{name: "edit"}, folder: Folder, "log_it") if folder.size > 5;
has_permission(user: User, "seal", folder: Folder) if sealed(user, folder);
sealed(user: User, folder: Folder) if folder.owner = user;
sealed(user: User, folder: Folder) if sealed(user, folder.parent);
"""
REFACTORED = """\
# The same in other words, in another order.
oblige(_: User, _: Action{name: "edit"}, doc: Folder, "log_it") if 5 < doc.size;
sealed(who: User, doc: Folder) if
  sealed(who, doc.parent);
sealed(who: User, doc: Folder) if doc.owner = who;
has_permission(who: User, "seal", doc: Folder) if sealed(who, doc);
forbid(who: User, _: Action{name: "edit"}, doc: Folder, "large") if
  is_awake(who) and doc.size > settings.most;
is_awake(who: User) if not who.active = false;
has_role(who: User, "writer", doc: Folder) if doc.share(who).rank = "writer";
has_role(who: User, "reader", doc: Folder) if doc.share(who).rank = "reader";
has_role(who: User, "owner", doc: Folder) if who = doc.owner;
actor User {}
resource Folder {
  roles = ["reader", "writer", "owner"];
  permissions = ["view", "edit", "seal"];
  "writer" if "owner";
  "reader" if "writer";
  "edit" if "writer";
  "view" if "reader";
}
allow(who: User, deed: Action, thing) if has_permission(who, deed.name, thing);
"""


def _lines(directory: Path, policy: str, schema: str = SCHEMA, most: int = 10) -> list[str]:
    for name in ("policies", "fixtures"):
        (directory / name).mkdir(parents=True)
    (directory / "fixtures" / "schema.yaml").write_text(schema)
    (directory / "fixtures" / "settings.yaml").write_text(f"most: {most}\n")
    (directory / "fixtures" / "reasons.yaml").write_text(
        "reasons: {large: Too large.}\nobligations: {log_it: Log it.}\n"
    )
    (directory / "policies" / "main.polar").write_text(policy)
    lines, unlisted = matrix_lines(PackPlace("", directory / "policies", directory / "fixtures"))
    assert unlisted == ()
    return list(lines)


def _compiled(lines: list[str]) -> list[str]:
    """Leave out what Oso decides: its line changes with the texts of the rules."""
    return [line for line in lines if "Oso decides" not in line]


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return _lines(tmp_path_factory.mktemp("approved") / "pack", POLICY)


def test_each_line_names_type_action_and_role(approved: list[str]) -> None:
    seal, *interpreted = [line for line in approved if "Oso decides" in line]
    of_folder = [line for line in approved if line.startswith("folder for user: ")]

    assert interpreted == []
    assert seal.startswith("folder for user: Oso decides for anybody seal (allow), by rules with")
    assert [line.removeprefix("folder for user: ") for line in of_folder if line != seal] == [
        "`large` forbids anybody to edit, when folder.size is more than 10 and user.active is true",
        "`log_it` obliges anybody with edit, when folder.size is more than 5",
        "owner (for any action) is held, when folder.owner is user",
        "owner has all actions of reader",
        "owner has all actions of writer",
        "owner may edit, unless large",
        "owner may view",
        "reader (for any action) is held, when folder.share(user).rank is reader",
        "reader may view",
        "writer (for any action) is held, when folder.share(user).rank is writer",
        "writer has all actions of reader",
        "writer may edit, unless large",
        "writer may view",
    ]
    assert "declared: setting `most`: 10" in approved


def test_a_refactoring_without_effect_changes_no_line(tmp_path: Path, approved: list[str]) -> None:
    assert _compiled(_lines(tmp_path / "pack", REFACTORED)) == _compiled(approved)


def test_other_names_and_another_order_change_no_line_of_interpreted_rules(
    tmp_path: Path, approved: list[str]
) -> None:
    head, *rules = (
        POLICY.replace("user: User", "who: User").replace("(user,", "(who,").split("\n}\n")
    )
    body = rules[0].replace("user.active", "who.active").replace("share(user)", "share(who)")
    body = body.replace("= user", "= who")
    renamed = "\n}\n".join(
        [head, "\n".join(reversed(body.replace(" if\n  ", " if ").splitlines()))]
    )

    assert _lines(tmp_path / "pack", renamed + "\n") == approved


@pytest.mark.parametrize(
    ("before", "after", "gone", "new"),
    [
        (
            '"edit" if "writer"',
            '"edit" if "reader"',
            [],
            ["folder for user: reader may edit, unless large"],
        ),
        (
            '"view" if "reader";',
            '"view" if "writer";',
            ["folder for user: reader may view"],
            [],
        ),
        (
            " and user.active = true;",
            " and user.active in [true, false];",
            None,
            ["folder for user: `large` forbids anybody to edit, when folder.size is more than 10"],
        ),
        (
            "folder.size > 5",
            "folder.size >= 5",
            [f"{LOGGED} more than 5"],
            [f"{LOGGED} at least 5"],
        ),
        (
            "if folder.owner = user;\nhas_role",
            "if folder.owner = user and user.active = true;\nhas_role",
            ["folder for user: owner (for any action) is held, when folder.owner is user"],
            None,
        ),
    ],
)
def test_a_change_of_access_is_a_line(
    tmp_path: Path,
    approved: list[str],
    before: str,
    after: str,
    gone: list[str] | None,
    new: list[str] | None,
) -> None:
    assert POLICY.count(before) == 1
    edited = POLICY.replace(before, after)
    lines = _lines(tmp_path / "pack", edited)

    added = [line for line in _compiled(lines) if line not in approved]
    removed = [line for line in _compiled(approved) if line not in lines]
    assert added if new is None else added == new
    assert removed if gone is None else removed == gone


def test_settings_schema_and_interpreted_rules_are_lines_too(
    tmp_path: Path, approved: list[str]
) -> None:
    setting = _lines(tmp_path / "setting", POLICY, most=20)
    schema = _lines(tmp_path / "schema", POLICY, SCHEMA.replace("default: true", "default: false"))
    interpreted = POLICY.replace(
        "if sealed(user, folder);", 'if sealed(user, folder) or has_role(user, "writer", folder);'
    )
    rules = _lines(tmp_path / "rules", interpreted)

    assert [line for line in setting if line not in approved] == [
        f"{LARGE}, when folder.size is more than 20 and user.active is true",
        "declared: setting `most`: 20",
    ]
    assert [line for line in schema if line not in approved] == [
        "declared: attribute `active` of type `user`: type boolean, optional true, default false"
    ]
    assert [line.partition(", by")[0] for line in rules if line not in approved] == [
        "folder for user: Oso decides for anybody seal (allow)"
    ]
