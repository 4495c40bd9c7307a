from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sidecar.errors import InvalidSnapshotError
from sidecar.facts import MountFaults, Quoted, Snapshot, Table, build, read_directory
from sidecar.facts.plain_yaml import read_rows
from sidecar.facts.yaml_events import RowEvents
from sidecar.schema import Schema, read_schema
from sidecar.schema.yaml_document import yaml_fault
from tests.depth import deep
from tests.facts.world import WORLD, mount
from tests.paths import ROOT


def faults_of(schema: Schema, directory: Path) -> list[str]:
    with pytest.raises(InvalidSnapshotError) as refused:
        read_directory(schema, directory)
    return [str(problem) for problem in refused.value.problems]


@pytest.fixture
def snapshot(schema: Schema, tmp_path: Path) -> Snapshot:
    return read_directory(schema, mount(tmp_path))


@pytest.mark.parametrize(
    ("people", "line", "message"),
    [
        ("people:\n  - {id: ana, email: a@x.example}\n", 1, "is not a list of rows"),
        ("- {id: 0123, email: a@x.example}\n", 1, "`0123` is a number, not text; quote it"),
        ("- ana\n- bo\n", 1, "this row is not a map"),
        ("", 0, "is empty"),
        ("- {email: a@x.example}\n", 1, "column `id` is missing"),
    ],
)
def test_an_unreadable_table_causes_no_faults_of_others(
    schema: Schema, tmp_path: Path, people: str, line: int, message: str
) -> None:
    found = faults_of(schema, mount(tmp_path, people=people))

    assert all(each.startswith("data/people.yaml") for each in found), found
    place = f"data/people.yaml:{line}: " if line else "data/people.yaml: "
    assert found[0].startswith(place)
    assert message in found[0]


def test_the_shipped_worlds_are_read() -> None:
    schema = read_schema(ROOT / "fixtures" / "schema.yaml")

    snapshots = [
        read_directory(schema, world)
        for world in sorted((ROOT / "fixtures" / "worlds").iterdir())
        if world.is_dir()
    ]

    assert snapshots
    assert all(
        snapshot.rows(type_name) is not None for snapshot in snapshots for type_name in schema.types
    )


def test_rows_have_the_order_of_the_schema(
    snapshot: Snapshot,
) -> None:
    assert snapshot.rows("person") == {
        "ann": ("ann", "ann@acme.example", "bob", "gone", None),
        "bob": ("bob", "bob@acme.example", None, None, None),
        "cy": ("cy", "cy@acme.example", "bob", None, 8),
    }
    assert snapshot.rows("team")["core"] == (
        "core",
        "ann",
        Decimal("750.00"),
        True,
        frozenset({"acme.example"}),
        frozenset({"edge"}),
    )
    assert snapshot.rows("seat")["bob", "core"] == ("bob", "core", "helper", "held", None)


def test_rows_hold_defaults_unless_callers_may_send_the_attribute(snapshot: Snapshot) -> None:
    assert snapshot.rows("team")["edge"][2] == Decimal("0.50")
    assert snapshot.rows("person")["bob"][4] is None


def test_a_type_without_a_table_has_no_rows(snapshot: Snapshot) -> None:
    assert snapshot.rows("room") == {}


def test_equal_texts_are_one_object(snapshot: Snapshot) -> None:
    ann, cy = snapshot.rows("person")["ann"], snapshot.rows("person")["cy"]

    assert ann[2] is cy[2]
    assert ann[2] is snapshot.rows("person")["bob"][0]


@pytest.mark.parametrize("absent", ["", "null", "~", "Null"])
def test_an_optional_cell_may_be_null(schema: Schema, tmp_path: Path, absent: str) -> None:
    directory = mount(tmp_path, notes=f"- id: n\n  role: none\n  seat: {absent}\n")

    assert read_directory(schema, directory).rows("note")["n"] == ("n", "none", None, None, None)


