"""Literals of a policy mean what a fact of their type would, wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.compiler import load_pack
from sidecar.compiler.compile import InvalidPolicyError, compile_pack
from sidecar.compiler.pack import read_texts
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Reference, Request

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SCHEMA = """\
types:
  person:
    subject: true
    table: people
    key: id
    attributes: {{id: string, email: email, note: string}}
  doc:
    table: docs
    key: id
    attributes:
      id: string
      cost: decimal
      n: integer
      numbers: set of integer
      costs: set of decimal
      flags: set of boolean
    lookups:
      priced: {{finds: price, arguments: {{cost: decimal}}, match: {{doc: this, cost: cost}}}}
      numbered: {{finds: price, arguments: {{n: integer}}, match: {{doc: this, n: n}}}}
      flagged: {{finds: price, arguments: {{open: boolean}}, match: {{doc: this, open: open}}}}
    actions: [{actions}]
  price:
    table: prices
    key: id
    attributes: {{id: string, doc: doc, cost: decimal, n: integer, open: boolean}}
    actions: [change, list]
settings: {{limit: decimal, exact: decimal}}
"""
SETTINGS = "limit: 49.50\nexact: 123456789012345678901234567890.12\n"
WORLD = {
    "people": "- {id: ana, email: Ana@Acme.example, note: Ana@Acme.example}\n",
    "docs": "- {id: d, cost: 60.00, n: 60, numbers: [5, 7], costs: [0.50, 7], flags: [true]}\n",
    "prices": "- {id: p, doc: d, cost: 0.5, n: 5, open: true}\n",
}
RULES = """\
allow(_: Person, _, _: Doc);
allow(_: Person, _, _: Price);
met(_: Person, _: Doc);
dearer(doc: Doc, limit: Decimal) if doc.cost > limit;
over(doc: Doc, limit: Integer) if doc.n > limit;
is_decimal(_: Decimal);
is_integer(_: Integer);
same(left, right) if left = right;
one_of(address) if address in ["x@y.example", "ANA@acme.example"];
listed("Ana@Acme.EXAMPLE");
"""
HOLDING = [
    "dearer(doc, 49.50)",
    "dearer(doc, 50)",
    "dearer(doc, 50.0)",
    "dearer(doc, settings.limit)",
    "over(doc, 50)",
    "over(doc, 50.0)",
    "over(doc, 5e1)",
    "is_decimal(49.50)",
    "is_decimal(7)",
    "is_integer(7.0)",
    "doc.numbers.includes(5) = true",
    "doc.numbers.includes(5.0) = true",
    "doc.costs.includes(0.5) = true",
    "doc.costs.includes(7) = true",
    "doc.flags.includes(true) = true",
    "doc.priced(0.50).exists = true",
    "doc.numbered(5).exists = true",
    "doc.numbered(5.0).exists = true",
    "doc.flagged(true).exists = true",
    'person.email = "ANA@acme.example"',
    'person.email in ["x@y.example", "ana@ACME.example."]',
    'one_of("ana@Acme.example")',
    "one_of(person.email)",
    "listed(person.email)",
    'listed("ana@acme.example")',
    'same("ana@acme.example", "ANA@ACME.example")',
    'same(person.email, "ANA@ACME.example")',
    'forall(x in ["ANA@ACME.example", "ana@acme.EXAMPLE"], x = "Ana@acme.example")',
]
FAILING = [
    "dearer(doc, 60.00)",
    "over(doc, 60.0)",
    "over(doc, 49.5)",
    "is_integer(49.50)",
    "is_integer(settings.limit)",
    "doc.numbers.includes(6) = true",
    "doc.costs.includes(0.51) = true",
    "doc.flags.includes(false) = true",
    "doc.priced(0.51).exists = true",
    "doc.numbered(7).exists = true",
    "doc.flagged(false).exists = true",
    'same("ana@acme.example", "bob@acme.example")',
    'same("Head", "head")',
    # With binary numbers, or rounded to the digits of a context, it would be the other way round.
    "doc.cost >= settings.exact",
]
CONDITIONS = [*HOLDING, *FAILING]


def _write(path: Path, rules: str, actions: str, reasons: str = "x") -> tuple[Path, Path]:
    policies, fixtures = path / "policies", path / "fixtures"
    world = fixtures / "worlds" / "demo"
    for directory in (policies, world):
        directory.mkdir(parents=True)
    (policies / "main.polar").write_text(rules)
    (fixtures / "schema.yaml").write_text(SCHEMA.format(actions=actions))
    (fixtures / "settings.yaml").write_text(SETTINGS)
    told = "".join(f"  {each}: X.\n" for each in reasons.split())
    (fixtures / "reasons.yaml").write_text(f"reasons:\n{told}")
    for table, rows in WORLD.items():
        (world / f"{table}.yaml").write_text(rows)
    return policies, fixtures


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Policy, Snapshot]]:
    rules = [
        f'forbid(person: Person, _: Action{{name: "a{place}"}}, doc: Doc, "x") if'
        f" met(person, doc) and (doc.n = 1 or not ({condition}));\n"
        for place, condition in enumerate(CONDITIONS)
    ]
    actions = ", ".join(f"a{place}" for place in range(len(CONDITIONS)))
    policies, fixtures = _write(tmp_path_factory.mktemp("pack"), RULES + "".join(rules), actions)
    policy = load_pack(policies, fixtures)
    yield policy, read_directory(policy.schema, fixtures / "worlds" / "demo")
    policy.interpreter.close()


def _reasons(policy: Policy, snapshot: Snapshot, action: str, resource: str) -> list[str]:
    request = Request(
        subject=Reference("person", "ana"),
        action=action,
        resource=Reference(*resource.split(":")),
    )
    decision = authorize(request, policy, snapshot, NOW)
    assert not decision.faults
    return [reason.code for reason in decision.reasons]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_literal_is_what_a_fact_of_its_type_would_be(
    pack: tuple[Policy, Snapshot], condition: str
) -> None:
    reasons = _reasons(*pack, f"a{CONDITIONS.index(condition)}", "doc:d")

    assert reasons == ([] if condition in HOLDING else ["x"])


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            "doc.cost > 1e-400",
            "`1e-400` is too large or too small to be kept exactly; write digits",
        ),
        ("doc.cost > 1e400", "`1e400` is too large or too small to be kept exactly"),
        ("doc.cost > 1e-99999999999999999999", "is too large or too small to be kept exactly"),
        ("doc.costs.includes(1e-400) = true", "is too large or too small to be kept exactly"),
        ("doc.cost > 0.1234567890123456789", "has more than 15 digits; put it into the settings"),
        (
            "doc.numbers.includes(5.5) = true",
            "looks up by an `integer`, which this argument is not",
        ),
        ("doc.numbers.includes(true) = true", "looks up by an `integer`"),
        ('doc.costs.includes("5") = true', "looks up by a `decimal`"),
        (
            'person.note = "ana@acme.example" or person.email = "ANA@acme.example"',
            "is written in several spellings, and compared with a string; write one spelling",
        ),
    ],
)
def test_a_literal_that_cannot_be_kept_exactly_does_not_load(
    tmp_path: Path, condition: str, message: str
) -> None:
    rules = (
        "allow(_: Person, _, _: Doc);\nmet(_: Person, _: Doc);\n"
        f'forbid(person: Person, _, doc: Doc, "x") if met(person, doc) and ({condition});\n'
    )
    pack, _ = read_texts(*_write(tmp_path, rules, "read"))

    with pytest.raises(InvalidPolicyError) as refused:
        compile_pack(pack)

    assert message in str(refused.value.problems[0])
    assert refused.value.problems[0].line == 3


def test_the_name_of_an_action_that_only_another_type_declares_is_compared_as_a_name(
    tmp_path: Path,
) -> None:
    rules = """\
