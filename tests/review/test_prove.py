"""`sidecar prove` and `sidecar matrix`, as they are typed, on a pack of a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main

SCHEMA = """\
enums:
  role: [reader, writer, owner]
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, active: boolean}
  folder:
    table: folders
    key: id
    attributes: {id: string, owner: user}
    lookups:
      share: {finds: share, arguments: {user: user}, match: {folder: this, user: user}}
    actions: {view: {}, edit: {}, make: {creates: true}}
  share:
    table: shares
    key: [folder, user]
    attributes: {folder: folder, user: user, role: {type: role, only: [reader, writer]}}
  note:
    key: id
    attributes: {id: string, folder: {type: folder, caller: true}}
    actions: {read: {}}
"""
POLICY = """\
actor User {}
resource Folder {
  roles = ["reader", "writer", "owner"];
  permissions = ["view", "edit", "make"];
  "view" if "reader";
  "edit" if "writer";
  "reader" if "writer";
  "writer" if "owner";
}
resource Note {
  permissions = ["read"];
  relations = {folder: Folder};
  "read" if "view" on "folder";
}
has_role(user: User, "owner", folder: Folder) if folder.owner = user;
has_role(user: User, role: String, folder: Folder) if folder.share(user).role = role;
has_relation(folder: Folder, "folder", note: Note) if folder = note.folder;
has_permission(_: User, "make", _: Folder);
allow(user: User, action: Action, resource) if has_permission(user, action.name, resource);
forbid(user: User, _: Action{name: "edit"}, _: Folder, "asleep") if user.active = false;
oblige(_: User, _: Action{name: "edit"}, _: Folder, "log_it");
"""
INVARIANTS = """\
invariants:
  - name: nobody but writers ever edits
    never:
      action: edit
      unless: role in [writer, owner]
  - name: notes are read by those who may view their folder
    never:
      resource: note
      unless: role is reader
  - name: the owner who is awake may edit
    always:
      resource: folder
      action: ed*
      when: [resource.owner = subject, subject.active = true]
  - name: whoever is asleep is told so
    always: {resource: folder, action: edit, reason: asleep, when: subject.active = false}
  - name: an edit is logged
    always: {resource: folder, action: edit, obligation: log_it}