def test_a_lookup_of_the_key_is_the_rows_or_a_view_of_them(snapshot: Snapshot) -> None:
    by_seat = snapshot.find("team", "seat")
    by_card = snapshot.find("person", "card")

    # The key is (person, team), and what is asked (this team, person).
    assert by_seat.get(("core", "bob")) is snapshot.rows("seat")["bob", "core"]
    assert by_seat["core", "bob"] is snapshot.rows("seat")["bob", "core"]
    assert by_seat.get(("bob", "core")) is None
    assert by_seat.get(("core",)) is None
    assert list(by_seat) == [("core", "bob"), ("edge", "cy")]
    assert by_card.get(("ann",)) == ("ann",)
    assert by_card.get(("bob",)) is None
    assert dict(by_card.items()) == {("ann",): ("ann",)}
    with pytest.raises(KeyError):
        by_card["bob",]


def test_a_lookup_in_the_order_of_the_key_is_no_second_index() -> None:
    schema = read_schema(ROOT / "fixtures" / "schema.yaml")
    demo = read_directory(schema, ROOT / "fixtures" / "worlds" / "demo")
    lookups = [
        (declared, lookup)
        for declared in schema.types.values()
        for lookup in declared.lookups.values()
        if list(lookup.match.items())
        == list(
            zip(
                ((column,) for column in schema.types[lookup.finds].key),
                ("this", *lookup.arguments),
                strict=False,
            )
        )
        and len(lookup.match) > 1
    ]

    assert lookups
    for declared, lookup in lookups:
        assert demo.find(declared.name, lookup.name) is demo.rows(lookup.finds)


def test_a_lookup_matches_attributes_of_a_referenced_entity(snapshot: Snapshot) -> None:
    found = snapshot.find("team", "held_by")

    assert found == {("core", "bob@acme.example"): snapshot.rows("seat")["bob", "core"]}


def test_a_lookup_that_takes_the_first_takes_the_smallest_key(
    schema: Schema, tmp_path: Path
) -> None:
    people = "".join(f"- {{id: {name}, email: {name}@b.cd, lead: z}}\n" for name in "czab")
    directory = mount(tmp_path, people=people, teams="[]", seats="[]", cards="[]")

    found = read_directory(schema, directory).find("person", "led")

    assert found[("z",)][0] == "a"


NOTES = {
    "b": "2026-01-02T00:00:00Z",
    "a": "2026-01-02T00:00:00Z",
    "c": "2026-01-01T00:00:00Z",
    "e": None,
    "d": None,
}


@pytest.mark.parametrize(
    ("ids", "latest", "earliest"),
    [("bac", "a", "c"), ("cba", "a", "c"), ("abced", "d", "c"), ("eb", "e", "b"), ("ed", "d", "d")],
)
def test_a_row_without_an_instant_is_later_than_all_others(
    schema: Schema, tmp_path: Path, ids: str, latest: str, earliest: str
) -> None:
    notes = "".join(
        f"- {{id: {i}, role: none, seat: bob/core, until: {NOTES[i] or 'null'}}}\n" for i in ids
    )

    snapshot = read_directory(schema, mount(tmp_path, notes=notes))

    assert snapshot.find("team", "latest")["core", "none"][0] == latest
    assert snapshot.find("team", "earliest")["core", "none"][0] == earliest


def test_the_key_of_a_referenced_entity_is_known_without_its_row(
    schema: Schema, tmp_path: Path
) -> None:
    # Ann has no row among the seats of core; as its founder she has the seat all the same.
    notes = "- {id: n, role: none, seat: ann/core}\n- {id: m, role: none}\n"

    snapshot = read_directory(schema, mount(tmp_path, notes=notes))

    assert list(snapshot.find("team", "latest")) == [("core", "none")]


def test_two_rows_of_a_lookup_that_allows_one_are_refused(schema: Schema, tmp_path: Path) -> None:
    notes = "- {id: n, role: none, team: core}\n- {id: m, role: none, team: edge}\n"
    directory = mount(tmp_path, notes=f"{notes}- {{id: o, role: boss, team: core}}\n")

    assert faults_of(schema, directory) == [
        (
            "data/notes.yaml:3: `team.only` finds this row and that of line 1;"
            " let it find one, or write `several: first` in the schema"
        )
    ]


