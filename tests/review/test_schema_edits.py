"""`sidecar diff` of an edit of schema, settings or sentences: nothing is passed over."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main
from sidecar.compiler import compile_cache
from sidecar.compiler.compile import compile_pack
from sidecar.compiler.compiled import CompiledPack, Reply
from sidecar.compiler.pack import PackTexts

SCHEMA = """\
enums:
  role: {reader: {label: Reader}, writer: {}, owner: {}}
types:
  user:
    subject: true
    table: users
    key: id
    attributes:
      {id: string, team: {type: string, optional: true}, mark: {type: string, default: none}}
  doc:
    table: docs
    key: id
    attributes:
      id: string
      owner: user
      keeper: user
      above: {type: doc, optional: true, depth: 3}
      kind: {type: string, default: private}
      place: {type: string, caller: true, optional: true}
      size: {type: integer, optional: true}
    lookups:
      share:
        {finds: share, arguments: {user: user},
         match: {doc: this, user: user}, where: {on: true}, several: first}
    actions:
      read: {description: Look at it.}
      list: {properties: {whom: user}}
      move: {}
      give: {properties: {role: {type: role, only: [reader, writer]}}}
      make: {creates: true}
      drop: {nobody: true}
  share:
    table: shares
    key: [doc, user]
    current: {on: true}
    attributes:
      doc: doc
      user: user
      role: {type: role, only: [reader, writer]}
      on: boolean
      until: {type: instant, optional: true}
  visit:
    table: visits
    key: [doc, user]
    implied: {doc.owner: user}
    attributes: {doc: doc, user: user}
    actions: [see]
context:
  network: {type: string, default: office}
settings:
  most: integer
  places: set of string
"""
SETTINGS = "most: 5\nplaces: [here, there]\n"
REASONS = """\
reasons:
  large: More than {most} pages.
  elsewhere: Go there.
obligations:
  log: Log it.
"""
POLICY = """\
actor User {}
allow(_: User, _: Action{name: "read"}, doc: Doc) if doc.kind = "public";
allow(user: User, _: Action{name: "list"}, doc: Doc) if doc.share(user).exists = true;
allow(_: User, action: Action{name: "list"}, _: Doc) if action.whom.mark = "chief";
allow(user: User, _: Action{name: "move"}, doc: Doc) if doc.place = user.team;
allow(_: User, action: Action{name: "give"}, _: Doc) if action.role.exists = true;
allow(_: User, _: Action{name: "make"}, _: Doc);
allow(_: User, _: Action{name: "see"}, visit: Visit) if visit.exists = true;
forbid(_: User, _: Action{name: "list"}, _: Doc, "elsewhere") if context.network = "home";
forbid(_: User, _: Action{name: "read"}, doc: Doc, "large") if doc.size > settings.most;
forbid(_: User, _: Action{name: "read"}, doc: Doc, "elsewhere") if
  settings.places.includes(doc.place);
