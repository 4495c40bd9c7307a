import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT
from tests.reference import Answer, Pack, World, decide
from tests.reference.suites import disagreements

PACKS = Path(__file__).parent / "packs"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)

FILE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def entity(reference: str) -> dict[str, str]:
    type_name, _, identifier = reference.partition(":")
    return {"type": type_name, "id": identifier}


def answer(
    number: int, subject: str, action: str, resource: str, **said: Mapping[str, Any]
) -> Answer:
    pack = Pack.load(PACKS / str(number) / "policies", PACKS / str(number) / "fixtures")
    world = World.load(pack, PACKS / str(number) / "fixtures/worlds/demo")
    request = {
        "subject": entity(subject) | {"properties": said.get("subject_properties")},
        "action": {"name": action, "properties": said.get("properties")},
        "resource": entity(resource) | {"properties": said.get("resource_properties")},
        "context": said.get("context"),
    }
    return decide(pack, world, request, NOON)


@pytest.mark.many
def test_it_agrees_with_the_suites_of_the_shipped_pack() -> None:
    policies = ROOT / "policies"
    suites = sorted(policies.glob("*_test.yaml"))
    assert suites
    assert not list(disagreements(policies, ROOT / "fixtures", suites))


@pytest.mark.parametrize("number", [60, 61, 62])
def test_it_agrees_with_the_suites_of_whole_packs(number: int) -> None:
    pack = PACKS / str(number)
    suites = sorted((pack / "suites").glob("*.yaml"))
    assert suites
    assert not list(disagreements(pack / "policies", pack / "fixtures", suites))


def test_it_agrees_with_the_suites_of_the_documentation(tmp_path: Path) -> None:
    text = (ROOT / "docs/packs.md").read_text(encoding="utf-8")
    for name, content in FILE.findall(text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    policies = tmp_path / "policies"
    suites = sorted(policies.glob("*_test.yaml"))
    assert len(suites) == 2
    assert not list(disagreements(policies, tmp_path / "fixtures", suites))


def test_a_suite_with_a_wrong_expectation_is_told(tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "suite: wrong\nworld: demo\nnow: 2026-11-30T12:00:00Z\ncases:\n"
        "- {name: reads, subjects: [stranger], resource: 'repository:app', actions: [view, push],\n"
        "   allow: {stranger: [view]}, because: {stranger: {push: archived}}}\n",
        encoding="utf-8",
    )
    found = disagreements(PACKS / "60/policies", PACKS / "60/fixtures", [suite])
    assert [each.action for each in found] == ["view", "push"]


EVIL = ["banned", "dom", "lit", "set"]


@pytest.mark.parametrize(
    ("number", "request_line", "reasons"),
    [
        (20, "staff:eve@acme.example approve expense:e1", ["own"]),
        (20, "staff:Eve@Acme.example approve expense:e1", ["own"]),
        (20, "staff:EVE@acme.example see expense:e1", ["banned"]),
        (20, "staff:x@acme.example register account:Ana@acme.example", ["already_exists"]),
        (21, "caller:eve@evil.example read doc:d", EVIL),
        (21, "caller:Eve@Evil.example read doc:d", EVIL),
        (21, "person:ana@acme.example open site:EVIL.example", ["host", "hosts"]),
        (21, "person:ana@acme.example open site:www.EVIL.example", ["hosts"]),
        (21, "caller:x@y.example open plan:zzz", ["unknown_resource"]),
        (21, "caller:nonsense read doc:d", ["unknown_subject"]),
        (21, "person:ana@acme.example read doc:d", []),
        (21, "person:Ana@ACME.example read doc:d", []),
        (22, "person:ana share doc:d", ["not_everybody"]),
        (22, "person:ana mail doc:d", ["not_all"]),
        (22, "person:ana mark doc:d", ["not_secret"]),
        (23, "person:ana use doc:d", []),
        (23, "person:ana peek doc:d", ["loud"]),
        (24, "person:eve read doc:d", ["blocked"]),
        (24, "person:eve list doc:d", ["blocked"]),
        (24, "person:eve show block:b1", []),
        (25, "person:ana place call:1", ["premium"]),
        (25, "person:ana log call:1", ["abroad"]),
        (26, "person:ana pay org:o", ["limited"]),
        (26, "person:ana see org:o", []),
        (27, "person:mallory enter lab:optics", ["not_granted"]),
        (27, "person:mallory leave lab:optics", ["not_granted"]),
        (27, "person:mallory boss lab:optics", ["not_granted"]),
        (28, "person:eve view person:eve", ["no"]),
        (30, "person:ana a doc:d", ["dear"]),
        (30, "person:ana b doc:d", ["dear"]),
        (30, "person:ana c doc:d", ["dear"]),
        (30, "person:ana d doc:d", ["dear"]),
        (31, "person:ana a doc:d", ["not_granted"]),
        (31, "person:ana b doc:d", ["not_granted"]),
        (31, "person:ana c doc:d", ["not_granted"]),
        (32, "person:ana a doc:d", ["not_granted"]),
        (32, "person:ana b doc:d", ["not_granted"]),
        (63, "robot:r view doc:d", ["unknown_resource", "unknown_subject"]),
    ],
)
def test_the_small_cases_are_decided_as_their_readme_expects(
    number: int, request_line: str, reasons: list[str]
) -> None:
    subject, action, resource = request_line.split()
    decided = answer(number, subject, action, resource)
    assert (decided.decision, sorted(decided.reasons)) == (not reasons, reasons)


@pytest.mark.parametrize("action", ["store", "burn"])
def test_a_property_may_be_narrowed_in_one_action_only(action: str) -> None:
    assert answer(29, "person:ana", action, "lab:l", properties={"what": "chemical"}).decision
    assert not answer(29, "person:ana", action, "lab:l", properties={"what": "radiation"}).decision