def test_references_to_an_entity_are_indexed(snapshot: Snapshot) -> None:
    assert snapshot.referring("person", "lead") == {"bob": ("ann", "cy")}
    assert snapshot.referring("person", "home") == {"gone": ("ann",)}
    assert snapshot.referring("seat", "team") == {
        "core": (("bob", "core"),),
        "edge": (("cy", "edge"),),
    }
    assert snapshot.referring("note", "seat") == {}


SEATS = {
    "held": "- {person: cy, team: core, role: helper, state: held}\n",
    "left": "- {person: cy, team: core, role: none, state: left}\n",
    "gone": "- {person: cy, team: core, role: helper, state: left}\n",
}


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ("left held", "held"),
        ("held left", "held"),
        ("left held gone", "held"),
        ("left gone", "gone"),
        ("gone left", "left"),
        ("gone gone", "gone"),
    ],
)
def test_an_id_names_the_current_row_or_else_the_last(
    schema: Schema, tmp_path: Path, order: str, named: str
) -> None:
    seats = "".join(SEATS[state] for state in order.split())

    row = read_directory(schema, mount(tmp_path, seats=seats)).rows("seat")["cy", "core"]

    assert f"role: {row[2]}, state: {row[3]}" in SEATS[named]


def test_two_current_rows_of_one_key_are_refused(schema: Schema, tmp_path: Path) -> None:
    directory = mount(tmp_path, seats=f"{SEATS['held']}{SEATS['left']}# again\n{SEATS['held']}")

    assert faults_of(schema, directory) == [
        (
            "data/seats.yaml:4: seat `cy/core` is repeated with state `held`"
            " (first on line 1); remove one"
        )
    ]


def test_a_reference_of_a_tombstone_behind_a_current_row_is_checked_too(
    schema: Schema, tmp_path: Path
) -> None:
    left = SEATS["left"].replace("}", ", giver: zoe}")
    directory = mount(tmp_path, seats=left + SEATS["held"])

    assert faults_of(schema, directory) == [
        (
            "data/seats.yaml:1: column `giver`: person `zoe` does not exist;"
            " add it, or correct the name"
        )
    ]