allow(_: Person, _, _: Doc);
allow(_: Person, _, _: Price);
changing(action: Action) if action.name in ["change", "read"];
forbid(_: Person, action: Action, _, "other") if not action.name = "change";
forbid(_: Person, _: Action{name: "change"}, _, "pattern");
forbid(_: Person, action: Action, _, "rule") if changing(action);
forbid(_: Person, action: Action, _: Doc, "typed") if action.name = "list";
"""
    policies, fixtures = _write(tmp_path, rules, "read", "other pattern rule typed")
    policy = load_pack(policies, fixtures)
    snapshot = read_directory(policy.schema, fixtures / "worlds" / "demo")

    def reasons(action: str, resource: str) -> list[str]:
        return _reasons(policy, snapshot, action, resource)

    assert reasons("change", "price:p") == ["pattern", "rule"]
    assert reasons("change", "doc:d") == ["pattern", "rule", "unknown_action"]
    assert reasons("read", "doc:d") == ["other", "rule"]
    assert reasons("read", "price:p") == ["other", "rule", "unknown_action"]
    assert reasons("list", "doc:d") == ["other", "typed", "unknown_action"]
    assert reasons("list", "price:p") == ["other"]
    assert reasons("fly", "doc:d") == ["other", "unknown_action"]
    policy.interpreter.close()