oblige(_: User, _: Action{name: "read"}, _: Doc, "log");
"""
FILES = {
    "fixtures/schema.yaml": SCHEMA,
    "fixtures/settings.yaml": SETTINGS,
    "fixtures/reasons.yaml": REASONS,
    "policies/main.polar": POLICY,
}
ROLE = "only: [reader, writer]}}}"
SHARE = "role: {type: role, only: [reader, writer]}\n      on"
LOOKUP = "match: {doc: this, user: user}, where: {on: true}, several: first}"
CASES: Mapping[str, tuple[str, str, int, str, str]] = {
    "only of a property": (
        ROLE, "only: [reader, writer, owner]}}}", 1,
        "of action `give` of type `doc` was reader, writer, now reader, writer, owner",
        "newly allowed: give on doc, for user",
    ),
    "narrower only of a property": (
        ROLE, "only: [reader]}}}", 1, "declared: `only` of property", "newly denied: give on doc"
    ),
    "only of a stored attribute": (
        SHARE, "role: role\n      on", 1,
        "declared: `only` of attribute `role` of type `share` was reader, writer", "no situation",
    ),
    "a new value that a caller may say": (
        "give: {properties: {role: {type: role, only: [reader, writer]}}}",
        "give: {properties: {role: role}}", 1,
        "was reader, writer, now empty", "newly allowed: give on doc, for user",
    ),
    "default": (
        "default: private", "default: public", 2,
        "declared: `default` of attribute `kind` of type `doc` was private, now public",
        "not compared: `read` on a `doc`: `default` of `kind` of `doc` changes",
    ),
    "default behind a property": (
        "default: none", "default: chief", 2,
        "declared: `default` of attribute `mark` of type `user` was none, now chief",
        "not compared: `list` on a `doc`: `default` of `mark` of `user` changes",
    ),
    "depth of a reference to the own type": (
        "depth: 3", "depth: 4", 1,
        "declared: `depth` of attribute `above` of type `doc` was 3, now 4", "declared",
    ),
    "name in Polar": (
        "      keeper: user\n", "      keeper: {type: user, polar: holder}\n", 1,
        "declared: `polar` of attribute `keeper` of type `doc` was empty, now holder", "declared",
    ),
    "default of the context": (
        "default: office", "default: home", 2,
        "declared: `default` of member `network` of the context was office, now home",
        "not compared: `list` on a `doc`",
    ),
    "caller": (
        "{type: string, caller: true, optional: true}", "{type: string, optional: true}", 2,
        "declared: `caller` of attribute `place` of type `doc` was true, now false",
        "not compared: `read`, `move` on a `doc`",
    ),
    "creates": (
        "make: {creates: true}", "make: {}", 1,
        "declared: `creates` of action `make` of type `doc` was true, now false",
        "newly allowed: make on doc",
    ),
    "nobody": (
        "drop: {nobody: true}", "drop: {}", 1,
        "declared: `nobody` of action `drop` of type `doc` was true, now false",
        "no situation is decided otherwise; 1 declared differently",
    ),
    "current": (
        "current: {on: true}", "current: {on: false}", 2,
        "declared: `current` of type `share` was on: true, now on: false",
        "not compared: `list` on a `doc`: `current` of `share` changes",
    ),
    "implied": (
        "implied: {doc.owner: user}", "implied: {doc.keeper: user}", 2,
        "declared: `implied` of type `visit` was doc.owner = user, now doc.keeper = user",
        "not compared: `see` on a `visit`: `implied` of `visit` changes",
    ),
    "where of a look-up": (
        LOOKUP, LOOKUP.replace("true", "false"), 1,
        "declared: `where` of look-up `share` of type `doc` was on: true, now on: false",
        "newly allowed: list on doc",
    ),
    "several of a look-up": (
        "several: first", "several: latest until", 1,
        "declared: `several` of look-up `share` of type `doc` was first, now latest until",
        "declared",
    ),
    "the type of an attribute that no rule looks at": (
        "until: {type: instant,", "until: {type: string,", 1,
        "declared: `type` of attribute `until` of type `share` was instant, now string",
        "no situation is decided otherwise; 1 declared differently",
    ),
    "optional": (
        "size: {type: integer, optional: true}", "size: integer", 1,
        "declared: `optional` of attribute `size` of type `doc` was true, now false", "declared",
    ),
    "sensitive": (
        "on: boolean", "on: {type: boolean, sensitive: true}", 1,
        "declared: `sensitive` of attribute `on` of type `share` was false, now true", "declared",
    ),
    "a setting": (
        "most: 5", "most: 6", 1,
        "declared: setting `most` was 5, now 6", "newly allowed: read on doc",
    ),
    "a list in the settings": (
        "[here, there]", "[here, away]", 1,
        "declared: member `away` of setting `places` is new", "newly denied: read on doc",
    ),
    "a sentence": (
        "Go there.", "Stay there.", 1,
        'declared: reason `elsewhere` was "Go there.", now "Stay there."',
        "no situation is decided otherwise; 1 declared differently",
    ),
    "a sentence of an obligation": (
        "Log it.", "Log it, please.", 1, "declared: obligation `log` was", "no situation",
    ),
    "a label": (
        "label: Reader", "label: Readers", 1,
        "declared: `label` of value `reader` of enum `role` was Reader, now Readers",
        "no situation",
    ),
    "a reason": (
        "doc.size > settings.most;\n", "doc.size >= settings.most;\n", 1,
        "reason newly given (large): read on doc, for user", "; other reasons for 1 action",
    ),
    "an obligation": (
        'oblige(_: User, _: Action{name: "read"}, _: Doc, "log");\n',
        'oblige(_: User, _: Action{name: "read"}, doc: Doc, "log") if doc.size > 2;\n', 1,
        "no longer obliged (log): read on doc, for user", "actions: 1 no longer obliged",
    ),
    "a comment": ("actor User {}", "actor User {} # whoever", 0, "no situation", "otherwise\n"),
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Compare the pack with an edit of it; compiled in this process, which takes less time."""

    def compiled(pack: PackTexts, _: bytes) -> CompiledPack:
        return CompiledPack(Reply(compile_pack(pack)).usable(), b"")

    def run(before: str, after: str, *options: str) -> Result:
        assert sum(text.count(before) for text in FILES.values()) == 1
        for side in ("old", "new"):
            for name, text in FILES.items():
                path = tmp_path / side / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text.replace(before, after) if side == "new" else text)
        directories = (str(tmp_path / "old"), str(tmp_path / "new"))
        return CliRunner().invoke(main, ["diff", *directories, *options])

    monkeypatch.setattr(compile_cache, "compile_with_findings", compiled)
    return run


@pytest.mark.parametrize("case", CASES)
def test_every_edit_is_named_and_has_its_status(case: str, run: Callable[..., Result]) -> None:
    before, after, status, declared, follows = CASES[case]

    result = run(before, after)

    assert not isinstance(result.exception, Exception), result.exception
    assert result.exit_code == status, result.output
    assert declared in result.stdout
    assert follows in result.stdout
    complete = "no situation is decided otherwise" not in result.stdout
    assert status != 2 or complete


def test_what_could_not_be_compared_stands_in_every_form(
    run: Callable[..., Result],
) -> None:
    edit = ("default: private", "default: public")

    text, markdown = run(*edit).stdout, run(*edit, "--markdown").stdout
    examples, plain = run(*edit, "--examples").stdout, json.loads(run(*edit, "--json").stdout)

    head = "what could be compared is decided as before; 1 action could not be compared"
    cause = "`read` on a `doc`: `default` of `kind` of `doc` changes"
    assert text.startswith(head)
    assert examples.startswith(head)
    assert markdown.startswith(f"**Access:** {head}")
    assert f"Not compared: {cause}" in markdown
    assert "- declared: `default` of attribute `kind`" in markdown
    assert (plain["complete"], plain["differs"], plain["uncompared"]) == (False, True, [cause])
    assert plain["declared"] == [
        {"name": "`default` of attribute `kind` of type `doc`", "old": "private", "new": "public"}
    ]