ROW_FAULTS = [
    ("people", "- {id: zed}", "column `email` is missing; write `email: ...`"),
    ("people", "- {id: zed, email: null}", "column `email` is missing; write `email: ...`"),
    (
        "people",
        "- {id: zed, email: ann}",
        "column `email`: its value is not an e-mail address; write it as `name@example.com`",
    ),
    (
        "people",
        "- {id: 7, email: a@b.cd}",
        "column `id`: `7` is a number, not text; quote it",
    ),
    (
        "people",
        "- {id: zed, mail: a@b.cd, email: a@b.cd}",
        "`mail` is no column of people; did you mean `email`?",
    ),
    (
        "people",
        "- {id: zed, colour: red, email: a@b.cd}",
        "`colour` is no column of people; it has id, email, lead, home, badge",
    ),
    (
        "people",
        "- {id: zed, email: a@b.cd, lead: nobody}",
        "column `lead`: person `nobody` does not exist; add it, or correct the name",
    ),
    (
        "people",
        "- {id: zed, email: a@b.cd, lead: an}",
        "column `lead`: person `an` does not exist; did you mean `ann`?",
    ),
    (
        "people",
        "- {id: zed, email: [a@b.cd]}",
        "column `email`: `[...]` is a list; write one email",
    ),
    ("people", "- {id: zed, email: {a: b}}", "column `email` is nested; write one value or a"),
    ("people", "- {id: zed, email: [[a]]}", "column `email` is nested; write one value or a"),
    ("people", "- {id: zed, id: zed, email: a@b.cd}", "column `id` is repeated; remove one"),
    ("people", "- {id: zed, email: a@b.cd, badge: 1.0}", "column `badge`: `1.0` is not an integer"),
    ("people", "- {id: zed, email: a@b.cd, badge: *x}", "alias `x` is not allowed; write it out"),
    ("people", "- {id: &x zed, email: a@b.cd}", "anchor `x` is not allowed; remove it"),
    ("people", "- &x {id: zed, email: a@b.cd}", "anchor `x` is not allowed; remove it"),
    ("people", "- {id: !!int zed, email: a@b.cd}", "tag `tag:yaml.org,2002:int` is not allowed"),
    (
        "people",
        "- {id: !!str 7, email: a@b.cd}",
        "tag `tag:yaml.org,2002:str` is not allowed; quote the text instead",
    ),
    ("people", "- {id: ! 7, email: a@b.cd}", "tag `!` is not allowed; quote the text instead"),
    (
        "people",
        "- {id: !!str '7', email: a@b.cd}",
        "tag `tag:yaml.org,2002:str` is not allowed; remove it",
    ),
    ("people", "- {? [x] : ann, id: zed, email: a@b.cd}", "the name of a column is no text; write"),
    ("people", "- {? {id: 1} : {a: 1}, id: zed, email: a@b.cd}", "the name of a column is no"),
    ("people", "- ann", "this row is not a map; write it as `{column: value, ...}`"),
    ("people", "- [ann]", "this row is not a map; write it as `{column: value, ...}`"),
    ("people", "- *x", "alias `x` is not allowed; write it out"),
    ("people", "- {id: zed", "is not YAML: "),
    ("people", "- {id: a\x07nn}", "is not YAML: control characters are not allowed"),
    (
        "seats",
        "- {team: core, person: cy, role: boss, state: held}",
        "column `role`: `boss` is not one of helper, none",
    ),
    (
        "seats",
        "- {team: core, person: cy, role: helpr, state: held}",
        "column `role`: `helpr` is not one of boss, helper, none; did you mean `helper`?",
    ),
    (
        "teams",
        "- {id: x, founder: ann, fee: 1e3}",
        "column `fee`: `1e3` is not a decimal; write `1000` instead",
    ),
    (
        "teams",
        "- {id: x, founder: ann, fee: .nan}",
        "column `fee`: `.nan` is not a decimal; write digits such as `12.50`",
    ),
    (
        "teams",
        "- {id: x, founder: ann, open: yes}",
        "column `open`: `yes` is not a boolean; write true or false, without quotes",
    ),
    ("teams", "- {id: x, founder: ann, domains: b.cd}", "column `domains`: `b.cd` is no set of"),
    (
        "teams",
        "- {id: x, founder: ann, domains: [c..d]}",
        "column `domains`: `c..d` is not a domain",
    ),
    (
        "teams",
        "- {id: x, founder: ann, friends: [core, corr]}",
        "column `friends`: team `corr` does not exist; did you mean `core`?",
    ),
    (
        "teams",
        "- {id: core, founder: ann}",
        "team `core` is repeated (first on line 2); remove one",
    ),
    (
        "notes",
        "- {id: n, role: none, seat: core}",
        "column `seat`: `core` is no id of type seat; write <person>/<team>",
    ),
    (
        "notes",
        "- {id: n, role: none, until: 2026-12-24T00:00:00}",
        "column `until`: `2026-12-24T00:00:00` is not an instant with an offset",
    ),
]


def test_a_row_that_is_nested_very_deep_is_refused_at_once(schema: Schema, tmp_path: Path) -> None:
    """The parser takes minutes for it: its time for each bracket grows with their number."""
    row = f"- {{id: zed, email: {'[' * 100_000}{']' * 100_000}}}\n"

    faults = faults_of(schema, mount(tmp_path, people=row))

    assert any("is nested deeper than 30; write flat rows" in fault for fault in faults)


@pytest.mark.parametrize(("table", "row", "message"), ROW_FAULTS)
@pytest.mark.parametrize("before", [0, 3])
def test_a_fault_of_a_row_is_reported_with_its_line(
    schema: Schema, tmp_path: Path, table: str, row: str, message: str, before: int
) -> None:
    rows = WORLD[table].removesuffix("[]\n") + "# a comment\n" * before + row + "\n"
    line = rows[: rows.rindex(row)].count("\n") + 1

    faults = faults_of(schema, mount(tmp_path, **{table: rows}))

    expected = f"data/{table}.yaml:{line}: {message}"
    at_its_end = f"data/{table}.yaml:{line + 1}: {message}"
    assert any(fault.startswith((expected, at_its_end)) for fault in faults), faults
    # What relies on a row that is wrong is not wrong as well.
    assert len(faults) == 1, faults


