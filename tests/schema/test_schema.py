from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sidecar.errors import InvalidPackError
from sidecar.schema import (
    Attribute,
    EnumValue,
    Kind,
    Lookup,
    Schema,
    ValueType,
    read_schema,
    read_sentences,
    read_settings,
)
from sidecar.schema.reasons import display_text
from sidecar.schema.yaml_document import MAX_DEPTH, MAX_DOCUMENT_BYTES, Faults, parse_document
from tests.paths import ROOT

SCHEMA = """\
enums:
  role:
    boss: {label: Boss, description: Leads the team.}
    helper: {label: Helper, assignable: true}
  level: [low, high]
types:
  person:
    description: Somebody.
    subject: true
    table: people
    key: id
    attributes:
      id: string
      email: {type: email, sensitive: true}
      lead: {type: person, optional: true, may_dangle: true}
    lookups:
      led: {finds: person, match: {lead: this}, several: first}
  team:
    table: teams
    key: [id]
    attributes:
      id: string
      founder: person
      level: {type: level, default: low}
      founded: {type: instant, optional: true}
    lookups:
      seat:
        finds: seat
        arguments: {person: person}
        match: {team: this, person: person}
      held_by:
        finds: seat
        arguments: {email: email}
        match: {team: this, person.email: email}
        where: {role: helper, open: true}
        several: latest since
    actions: [see, close]
  seat:
    table: seats
    key: [team, person]
    current: {open: true}
    implied: {team.founder: person}
    attributes:
      team: team
      person: person
      role: {type: role, only: [helper]}
      open: boolean
      since: {type: instant, optional: true}
    actions:
      give:
        description: Give it away.
        creates: true
        properties:
          role: role
          levels: {type: set of level, sensitive: true}
      take.back: {}
context:
  safe: {type: boolean, default: false}
settings:
  fee: {type: decimal, unit: EUR}
  domains: set of domain
  note: {type: string, optional: true}
  limit: {type: integer, default: 3}
"""


def read(tmp_path: Path, text: str) -> Schema:
    (tmp_path / "fixtures").mkdir(exist_ok=True)
    path = tmp_path / "fixtures" / "schema.yaml"
    path.write_text(text)
    return read_schema(path)


def faults_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidPackError) as refused:
        read(tmp_path, text)
    return [f"{problem.line}: {problem.message}" for problem in refused.value.problems]


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    return read(tmp_path, SCHEMA)


def test_the_shipped_schema_settings_and_sentences_are_read() -> None:
    schema = read_schema(ROOT / "fixtures" / "schema.yaml")
    settings = read_settings(schema, ROOT / "fixtures" / "settings.yaml")
    sentences = read_sentences(ROOT / "fixtures" / "reasons.yaml", settings)

    assert schema.subjects()
    assert set(settings) == set(schema.settings)
    assert not any("{" in sentence for sentence in sentences.reasons.values())


def test_short_forms_equal_long_forms(schema: Schema) -> None:
    person = schema.types["person"]

    assert person.key == ("id",)
    assert person.attributes["id"] == Attribute(name="id", type=ValueType(Kind.STRING, "string"))
    assert person.attributes["lead"] == Attribute(
        name="lead",
        type=ValueType(Kind.REFERENCE, "person", target="person"),
        optional=True,
        may_dangle=True,
    )
    assert schema.types["team"].key == ("id",)
    assert list(schema.types["team"].actions) == ["see", "close"]
    assert schema.enums["level"] == (EnumValue("low"), EnumValue("high"))
    assert schema.enums["role"] == (
        EnumValue("boss", "Boss", "Leads the team.", {}),
        EnumValue("helper", "Helper", "", {"assignable": True}),
    )


def test_an_attribute_with_a_default_is_optional(schema: Schema) -> None:
    level = schema.types["team"].attributes["level"]

    assert (level.optional, level.default) == (True, "low")


