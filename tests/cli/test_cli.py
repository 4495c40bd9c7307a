"""The command line: what it prints, where, and with which status."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
from click.testing import CliRunner, Result

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli import serve as serving
from sidecar.cli.request_options import json_values
from sidecar.config.settings import Settings
from sidecar.config.variables import FORMS, variable
from sidecar.schema import Attribute, Kind, ValueType

AT = ("--at", "2026-12-01T12:00:00Z")
COMMANDS = ("serve", "check", "authorize", "permissions", "test", "tree")


def run(*args: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(args), env=environment)


@pytest.fixture
def pack(tmp_path: Path) -> tuple[str, ...]:
    """A pack of one's own to edit, as options."""
    shipped = Settings()
    shutil.copytree(shipped.policies, tmp_path / "policies")
    shutil.copytree(shipped.fixtures, tmp_path / "fixtures")
    return ("--policies", str(tmp_path / "policies"), "--fixtures", str(tmp_path / "fixtures"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command: str) -> None:
    result = run(command, "--help")

    assert result.exit_code == 0
    assert "Usage: main" in result.output


def test_the_version_is_that_of_the_installed_package() -> None:
    result = run("--version")

    assert (result.exit_code, result.output) == (0, f"sidecar {version('sidecar')}\n")


def test_the_help_names_defaults_and_exit_statuses() -> None:
    output = " ".join(run("--help").output.split())

    assert "source checkout, or of the installed package" in output
    assert "0 yes, 1 no, 2 no answer" in output


@pytest.mark.parametrize("name", FORMS)
def test_every_setting_is_an_option_and_a_variable_of_serve(name: str) -> None:
    output = " ".join(run("serve", "--help").output.split())

    assert f"--{name.replace('_', '-')} " in output
    assert f"env var: {variable(name)}" in output


@pytest.mark.parametrize(
    ("args", "status", "first_words"),
    [
        (["user:ana", "numbers.edit", "account:acme"], EXIT_YES, ["allow"]),
        (["user:mallory", "numbers.view", "account:acme"], EXIT_NO, ["deny", "reason not_granted"]),
        (
            ["user:ana", "remove", "membership:acme/bob"],
            EXIT_YES,
            ["allow", "obligation confirm_irreversible"],
        ),
        (
            ["user:ana", "change_role", "membership:acme/bob"],
            EXIT_NO,
            ["deny", "reason role_not_assignable"],
        ),
        (
            ["user:ana", "change_role", "membership:acme/bob", "--property", "role=support"],
            EXIT_YES,
            ["allow"],
        ),
        (
            ["user:ana", "change_role", "membership:acme/bob", "--property", "role="],
            EXIT_NO,
            ["deny", "reason role_not_assignable"],
        ),
        (
            [
                "user:ana", "create", "invitation:new", "--resource-property", "account=acme",
                "--resource-property", "email=", "--resource-property", "role=support",
            ],
            EXIT_NO,
            ["deny", "reason invalid_email"],
        ),
        (
            [
                "user:ana", "create", "invitation:new", "--resource-property", "account=acme",
                "--resource-property", "email=a@München.example",
                "--resource-property", "role=support",
            ],
            EXIT_YES,
            ["allow"],
        ),
        (
            [
                "user:ana", "create", "invitation:new", "--context", "via_proxy=true",
                "--resource-property", "account=acme", "--resource-property", "email=a@b.example",
                "--resource-property", "role=support",
            ],
            EXIT_NO,
            ["deny", "reason via_proxy"],
        ),
        (["user:cy", "accept", "invitation:inv-7"], EXIT_YES, ["allow"]),
        (
            ["user:cy", "accept", "invitation:inv-7", "--at", "2026-12-24T01:00:00+01:00"],
            EXIT_NO,
            ["deny", "reason expired"],
        ),
        (["robot:r2", "fly", "moon:m"], EXIT_NO, ["deny", "reason", "reason", "reason"]),
    ],
)  # fmt: skip
def test_authorize_prints_the_decision_and_exits_with_its_status(
    args: list[str], status: int, first_words: list[str]
) -> None:
    at = () if "--at" in args else AT

    result = run("authorize", *args, *at)

    lines = result.stdout.splitlines()
    assert result.exit_code == status
    assert len(lines) == len(first_words)
    assert all(line.startswith(word) for line, word in zip(lines, first_words, strict=True))
    beside = _without_pack(result.stderr)
    is_noted = beside.endswith("is outside its domain, so nothing is granted\n")
    assert not beside or (is_noted and status == EXIT_NO)


def test_a_reason_is_printed_with_its_sentence() -> None:
    result = run("authorize", "user:bob", "transfer", "account:acme", *AT)

    code, _, sentence = result.stdout.splitlines()[1].partition(": ")
    assert code == "reason owner_is_fixed"
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ana", "switch", "account:acme"], "`ana` must be written `type:id`"),
        (["user:ana", "switch", "account:"], "`account:` must be written `type:id`"),
        (["user:ana", "switch"], "Missing argument 'RESOURCE'"),
        (
            ["user:ana", "switch", "account:acme", "--at", "2026-12-01T12:00:00"],
            "is not an instant with an offset",
        ),
        (
            ["user:ana", "switch", "account:acme", "--context", "via_proxy"],
            "`via_proxy` must be written `name=value`",
        ),
        (
            ["user:ana", "switch", "account:acme", "--context", "via_proxy=yes"],
            "`via_proxy` must be true or false, not `yes`",
        ),
        (["user:ana", "switch", "account:acme", "--data", "/nowhere"], "nowhere: cannot be read"),
        (["user:ana", "switch", "account:acme", "--policies", "/nowhere"], "`--fixtures`"),
    ],
)
def test_an_invalid_request_is_an_error_on_standard_error(args: list[str], message: str) -> None:
    result = run("authorize", *args)

    assert (result.exit_code, result.stdout) == (EXIT_TROUBLE, "")
    assert message in result.stderr