def test_a_slash_in_a_key_part_that_would_make_two_ids_equal_is_refused(
    schema: Schema, tmp_path: Path
) -> None:
    people = WORLD["people"] + "- {id: a/b, email: ab@b.cd}\n"
    seats = "- {person: a/b, team: core, role: helper, state: held}\n"

    assert faults_of(schema, mount(tmp_path, people=people, seats=seats)) == [
        "data/seats.yaml:1: column `person`: `a/b` has a `/`, which divides an id; rename it"
    ]


def test_faults_of_all_files_are_reported_together(schema: Schema, tmp_path: Path) -> None:
    directory = mount(tmp_path, people="- {id: ann}\n", teams="{}\n", seats="- {\n")
    (directory / "cards.yaml").unlink()
    (directory / "note.yaml").write_text("[]")
    (directory / "notes.yml").write_text("[]")

    assert faults_of(schema, directory) == [
        "data/cards.yaml: is missing; write `[]` into it where there are no cards",
        "data/note.yaml: belongs to no table; did you mean `notes`?",
        "data/notes.yml: is not read; rename it to `notes.yaml`",
        "data/people.yaml:1: column `email` is missing; write `email: ...`",
        (
            "data/seats.yaml:2: is not YAML: while parsing a flow node did"
            " not find expected node content"
        ),
        "data/teams.yaml:1: is not a list of rows; begin each row with `- `, or write `[]`",
    ]


def test_a_table_that_ends_with_yml_is_refused_with_its_right_name(
    schema: Schema, tmp_path: Path
) -> None:
    directory = mount(tmp_path)
    (directory / "cards.yaml").rename(directory / "cards.yml")

    assert faults_of(schema, directory) == [
        "data/cards.yml: is not read; rename it to `cards.yaml`"
    ]


@pytest.mark.parametrize("before", [0, 2_000])
def test_a_file_in_another_encoding_is_refused_with_its_line(
    schema: Schema, tmp_path: Path, before: int
) -> None:
    directory = mount(tmp_path)
    rows = "".join(f"- {{id: p{each}, email: p{each}@b.cd}}\n" for each in range(before))
    (directory / "people.yaml").write_bytes(
        f"{rows}- {{id: Zoë, email: z@b.cd}}\n".encode("latin-1")
    )

    assert faults_of(schema, directory) == [
        f"data/people.yaml:{before + 1}: is not UTF-8; save it as UTF-8"
    ]


def test_references_to_a_broken_table_are_no_further_faults(schema: Schema, tmp_path: Path) -> None:
    directory = mount(tmp_path, people="- {id: ann, email: a@b.cd}\n- {id: 'b\n")

    faults = faults_of(schema, directory)

    assert len(faults) == 1
    assert faults[0].startswith("data/people.yaml:2: is not YAML: while scanning a quoted scalar")


def test_a_hundred_faults_are_reported_and_the_rest_counted(schema: Schema, tmp_path: Path) -> None:
    directory = mount(tmp_path, notes="".join(f"- {{id: n{i}, role: x}}\n" for i in range(150)))

    faults = faults_of(schema, directory)

    assert len(faults) == 101
    assert faults[0] == ("data/notes.yaml:1: column `role`: `x` is not one of boss, helper, none")
    assert faults[-1] == "…: and 50 more"


MANY = range(1, 102)


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (
            {"people": WORLD["people"] + "- {id: bob, email: b@b.cd}\n" * 101},
            "data/people.yaml:5: ",
        ),
        ({"cards": "".join(f"- {{person: x{i}}}\n" for i in MANY)}, "data/cards.yaml:1: "),
        (
            {"notes": "".join(f"- {{id: n{i}, role: none, team: core}}\n" for i in (0, *MANY))},
            "data/notes.yaml:2: ",
        ),
        ({"notes": "".join(f"- {{id: n{i}, role: none, tem: 1}}\n" for i in MANY)}, ":1: `tem` is"),
        (
            {"notes": "".join(f"- {{id: n{i}, role: none, team: 1}}\n" for i in MANY)},
            ":1: column `t",
        ),
    ],
)
def test_faults_of_every_kind_are_counted(
    schema: Schema, tmp_path: Path, tables: dict[str, str], told: str
) -> None:
    faults = faults_of(schema, mount(tmp_path, **tables))

    assert len(faults) == 101
    assert told in faults[0]
    assert faults[-1] == "…: and 1 more"


