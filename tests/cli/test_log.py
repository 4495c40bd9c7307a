"""`sidecar log`: verify that a decision log is whole, and show lines of it."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.http import create_app
from sidecar.reload import Places, Reloading
from tests.decision_log.chains import KEY, NOW, written

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def run(*args: str | Path, said: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["log", *map(str, args)], input=said)


# --- verify -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("log")
    written(directory / "log")
    (directory / "key").write_bytes(KEY)
    return directory


@pytest.fixture
def log(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path / "log"


def with_key(log: Path) -> tuple[str, str]:
    return "--decision-log-key", str(log.with_name("key"))


def test_a_whole_log_is_told_in_one_line(log: Path) -> None:
    result = run("verify", log, *with_key(log))

    assert (result.exit_code, result.output) == (
        EXIT_YES,
        "whole: 26 lines of 4 chains in 1 file\n",
    )


def test_a_broken_log_is_told_with_its_places(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3] + lines[4:]))

    result = run("verify", log, *with_key(log))

    chain = json.loads(lines[3])["chain"]
    before = f"before this line; the one before is {log}:3"
    assert (result.exit_code, result.output.splitlines()) == (
        EXIT_NO,
        [
            "broken: 1 fault in 25 lines of 4 chains in 1 file",
            f"{log}:4: line 4 of chain {chain} is missing {before}",
        ],
    )


def test_without_the_key_of_the_log_it_cannot_be_told(log: Path) -> None:
    result = run("verify", log)

    assert result.exit_code == EXIT_TROUBLE
    assert result.output.startswith("cannot be told: 26 lines of 4 chains in 1 file\n")
    assert "give it with --decision-log-key" in result.output


def test_a_log_without_a_key_is_whole_but_proves_little(tmp_path: Path) -> None:
    written(tmp_path / "log", key=None)

    result = run("verify", tmp_path / "log")

    assert (result.exit_code, result.output.splitlines()) == (
        EXIT_YES,
        [
            "whole: 26 lines of 4 chains in 1 file",
            "without a key: whoever edits the log can make its hashes anew",
        ],
    )


def test_the_end_of_a_running_process_is_open(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]))

    result = run("verify", log, *with_key(log))

    chain = json.loads(lines[-1])["chain"]
    why = "its process runs or was killed, so that lines can be cut from its end"
    assert result.exit_code == EXIT_YES
    assert result.output.splitlines()[1] == f"open, {why}: chain {chain} (last {log}:25)"


def test_standard_input_and_several_files_are_verified(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:9]))

    result = run("verify", log, "-", *with_key(log), said=b"".join(lines[9:]))

    assert (result.exit_code, result.output) == (
        EXIT_YES,
        "whole: 26 lines of 4 chains in 2 files\n",
    )


def test_json_says_the_same(log: Path) -> None:
    told = json.loads(run("verify", log, *with_key(log), "--json").stdout)

    assert (told["whole"], told["keyed"], told["lines"], told["first_faults"]) == (
        True,
        True,
        26,
        [],
    )
    assert [chain["ended"] for chain in told["chains"]] == [True] * 4


@pytest.mark.parametrize("name", ["none", "directory"])
def test_a_file_that_cannot_be_read_is_trouble(log: Path, name: str) -> None:
    (log.parent / "directory").mkdir()

    result = run("verify", log.parent / name)

    assert result.exit_code == EXIT_TROUBLE
    assert f"`{log.parent / name}` cannot be read: " in result.output


# --- show ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = Settings()
    path = tmp_path_factory.mktemp("answers") / "log"
    reloading = Reloading(Places(settings.policies, settings.fixtures, settings.mount()))
    reloading.load()
    file = LineFile(str(path))
    log = DecisionLog(file, Hashing(KEY), OnFailure.REFUSE)
    client = create_app(reloading, lambda: NOW, log=log).test_client()
    trace = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    for subject, action, resource in (
        ("user:ana", "numbers.edit", "account:acme"),
        ("user:mallory", "numbers.edit", "account:acme"),
        ("user:ana", "remove", "membership:acme/bob"),
        ("user:a b\x1b", "numbers.view", "account:acme"),
    ):
        said = {"subject": subject, "action": action, "resource": resource}
        assert client.post("/v1/authorize", json=said, headers=trace).status_code == 200
        trace = {}
    client.post("/v1/permissions", json={"subject": "user:sue", "resource": "account:acme"})
    search = {
        "subject": {"type": "user"},
        "action": {"name": "numbers.edit"},
        "resource": {"type": "account", "id": "acme"},
    }
    assert client.post("/access/v1/search/subject", json=search).status_code == 200
    log.end()
    file.close()
    return path


def shown(answers: Path, *options: str) -> list[str]:
    """Return the lines that fit, without their times and ids."""
    output = run("show", answers, *options).output
    return [" ".join(line.split(" ")[1:6]) for line in output.splitlines()]


ALLOWED = "allow user:ana numbers.edit account:acme -"
DENIED = "deny user:mallory numbers.edit account:acme not_granted"
REMOVED = "allow user:ana remove membership:acme/bob confirm_irreversible"
SEARCH = "search user: numbers.edit account:acme 2"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--decision", "allow"], [ALLOWED, REMOVED]),
        (["--reason", "not_granted"], [DENIED]),
        (["--subject", "user:ana"], [ALLOWED, REMOVED]),
        (["--subject", "user:ana", "--action", "remove"], [REMOVED]),
        (["--resource", "membership:acme/bob"], [REMOVED]),
        (["--trace-id", "a" * 32], [ALLOWED]),
        (["--decision", "deny", "--until", "2026-12-01T12:00:00Z"], []),
        (["--reason", "not_granted", "--since", "2026-12-01T12:00:00Z"], [DENIED]),
    ],
)
def test_lines_are_selected(answers: Path, options: list[str], expected: list[str]) -> None:
    assert shown(answers, *options) == expected


def test_every_kind_of_line_is_shown(answers: Path) -> None:
    output = run("show", answers).output.splitlines()

    assert [line.split(" ")[1] for line in output] == [
        *("allow", "deny", "allow", "deny", "permissions", "search", "end"),
    ]
    assert "\x1b" not in "".join(output)
    assert 'user:"a b\\u001b" numbers.view' in output[3]


def test_a_denial_at_a_gateway_has_neither_subject_nor_resource() -> None:
    line = {"kind": "gateway", "time": "2026-12-01T12:00:00Z", "gateway": {"dialect": "nginx"}}
    said = json.dumps({**line, "decision": False, "reasons": ["no_route"], "decision_id": "7"})

    result = run("show", "-", said=said.encode())

    assert result.stdout == "2026-12-01T12:00:00Z deny - - - no_route 7\n"


def test_a_decision_is_found_by_its_id(answers: Path) -> None:
    identifier = json.loads(answers.read_bytes().splitlines()[1])["decision_id"]

    assert shown(answers, "--decision-id", identifier) == [DENIED]


def test_lines_are_printed_as_they_are(answers: Path) -> None:
    result = run("show", answers, "--reason", "not_granted", "--json")

    assert result.output.encode() == answers.read_bytes().splitlines(keepends=True)[1]


@pytest.mark.parametrize(
    "member",
    [{"reasons": 5}, {"reasons": None}, {"obligations": 5}, {"found": 5}, {"found_hashes": "x"}],
    ids=str,
)
@pytest.mark.parametrize("kind", ["decision", "search", "permissions"])
def test_a_line_that_somebody_has_spoilt_is_counted_and_the_others_are_shown(
    answers: Path, member: dict[str, object], kind: str
) -> None:
    spoilt = json.dumps({"kind": kind, "decision": bool(member.get("obligations")), **member})

    result = run("show", "-", said=spoilt.encode() + b"\n" + answers.read_bytes())

    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (EXIT_TROUBLE, True)
    assert "error: 1 line cannot be read" in result.output
    assert DENIED in result.output


@pytest.mark.parametrize("command", ["verify", "show"])
def test_a_line_that_is_too_long_is_named_and_read_on_demand(answers: Path, command: str) -> None:
    """Read as JSON it could take gigabytes."""
    file = answers.parent / "long.log"
    long = b'{"kind":"other","x":[%b1]}\n' % (b"[]," * 3_000_000)
    file.write_bytes(answers.read_bytes() + long)
    number = answers.read_bytes().count(b"\n") + 1

    refused = run(command, file)
    taken = run(command, file, "--max-line", str(len(long)), *SELECTED[command])

    assert (refused.exit_code, isinstance(refused.exception, SystemExit)) == (EXIT_TROUBLE, True)
    assert f"{file}:{number}: has more than 8388608 bytes, and is not read" in refused.output
    assert "has more than" not in taken.output


SELECTED = {"verify": [], "show": ["--kind", "none"]}


@pytest.mark.parametrize("command", ["verify", "show"])
def test_a_compressed_file_that_was_spoilt_is_trouble(answers: Path, command: str) -> None:
    spoilt = bytearray(gzip.compress(answers.read_bytes()))
    spoilt[10] = 0xFF  # no type of a block
    file = answers.parent / "spoilt.gz"
    file.write_bytes(spoilt)

    result = run(command, file)

    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (EXIT_TROUBLE, True)
    assert "cannot be read" in result.output


def test_the_status_tells_whether_there_are_such_lines(answers: Path) -> None:
    torn = run("show", "-", said=answers.read_bytes()[:-9])

    assert run("show", answers, "--kind", "search").exit_code == EXIT_YES
    assert run("show", answers, "--kind", "none").exit_code == EXIT_NO
    assert (torn.exit_code, torn.stderr) == (EXIT_TROUBLE, "error: 1 line cannot be read\n")
