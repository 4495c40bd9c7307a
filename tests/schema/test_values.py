from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sidecar.schema import Kind, Schema, ValueType, id_of, key_of, parse_json, parse_text
from sidecar.schema import read_schema as read
from sidecar.schema.email_address import email_domain
from sidecar.schema.model import Value

SCHEMA = """
enums:
  role: [boss, helper, none]
types:
  person: {subject: true, table: people, key: id, attributes: {id: string, email: email}}
  team: {table: teams, key: id, attributes: {id: string}}
  seat: {table: seats, key: [team, person], attributes: {team: team, person: person}}
  desk: {table: desks, key: [seat_role, email, id],
         attributes: {seat_role: role, email: email, id: string}}
"""


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    path: Path = tmp_path_factory.mktemp("fixtures") / "schema.yaml"
    path.write_text(SCHEMA)
    return read(path)


def type_of(schema: Schema, name: str) -> ValueType:
    value_type = schema.value_type(name)
    assert value_type is not None
    return value_type


@pytest.mark.parametrize(
    ("name", "text", "quoted", "value"),
    [
        ("string", "ana", False, "ana"),
        ("string", "7", True, "7"),
        ("string", "true", True, "true"),
        ("string", "two words: and a / sign", True, "two words: and a / sign"),
        ("string", "-", False, "-"),
        ("string", ".", False, "."),
        ("string", "1.2.3", False, "1.2.3"),
        ("string", "0b12", False, "0b12"),
        ("string", "a\nb\0", True, "a\nb\0"),
        ("boolean", "true", False, True),
        ("boolean", "false", False, False),
        ("integer", "-12", False, -12),
        ("integer", str(2**63 - 1), False, 2**63 - 1),
        ("integer", str(-(2**63)), False, -(2**63)),
        ("decimal", "750.00", False, Decimal("750.00")),
        ("decimal", "-0.1", True, Decimal("-0.1")),
        ("decimal", "9007199254740993.1", False, Decimal("9007199254740993.1")),
        ("role", "helper", False, "helper"),
        ("role", "none", False, "none"),
        ("person", "ana", False, "ana"),
        ("person", "a/b", False, "a/b"),
        ("seat", "core/ana", False, ("core", "ana")),
        ("seat", "core/ana/x", False, ("core", "ana/x")),
        ("desk", "boss/Ana@Acme.example/7", False, ("boss", "ana@acme.example", "7")),
        ("email", "Ana@ACME.example", False, "ana@acme.example"),
        ("domain", "Acme.Example", False, "acme.example"),
    ],
)
def test_text_is_read_as_its_value(
    schema: Schema, name: str, text: str, *, quoted: bool, value: Value
) -> None:
    read_value = parse_text(schema, type_of(schema, name), text, quoted)

    assert (type(read_value), read_value) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "-7",
        "+7",
        "0",
        "1.5",
        "1e5",
        "1_000",
        "0x1F",
        "0o17",
        "12:30:45",
        ".5",
        "1.",
        ".inf",
        "-.inf",
        ".nan",
        "true",
        "True",
        "no",
        "NO",
        "on",
        "Off",
        "null",
        "~",
        "",
        "2026-12-24",
        "2026-12-24T00:00:00Z",
        "2026-1-2 10:00",
        "<<",
        "=",
    ],
)
@pytest.mark.parametrize("name", ["string", "person"])
def test_ambiguous_unquoted_text_is_refused(schema: Schema, name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"^`.*quote it$"):
        parse_text(schema, type_of(schema, name), text, quoted=False)