def test_a_type_is_read_with_all_its_members(schema: Schema) -> None:
    seat = schema.types["seat"]

    assert (seat.name, seat.polar, seat.table) == ("seat", "Seat", "seats")
    assert seat.key == ("team", "person")
    assert list(seat.attributes) == ["team", "person", "role", "open", "since"]
    assert seat.attributes["role"].only == ("helper",)
    assert seat.current == {"open": True}
    assert seat.implied == (("team", "founder"), "person")
    assert not seat.subject
    give = seat.actions["give"]
    assert (give.creates, give.description) == (True, "Give it away.")
    assert give.properties["levels"].type.element == schema.value_type("level")
    assert seat.actions["take.back"].properties == {}


def test_a_lookup_is_read_with_all_its_members(schema: Schema) -> None:
    lookups = schema.types["team"].lookups

    assert lookups["held_by"] == Lookup(
        name="held_by",
        finds="seat",
        arguments={"email": ValueType(Kind.EMAIL, "email")},
        match={("team",): "this", ("person", "email"): "email"},
        where={"role": "helper", "open": True},
        several="latest",
        order="since",
    )
    assert (lookups["seat"].several, lookups["seat"].order) == ("refuse", "")


def test_the_context_always_has_now(schema: Schema) -> None:
    assert list(schema.context) == ["now", "safe"]
    assert schema.context["now"].type == ValueType(Kind.INSTANT, "instant")
    assert schema.context["safe"].default is False


def test_the_revision_depends_on_declarations_and_not_on_notation(tmp_path: Path) -> None:
    revision = read(tmp_path, SCHEMA).revision

    assert read(tmp_path, f"# A comment.\n{SCHEMA}").revision == revision
    assert read(tmp_path, SCHEMA.replace("[low, high]", "[low, height]")).revision != revision
    assert re.fullmatch(r"[0-9a-f]{16}", revision)


def test_all_faults_are_reported_together_with_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidPackError) as refused:
        read(
            tmp_path,
            "enum: {}\n"
            "types:\n"
            "  person:\n"
            "    table: people\n"
            "    key: idd\n"
            "    attributes:\n"
            "      id: strin\n",
        )

    assert [str(problem) for problem in refused.value.problems] == [
        "fixtures/schema.yaml:1: no type can be a subject; write `subject: true` in one",
        "fixtures/schema.yaml:1: the schema has no member `enum`; did you mean `enums`?",
        "fixtures/schema.yaml:5: key of type `person`: `idd` is no attribute; did you mean `id`?",
        (
            "fixtures/schema.yaml:7: attribute of `person`: `id` `strin` is not a type; did"
            " you mean `string`?"
        ),
    ]