def test_no_fault_shows_a_sensitive_value(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(
        "types:\n  user:\n    subject: true\n    table: users\n    key: email\n    attributes:\n"
        "      email: {type: email, sensitive: true}\n"
        "      boss: {type: user, sensitive: true, optional: true}\n"
        "      others: {type: set of email, sensitive: true, optional: true}\n"
    )
    directory = tmp_path / "data"
    directory.mkdir()
    users = directory / "users.yaml"
    schema = read_schema(path)
    users.write_text(
        "- {email: ann@b.cd}\n- {email: Ann@b.cd}\n"
        "- {email: c@b.cd, boss: ann@x.yz, others: [ann]}\n"
    )
    faults = faults_of(schema, directory)
    # A row whose key cannot be read leaves references into its table without a judgement.
    users.write_text("- {email: ann}\n- {email: c@b.cd, boss: ann@x.yz}\n")
    faults += faults_of(schema, directory)

    assert len(faults) == 4
    assert not any("ann" in fault.replace("ana@acme.example", "") for fault in faults), faults


@pytest.mark.parametrize("content", ["[]", "---\n[]\n", "# nothing\n[]", "[ ]  # none"])
def test_a_table_without_rows_is_an_empty_list(
    schema: Schema, tmp_path: Path, content: str
) -> None:
    assert read_directory(schema, mount(tmp_path, notes=content)).rows("note") == {}


@pytest.mark.parametrize("content", ["", "\n", "# nothing\n", "null\n", "~", "---\n", "---\n...\n"])
def test_an_empty_file_is_refused(schema: Schema, tmp_path: Path, content: str) -> None:
    (fault,) = faults_of(schema, mount(tmp_path, notes=content))

    assert fault.startswith("data/notes.yaml")
    assert "is empty, and may be half-written; write `[]`" in fault


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("- {id: n, role: none}", 1),
        ("- {id: n, role: none}\n- {id: m, role: none}", 2),
        ("  - {id: n, role: none}", 1),
        ("- id: n\n  role: none\n# the en", 3),
        ("- id: n\n  role: no", 2),
        ("- {id: n, role: none}\n- id: m\n  role: [none]", 3),
    ],
)
def test_a_block_list_whose_last_line_has_no_end_is_refused(
    schema: Schema, tmp_path: Path, content: str, line: int
) -> None:
    faults = faults_of(schema, mount(tmp_path, notes=content))

    said = "the last line has no end, so the file may be half-written; end it"
    assert f"data/notes.yaml:{line}: {said}" in faults


@pytest.mark.parametrize("content", ["[{id: n, role: none}]", "[\n{id: n,\nrole: none}\n]  # end"])
def test_a_list_in_brackets_is_complete_when_it_is_closed(
    schema: Schema, tmp_path: Path, content: str
) -> None:
    assert list(read_directory(schema, mount(tmp_path, notes=content)).rows("note")) == ["n"]
    assert faults_of(schema, mount(tmp_path, notes=content[: content.index("]")]))


def test_a_truncated_file_is_read_only_at_the_end_of_a_row(schema: Schema, tmp_path: Path) -> None:
    """What an interrupted writer leaves is refused, or ends where a row does."""
    content = WORLD["people"].strip().replace(", lead: bob", "") + "\n"
    empty = dict.fromkeys(("teams", "seats", "cards"), "[]\n")
    for size in range(len(content)):
        directory = mount(tmp_path, people=content[:size], **empty)
        if content[:size].endswith("}\n"):
            assert len(read_directory(schema, directory).rows("person")) < 3
        else:
            assert faults_of(schema, directory)