@pytest.mark.parametrize(
    ("name", "text", "quoted", "message"),
    [
        ("string", "", True, "`` is empty; write a value or leave it out"),
        ("string", "7", False, "`7` is a number, not text; quote it"),
        ("string", "\ud800", True, "`\\ud800` has half a surrogate pair; remove it"),
        ("boolean", "yes", False, "`yes` is not a boolean; write true or false, without quotes"),
        ("boolean", "true", True, "`true` is not a boolean; write true or false, without quotes"),
        ("boolean", "True", False, "`True` is not a boolean; write true or false, without quotes"),
        ("integer", "1.0", False, "`1.0` is not an integer; write digits, without quotes"),
        ("integer", "017", False, "`017` is not an integer; write digits, without quotes"),
        ("integer", "7", True, "`7` is not an integer; write digits, without quotes"),
        ("integer", "\u0667", False, "`\u0667` is not an integer; write digits, without quotes"),
        (
            "integer",
            str(2**63),
            False,
            f"`{2**63}` does not fit into 64 bits; write a smaller number",
        ),
        ("decimal", "nan", False, "`nan` is not a decimal; write digits such as `12.50`"),
        ("decimal", "1e3", False, "`1e3` is not a decimal; write `1000` instead"),
        ("decimal", "1,50", True, "`1,50` is not a decimal; write digits such as `12.50`"),
        ("decimal", "$7", True, "`$7` is not a decimal; write digits such as `12.50`"),
        ("role", "bos", False, "`bos` is not one of boss, helper, none; did you mean `boss`?"),
        ("role", "BOSS", False, "`BOSS` is not one of boss, helper, none; did you mean `boss`?"),
        ("seat", "core", False, "`core` is no id of type seat; write <team>/<person>"),
        ("seat", "core/", False, "`core/` is no id of type seat; write <team>/<person>"),
        ("seat", "/ana", False, "`/ana` is no id of type seat; write <team>/<person>"),
        ("email", "ana", False, "`ana` is not an e-mail address; write it as `name@example.com`"),
        (
            "email",
            "a@b@c",
            True,
            "`a@b@c` is not an e-mail address; write it as `name@example.com`",
        ),
        ("domain", "a..b", False, "`a..b` is not a domain; write it as `example.com`"),
        ("domain", "a@b.cd", True, "`a@b.cd` is not a domain; write it as `example.com`"),
        ("domain", "1.2.3.4", True, "`1.2.3.4` is not a domain; write it as `example.com`"),
        ("domain", "a.cd:80", True, "`a.cd:80` is not a domain; write it as `example.com`"),
        ("domain", "a\uff0fb.cd", True, "`a\uff0fb.cd` is not a domain; write it as `example.com`"),
        (
            "set of role",
            "boss",
            False,
            "`boss` is no set of role; write a list, such as `[a, b]`",
        ),
    ],
)
def test_invalid_text_is_refused_with_a_mend(
    schema: Schema, name: str, text: str, *, quoted: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=r"^`") as refused:
        parse_text(schema, type_of(schema, name), text, quoted)

    assert str(refused.value) == message