FAULTS = [
    ("level: [low, high]", "level: [low, low]", "enum `level` names `low` twice; remove one"),
    ("level: [low, high]", "level: []", "enum `level` has no values; write some"),
    (
        "level: [low, high]",
        "level: [low, 'a ']",
        "value of enum `level`: `a ` begins or ends with white space; remove it",
    ),
    (
        "level: [low, high]",
        "le vel: [low, high]",
        "enum `le vel` holds a blank; leave it out",
    ),
    ("label: Helper", "lable: Helper", "value `helper` of enum `role`: `lable` is neither a label"),
    ("assignable: true", "assignable: yes", "`assignable` is neither a label, a description nor"),
    ("level: [low, high]", "email: [low, high]", "enum `email` has a name that is taken"),
    ("subject: true", "subject: yes", "subject of type `person` is `yes`; write true or false"),
    ("subject: true", "subjekt: true", "has no member `subjekt`; did you mean `subject`?"),
    ("table: people", "table: ../people", "table `../people` is no name of a file"),
    ("table: people", "table: teams", "table `teams` holds `person` already"),
    ("key: id", "key: {}", "key of type `person` is a map; write a list"),
    ("key: id", "key: email\n    kee: 1", "has no member `kee`; did you mean `key`?"),
    ("key: id", "key: [id, id]", "key of type `person` names `id` twice; remove one"),
    ("key: id", "key: lead", "`lead` can be missing; every row needs its key"),
    (
        "id: string\n      email",
        "id: integer\n      email",
        "`id` is no text but integer",
    ),
    ("{type: email, sensitive: true}", "{sensitive: true}", "`email` has no type; write `type:"),
    ("{type: email, sensitive: true}", "[email]", "attribute of `person`: `email` is a list"),
    ("sensitive: true}\n", "sensitive: 1}\n", "sensitive of attribute of `person`: `email` is `1`"),
    ("email: {type: email", "exists: {type: email", "`exists` has a name that is taken"),
    ("email: {type: email", "forall: {type: email", "`forall` has a name that is taken"),
    ("email: {type: email", "émail: {type: email", "`émail` cannot be named in Polar; write"),
    ("email: {type: email", "'': {type: email", "attribute of `person`: `` is empty; write one"),
    ("email: {type: email", "EMail: {type: email, polar: id", "is `id` in Polar, as `id` is"),
    ("email: {type: email", "e-mail: {type: email, polar: e-mail", "polar `e-mail` is not a name"),
    ("email: {type: email", "e-mail: {type: email, polar: e__mail", "polar `e__mail` holds `__`"),
    ("email: {type: email", "e-mail: {type: email, polar: includes", "`includes` has a name that"),
    ("lead: {type: person", "e.mail: string\n      e-mail: {type: person", "is `e_mail` in Polar"),
    ("lead: {type: person", "lead: {type: persn", "`persn` is not a type; did you mean `person`?"),
    ("may_dangle: true", "may_dangel: true", "has no member `may_dangel`; did you mean"),
    ("type: email, sens", "type: email, may_dangle: true, sens", "is no reference and cannot"),
    (
        "only: [helper]",
        "only: [helpr]",
        "`helpr` is not one of boss, helper; did you mean `helper`",
    ),
    ("only: [helper]", "only: []", "only of attribute of `seat`: `role` names nothing"),
    ("open: boolean", "open: {type: boolean, only: [true]}", "`open` is no enum; remove `only`"),
    ("default: low", "default: hi", "default of attribute of `team`: `level`: `hi` is not one of"),
    ("default: low", "default: [low]", "`level` is a list; write one level"),
    ("founder: person", "founder: {type: person, default: a}", "is of type person, which has no"),
    (
        "founder: person",
        "founder: {type: set of person, default: [a]}",
        "names entities, which may not exist; write `[]`",
    ),
    ("founder: person", "founder: {type: set of email, default: a@b.cd}", "is not a list; write"),
    ("lead: {type: person,", "lead: {type: person, depth: 33,", "is no number from 1 to 32"),
    ("lead: {type: person,", "lead: {type: person, depth: 0,", "is no number from 1 to 32"),
    ("lead: {type: person,", "lead: {type: person, depth: 32,", None),
    (
        "founder: person",
        "founder: {type: person, depth: 2}",
        "another type and has no depth; remove",
    ),
    ("level, default: low", "level, depth: 2", "is no reference and has no depth"),
    ("founder: person", "founder: set of set of person", "`set of set of person` is not a type"),
    ("founder: person", "founder: reference", "`reference` is not a type"),
    ("finds: person", "finds: persn", "`led` finds `persn`, which is no type; did you mean"),
    ("finds: person, match", "match", "look-up `led` has no finds; name the type it finds"),
    ("match: {lead: this}, ", "", "look-up `led` has no match; write `match: {...}`"),
    ("match: {lead: this}", "match: {}", "match of look-up `led` does not use `this`"),
    ("match: {lead: this}", "match: {leed: this}", "person has no attribute `leed`; did you mean"),
    (
        "match: {lead: this}",
        "match: {email: this}",
        "`email` is of type email and `this` of type person",
    ),
    ("match: {lead: this}", "match: {lead.lead.lead: this}", "has more than 2 steps; shorten it"),
    ("match: {lead: this}", "match: {email.lead: this}", "`email` is no reference and has no"),
    ("match: {lead: this}", "match: {lead: that}", "`that` is no argument; write one of this"),
    ("match: {lead: this}", "match: {lead: [this]}", "`lead` is a list; write text"),
    ("led: {finds", "email: {finds", "look-up `email` is an attribute as well; rename one"),
    ("arguments: {person: person}", "arguments: {this: person}", "argument `this` has a name that"),
    ("arguments: {email: email}", "arguments: {email: set of email}", "is a set; take one value"),
    (
        "person: person}\n        match",
        "person: team}\n        match",
        "`person` is of type person and",
    ),
    (
        "several: first",
        "several: last",
        "is `last`; write first, refuse, any, `latest <attribute>`",
    ),
    ("latest since", "latest sinc", "seat has no attribute `sinc`; did you mean `since`?"),
    ("latest since", "latest role", "several of look-up `held_by`: `role` has no order"),
    ("where: {role: helper,", "where: {role: boss,", "`boss` is not one of helper"),
    ("where: {role: helper,", "where: {person.email: a@b.cd,", "cannot be compared here"),
    ("where: {role: helper,", "where: {rol: helper,", "seat has no attribute `rol`; did you mean"),
    ("current: {open: true}", "current: {open: 1}", "`open`: `1` is not a boolean"),
    ("current: {open: true}", "current: {team: core}", "names `team` of the key, which rows"),
    ("implied: {team.founder: person}", "implied: {}", "needs one pair, `path: key column`"),
    ("implied: {team.founder: person}", "implied: {team.founder: role}", "is not of the key"),
    ("implied: {team.founder: person}", "implied: {person: person}", "must lead from a key column"),
    (
        "implied: {team.founder: person}",
        "implied: {team.id: person}",
        "`team.id` and `person` are of different types",
    ),
    ("implied: {team.founder: person}", "implied: {team.foundr: person}", "did you mean `founder`"),
    ("actions: [see, close]", "actions: [see, Close]", None),
    (
        "actions: [see, close]",
        'actions: [see, "clo\\u200bse"]',
        "holds the character U+200B, which",
    ),
    (
        "actions: [see, close]",
        'actions: [see, "clo\\u00a0se"]',
        "holds the character U+00A0, which",
    ),
    ("actions: [see, close]", 'actions: [see, "clo\\nse"]', "holds the character U+000A, which"),
    (
        "actions: [see, close]",
        'actions: [see, "clo\\u0301se"]',
        "holds a mark apart from its letter",
    ),
    ("actions: [see, close]", 'actions: [see, " close"]', "begins or ends with white space"),
    ("actions: [see, close]", f"actions: [see, {'x' * 201}]", "is longer than 200 characters"),
    ("actions: [see, close]", "actions: [see, see]", "names `see` twice; remove one"),
    ("actions: [see, close]", "actions: see", "actions of type `team` is the text `see`"),
    ("creates: true", "creates: maybe", "creates of action `give` is `maybe`; write true or false"),
    ("          role: role", "          name: role", "`name` has a name that is taken"),
    ("          role: role", "          role: {type: role, caller: true}", "no member `caller`"),
    (
        "actions: [see, close]",
        "actions: {see: {properties: {role: level}}}",
        "property `role` of action `give` is of type role here and level in `team see`",
    ),
    ("  safe: {type", "  now: {type", "context member `now` has a name that is taken"),
    ("  fee: {type: decimal", "  fee: {caller: true, type: decimal", "no member `caller`"),
    ("fee: {type: decimal", "fee: {type: money", "setting `fee` `money` is not a type"),
    ("  team:\n    table", "  role:\n    table", "type `role` is an enum as well; rename one"),
    ("  team:\n    table", "  action:\n    table", "type `action` has a name that is taken"),
    ("  team:\n    table", "  te:am:\n    table", "type `te:am` holds a `:`, at which a reference"),
    ("  team:\n    table", "  te am:\n    table", "type `te am` holds a blank; leave it out"),
    ("  team:\n    table", "  4team:\n    table", "type `4team` cannot be named in Polar; write"),
    ("  team:\n    table", "  team:\n    polar: team\n    table", "begins with a capital letter"),
    ("  team:\n    table", "  team:\n    polar: Action\n    table", "`Action`, which is taken"),
    (
        "  team:\n    table",
        "  team:\n    polar: Person\n    table",
        "is Person in Polar, as `person`",
    ),
    (
        "  team:\n    table",
        "  per_son: {key: id, attributes: {id: string}}\n  team:\n    table",
        None,
    ),
    (
        "  team:\n    table",
        "  person_: {key: id, attributes: {id: string}}\n  team:\n    table",
        "type `person_` is Person in Polar, as `person` is",
    ),
    (
        "    table: teams\n",
        "",
        "attribute `founder` of `team` has no source; give the type a table or",
    ),
    ("    table: seats\n", "", "`seat` finds `seat`, which has no table to find it in"),
    ("    table: seats\n", "", "type `seat` has no table; remove `current`"),
    ("context:\n", "context: {}\ncontext:\n", "`context` is repeated (first on line"),
    ("founder: person", "founder: &f person", "anchor `f` is not allowed; remove it"),
    ("founder: person", "founder: *f", "alias `f` is not allowed; write it out"),
    ("founder: person", "founder: !!str person", "tag `tag:yaml.org,2002:str` is not allowed"),
    ("founder: person", "founder: {<<: person}", "has no member `<<`; write one of type"),
    ("founder: person", "? [founder]\n      : person", "a list stands where a name must"),
    ("founder: person", "founder:", "is empty; write text"),
    ("founder: person", "founder: 'person", "is not YAML: "),
    ("founder: person", "founder: \x07", "hidden character U+0007"),
    ("founder: person", "founder: person\n---\n", "holds a second document; remove the `---`"),
]


