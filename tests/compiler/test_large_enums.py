"""Two attributes of an enum with many values are compared by one test."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.compiler.compile import compile_pack
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import assemble
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import read_directory
from sidecar.model import Reference, Request

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = """
allow(user: User, _: Action, doc: Doc) if user.place = doc.place;
forbid(user: User, _: Action, doc: Doc, "here") if user.place = "p7" and doc.place = user.place;
"""


def write(directory: Path, values: int) -> tuple[Path, Path]:
    policies, fixtures = directory / "policies", directory / "fixtures"
    world = fixtures / "worlds/demo"
    world.mkdir(parents=True)
    policies.mkdir()
    place = f"place: [{', '.join(f'p{number}' for number in range(values))}]"
    (fixtures / "schema.yaml").write_text(f"""
enums: {{{place}}}
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {{id: string, place: {{type: place, optional: true}}}}
  doc:
    table: docs
    key: id
    attributes: {{id: string, place: {{type: place, default: p3}}}}
    actions: [read]
""")
    (fixtures / "settings.yaml").write_text("")
    (fixtures / "reasons.yaml").write_text("reasons: {here: Not here.}\n")
    (policies / "main.polar").write_text(RULES)
    (world / "users.yaml").write_text("- {id: a, place: p3}\n- {id: b, place: p7}\n- {id: c}\n")
    (world / "docs.yaml").write_text("- {id: d}\n- {id: e, place: p7}\n- {id: f, place: p2}\n")
    return policies, fixtures


def compiled(policies: Path, fixtures: Path) -> Policy:
    pack, sentences = read_texts(policies, fixtures)
    return assemble(pack, sentences, compile_pack(pack))


@pytest.mark.parametrize("values", [12, 1_000])
def test_two_values_are_compared_as_they_are(values: int, tmp_path: Path) -> None:
    policies, fixtures = write(tmp_path, values)
    policy = compiled(policies, fixtures)
    facts = read_directory(policy.schema, fixtures / "worlds/demo")

    decisions = {
        f"{user}{doc}": authorize(
            Request(subject=Reference("user", user), action="read", resource=Reference("doc", doc)),
            policy,
            facts,
            NOW,
        )
        for user in "abc"
        for doc in "def"
    }

    assert policy.notices == ()
    assert [name for name, decision in decisions.items() if decision.allowed] == ["ad"]
    assert [each.code for each in decisions["be"].reasons] == ["here"]


def test_an_enum_of_a_thousand_values_compiles_in_less_than_a_second(tmp_path: Path) -> None:
    policies, fixtures = write(tmp_path, 1_000)
    pack, _ = read_texts(policies, fixtures)
    began = time.process_time()

    compile_pack(pack)

    assert time.process_time() - began < 1
