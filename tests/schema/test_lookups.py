"""Look-ups of any row: what is read of them, and faults of their declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.errors import InvalidPackError
from sidecar.schema import Schema, read_schema
from sidecar.schema.model import Through
from sidecar.schema.plain_document import node_of, plain_of
from sidecar.schema.yaml_document import Faults, parse_document

SCHEMA = """\
enums: {access: [reader, editor]}
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  team: {table: teams, key: id, attributes: {id: string, boss: {type: user, optional: true}}}
  membership:
    table: memberships
    key: [team, user]
    attributes: {team: team, user: user, until: {type: instant, optional: true}}
  document:
    table: documents
    key: id
    attributes: {id: string}
    lookups:
      share:
        finds: share
        through: {member: membership}
        arguments: {user: user, access: access}
        match: {document: this, access: access, team: member.team, member.user: user}
        where: {from: <= now, member.until: "> now"}
        several: any
    actions: [read]
  share:
    table: shares
    key: [document, team]
    attributes:
      document: document
      team: team
      access: access
      teams: {type: set of team, optional: true}
      from: {type: instant, optional: true}
"""


def read(tmp_path: Path, text: str) -> Schema:
    path = tmp_path / "schema.yaml"
    path.write_text(text)
    return read_schema(path)


def test_a_look_up_of_any_row_is_read_with_its_second_row(tmp_path: Path) -> None:
    lookup = read(tmp_path, SCHEMA).types["document"].lookups["share"]

    assert lookup.match == {("document",): "this", ("access",): "access"}
    assert lookup.clock == {"from": "<="}
    assert lookup.through == Through(
        name="member",
        type="membership",
        match={"user": "user"},
        joins={("team",): "team"},
        where={},
        clock={"until": ">"},
    )
    assert lookup.finds_any
    assert lookup.reads_clock
    assert set(lookup.reads()) == {
        *(("share", (name,)) for name in ("document", "access", "from", "team")),
        *(("membership", (name,)) for name in ("user", "team", "until")),
    }


def test_it_survives_the_plain_form_of_a_bundle(tmp_path: Path) -> None:
    faults = Faults("schema.yaml")
    node = parse_document(SCHEMA.encode(), faults)
    assert node is not None

    assert plain_of(node_of(plain_of(node))) == plain_of(node)
    assert read(tmp_path, SCHEMA).fingerprint == read(tmp_path, SCHEMA).fingerprint


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"> now"', '">= now"'),
        ("from: <= now, ", ""),
        ("through: {member: membership}", "through: {member: share}"),
        ("team: member.team, ", "team.boss: member.user, "),
    ],
)
def test_its_conditions_are_part_of_the_meaning_of_a_schema(
    tmp_path: Path, before: str, after: str
) -> None:
    text = SCHEMA.replace(before, after)
    if "share}" in after:
        text = text.replace(
            "team: member.team, member.user: user", "team: member.team, member.by: user"
        )
        text = text.replace('member.until: "> now"', 'member.from: "> now"')
        text = text.replace("      teams:", "      by: user\n      teams:")

    assert read(tmp_path, text).fingerprint != read(tmp_path, SCHEMA).fingerprint


@pytest.mark.parametrize(
    ("correct", "slip", "message"),
    [
        ("several: any", "several: first", "through of look-up `share` needs `several: any`"),
        ("several: any", "several: first", "`from` is compared with the clock, which only"),
        ("{member: membership}", "{member: membrship}", "names `membrship`, which is no type; did"),
        ("{member: membership}", "membership", "write a map, such as `name: ...`"),
        ("{member: membership}", "{}", "is no single row; write `through: {name: type}`"),
        ("{member: membership}", "{a: team, b: team}", "is no single row"),
        ("{member: membership}", "{user: membership}", "has a name that is taken"),
        ("{member: membership}", "{team: membership}", "`team` is an attribute of share as well"),
        (
            "team: member.team",
            "team: member.tem",
            "membership has no attribute `tem`; did you mean",
        ),
        (
            "member.user: user",
            "member.usr: user",
            "membership has no attribute `usr`; did you mean",
        ),
        ("member.user: user", "member.user: access", "compare like with like"),
        ("team: member.team", "team: member.user", "compare like with like"),
        ("team: member.team", "teams: member.team", "compare like with like"),
        ("team: member.team", "member.team: member.team", "are of one row; compare those of two"),
        ("team: member.team, ", "", "does not join its two rows; write `attribute: member.attri"),
        ("member.user: user", "team.boss: user", "finds no rows of `member`: compare `this` or an"),
        ("{document: this, ", "{member.team: access, ", "finds no rows of `share`: compare `this`"),
        ("from: <= now", "from: <= later", "`<= later` is not an instant"),
        ("from: <= now", "access: <= now", "`<= now` is not one of reader, editor"),
        ("from: <= now", "frm: <= now", "share has no attribute `frm`; did you mean `from`?"),
        ("member.until", "member.untl", "membership has no attribute `untl`; did you mean"),
        ('"> now"', "> now", 'is not YAML: .*; write `"> now"` in quotes'),
        ('"> now"', ">= now", 'is not YAML: .*; write `">= now"` in quotes'),
    ],
)
def test_a_fault_of_a_look_up_of_any_row_is_reported(
    tmp_path: Path, correct: str, slip: str, message: str
) -> None:
    assert correct in SCHEMA

    with pytest.raises(InvalidPackError, match=message.replace("{", r"\{")) as refused:
        read(tmp_path, SCHEMA.replace(correct, slip, 1))

    assert all(problem.line for problem in refused.value.problems)