def test_a_long_text_is_cut_and_its_lines_joined_in_a_fault(schema: Schema) -> None:
    with pytest.raises(ValueError, match=r"^`") as refused:
        parse_text(schema, type_of(schema, "email"), "a\nb" + "c" * 100, quoted=True)

    assert str(refused.value).startswith("`a\\nb" + "c" * 57 + "…` is not an e-mail")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-24T00:00:00Z", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24t00:00:00z", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24 00:00:00+00:00", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24T01:30:00+01:30", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24T00:00:00.5-00:00", datetime(2026, 12, 24, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-12-24T00:00:00.000001Z", datetime(2026, 12, 24, 0, 0, 0, 1, tzinfo=UTC)),
        ("2026-12-24T00:00:00.000001000Z", datetime(2026, 12, 24, 0, 0, 0, 1, tzinfo=UTC)),
        ("2026-12-24T00:00Z", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24T02:00:00+0200", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-23T22:30-0130", datetime(2026, 12, 24, tzinfo=UTC)),
        # As PostgreSQL writes them.
        ("2026-12-24 00:00:00+00", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24 05:30:00.5+05:30", datetime(2026, 12, 24, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-12-23 16:07:02-07:52:58", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24T05:00+05", datetime(2026, 12, 24, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
def test_an_instant_is_read_into_utc(
    schema: Schema, text: str, *, quoted: bool, instant: datetime
) -> None:
    read_value = parse_text(schema, type_of(schema, "instant"), text, quoted)

    assert read_value == instant
    assert isinstance(read_value, datetime)
    assert read_value.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-24",
        "2026-12-24T00:00:00",
        "2026-12-24T00:00.5Z",
        "2026-12-24T00Z",
        "2026-12-24T00:00:00.0000000001Z",
        "2026-12-24T00:00:00.0000000000Z",
        "2026-13-24T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-12-24T24:00:00Z",
        "2026-12-24T00:00:60Z",
        "now",
        "",
        "2026-12-24T00:00:00.0000001Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-12-24T00:00:00+24:00",
        "2026-12-24T00:00:00+1",
        "2026-12-24T00:00:00+01:0",
        "2026-12-24T00:00:00+01:60",
        "2026-12-24T00:00:00.Z",
        "\u0662026-12-24T00:00:00Z",
        "2026-12-24T00:00:00Z\n",
    ],
)
def test_a_text_that_is_no_instant_with_an_offset_is_refused(schema: Schema, text: str) -> None:
    with pytest.raises(ValueError, match=r"^`"):
        parse_text(schema, type_of(schema, "instant"), text, quoted=True)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("instant", "2026-12-24", "is not an instant with an offset; write it as"),
        ("instant", "2026-12-24T00:00:00", "is not an instant with an offset; write it as"),
        ("instant", "2026-12-24T00Z", "is not an instant; write `2026-12-24T00:00:00Z` instead"),
        ("instant", "20261224T000000Z", "is not an instant; write `2026-12-24T00:00:00Z` instead"),
        ("instant", "2026-W52-4T00:00:00Z", "is not an instant; write `2026-12-24T00:00:00Z`"),
        ("instant", "2026-12-24T00:00:00,5Z", "is not an instant; write `2026-12-24T00:00:00.5"),
        ("instant", "2026-12-24T00:00.5Z", "is not an instant; write it as"),
        (
            "instant",
            "2026-12-24 00:00:00 +0200 CEST",
            "is not an instant; write `2026-12-24T00:00:",
        ),
        ("instant", "2026-12-24 00:00:00 CET", "is not an instant with an offset; write it as"),
        (
            "instant",
            "2026-12-24T00:00:00+01:00[Europe/Berlin]",
            "is not an instant; write `2026-12-24T00:00:00+01:00` instead",
        ),
        ("instant", "1798761600", "is not an instant with an offset; write it as"),
        ("instant", "infinity", "is no moment of the calendar; write `9999-12-31T00:00:00Z`"),
        ("instant", "-infinity", "is no moment of the calendar; write `0001-01-01T00:00:00Z`"),
        ("instant", "0044-03-15 00:00:00+00 BC", "is before the year 1; write `0001-01-01T"),
        ("instant", "2026-12-24T00:00:00.12345678Z", "has more than six digits of a second; write"),
        ("instant", "2026-12-24Z", "is not an instant; write it as"),
        ("instant", "2026-12-24 00:00:00 UTC", "is not an instant; write `2026-12-24T00:00:00Z`"),
        ("instant", "2026-12-24T0:00:00 +01:00", "is not an instant; write it as"),
        ("instant", "2026-12-24T23:59:60Z", "is a leap second; write the second before or after"),
        ("instant", "2026-12-24T00:00:00.1234567Z", "has more than six digits of a second"),
        ("instant", "2026-12-24T00:00:00.1234567890Z", "has more than six digits of a second"),
        ("decimal", "7.5e2", "is not a decimal; write `750` instead"),
        ("decimal", ".5", "is not a decimal; write `0.5` instead"),
        ("decimal", "+5.", "is not a decimal; write `5` instead"),
        ("decimal", "1e-400", "is not a decimal; write digits such as `12.50`"),
        ("decimal", "1e99", "is not a decimal; write digits such as `12.50`"),
        ("decimal", "010", "is not a decimal; write digits such as `12.50`"),
        ("decimal", "1e", "is not a decimal; write digits such as `12.50`"),
        ("decimal", ".", "is not a decimal; write digits such as `12.50`"),
        ("decimal", "-", "is not a decimal; write digits such as `12.50`"),
        ("decimal", "e1", "is not a decimal; write digits such as `12.50`"),
    ],
)
def test_a_fault_has_a_mend(schema: Schema, name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^`") as refused:
        parse_text(schema, type_of(schema, name), text, quoted=False)

    assert str(refused.value).startswith(f"`{text}` {message}")


ADDRESSES = [
    "a@b.cd",
    "first.last+tag@sub.acme.example",
    "o'hara@acme.example",
    "{x}@a-b.example",
    "jörg@acme.example",
    "राम@acme.example",
    "a@1.example",
    "a@b.test",
    "a@b.local",
    "a@sub.localhost",
    f"{'a' * 64}@acme.example",
    "a@" + ".".join(["b" * 63] * 3) + "." + "c" * 60,
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_valid_address_is_read_in_lower_case(schema: Schema, address: str) -> None:
    upper = parse_text(schema, type_of(schema, "email"), address.upper(), quoted=True)

    assert upper == parse_text(schema, type_of(schema, "email"), address, quoted=True) == address
    assert parse_json(schema, type_of(schema, "email"), address.upper()) == address


# R9: addresses that are in use are facts, and what a person proposes is checked.
HELD = [
    "a..b@docomo.example",
    "a.@docomo.example",
    ".a@b.cd",
    "zoe@intranet",
    "zoe@localhost",
    "a b@b.cd",
    " a@b.cd",
    "a@b.cd.",
    "a@b..cd",
    "a@-b.cd",
    "a@b_c.de",
    "a@1.2.3.4",
    "a@[1.2.3.4]",
    "a,b@c.de",
    '"ab"@c.de',
    "a@b.1",
    "a\0@b.cd",
    "a\u200bb@b.cd",
    f"{'a' * 65}@b.cd",
    "a@" + "b" * 64 + ".cd",
    "a@" + ".".join(["b" * 63] * 3) + "." + "c" * 61,
    "Ana <a@b.cd>",
    # Letters that lower or compose to ASCII: a person is shown another address.
    "\u212a@b.cd",
]
NO_ADDRESSES = [
    "",
    "@",
    "a@",
    "@b.cd",
    " @b.cd",
    "a@ ",
    "a@b@c.de",
    "a",
    "a@\u200b",
    "a\ud800@b.cd",
]


@pytest.mark.parametrize("address", HELD)
def test_an_odd_address_is_accepted_from_the_mount_and_not_from_a_caller(
    schema: Schema, address: str
) -> None:
    held = parse_text(schema, type_of(schema, "email"), address, quoted=True)

    assert isinstance(held, str)
    assert parse_text(schema, type_of(schema, "email"), held, quoted=True) == held
    assert parse_json(schema, type_of(schema, "email"), address) is None


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_invalid_address_is_refused_and_absent(schema: Schema, address: str) -> None:
    with pytest.raises(ValueError, match="is not an e-mail address"):
        parse_text(schema, type_of(schema, "email"), address, quoted=True)
    assert parse_json(schema, type_of(schema, "email"), address) is None


@pytest.mark.parametrize(
    ("spellings", "canonical"),
    [
        (["münchen.example", "MÜNCHEN.example", "mu\u0308nchen.example", "xn--mnchen-3ya.example",
          "XN--Mnchen-3ya.EXAMPLE", "münchen\u3002example", "münchen.example."],
         "xn--mnchen-3ya.example"),
        (["evil.example", "EVIL.example", "\uff45vil.example", "evil.example.",
          "ev\u00adil.example",
          "evil\uff0eexample"], "evil.example"),
        (["outlook.com", "outloo\u212a.com"], "outlook.com"),
        (["a_b.münchen.example", "A_B.xn--mnchen-3ya.example"], "a_b.xn--mnchen-3ya.example"),
        (["\u2603.net", "xn--n3h.net"], "xn--n3h.net"),
        (["faß.de"], "xn--fa-hia.de"),
        (["intranet", "INTRANET"], "intranet"),
    ],
)  # fmt: skip
def test_each_spelling_of_a_domain_is_read_as_one(
    schema: Schema, spellings: Sequence[str], canonical: str
) -> None:
    for spelling in spellings:
        assert parse_text(schema, type_of(schema, "domain"), spelling, quoted=True) == canonical
        address = parse_text(schema, type_of(schema, "email"), f"Zoe@{spelling}", quoted=True)
        assert address == f"zoe@{canonical}"
        proposed = parse_json(schema, type_of(schema, "email"), f"Zoe@{spelling}")
        assert proposed in {None, address}


def test_composed_and_decomposed_addresses_are_equal(schema: Schema) -> None:
    composed = parse_json(schema, type_of(schema, "email"), "J\u00d6RG@acme.example")
    decomposed = parse_json(schema, type_of(schema, "email"), "jo\u0308rg@acme.example")

    assert composed == decomposed == "j\u00f6rg@acme.example"


@hypothesis_settings(deadline=None)
@given(
    local=st.text(max_size=12), host=st.from_regex(r"[A-Za-z0-9-]{1,5}\.[a-z]{2}", fullmatch=True)
)
def test_reading_an_address_again_changes_nothing(schema: Schema, local: str, host: str) -> None:
    address = parse_json(schema, type_of(schema, "email"), f"{local}@{host}")

    if address is not None:
        assert parse_json(schema, type_of(schema, "email"), address) == address
        assert isinstance(address, str)
        assert email_domain(address) == host.lower()
    held = (
        parse_text(schema, type_of(schema, "email"), f"{local}x@{host}", quoted=True)
        if ("@" not in local and "\ud800" not in local)
        else "x@b.cd"
    )
    assert isinstance(held, str)
    assert parse_text(schema, type_of(schema, "email"), held, quoted=True) == held


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("string", "7", "7"),
        ("boolean", True, True),
        ("integer", 3, 3),
        ("integer", 2**63, None),
        ("decimal", 3, Decimal(3)),
        ("decimal", 750.0, Decimal(750)),
        ("decimal", Decimal("749.99"), Decimal("749.99")),
        ("decimal", "749.99", Decimal("749.99")),
        ("decimal", "many", None),
        ("decimal", Decimal("Infinity"), None),
        ("decimal", Decimal("NaN"), None),
        ("decimal", Decimal("1e999999"), None),
        ("instant", "2026-12-24T00:00:00Z", datetime(2026, 12, 24, tzinfo=UTC)),
        ("instant", "tomorrow", None),
        ("email", "Ana@Acme.example", "ana@acme.example"),
        ("email", "ana", None),
        ("domain", "acme", None),
        ("domain", "MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("domain", "a_b.example", None),
        ("decimal", Decimal("1e-400"), None),
        ("decimal", Decimal("0." + "1" * 65), None),
        *[(name, "", None) for name in ("string", "email", "domain", "instant", "decimal", "role")],
        ("person", "", None),
        ("seat", "", None),
        ("role", "boss", "boss"),
        ("role", "bos", None),
        ("role", "Boss", None),
        ("person", "ana", "ana"),
        ("person", "true", "true"),
        ("seat", "core/ana", ("core", "ana")),
        ("seat", "core", None),
        ("string", "\ud800", None),
        ("set of role", ["boss", "boss"], frozenset({"boss"})),
        ("set of role", [], frozenset()),
        ("set of role", ["boss", "bos"], None),
    ],
)
def test_a_property_outside_its_domain_is_absent(
    schema: Schema, name: str, said: object, value: Value
) -> None:
    admitted = parse_json(schema, type_of(schema, name), said)

    assert (type(admitted), admitted) == (type(value), value)


class Marked(str):
    """A text of a caller that is no plain `str`, as an enum's member is."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("string", "ana"),
        ("string", "\u00e4na"),
        ("email", "ana@acme.example"),
        ("email", "\u00e4na@acme.example"),
        ("domain", "acme.example"),
        ("domain", "m\u00fcnchen.example"),
        ("decimal", "1.5"),
        ("instant", "2026-12-24T00:00:00Z"),
        ("role", "boss"),
        ("person", "ana"),
        ("seat", "core/ana"),
        ("desk", "boss/ana@acme.example/1"),
        ("set of role", "boss"),
        ("set of person", "ana"),
        ("set of seat", "core/ana"),
    ],
)
def test_a_text_of_a_subclass_of_str_is_read_as_the_plain_text(
    schema: Schema, name: str, text: str
) -> None:
    value_type, is_set = type_of(schema, name), name.startswith("set of ")

    def said(each: str) -> object:
        return [each] if is_set else each

    admitted = parse_json(schema, value_type, said(Marked(text)))

    assert admitted is not None
    assert admitted == parse_json(schema, value_type, said(text))
    assert Marked not in map(type, admitted if isinstance(admitted, frozenset) else [admitted])


WRONG_JSON: Sequence[tuple[str, Sequence[object], str]] = [
    ("string", (7, None, True, [], {}, 1.5), "must be a string"),
    *[(name, (7,), "must be a string") for name in ("email", "domain", "role", "seat", "instant")],
    ("boolean", (0, 1, "true", None), "must be a boolean"),
    ("integer", (1.0, "1", True, Decimal(1), None), "must be an integer"),
    ("decimal", (True, None, [1]), "must be a number, or a string of digits"),
    (
        "decimal",
        (749.99, float("nan"), float("inf"), 1e300, 9007199254740992.0),
        "must be a string of digits, since it has a fraction",
    ),
    ("set of role", ("boss", {"boss": 1}, 7), "must be an array"),
    ("set of role", ([7], [[]], ["boss", None]), "must be a string"),
]


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [(name, value, message) for name, values, message in WRONG_JSON for value in values],
)
def test_a_wrong_json_type_is_an_error(
    schema: Schema, name: str, said: object, message: str
) -> None:
    with pytest.raises(TypeError) as refused:
        parse_json(schema, type_of(schema, name), said)

    assert str(refused.value) == message


NAMES = st.sampled_from(
    [kind.value for kind in Kind if kind not in {Kind.ENUM, Kind.REFERENCE, Kind.SET}]
    + ["role", "person", "seat", "desk", "set of role", "set of seat"]
)
TEXTS = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Nd", "Lu", "Mn"])),
    st.text("0123456789.-+eE_:TZ/@ "),
)


@hypothesis_settings(deadline=None)
@given(name=NAMES, text=TEXTS, quoted=st.booleans())
def test_reading_any_text_raises_nothing_but_a_value_error(
    schema: Schema, name: str, text: str, *, quoted: bool
) -> None:
    try:
        value = parse_text(schema, type_of(schema, name), text, quoted)
    except ValueError as error:
        value, message = False, str(error)
    else:
        message = "`"
    assert value is not None
    assert message.startswith("`")
    assert "\n" not in message


@hypothesis_settings(deadline=None)
@given(
    name=NAMES,
    said=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), TEXTS),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=4,
    ),
)
def test_admitting_any_json_raises_nothing_but_a_type_error(
    schema: Schema, name: str, said: object
) -> None:
    try:
        value = parse_json(schema, type_of(schema, name), said)
    except TypeError as error:
        value, message = None, str(error)
    else:
        message = "must "
    assert message.startswith("must ")
    assert value is None or isinstance(
        value, str | bool | int | Decimal | datetime | tuple | frozenset
    )


