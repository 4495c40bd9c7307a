"""`pytest policies/` in anybody's repository: what is collected, how it fails, what it costs."""

from __future__ import annotations

import shutil

import pytest

from tests.paths import ROOT

pytest_plugins = ["pytester"]

PACK = {"policies": ROOT / "policies", "fixtures": ROOT / "fixtures"}

CASE = """\
suite: switching
world: demo
now: 2026-12-01T12:00:00Z
cases:
  - name: bob may switch
    resource: account:acme
    subjects: [bob]
    actions: [switch]
"""
ALLOWED = CASE + "    allow: {bob: [switch]}\n"


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """Somebody's repository with a pack and without suites."""
    for name, shipped in PACK.items():
        ignored = shutil.ignore_patterns("*_test.yaml", "documents", "certification")
        shutil.copytree(shipped, pytester.path / name, ignore=ignored)
    return pytester


def run(repository: pytest.Pytester, *args: str) -> pytest.RunResult:
    # Another plugin, which is of no matter here, slows every start.
    return repository.runpytest_subprocess("-p", "no:schemathesis", *args)


def write(repository: pytest.Pytester, name: str, text: str) -> None:
    (repository.path / "policies" / name).write_text(text)


def test_each_cell_is_a_test_with_its_sentence_as_its_name(repository: pytest.Pytester) -> None:
    write(repository, "switch_test.yaml", ALLOWED.replace("[bob]", "[bob, mallory]", 1))
    write(repository, "other_test.yaml", "pages: 7\n")

    result = run(repository, "policies", "-v")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "policies/switch_test.yaml::bob may switch: user:bob switch account:acme PASSED*",
            "policies/switch_test.yaml::bob may switch: user:mallory switch account:acme PASSED*",
        ]
    )


def test_failures_read_as_those_of_the_command(repository: pytest.Pytester) -> None:
    write(repository, "switch_test.yaml", CASE)

    result = run(repository, "policies")

    result.assert_outcomes(failed=1)
    sentence = "bob may switch: user:bob switch account:acme"
    told = f"policies/switch_test.yaml:5: {sentence} is allowed, and should be denied"
    result.stdout.fnmatch_lines([told])
    for python in ("*Traceback*", "*pytest_plugin.py*", "*runtest*"):
        result.stdout.no_fnmatch_line(python)


def test_faults_of_suites_and_packs_are_collection_errors(repository: pytest.Pytester) -> None:
    write(repository, "never_test.yaml", CASE + "    allow: {bob: [transfer]}\n")
    write(repository, "slip_test.yaml", ALLOWED.replace("suite:", "suit:"))
    write(repository, "switch_test.yaml", ALLOWED.replace("suite: switching", "suite: fine"))

    result = run(repository, "policies", "--continue-on-collection-errors")

    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(
        [
            "policies/never_test.yaml:9: `allow` of `bob`: `transfer` is not in the grid",
            "policies/slip_test.yaml:*`suit`*`suite`*",
        ]
    )


def test_fixtures_that_lie_elsewhere_are_named_in_the_configuration(
    repository: pytest.Pytester,
) -> None:
    write(repository, "switch_test.yaml", ALLOWED)
    (repository.path / "fixtures").rename(repository.path / "elsewhere")

    without = run(repository, "policies")
    repository.makeini("[pytest]\nsidecar_fixtures = elsewhere\n")
    with_them = run(repository, "policies")

    without.assert_outcomes(errors=1)
    without.stdout.fnmatch_lines(
        ["there is no `fixtures` beside *; name the directory with `sidecar_fixtures`"]
    )
    with_them.assert_outcomes(passed=1)


def test_a_run_without_suites_imports_nothing_of_the_sidecar(pytester: pytest.Pytester) -> None:
    (pytester.path / "other_test.yaml").write_text("cases: [1]\n")
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_imported():
            found = {name for name in sys.modules if name.split(".")[0] in {"sidecar", "oso"}}
            assert found == {"sidecar", "sidecar.pytest_plugin"}
        """
    )

    result = run(pytester)

    result.assert_outcomes(passed=1)