def test_an_undeclared_property_is_ignored_with_a_warning() -> None:
    result = run(
        "authorize",
        "user:ana",
        "change_role",
        "membership:acme/bob",
        "--property",
        "rol=support",
        *AT,
    )

    assert result.exit_code == EXIT_NO
    assert _without_pack(result.stderr) == (
        "warning: --property `rol` is not declared, ignored; did you mean `role`?\n"
    )


def test_now_cannot_be_given_as_a_member_of_the_context() -> None:
    result = run(
        "authorize",
        "user:cy",
        "accept",
        "invitation:inv-7",
        "--context",
        "now=2020-01-01T00:00:00Z",
        *AT,
    )

    assert "warning: --context `now` is not declared, ignored" in result.stderr


def test_the_time_can_come_from_the_environment() -> None:
    result = run(
        "authorize", "user:cy", "accept", "invitation:inv-7", SIDECAR_AT="2027-01-01T00:00:00Z"
    )

    assert result.exit_code == EXIT_NO


@pytest.mark.parametrize(
    ("args", "status", "output"),
    [
        (["user:sue", "membership:acme/bob"], EXIT_NO, ""),
        (["user:cy", "invitation:inv-7"], EXIT_YES, "accept\n"),
        (
            ["user:ana", "membership:acme/bob", "--property", "role=support"],
            EXIT_YES,
            "change_role\nremove obligation confirm_irreversible\n",
        ),
        (
            ["user:dora", "number:n", "--resource-property", "account=acme"],
            EXIT_YES,
            "view\nedit\n",
        ),
        (["user:nobody", "account:acme"], EXIT_NO, ""),
    ],
)
def test_permissions_are_listed_line_by_line(args: list[str], status: int, output: str) -> None:
    result = run("permissions", *args, *AT)

    assert (result.exit_code, result.stdout) == (status, output)


def test_check_prints_the_revisions_of_a_valid_pack() -> None:
    result = run("check")

    assert result.exit_code == EXIT_YES
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["policy", "data", "suites"]


def test_check_prints_the_faults_of_an_invalid_pack(pack: tuple[str, ...], tmp_path: Path) -> None:
    users = tmp_path / "fixtures" / "worlds" / "demo" / "users.yaml"
    users.write_text(users.read_text().replace("ana@acme.example", "ana at acme"))

    result = run("check", *pack)

    assert result.exit_code == EXIT_NO
    assert result.stdout.startswith("demo/users.yaml:")


def test_a_pack_is_checked_without_a_mount_if_there_is_none(
    pack: tuple[str, ...], tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "fixtures" / "worlds")

    result = run("check", *pack)

    assert result.exit_code == EXIT_YES
    assert "worlds`: the suites have only been read" in result.stdout
    assert run("check", *pack, "--data", str(tmp_path / "none")).exit_code == EXIT_NO