@pytest.mark.parametrize(
    ("content", "line"),
    [("[]\n---\n[]\n", 2), ("- {id: n, role: none}\n---\n- {id: m, role: none}", 2)],
)
def test_a_second_document_is_refused(
    schema: Schema, tmp_path: Path, content: str, line: int
) -> None:
    assert faults_of(schema, mount(tmp_path, notes=content)) == [
        f"data/notes.yaml:{line}: holds a second document; remove the `---` before it"
    ]


def test_a_missing_directory_is_refused(schema: Schema, tmp_path: Path) -> None:
    assert faults_of(schema, tmp_path / "data") == [
        "data: cannot be read: No such file or directory"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_to_read_is_refused(schema: Schema, tmp_path: Path) -> None:
    directory = mount(tmp_path)
    (directory / "people.yaml").chmod(0)

    assert faults_of(schema, directory) == ["data/people.yaml: cannot be read: Permission denied"]


def test_a_pipe_in_place_of_a_file_does_not_block(schema: Schema, tmp_path: Path) -> None:
    directory = mount(tmp_path)
    (directory / "notes.yaml").unlink()
    os.mkfifo(directory / "notes.yaml")

    assert faults_of(schema, directory) == [
        "data/notes.yaml: cannot be read: it is not a regular file"
    ]


def test_the_revision_depends_on_facts_and_not_on_notation(schema: Schema, tmp_path: Path) -> None:
    revision = read_directory(schema, mount(tmp_path)).revision
    rewritten = WORLD["people"].replace("Ann@Acme.example", "'ann@acme.example'")
    changed = WORLD["people"].replace("badge: 8", "badge: 9")

    assert rewritten != WORLD["people"]
    assert read_directory(schema, mount(tmp_path, people=rewritten)).revision == revision
    assert read_directory(schema, mount(tmp_path, people=changed)).revision != revision


def test_a_mount_whose_link_is_replaced_is_read_from_one_directory(
    schema: Schema, tmp_path: Path
) -> None:
    first, second = mount(tmp_path), tmp_path / "second"
    second.mkdir()
    for path in first.iterdir():
        text = path.read_text().replace("badge: 8", "badge: 9")
        (second / path.name).write_text(text)
    projected = tmp_path / "projected"
    projected.mkdir()
    (projected / "..data").symlink_to(first)
    for path in first.iterdir():
        (projected / path.name).symlink_to(Path("..data") / path.name)
    assert read_directory(schema, projected).rows("person")["cy"][4] == 8

    (projected / "..next").symlink_to(second)
    (projected / "..next").rename(projected / "..data")

    assert read_directory(schema, projected).rows("person")["cy"][4] == 9


def test_rows_from_another_source_go_through_the_same_parser(schema: Schema) -> None:
    people = Table("people", [(1, {"id": Quoted("7"), "email": "a@b.cd", "badge": "7"})])

    snapshot = build(schema, {"person": people})

    assert snapshot.rows("person") == {"7": ("7", "a@b.cd", None, None, 7)}
    with pytest.raises(InvalidSnapshotError, match="`7` is a number"):
        build(schema, {"person": Table("people", [(1, {"id": "7", "email": "a@b.cd"})])})


def test_instants_are_kept_in_utc(schema: Schema, tmp_path: Path) -> None:
    notes = "- {id: n, role: none, until: 2026-01-01 01:00:00+01:00}\n"

    row = read_directory(schema, mount(tmp_path, notes=notes)).rows("note")["n"]

    assert row[4] == datetime(2026, 1, 1, tzinfo=UTC)


# Rows in plain form are read without the parser. Both readings are the same.

Told = tuple[list[tuple[int, dict[str, object], list[bool]]], list[str]]


def told(rows: Iterator[tuple[int, Mapping[str, object]]], faults: MountFaults) -> Told:
    found: list[tuple[int, dict[str, object], list[bool]]] = []
    try:
        found = [
            (line, dict(cells), [isinstance(cell, Quoted) for cell in cells.values()])
            for line, cells in rows
        ]
    except yaml.YAMLError as error:
        faults.add("f", *yaml_fault(error))
    return found, [str(problem) for problem in faults.problems()]


def by_parser(content: bytes) -> Told:
    faults = MountFaults()
    return told(RowEvents(content, "f", faults).read(), faults)


def by_pieces(content: bytes) -> Told:
    faults = MountFaults()
    return told(read_rows(content, "f", faults), faults)


PIECES = [
    "- {id: a, n: 1}\n", "- {id: b}\n", "- { id: c, n: 2 }\n", '- {id: "x: y", n: \'\'}\n',
    "- id: d\n  n: 3\n", "- id: e # comment, id: f\n", "- id: 'g'\n  n: \"\"\n\n# comment\n",
    "- {id: h} # x, id: y\n", "- id: i\n\n  # in between\n  n: 4\n", "- id: jä\n", "-\n  id: k\n",
    "- {id: 2026-01-01 00:00:00+00:00, n: a:b:c}\n", "- id: l\n  n: [1, 'b']\n", "- {id: m\n  }\n",
    "- {id: a, id: b}\n", "- {id: 'two\n- lines'}\n", "- id: |\n   text\n", "- id: p\n    q\n",
    "- {id: r,}\n", "- {id: s}\n  continued\n", "- - t\n", "- u\n", "---\n", "...\n", "# only\n",
    "\n", "  - {id: v}\n", "- {id: w}\r\n", "- id: x\r\n  n: 5\r\n", "- *y\n", "- {id: &z z}\n",
    "- [\n", "- {id: a: b}\n", "- id: a: b\n", "- {id: a:}\n", "- id: a:\n", "- {id: a }\n",
    "- {id: -}\n",
    "-  {id: a}\n", "- {id: a}\t\n", "- id: a\n\tn: b\n", "- id: a\n n: b\n", '- {id: "a\\n"}\n',
    "- {id: a#b}\n", "- {id: a #b}\n", "- {id: a, n: b}  \n   \n", "- {id: [a, b], n: {c: d}}\n",
    "- null\n", "- id:\n", "- {id: }\n", "- {id: 'it''s'}\n", "\ufeff- {id: a}\n",
    "- {id: \u2028}\n", "%YAML 1.1\n", "- {ID: a}\n", "- id: ? a\n", "- id: a\n- id: b",
    "- {id: a}", "[]\n", "[{id: a}]\n",
]  # fmt: skip


@hypothesis_settings(max_examples=deep(3000, quick=1000), deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6))
@pytest.mark.many
def test_the_fast_reader_and_the_parser_agree_on_plain_rows(pieces: list[str]) -> None:
    content = "".join(pieces).encode()

    assert_read_alike(content)