@hypothesis_settings(deadline=None)
@given(
    moment=st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001 - the zone comes below
    minutes=st.integers(-23 * 60, 23 * 60),
)
def test_every_instant_that_is_written_is_read_back(
    schema: Schema, moment: datetime, minutes: int
) -> None:
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"

    read_value = parse_text(
        schema, type_of(schema, "instant"), f"{moment.isoformat()}{offset}", quoted=False
    )

    assert read_value == moment.replace(tzinfo=UTC) - timedelta(minutes=minutes)


@hypothesis_settings(deadline=None)
@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**30), max_value=10**30
    )
)
def test_every_decimal_that_is_written_is_read_back_exactly(
    schema: Schema, number: Decimal
) -> None:
    read_value = parse_text(schema, type_of(schema, "decimal"), f"{number:f}", quoted=False)

    assert read_value == number


@hypothesis_settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_the_id_of_a_key_has_that_key(schema: Schema, team: str, person: str) -> None:
    key = key_of(schema, "seat", f"{team}/{person}")

    if key is not None:
        assert id_of(key) == f"{team}/{person}"
    if "/" not in team and key is not None:
        assert key == (team, person)


@pytest.mark.parametrize("text", ["", "a", "/a", "a/", "/", "a/\ud800"])
def test_an_id_that_no_entity_can_have_has_no_key(schema: Schema, text: str) -> None:
    assert key_of(schema, "seat", text) is None


def test_an_id_outside_the_domain_of_its_key_column_has_no_key(schema: Schema) -> None:
    assert key_of(schema, "desk", "boss/a@b.cd/7") == ("boss", "a@b.cd", "7")
    assert key_of(schema, "desk", "king/a@b.cd/7") is None
    assert key_of(schema, "desk", "boss/nobody/7") is None