def test_uncompiled_rules_are_named(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(
        "types:\n"
        "  user: {subject: true, table: users, key: id, attributes: {id: string}}\n"
        "  note:\n    table: notes\n    key: id\n    actions: [read]\n"
        "    attributes: {id: string, writer: user, parent: {type: note, optional: true}}\n"
    )
    (tmp_path / "settings.yaml").write_text("{}\n")
    (tmp_path / "reasons.yaml").write_text("{}\n")
    (tmp_path / "main.polar").write_text(
        "allow(user: User, _: Action, note: Note) if within(user, note);\n"
        "within(user: User, note: Note) if note.writer = user;\n"
        "within(user: User, note: Note) if within(user, note.parent);\n"
    )

    result = run("check", "--policies", str(tmp_path), "--fixtures", str(tmp_path))

    assert result.exit_code == EXIT_YES
    assert "\nnotice main.polar:" in result.stdout


def test_a_text_has_the_json_value_of_its_declared_type() -> None:
    whole = Attribute(name="pages", type=ValueType(Kind.INTEGER, "integer"))
    several = Attribute(
        name="tags",
        type=ValueType(Kind.SET, "set of string", element=ValueType(Kind.STRING, "string")),
    )
    declared = {"pages": whole, "tags": several}

    values = json_values([("pages", "7"), ("tags", "a,b")], declared, "property")

    assert values == {"pages": 7, "tags": ["a", "b"]}
    with pytest.raises(click.UsageError, match="`pages` must be a whole number, not `many`"):
        json_values([("pages", "many")], declared, "property")


def test_the_policy_suites_pass() -> None:
    result = run("test")

    assert (result.exit_code, _without_pack(result.stderr)) == (EXIT_YES, "")
    assert result.stdout.endswith("answers are as expected\n")


def _without_pack(told: str) -> str:
    """Return what was written to standard error, without the line that names the pack."""
    first, _, rest = told.partition("\n")
    assert first.startswith("pack: ")
    return rest


@pytest.fixture
def differing(pack: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    """A pack with one suite, of whose two answers one is not as expected."""
    for suite in (tmp_path / "policies").glob("*_test.yaml"):
        suite.unlink()
    (tmp_path / "policies" / "one_test.yaml").write_text(
        "suite: one\nworld: demo\nnow: 2026-12-01T12:00:00Z\ncases:\n"
        '  - name: "mallory may | switch,\\a she hopes"\n    subjects: [ana, mallory]\n'
        "    actions: [switch]\n    resource: account:acme\n"
        "    allow: {mallory: [switch], ana: [switch]}\n"
    )
    return pack


def test_an_unexpected_decision_is_printed_with_its_line(
    differing: tuple[str, ...],
) -> None:
    result = run("test", *differing)

    lines = result.stdout.splitlines()
    assert result.exit_code == EXIT_NO
    assert "one_test.yaml:5: mallory may | switch,\a she hopes: user:mallory switch" in lines[0]
    assert lines[1] == "1 of 2 answers are as expected"


def test_results_of_suites_are_printed_as_json(differing: tuple[str, ...]) -> None:
    result = run("test", "--json", *differing)

    told = json.loads(result.stdout)
    (failure,) = told.pop("failures")
    assert (result.exit_code, told["asked"], told["as_expected"]) == (EXIT_NO, 2, 1)
    assert failure == {
        "file": "policies/one_test.yaml",
        "line": 5,
        "suite": "one",
        "case": "mallory may | switch,\a she hopes",
        "subject": "user:mallory",
        "action": "switch",
        "resource": "account:acme",
        "failure": "is denied because of not_granted, and should be allowed",
    }


def test_results_of_suites_are_printed_as_markdown(differing: tuple[str, ...]) -> None:
    result = run("test", "--markdown", *differing)

    row = result.stdout.splitlines()[2]
    assert row.startswith("| `policies/one_test.yaml:5` | mallory may \\| switch,")
    assert result.stdout.endswith("\n\n1 of 2 answers are as expected\n")


def test_results_of_suites_are_written_as_junit(differing: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "answers.xml"

    result = run("test", "--junit", str(file), *differing)

    root = ET.parse(file).getroot()  # noqa: S314  we wrote it
    (suite,) = root
    assert result.exit_code == EXIT_NO
    assert (root.get("tests"), suite.get("name"), suite.get("failures")) == ("2", "one", "1")
    allowed, denied = suite
    assert (allowed.get("line"), list(allowed)) == ("5", [])
    # XML has no way to write a bell.
    sentence = "mallory may | switch,\ufffd she hopes: user:mallory switch account:acme"
    assert (denied.get("classname"), denied.get("name")) == ("one", sentence)
    assert denied[0].get("message") == "is denied because of not_granted, and should be allowed"
    assert denied[0].text == f"policies/one_test.yaml:5: {sentence} {denied[0].get('message')}"


def test_an_unwritable_junit_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "answers.xml"

    result = run("test", "--junit", str(file))

    assert result.exit_code == EXIT_TROUBLE
    assert (
        _without_pack(result.stderr)
        == f"error: `{file}` cannot be written: No such file or directory\n"
    )


def test_check_and_test_refuse_the_same_suites(pack: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "policies" / "slip_test.yaml").write_text(
        "suite: slip\nworld: demo\nnow: 2026-12-01T12:00:00Z\ncases:\n"
        "  - {name: nobody may, subjects: [malory], actions: [swich], resource: account:acem}\n"
    )

    checked, tested = run("check", *pack), run("test", *pack)

    assert (checked.exit_code, tested.exit_code) == (EXIT_NO, EXIT_TROUBLE)
    assert _without_pack(tested.stderr) == f"error: {checked.stdout}"
    assert len(checked.stdout.splitlines()) == 3


def test_a_pack_without_a_case_is_an_error(pack: tuple[str, ...], tmp_path: Path) -> None:
    for suite in (tmp_path / "policies").glob("*_test.yaml"):
        suite.unlink()

    result = run("test", *pack)

    assert result.exit_code == EXIT_TROUBLE
    assert "there is no case in" in result.stderr


def test_a_tree_is_printed() -> None:
    result = run("tree", "accept", "invitation")

    assert result.exit_code == EXIT_YES
    assert result.stdout.startswith("granted to user?\n")
    assert "\nforbidden, expired?\n" in result.stdout
    assert "resource.expires_at" in result.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["acept", "invitation"], "`invitation` has no action `acept`; did you mean `accept`?"),
        (["accept", "invitaton"], "there is no type `invitaton`; did you mean `invitation`?"),
    ],
)
def test_a_tree_of_an_undeclared_action_is_an_error(args: list[str], message: str) -> None:
    result = run("tree", *args)

    assert result.exit_code == EXIT_TROUBLE
    assert message in result.stderr


