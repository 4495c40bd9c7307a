"""Every case of the shipped policy's suites, and what the suites as a whole must cover."""

from __future__ import annotations

import re
from functools import cache

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.facts import read_directory
from sidecar.review.invariants import prove
from sidecar.review.pack_revisions import PackPlace
from sidecar.suites import Cell, read_suites, run_suite
from tests.paths import ROOT

POLICIES = ROOT / "policies"
FIXTURES = ROOT / "fixtures"

ROLES = {
    "ana": "owner",
    "bob": "admin",
    "dora": "developer",
    "finn": "finance_analyst",
    "sue": "support",
}
STRANGER = "mallory"


@cache
def shipped() -> Policy:
    return load_pack(POLICIES, FIXTURES)


@cache
def grid() -> tuple[Cell, ...]:
    return tuple(
        cell
        for suite in read_suites(POLICIES)
        for cell in run_suite(suite, shipped(), FIXTURES / "worlds")
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Find the cases; that they are tried is left to the process that runs their test."""
    if "case" in metafunc.fixturenames:
        named = {
            f"{suite.name}: {case.name}": (suite.name, case.name)
            for suite in read_suites(POLICIES)
            for case in suite.cases
        }
        metafunc.parametrize("case", named.values(), ids=named)


def test_answers_are_those_that_the_suite_expects(case: tuple[str, str]) -> None:
    cells = [cell for cell in grid() if (cell.suite, cell.case.name) == case]

    wrong = [
        f"{cell.case.file}:{cell.case.line}: {cell.name} {cell.failure}"
        for cell in cells
        if cell.failure is not None
    ]

    assert cells
    assert wrong == []


def test_shipped_policy_is_compiled_without_a_rest() -> None:
    policy = shipped()

    assert policy.notices == ()


@pytest.mark.parametrize("subject", [*ROLES, STRANGER])
@pytest.mark.parametrize("type_name", ["account", "membership", "invitation", "number"])
def test_every_role_and_the_stranger_are_asked_for_every_action(
    subject: str, type_name: str
) -> None:
    declared = set(shipped().schema.types[type_name].actions)

    asked = {
        cell.action
        for cell in grid()
        if cell.subject.id == subject and cell.resource.type == type_name
    }

    # Those who have a role in acme accept nothing and create nothing there that others do not.
    assert declared <= asked | ({"create", "accept"} if type_name == "invitation" else set())


def test_every_reason_is_expected_by_a_case() -> None:
    expected = {code for cell in grid() for code in cell.reasons or ()}

    # No rule of the shipped policy fails, none of its chains has a depth, and a case has no mount
    # that could be out of date; the tests of the compiler and of the HTTP edge have all three.
    # Requests of reverse proxies are denied with reasons of their own before a policy is asked.
    of_gateways = {
        *("ambiguous_path", "gateway_headers", "no_route", "not_identified", "unmet_obligation")
    }
    untried = {"data_error", "policy_error", "stale_data"} | of_gateways
    assert set(shipped().sentences.reasons) - expected == untried


def test_every_obligation_is_expected_by_a_case() -> None:
    expected = {code for cell in grid() for code in cell.obligations or ()}

    assert expected == set(shipped().sentences.obligations)


def test_whoever_is_denied_without_a_reason_is_somebody_in_the_world() -> None:
    people = read_directory(shipped().schema, FIXTURES / "worlds" / "demo").rows("user")

    slips = {
        f"{cell.case.file}:{cell.case.line}: {cell.subject}"
        for cell in grid()
        if cell.reasons is None and not cell.allowed and cell.subject.id not in people
    }

    assert slips == set()


def test_every_case_says_in_a_sentence_who_may_or_may_not() -> None:
    names = {case.name for suite in read_suites(POLICIES) for case in suite.cases}

    assert [name for name in sorted(names) if not re.search(r"\bmay\b", name)] == []


def test_a_file_rules_each_resource_and_cites_the_requirements() -> None:
    files = {path.stem: path.read_text() for path in POLICIES.glob("*.polar")}
    cited = {f"R{number}" for number in range(1, 20)} - {"R14"}

    assert set(files) == {"main", "account", "membership", "invitation", "number"}
    assert cited - set(re.findall(r"\bR\d+\b", "".join(files.values()))) == set()


def test_matrix_is_the_one_that_was_approved() -> None:
    result = CliRunner().invoke(
        main,
        ["matrix", "--golden", str(POLICIES / "matrix.txt")],
        env={"SIDECAR_POLICIES": str(POLICIES), "SIDECAR_FIXTURES": str(FIXTURES)},
    )

    assert (result.exit_code, result.stdout) == (0, ""), "if it is meant: `make matrix`"


def test_every_invariant_holds_in_every_state() -> None:
    schema, verdicts = prove(PackPlace("shipped", POLICIES, FIXTURES))

    assert schema.types
    assert [each.invariant.name for each in verdicts if not each.holds] == []


def test_invariants_cite_the_requirements() -> None:
    cited = set(re.findall(r"R\d+", (POLICIES / "invariants.yaml").read_text()))

    # R14 and R21 are about sentences and labels, R16 is a search: other tests hold them.
    assert {f"R{number}" for number in range(1, 21)} - {"R14", "R16", "R17"} <= cited | _spanned()


def _spanned() -> set[str]:
    """The requirements between two that are cited as a span: `R15 to R18`."""
    text = (POLICIES / "invariants.yaml").read_text()
    return {
        f"R{number}"
        for first, last in re.findall(r"R(\d+) to R(\d+)", text)
        for number in range(int(first), int(last) + 1)
    }