@pytest.mark.parametrize(("correct", "slip", "message"), FAULTS)
def test_a_fault_of_the_schema_is_reported_with_its_line(
    tmp_path: Path, correct: str, slip: str, message: str | None
) -> None:
    assert correct in SCHEMA
    text = SCHEMA.replace(correct, slip, 1)
    first = SCHEMA[: SCHEMA.index(correct)].count("\n") + 1
    lines = range(first, first + correct.count("\n") + slip.count("\n") + 1)

    if message is None:
        read(tmp_path, text)
        return
    told = [fault for fault in faults_of(tmp_path, text) if message in fault]

    assert told
    # What one line breaks can also be told where the schema relies on it.
    assert "has no table" in message or int(told[0].split(":")[0]) in {*lines, *elsewhere(message)}


def elsewhere(message: str) -> set[int]:
    """Lines of faults that stand where what was broken is used."""
    used_at = {
        "table `teams` holds": "table: teams",
        "`id` is no text": "key: id",
        "property `role` of action": "    actions:\n      give",
        "type `role` is an enum": "  team:\n    table",
        "has no source": "founder: person",
        "`context` stands here": "  safe:",
        "does not use": "match: {lead: this}",
        "holds a second document": "founded",
    }
    return {
        SCHEMA[: SCHEMA.index(place)].count("\n") + shift
        for start, place in used_at.items()
        if start in message
        for shift in (0, 1, 2)
    }