@hypothesis_settings(deadline=None)
@given(st.text("-{}[]:,#'\"\n\r \tabk1&*!|>%@`?.\u00e9\u0085\ufeff"))
def test_the_fast_reader_and_the_parser_agree_on_any_text(text: str) -> None:
    content = f"- {{id: a}}\n{text}".encode()

    assert_read_alike(content)


def assert_read_alike(content: bytes) -> None:
    """Compare both ways of reading; what ends a line in YAML 1.1 alone is refused before."""
    if re.search("\r(?!\n)|[\x85\u2028\u2029]", content.decode()):
        _, faults = by_pieces(content)
        assert any("hidden character" in each or "stands alone" in each for each in faults)
    else:
        assert by_pieces(content) == by_parser(content)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(
    content=st.one_of(
        st.binary(),
        st.text().map(lambda text: text.encode("utf-8", "ignore")),
        st.lists(st.sampled_from(PIECES)).map(lambda pieces: "".join(pieces).encode()),
    )
)
def test_reading_any_bytes_raises_nothing_but_faults(
    schema: Schema, tmp_path: Path, content: bytes
) -> None:
    directory = mount(tmp_path)
    (directory / "people.yaml").write_bytes(content)

    try:
        read_directory(schema, directory)
    except InvalidSnapshotError as error:
        problems = error.problems
    else:
        problems = ()

    assert all(problem.file.startswith(("data/", "…")) for problem in problems)
