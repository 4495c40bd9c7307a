"""Conditions speak of roles, helper rules and prohibitions by the names of the policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main
from sidecar.diagram.nodes import FALSE
from sidecar.review.condition_cover import Covering
from sidecar.review.diff import differences
from sidecar.review.pack_revisions import PackPlace, load_pair

FLAGS = "".join(f"      flag_{n}: {{type: boolean}}\n" for n in range(20))
SCHEMA = f"""\
enums:
  rank: [viewer, editor, auditor]
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {{id: string, inspector: {{type: boolean, default: false}}}}
  folder:
    table: folders
    key: id
    attributes:
      id: string
      parent: {{type: folder, optional: true}}
{FLAGS}
    lookups:
      share: {{finds: share, arguments: {{user: user}}, match: {{folder: this, user: user}}}}
    actions: {{view: {{}}, edit: {{}}, audit: {{}}}}
  share:
    table: shares
    key: [folder, user]
    attributes: {{folder: folder, user: user, rank: rank}}
"""
ROLES = """\
actor User {}
allow(user: User, action: Action, resource) if has_permission(user, action.name, resource);
resource Folder {
  roles = ["viewer", "editor", "auditor"];
  permissions = ["view", "edit", "audit"];
  "view" if "viewer";
  "edit" if "editor";
  "audit" if "auditor";
  "viewer" if "editor";
}
has_role(user: User, "auditor", _: Folder) if user.inspector = true;
"""
DIRECT = "has_role(user: User, rank: String, folder: Folder) if folder.share(user).rank = rank;\n"
LEVELS = "".join(
    f"has_role(user: User, rank: String, folder: Folder) if"
    f" folder{'.parent' * level}.share(user).rank = rank;\n"
    for level in range(1, 5)
)
PROHIBITIONS = "".join(
    f'forbid(_: User, _: Action{{name: "edit"}}, folder: Folder, "rule_{n}") if'
    f" folder.flag_{2 * n} = true and folder.flag_{2 * n + 1} = true;\n"
    for n in range(10)
)
CODES = ", ".join(f"rule_{n}: No." for n in range(10))


def _pack(directory: Path, policy: str) -> Path:
    for name in ("policies", "fixtures"):
        (directory / name).mkdir(parents=True)
    (directory / "fixtures" / "schema.yaml").write_text(SCHEMA)
    (directory / "fixtures" / "settings.yaml").write_text("")
    (directory / "fixtures" / "reasons.yaml").write_text(f"reasons: {{{CODES}}}\n")
    (directory / "policies" / "main.polar").write_text(policy)
    return directory


def _diff(tmp_path: Path, old: str, new: str) -> list[str]:
    packs = [_pack(tmp_path / name, text) for name, text in (("old", old), ("new", new))]
    result = CliRunner().invoke(main, ["diff", *map(str, packs)])
    assert isinstance(result, Result)
    return result.stdout.splitlines()


def _without_example(lines: list[str]) -> list[str]:
    """Leave out the example, whose values the solver chooses."""
    return [line for line in lines if not line.startswith(("  for example", "    "))]


def test_prohibitions_that_take_a_permission_away_are_told_by_their_reasons(tmp_path: Path) -> None:
    old = ROLES + DIRECT + PROHIBITIONS

    lines = _diff(tmp_path, old, old.replace('"edit" if "editor"', '"edit" if "auditor"'))

    reasons = ", ".join(f"`rule_{n}`" for n in range(10))
    assert _without_example(lines) == [
        "actions: 1 newly allowed, 1 newly denied",
        "newly allowed: edit on folder, for user",
        "  when user has role auditor on folder",
        "   and user does not have role editor on folder",
        f"   and none of {reasons}",
        "newly denied: edit on folder, for user",
        "  when user has role editor on folder",
        "   and user does not have role auditor on folder",
        f"   and none of {reasons}",
    ]


def test_a_prohibition_that_changes_is_told_once_before_its_consequences(tmp_path: Path) -> None:
    old = ROLES + DIRECT + PROHIBITIONS

    lines = _diff(tmp_path, old, old.replace("folder.flag_4 = true and ", ""))

    others = ", ".join(f"`rule_{n}`" for n in (0, 1, 3, 4, 5, 6, 7, 8, 9))
    assert _without_example(lines)[:9] == [
        "actions: 1 newly denied; other reasons for 1 action",
        "reason `rule_2` (edit on folder) now also holds",
        "  when folder.flag_4 is false",
        "   and folder.flag_5 is true",
        "newly denied: edit on folder, for user",
        "  when user has role editor on folder",
        "   and `rule_2` forbids it now, and did not before",
        f"   and none of {others}",
        "reason newly given (rule_2): edit on folder, for user",
    ]


def test_a_role_that_is_inherited_over_four_levels_is_told_by_its_name(tmp_path: Path) -> None:
    old = ROLES + DIRECT + LEVELS

    lines = _diff(tmp_path, old, old.replace('"edit" if "editor"', '"edit" if "viewer"'))

    assert _without_example(lines) == [
        "actions: 1 newly allowed",
        "newly allowed: edit on folder, for user",
        "  when user has role viewer on folder",
        "   and user does not have role editor on folder",
    ]


def test_a_role_that_changes_is_told_once_and_then_by_its_name(tmp_path: Path) -> None:
    old = ROLES + DIRECT + LEVELS
    new = old.replace("user.inspector = true", "user.inspector = false")

    lines = _without_example(_diff(tmp_path, old, new))

    assert "role auditor on folder now also holds" in lines
    assert "role auditor on folder no longer holds" in lines
    at = lines.index("newly allowed: audit on folder, for user")
    assert lines[at + 1 :] == [
        "  when user has role auditor on folder now, and did not before",
        "newly denied: audit on folder, for user",
        "  when user had role auditor on folder before, and no longer",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"edit" if "editor"', '"edit" if "viewer"'),
        ("folder.flag_4 = true and ", ""),
        ("user.inspector = true", "user.inspector = false"),
        ('"viewer" if "editor"', '"viewer" if "auditor"'),
        (
            "folder.parent.share(user).rank = rank",
            "folder.parent.share(user).rank = rank and not user.inspector = true",
        ),
    ],
)
def test_conditions_by_name_are_the_states_that_change(
    tmp_path: Path, before: str, after: str
) -> None:
    policy = ROLES + DIRECT + LEVELS + PROHIBITIONS
    assert before in policy
    places = []
    for name, text in (("old", policy), ("new", policy.replace(before, after))):
        pack = _pack(tmp_path / name, text)
        places.append(PackPlace(name, pack / "policies", pack / "fixtures"))

    pair = load_pair(places[0], places[1])
    found = differences(pair.old, pair.new, declared=pair.schemas)

    assert found.changes
    for change in found.changes:
        covering = Covering(found.joined, change.scope)
        told = FALSE
        for condition in change.listing.conditions:
            told = found.joined.trees.either(told, covering.region(condition))
        assert not change.listing.unlisted
        assert covering.regions.are_alike(told, change.region)


def test_a_role_that_crosses_others_shows_what_it_gives_itself(tmp_path: Path) -> None:
    pack = _pack(tmp_path / "pack", ROLES + DIRECT)

    result = CliRunner().invoke(main, ["matrix", "--policies", str(pack / "policies")])

    assert result.stdout.splitlines() == [
        "folder, for user",
        "         viewer  editor  auditor  no role",
        "  view   yes     yes     -        -",
        "  edit   -       yes     -        -",
        "  audit  -       -       yes      -",
        "viewer:",
        "  when folder.share(user).rank is viewer",
        "editor, with all of viewer:",
        "  when folder.share(user).rank is editor",
        "auditor:",
        "  when user.inspector is true",
        "or when folder.share(user).rank is auditor",
    ]


def test_what_takes_two_roles_is_told_beside_the_columns(tmp_path: Path) -> None:
    both = 'has_permission(user: User, "audit", folder: Folder) if\n  '
    both += " and ".join(f'has_role(user, "{role}", folder)' for role in ("editor", "auditor"))
    policy = (ROLES + DIRECT).replace('  "audit" if "auditor";\n', "") + f"{both};\n"
    pack = _pack(tmp_path / "pack", policy)

    result = CliRunner().invoke(main, ["matrix", "--policies", str(pack / "policies")])

    lines = result.stdout.splitlines()
    assert "  audit  -       -       -        -" in lines
    at = lines.index("several roles may audit")
    assert lines[at + 1 : at + 3] == [
        "  when user has role editor on folder",
        "   and user has role auditor on folder",
    ]