def test_a_key_may_be_the_key_of_another_type_but_not_lead_in_a_circle(tmp_path: Path) -> None:
    text = (
        "types:\n"
        "  one: {subject: true, table: ones, key: two, attributes: {two: two}}\n"
        "  two: {table: twos, key: one, attributes: {one: one}}\n"
        "  three: {table: threes, key: four, attributes: {four: four}}\n"
        "  four: {table: fours, key: [a, b], attributes: {a: string, b: string}}\n"
        "  five: {table: fives, key: six, attributes: {six: six}}\n"
        "  six: {table: sixes, key: id, attributes: {id: string}}\n"
    )

    assert faults_of(tmp_path, text) == [
        "2: key of type `one`: the key of two is not one text",
        "3: key of type `two`: the key of one is not one text",
        "4: key of type `three`: the key of four is not one text",
    ]


def test_a_type_that_is_a_fault_has_no_other_faults_for_consequence(tmp_path: Path) -> None:
    text = (
        "types:\n"
        "  user: {subject: true, table: users, key: id, attributes: {id: string}}\n"
        "  team:\n"
        "    table: teams\n"
        "    key: id\n"
        "    attributes: {id: string}\n"
        "    lookups:\n"
        "      newest:\n"
        "        finds: member\n"
        "        arguments: {mail: email}\n"
        "        match: {team: this, mail: mail}\n"
        "        several: latest since\n"
        "  member:\n"
        "    table: members\n"
        "    key: id\n"
        "    attributes: {id: string, team: team, mail: {tpye: email}, since: instnat}\n"
    )

    assert [each.partition(": ")[2] for each in faults_of(tmp_path, text)] == [
        "attribute of `member`: `mail` has no member `tpye`; did you mean `type`?",
        "attribute of `member`: `mail` has no type; write `type: ...`",
        "attribute of `member`: `since` `instnat` is not a type; did you mean `instant`?",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the schema declares no types; write `types: {...}`"),
        (b"null", "the schema declares no types; write `types: {...}`"),
        (b"[]", "the schema is a list; write a map, such as `name: ...`"),
        (b"types: {a: {}}\n\xff", "is not UTF-8; save it as UTF-8"),
        (b"[" * (MAX_DEPTH + 1), f"is nested deeper than {MAX_DEPTH}; flatten it"),
        (b"[" * 100_000, f"is nested deeper than {MAX_DEPTH}; flatten it"),
        (b"- " * 100_000, f"is nested deeper than {MAX_DEPTH}; flatten it"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "is larger than 4 MB; split it"),
        (b"types: {a: 1", "is not YAML: while parsing a flow mapping did not find expected"),
    ],
)
def test_a_document_that_cannot_be_a_schema_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(content)

    with pytest.raises(InvalidPackError, match=re.escape(message)):
        read_schema(path)