def test_serve_receives_the_settings_of_options_and_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[Settings] = []
    monkeypatch.setattr(serving, "run_server", given.append)

    result = run(
        "serve", "--port", "0", "--bind", "unix:/run/x",
        SIDECAR_PORT="9", SIDECAR_WORKERS="3", SIDECAR_DATA=str(tmp_path), SIDECAR_ACCESS_LOG="yes",
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    expected: dict[str, Any] = {"port": 0, "bind": "unix:/run/x", "workers": 3, "access_log": True}
    assert given == [Settings(data=tmp_path, **expected)]


@pytest.mark.parametrize(
    ("args", "value", "port", "said"),
    [
        ([], "tcp://10.96.0.12:8181", 8181, True),
        ([], "tcp://[fd00::12]:8181", 8181, True),
        ([], "udp://10.96.0.12:53", 8181, True),
        (["--port", "9"], "tcp://10.96.0.12:8181", 9, False),
        ([], "9", 9, False),
    ],
)
def test_the_port_that_kubernetes_writes_for_a_service_is_ignored(
    monkeypatch: pytest.MonkeyPatch, args: list[str], value: str, port: int, *, said: bool
) -> None:
    given: list[Settings] = []
    monkeypatch.setattr(serving, "run_server", given.append)

    result = run("serve", *args, SIDECAR_PORT=value)

    assert (result.exit_code, [each.port for each in given]) == (0, [port]), result.output
    assert result.stderr.count(f"warning: SIDECAR_PORT=`{value}` is ignored") == said


@pytest.mark.parametrize(
    ("args", "environment", "message"),
    [
        ([], {"SIDECAR_PORT": "http://10.96.0.12:8181"}, "is not a whole number from 0 to 65535"),
        (["--port", "http"], {}, "`http` is not a whole number from 0 to 65535"),
        ([], {"SIDECAR_THREADS": "many"}, "`many` is not a whole number from 1 to 1024"),
        (["--policies", "policies", "--fixtures", "/nowhere"], {}, "schema.yaml: cannot be read"),
    ],
)
def test_serve_does_not_start_with_invalid_files(
    args: list[str], environment: dict[str, str], message: str
) -> None:
    result = run("serve", *args, **environment)

    assert result.exit_code == EXIT_TROUBLE
    assert message in result.stderr