"""


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("policies", "fixtures"):
        (tmp_path / name).mkdir()
    (tmp_path / "fixtures" / "schema.yaml").write_text(SCHEMA)
    (tmp_path / "fixtures" / "settings.yaml").write_text("")
    (tmp_path / "fixtures" / "reasons.yaml").write_text(
        "reasons: {asleep: Wake up.}\nobligations: {log_it: Log it.}\n"
    )
    (tmp_path / "policies" / "main.polar").write_text(POLICY)
    (tmp_path / "policies" / "invariants.yaml").write_text(INVARIANTS)
    monkeypatch.setenv("SIDECAR_POLICIES", str(tmp_path / "policies"))
    monkeypatch.setenv("SIDECAR_FIXTURES", str(tmp_path / "fixtures"))
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _edit(pack: Path, file: str, before: str, after: str) -> None:
    path = pack / "policies" / file
    text = path.read_text()
    assert text.count(before) == 1
    path.write_text(text.replace(before, after))


def test_invariants_that_hold_are_proved(pack: Path) -> None:
    assert (pack / "policies").is_dir()

    result = _run("prove")

    assert result.stdout.splitlines()[-1] == "5 of 5 invariants hold in every state"
    assert result.exit_code == 0


def test_an_invariant_that_fails_is_shown_with_a_state_and_the_line_to_blame(pack: Path) -> None:
    _edit(pack, "main.polar", '"edit" if "writer";', '"edit" if "reader";')

    result = _run("prove")

    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith("FAILS   nobody but writers ever edits (")
    assert lines[0].endswith("invariants.yaml:2)")
    at = lines.index("    when user has role reader on folder")
    assert lines[at + 1 : at + 3] == [
        "     and user does not have role writer on folder",
        "     and not `asleep`",
    ]
    assert any(
        line.endswith('main.polar:6 has_permission(subject, "edit", resource)') for line in lines
    )
    assert "      shares: {folder: folder-1, user: user-1, role: reader}" in lines


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ('"read" if "view" on', '"read" if "make" on', "notes are read by those who may view"),
        ("folder.owner = user;", 'folder.owner = user and not user.id = "root";', "the owner who"),
        ("user.active = false;", 'user.active = false and not user.id = "root";', "whoever is"),
        ('"log_it");', '"log_it") if user.active = true;', "an edit is logged"),
    ],
)  # fmt: skip
def test_each_kind_of_invariant_can_fail(pack: Path, before: str, after: str, name: str) -> None:
    _edit(pack, "main.polar", before, after)
    if "log_it" in before:
        _edit(pack, "main.polar", "oblige(_: User", "oblige(user: User")
        _edit(pack, "main.polar", "active = false", 'id = "nobody"')

    answer = json.loads(_run("prove", "--json").stdout)

    failing = [each for each in answer["invariants"] if not each["holds"]]
    assert any(each["name"].startswith(name) for each in failing)
    assert all(each["counterexamples"][0]["example"] for each in failing)


def test_a_failure_can_be_told_in_a_pull_request(pack: Path) -> None:
    _edit(pack, "main.polar", '"edit" if "writer";', '"edit" if "reader";')

    output = _run("prove", "--markdown").stdout

    assert output.startswith("**Invariants:** 4 of 5 invariants hold in every state.\n")
    assert "- edit on folder: when `user has role reader on folder`, and `" in output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("invariants: []\n", "there are no invariants; write `invariants:` and a list"),
        ("invariants: [{name: a}]\n", "needs `never` or `always`, one of them"),
        ("invariants: [{never: {action: edit}}]\n", "an invariant has no `name`"),
        (
            "invariants: [{name: a, never: {action: edti}}]\n",
            "no action is called `edti`; did you mean `edit`?",
        ),
        (
            "invariants: [{name: a, never: {resource: foldr}}]\n",
            "there is no type `foldr` of resources; did you mean `folder`?",
        ),
        (
            "invariants: [{name: a, never: {resource: folder, when: subject.actve = true}}]\n",
            "nothing has a member `actve` here; did you mean `active`?",
        ),
        (
            'invariants: [{name: a, never: {action: edit, unless: "role in [boss]"}}]\n',
            "there is no role `boss`",
        ),
        (
            "invariants: [{name: a, never: {action: edit, unless: [f(subject, resource)]}}]\n",
            "`unless`: `f(subject` ends at a comma; write the condition in quotes",
        ),
        (
            "invariants: [{name: a, never: {resource: share}}]\n",
            "no action is called `*`",
        ),
        (
            "invariants: [{name: a, never: {reason: aslep}}]\n",
            "reason `aslep` has no sentence; did you mean `asleep`?",
        ),
        (
            'invariants: [{name: a, never: {when: "true; allow(_, _, _)"}}]\n',
            "a condition ends at `;`",
        ),
    ],
)
def test_an_invariant_that_cannot_be_asked_is_told_with_its_place(
    pack: Path, text: str, told: str
) -> None:
    (pack / "policies" / "invariants.yaml").write_text(text)

    result = _run("prove")

    assert result.exit_code == 2
    assert "invariants.yaml:1: " in result.output
    assert told in result.output


def test_an_invariant_that_no_state_can_meet_today_holds_and_fails_on_the_day_it_is_met(
    pack: Path,
) -> None:
    schema = pack / "fixtures" / "schema.yaml"
    declared = schema.read_text()
    give = "give: {properties: {role: {type: role, only: [reader]}}}"
    assert declared.count("edit: {},") == 1
    schema.write_text(declared.replace("edit: {},", f"edit: {{}}, {give},"))
    _edit(pack, "main.polar", '"edit" if "writer";', '"edit" if "writer"; "give" if "writer";')
    _edit(pack, "main.polar", '["view", "edit", "make"]', '["view", "edit", "make", "give"]')
    (pack / "policies" / "invariants.yaml").write_text(
        "invariants:\n  - name: nobody gives ownership away\n"
        '    never: {resource: folder, action: give, when: action.role = "owner"}\n'
    )

    before, before_json = _run("prove"), json.loads(_run("prove", "--json").stdout)
    schema.write_text(schema.read_text().replace("only: [reader]}", "only: [reader, owner]}"))
    after = _run("prove")

    assert before.exit_code == 0
    assert before.stdout.splitlines() == [
        "proved  nobody gives ownership away (no state meets its conditions today)",
        "1 of 1 invariants hold in every state",
    ]
    assert before_json["invariants"][0]["unmet"] is True
    assert after.exit_code == 1
    assert "action.role is owner" in after.stdout


def test_matrix_tells_each_role_what_it_may(pack: Path) -> None:
    assert (pack / "policies").is_dir()

    output = _run("matrix").stdout

    assert output.splitlines()[:5] == [
        "folder, for user",
        "        reader  writer  owner  no role",
        "  view  yes     yes     yes    -",
        "  edit  -       [1]     [1]    -",
        "  make  -       -       -      yes",
    ]
    assert "[1]\n  unless `asleep`\n" in output
    assert "forbidden, `asleep` (edit):\n  when user.active is false\n" in output
    assert "  read  yes     yes     yes    -\n" in output


def test_matrix_has_a_form_for_programs_and_one_for_pull_requests(pack: Path) -> None:
    assert (pack / "policies").is_dir()

    sheets = json.loads(_run("matrix", "--json").stdout)
    markdown = _run("matrix", "--markdown").stdout

    assert sheets["version"] == 1
    cells = {each["name"]: each["cells"] for each in sheets["sheets"][0]["actions"]}
    assert [(cell["allowed"], cell["unless"]) for cell in cells["edit"]] == [
        ("never", []),
        ("sometimes", ["asleep"]),
        ("sometimes", ["asleep"]),
        ("never", []),
    ]
    assert [cell["allowed"] for cell in cells["make"]] == ["never", "never", "never", "always"]
    assert "| `view` | yes | yes | yes | - |" in markdown
    assert "- [1] unless `asleep`" in markdown


def test_a_compiled_prohibition_proves_alone_where_oso_is_asked_for_the_grant(pack: Path) -> None:
    schema = pack / "fixtures" / "schema.yaml"
    declared = schema.read_text().replace(
        "attributes: {id: string, owner: user}",
        "attributes: {id: string, owner: user, parent: {type: folder, optional: true}}",
    )
    schema.write_text(declared)
    _edit(
        pack,
        "main.polar",
        "forbid(user: User",
        'has_permission(user: User, "edit", folder: Folder) if kept(user, folder);\n'
        "kept(user: User, folder: Folder) if folder.owner = user;\n"
        "kept(user: User, folder: Folder) if kept(user, folder.parent);\n"
        "forbid(user: User",
    )
    (pack / "policies" / "invariants.yaml").write_text(
        "invariants:\n"
        "  - name: nobody who is asleep edits\n"
        "    never: {resource: folder, action: edit, when: subject.active = false}\n"
        "  - name: nobody but owners edits\n"
        "    never: {resource: folder, action: edit, unless: resource.owner = subject}\n"
    )

    result = _run("prove")

    lines = result.stdout.splitlines()
    assert result.exit_code == 2
    assert lines[0] == "proved  nobody who is asleep edits"
    assert lines[1].startswith("unproved   nobody but owners edits")