@pytest.mark.parametrize(
    ("text", "line", "mend"),
    [
        ("a: 1\nb: {c: 1\nd: 2\n", 2, "a comma or the `}` is missing, or a text needs quotes"),
        ("a: [1 2\n", 1, "a comma or the `]` is missing, or a text needs quotes"),
        ("a: 'x\nb: 1\n", 1, "the quote at the end of the text is missing"),
        ("- a\nb: 1\n", 2, "begin each item of the list with `- `"),
        ("a:\n  b: 1\n c: 2\n", 3, "indent all names alike, and quote a text that holds quotes"),
        ("a:\n\tb: 1\n", 2, "quote the text, and indent with spaces"),
        ("a: @x\n", 1, "quote the text, and indent with spaces"),
        ("a: b: c\n", 1, "quote what holds `: `, or indent it"),
    ],
)
def test_what_is_not_yaml_is_told_where_it_begins_and_how_it_is_mended(
    text: str, line: int, mend: str
) -> None:
    faults = Faults("any.yaml")

    parse_document(text.encode(), faults)

    (problem,) = faults.problems
    assert problem.line == line
    assert problem.message.startswith("is not YAML: ")
    assert problem.message.endswith(f"; {mend}")


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidPackError) as refused:
        read_schema(tmp_path / "schema.yaml")

    assert (
        str(refused.value)
        == f"{tmp_path.name}/schema.yaml: cannot be read: No such file or directory"
    )


def test_an_invalid_byte_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"# one\n# two \xff\n")

    with pytest.raises(InvalidPackError) as refused:
        read_schema(path)

    assert refused.value.problems[0].line == 2


@hypothesis_settings(deadline=None)
@given(content=st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "ignore"))))
def test_parsing_any_bytes_raises_nothing(content: bytes) -> None:
    faults = Faults("any.yaml")

    node = parse_document(content, faults)

    assert node is not None or faults.problems


WORDS = ["id", "string", "type", "this", "person", "team.founder", "true", "[]", "{}", "~", "seat"]


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(
    line=st.integers(0, SCHEMA.count("\n") - 1),
    start=st.floats(0, 1),
    word=st.one_of(st.sampled_from(WORDS), st.text(max_size=5)),
)
def test_an_invalid_schema_raises_nothing_but_its_faults(
    tmp_path: Path, line: int, start: float, word: str
) -> None:
    lines = SCHEMA.split("\n")
    at = int(start * len(lines[line]))
    lines[line] = f"{lines[line][:at]}{word.encode('utf-8', 'ignore').decode()}"

    try:
        read(tmp_path, "\n".join(lines))
    except InvalidPackError as error:
        message = str(error)
    else:
        message = "fixtures/schema.yaml"

    assert all(told.startswith("fixtures/schema.yaml") for told in message.split("\n"))


SETTINGS = "fee: 750.00\ndomains: [Acme.example, b.cd]\n"


def settings_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fixtures" / "settings.yaml"
    path.write_text(text)
    return path


def test_settings_are_read_as_values(schema: Schema, tmp_path: Path) -> None:
    settings = read_settings(schema, settings_file(tmp_path, SETTINGS))

    assert settings == {
        "fee": Decimal("750.00"),
        "domains": frozenset({"acme.example", "b.cd"}),
        "note": None,
        "limit": 3,
    }


def test_a_setting_may_be_in_a_file_of_its_own(schema: Schema, tmp_path: Path) -> None:
    path = settings_file(tmp_path, "fee: 750.00\n")
    path.with_name("domain_settings.yaml").write_text("domains: [b.cd]\n")

    assert read_settings(schema, path)["domains"] == frozenset({"b.cd"})


def test_settings_that_end_with_yml_are_refused(schema: Schema, tmp_path: Path) -> None:
    path = settings_file(tmp_path, SETTINGS)
    path.with_suffix(".yml").write_text("fee: 1\n")
    path.with_name("more_settings.yml").write_text("limit: 1\n")

    with pytest.raises(InvalidPackError) as raised:
        read_settings(schema, path)

    assert [str(problem) for problem in raised.value.problems] == [
        "fixtures/more_settings.yml: is not read; rename it to `more_settings.yaml`",
        (
            "fixtures/settings.yaml: `settings.yml` stands beside it and is not read;"
            " rename or delete it"
        ),
    ]


def test_faults_of_settings_name_their_file(schema: Schema, tmp_path: Path) -> None:
    path = settings_file(tmp_path, SETTINGS)
    path.with_name("more_settings.yaml").write_text("fee: 1\nfees: 2\n")

    with pytest.raises(InvalidPackError) as raised:
        read_settings(schema, path)

    assert [str(problem) for problem in raised.value.problems] == [
        "fixtures/more_settings.yaml:1: setting `fee` is in settings.yaml too; remove one of them",
        "fixtures/more_settings.yaml:2: the settings has no member `fees`; did you mean `fee`?",
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "fees: 1\n",
            [
                "0: setting `domains` is missing; write `domains: ...`",
                "0: setting `fee` is missing; write `fee: ...`",
                "1: the settings has no member `fees`; did you mean `fee`?",
            ],
        ),
        (
            "fee: much\ndomains:\n  - b.cd\n  - c..d\nlimit: 1.0\n",
            [
                "1: setting `fee`: `much` is not a decimal; write digits such as `12.50`",
                "4: setting `domains`: `c..d` is not a domain; write it as `example.com`",
                "5: setting `limit`: `1.0` is not an integer; write digits, without quotes",
            ],
        ),
        (
            "fee: [1]\ndomains: b.cd\n",
            [
                "1: setting `fee` is a list; write one decimal",
                "2: setting `domains` is not a list; write it as `[a, b]`",
            ],
        ),
        (
            "fee: {}\ndomains: [[b.cd]]\n",
            [
                "1: setting `fee` is a map; write one decimal",
                "2: setting `domains` is a list; write one domain",
            ],
        ),
    ],
)
def test_all_faults_of_settings_are_reported(
    schema: Schema, tmp_path: Path, text: str, problems: list[str]
) -> None:
    with pytest.raises(InvalidPackError) as refused:
        read_settings(schema, settings_file(tmp_path, text))

    assert [f"{problem.line}: {problem.message}" for problem in refused.value.problems] == problems


def sentences_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "reasons.yaml"
    path.write_text(text)
    return path


STANDARD = [
    "unknown_subject", "unknown_resource", "unknown_action", "already_exists", "not_granted",
    "stale_data", "data_error", "policy_error",
    "no_route", "ambiguous_path", "gateway_headers", "not_identified", "unmet_obligation",
]  # fmt: skip


def test_standard_reasons_have_sentences_that_a_pack_may_override(tmp_path: Path) -> None:
    path = sentences_file(
        tmp_path, "reasons: {not_granted: Ask the boss.}\nobligations: {tell: T.}"
    )

    sentences = read_sentences(path)

    assert list(sentences.reasons) == STANDARD
    assert all(sentences.reasons.values())
    assert sentences.reasons["not_granted"] == "Ask the boss."
    assert sentences.obligations == {"tell": "T."}


def test_a_sentence_shows_the_settings_that_it_names(tmp_path: Path) -> None:
    path = sentences_file(tmp_path, "reasons:\n  dear: >\n    Pay {fee}\n    first.\n")

    assert read_sentences(path, {"fee": Decimal("750.00")}).reasons["dear"] == "Pay 750 first."
    assert read_sentences(path).reasons["dear"] == "Pay {fee} first."


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("750.00"), "750"), (Decimal(100), "100"), (Decimal("0.50"), "0.5"), (7, "7"),
        (Decimal(10**24), "1000000000000000000000000"), (True, "yes"),
        (False, "no"), (frozenset({"b", "a"}), "a, b"), (("a", "b"), "a/b"), (None, ""), ("x", "x"),
    ],
)  # fmt: skip
def test_a_setting_has_a_text_for_users(value: object, text: str) -> None:
    assert display_text(value) == text  # type: ignore[arg-type]  # a table of values


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("reason: {}", "1: the file has no member `reason`; did you mean `reasons`?"),
        ("reasons: []", "1: reasons is a list; write a map, such as `name: ...`"),
        ("reasons:\n  a: ''", "2: reason `a` has no sentence; write one sentence"),
        ("reasons:\n  a: [b]", "2: reason `a` has a list; write one sentence"),
        ("obligations:\n  A: b", "2: obligation `A` is not a code; use a-z, 0-9 and `_.-`"),
        (
            "reasons:\n  a: Pay {fe}.",
            "2: reason `a`: `fe` in braces is no setting; did you mean `fee`?",
        ),
        (
            "reasons:\n  a: Read {note}.",
            "2: reason `a`: `note` in braces has no value",
        ),
    ],
)
def test_a_fault_of_the_sentences_is_reported_with_its_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(InvalidPackError) as refused:
        read_sentences(sentences_file(tmp_path, text), {"fee": Decimal(1), "note": None})

    assert f"{refused.value.problems[0].line}: {refused.value.problems[0].message}".startswith(
        problem
    )
