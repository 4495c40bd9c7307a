"""The decision log: a line for each answer, whole, without what is sensitive, or no answer."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.config.settings import Settings
from sidecar.decision_log import (
    DecisionLog,
    Hashing,
    LineFile,
    LogBusyError,
    OnFailure,
    descriptor,
    shared,
)
from sidecar.decision_log import file as writing
from sidecar.decision_log.chain import Write
from sidecar.decision_log.entry import SEARCH, Entry, entry_of
from sidecar.decision_log.json_text import encode
from sidecar.decision_log.line import Lines
from sidecar.decision_log.reader import DecisionLine, read_line
from sidecar.decision_log.timestamps import Stamps, instant
from sidecar.diagram.questions import text_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidSettingError
from sidecar.facts import Facts
from sidecar.http import RequestHead, create_app, service_of
from sidecar.http.environment import utc_now
from sidecar.model import Reference, Request, Window
from sidecar.reload import Pair, Places, Reloading, State
from sidecar.review.line_decision import Effect
from sidecar.review.replay import Judge
from sidecar.schema import read_schema
from tests.decision_lines import lines_of_answers
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.differential.generating import START
from tests.small_pack import put_pack

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HASHING = Hashing(b"a key for tests that is long")

EDIT = {"subject": "user:ana", "action": "numbers.edit", "resource": "account:acme"}
INVITE = {
    "subject": "user:bob",
    "action": {"name": "create"},
    "resource": {
        "type": "invitation",
        "id": "new",
        "properties": {"account": "acme", "email": "Zoe@Gmail.com", "role": "support", "x": "y"},
    },
    "context": {"via_proxy": True, "password": "hunter2"},
}

ACME = {"type": "account", "id": "acme"}

FORKING = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
"""Workers are forked, and so are these; Python 3.12 warns where any test has left a thread."""


@pytest.fixture(scope="module")
def pair() -> Pair:
    settings = Settings()
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


@dataclass
class Fixed:
    pair: Pair

    def current(self) -> Pair:
        return self.pair

    def age(self, _: Facts) -> float:
        return 0.0

    def follows(self, snapshot: Facts, revision: str) -> bool:
        return snapshot.revision == revision

    def state(self) -> State:
        return State(self.pair, ())


@dataclass
class Logged:
    """An application with a decision log, and what stands in it."""

    client: FlaskClient
    file: LineFile
    path: Path

    def ask(self, path: str, said: object, **headers: str) -> tuple[int, Any]:
        response = self.client.post(path, json=said, headers=headers)
        return response.status_code, response.json

    def lines(self) -> list[dict[str, Any]]:
        return lines_of_answers(self.path)

    def line(self) -> dict[str, Any]:
        (line,) = self.lines()
        return line


def logged(pair: Pair, path: Path, on_failure: OnFailure) -> Logged:
    file = LineFile(str(path))
    log = DecisionLog(file, HASHING, on_failure)
    return Logged(create_app(Fixed(pair), lambda: NOW, log=log).test_client(), file, path)


@pytest.fixture
def refusing(pair: Pair, tmp_path: Path) -> Iterator[Logged]:
    made = logged(pair, tmp_path / "log", OnFailure.REFUSE)
    yield made
    made.file.close()


@pytest.fixture
def counting(pair: Pair, tmp_path: Path) -> Iterator[Logged]:
    made = logged(pair, tmp_path / "log", OnFailure.COUNT)
    yield made
    made.file.close()


# --- what a line says ---------------------------------------------------------------------------


def test_a_decision_is_a_line_with_all_that_it_was_made_from(refusing: Logged, pair: Pair) -> None:
    headers = {"X-Request-ID": "r-1", "traceparent": f"00-{'4b' * 16}-{'01' * 8}-00"}
    _, told = refusing.ask("/v1/authorize", EDIT, **headers)

    line = refusing.line()
    facts, chain, begin, mac = (line.pop(name) for name in ("facts", "chain", "begin", "mac"))
    assert set(begin) == {"process", "key", "lost", "chains", "before"}
    assert re.fullmatch(r"[0-9a-f]{16}\.1", chain)
    assert re.fullmatch(r"[0-9a-f]{64}", mac)
    assert line == {
        "sequence": 1,
        "kind": "decision",
        "decision_id": told["decision_id"],
        "time": "2026-12-01T12:00:00.000000Z",
        "request_id": "r-1",
        "trace_id": "4b" * 16,
        "revisions": {
            "policy": pair.policy.revision,
            "data": pair.snapshot.revision,
            "schema": pair.policy.schema.fingerprint,
        },
        "key": HASHING.key_name(),
        "subject": {"type": "user", "id": "ana"},
        "action": {"name": "numbers.edit"},
        "resource": {"type": "account", "id": "acme"},
        "decision": True,
        "reasons": [],
        "obligations": [],
        "policy_faults": [],
    }
    assert {"exists": "subject", "answer": True} in facts
    assert {"value": "resource.owner", "type": "user", "text": "ana"} in facts


def test_a_denial_tells_its_reasons_and_what_was_absent(refusing: Logged) -> None:
    refusing.ask("/v1/authorize", {**EDIT, "subject": "user:mallory"})

    line = refusing.line()
    assert (line["decision"], line["reasons"]) == (False, ["not_granted"])
    assert {"exists": "resource.membership(subject)", "answer": False} in line["facts"]


def test_an_allow_tells_its_obligations(refusing: Logged) -> None:
    said = {"subject": "user:ana", "action": "remove", "resource": "membership:acme/bob"}

    refusing.ask("/v1/authorize", said)

    assert refusing.line()["obligations"] == ["confirm_irreversible"]


def test_sensitive_values_are_hashed_wherever_they_stand(refusing: Logged) -> None:
    refusing.ask("/v1/authorize", INVITE)

    text, line = refusing.path.read_text(), refusing.line()
    assert "gmail" not in text.lower()
    assert "ana@acme" not in text
    email = {"hash": HASHING.of(("attribute", "invitation", "email"), "zoe@gmail.com")}
    assert line["resource"]["properties"] == {"account": "acme", "email": email, "role": "support"}
    assert {"value": "resource.email", "type": "email", **email} in line["facts"]


def test_what_nobody_declared_is_left_out(refusing: Logged) -> None:
    refusing.ask("/v1/authorize", INVITE)

    assert refusing.line()["context"] == {"via_proxy": True}
    assert "hunter2" not in refusing.path.read_text()


def test_a_sensitive_value_outside_its_domain_is_hashed_too(refusing: Logged) -> None:
    properties = {"account": "acme", "email": "not an address", "role": "support"}
    resource = {"type": "invitation", "id": "new", "properties": properties}

    refusing.ask("/v1/authorize", {**INVITE, "resource": resource})

    assert "not an address" not in refusing.path.read_text()
    assert set(refusing.line()["resource"]["properties"]["email"]) == {"hash"}


@pytest.mark.parametrize(
    "said",
    [
        EDIT,
        {**EDIT, "subject": "user:mallory"},
        {**EDIT, "subject": "user:nobody"},
        {**EDIT, "resource": "account:gorse"},
        {**EDIT, "action": "fly"},
        {"subject": "user:cy", "action": "accept", "resource": "invitation:inv-7"},
        {"subject": "user:cy", "action": "accept", "resource": "invitation:inv-6"},
        INVITE,
        {**INVITE, "context": {}},
    ],
)
def test_a_line_is_judged_again_from_itself_alone(
    refusing: Logged, pair: Pair, said: dict[str, object]
) -> None:
    _, told = refusing.ask("/v1/authorize", said)

    line = read_line(refusing.path.read_bytes().splitlines()[-1])
    assert isinstance(line, DecisionLine)
    judgement = Judge(pair.policy).judge(line)
    assert (judgement.effect, judgement.decision) == (Effect.SAME, told["decision"])


def test_each_question_of_a_batch_is_a_line(refusing: Logged) -> None:
    items = [{"subject": {"type": "user", "id": name}} for name in ("ana", "mallory", "sue")]
    said = {
        "action": {"name": "numbers.edit"},
        "resource": {"type": "account", "id": "acme"},
        "evaluations": items,
    }

    _, told = refusing.ask("/access/v1/evaluations", said)

    assert [(line["subject"]["id"], line["decision"]) for line in refusing.lines()] == [
        ("ana", True),
        ("mallory", False),
        ("sue", False),
    ]
    assert [line["decision_id"] for line in refusing.lines()] == [
        item["context"]["decision_id"] for item in told["evaluations"]
    ]


def test_a_malformed_question_is_no_decision(refusing: Logged) -> None:
    status, _ = refusing.ask("/v1/authorize", {**EDIT, "action": 7})

    assert (status, refusing.lines()) == (400, [])


def test_a_search_is_one_line_with_what_was_asked_and_found(refusing: Logged) -> None:
    said = {
        "subject": {"type": "user", "id": "ignored"},
        "action": {"name": "team.manage"},
        "resource": {"type": "account", "id": "acme"},
    }

    _, told = refusing.ask("/access/v1/search/subject", said)

    line = refusing.line()
    assert (line["kind"], line["subject"]) == ("search", {"type": "user"})
    assert line["found"] == [result["id"] for result in told["results"]]


def test_a_list_of_permissions_is_one_line(refusing: Logged) -> None:
    said = {"subject": "user:sue", "resource": "account:acme"}

    _, told = refusing.ask("/v1/permissions", said)

    line = refusing.line()
    assert (line["kind"], line["found"]) == ("permissions", told["permissions"])
    assert "action" not in line


def test_a_list_of_permissions_tells_obligations_and_what_was_said_of_the_action(
    refusing: Logged,
) -> None:
    properties = {"role": "support", "password": "hunter2"}
    action = {"properties": properties}
    said = {"subject": "user:ana", "resource": "membership:acme/bob", "action": action}

    refusing.ask("/v1/permissions", said)

    line = refusing.line()
    assert (line["found"], line["action"]) == (
        ["change_role", "remove"],
        {"properties": {"role": "support"}},
    )
    assert line["obligations"] == {"remove": ["confirm_irreversible"]}


def test_permissions_on_many_resources_are_a_line_each(refusing: Logged) -> None:
    said = {"subject": "user:sue", "resources": ["account:acme", "account:oak"]}

    _, told = refusing.ask("/v1/permissions", said)

    assert [line["resource"]["id"] for line in refusing.lines()] == ["acme", "oak"]
    assert [line["found"] for line in refusing.lines()] == [
        each["permissions"] for each in told["answers"]
    ]


def test_an_action_search_is_one_line(refusing: Logged) -> None:
    said = {
        "subject": {"type": "user", "id": "sue"},
        "resource": {"type": "account", "id": "acme"},
    }

    _, told = refusing.ask("/access/v1/search/action", said)

    assert refusing.line()["found"] == [result["name"] for result in told["results"]]


@pytest.mark.parametrize(
    "hostile", ["a\nb", "a\r\n{}", "a\u2028b", "\ud800", '"}', "\x00", "é" * 9]
)
def test_no_id_can_break_a_line(hostile: str) -> None:
    lines = Lines(HASHING)
    asked = Request(
        subject=Reference("user", hostile), action=hostile, resource=Reference(hostile, hostile)
    )

    line = encode(lines.asked(asked, read_schema(Settings().fixtures / "schema.yaml")))

    assert re.fullmatch(rb"[\x20-\x7e]+", line)
    assert json.loads(line)["subject"]["id"] == hostile


def test_ids_that_hold_a_sensitive_key_are_hashed(tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("""
types:
  user:
    subject: true
    table: users
    key: email
    attributes: {email: {type: email, sensitive: true}}
  seat:
    table: seats
    key: [place, user]
    attributes: {place: string, user: user}
    actions: {take: {}}
""")
    asked = Request(
        subject=Reference("user", "ana@acme.example"),
        action="take",
        resource=Reference("seat", "a/ana@acme.example"),
    )

    line = Lines(HASHING).asked(asked, read_schema(schema))

    ana = HASHING.of(("attribute", "user", "email"), "ana@acme.example")
    seat = HASHING.of(("key", "seat", "place", "user"), "a/ana@acme.example")
    assert line["subject"] == {"type": "user", "id_hash": ana}
    assert line["resource"] == {"type": "seat", "id_hash": seat}


def test_a_bad_row_whose_key_holds_a_sensitive_one_is_not_named(tmp_path: Path) -> None:
    """The key of a seat names a user, whose key is an address."""
    schema = """
types:
  user:
    subject: true
    table: users
    key: email
    attributes: {email: {type: email, sensitive: true}}
  seat:
    table: seats
    key: [place, user]
    attributes: {place: string, user: user, row: integer}
    actions: {take: {}}
"""
    rule = 'allow(_: User, _: Action{name: "take"}, seat: Seat) if seat.row > 1;'
    policies, fixtures = put_pack(tmp_path, rule, schema)
    data = tmp_path / "data"
    data.mkdir()
    (data / "users.yaml").write_text("- {email: ana@acme.example}\n")
    (data / "seats.yaml").write_text("- {place: a, user: ana@acme.example, row: front}\n")
    reloading = Reloading(Places(policies, fixtures, data, takes_bad_rows=True))
    reloading.load()
    path = tmp_path / "log"
    log = DecisionLog(LineFile(str(path)), HASHING, OnFailure.REFUSE)
    client = create_app(reloading, lambda: NOW, log=log).test_client()
    resource = {"type": "seat", "id": "a/ana@acme.example"}
    said = {"subject": "user:ana@acme.example", "action": "take", "resource": resource}

    assert client.post("/v1/authorize", json=said).status_code == 200

    (line,) = lines_of_answers(path)
    assert line["reasons"] == ["data_error"]
    assert line["policy_faults"] == ["seats: a row does not fit the schema"]
    assert b"ana@acme" not in path.read_bytes()


# --- keys ---------------------------------------------------------------------------------------


def test_hashes_of_one_key_compare_and_those_of_two_do_not(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef\n")

    first, second = Hashing.by_file(key), Hashing.by_file(key)

    name = ("attribute", "user", "name")
    assert first.of(name, "x") == second.of(name, "x") != Hashing.for_this_start().of(name, "x")
    assert re.fullmatch("[0-9a-f]{64}", first.of(name, "x"))


def test_equal_values_of_different_origins_have_different_hashes() -> None:
    origins = [
        ("attribute", "user", "email"),
        ("attribute", "user", "phone"),
        ("attribute", "useremail", ""),
        ("attribute", "invitation", "email"),
        ("context", "email"),
        ("attribute", "user", "email", "x"),
    ]
    hashes = [HASHING.of(origin, "x") for origin in origins]

    assert len({*hashes, HASHING.of(("attribute", "user"), "emailx")}) == len(origins) + 1


def test_what_a_caller_can_have_hashed_tells_nothing_of_other_facts(tmp_path: Path) -> None:
    """A caller says the address of another person as a property, and reads the log."""
    schema = tmp_path / "schema.yaml"
    schema.write_text("""
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, email: {type: email, sensitive: true}}
  letter:
    key: id
    attributes:
      id: string
      to: {type: email, sensitive: true, caller: true}
      cc: {type: email, sensitive: true, caller: true}
    actions:
      send: {properties: {from: {type: email, sensitive: true}}}
context:
  bcc: {type: email, sensitive: true}
""")
    said = "ana@acme.example"
    asked = Request(
        subject=Reference("user", "eve"),
        action="send",
        resource=Reference("letter", "l"),
        resource_properties={"to": said, "cc": said},
        action_properties={"from": said},
        context={"bcc": said},
    )

    line = json.loads(encode(Lines(HASHING).asked(asked, read_schema(schema))))

    properties = [*line["resource"]["properties"].values(), *line["action"]["properties"].values()]
    hashes = {each["hash"] for each in (*properties, *line["context"].values())}
    assert len({*hashes, HASHING.of(("attribute", "user", "email"), said)}) == 5


def test_a_key_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"short          \n")

    with pytest.raises(InvalidSettingError, match="must have at least 16 bytes"):
        Hashing.by_file(key)


def test_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="cannot be read: No such file"):
        Hashing.by_file(tmp_path / "key")


class Text(bytes):
    """Lines as they are, of no chain."""

    def compose(self) -> bytes:
        return bytes(self)

    def settle(self, written: int) -> None:
        assert 0 <= written <= len(self)


# --- writing ------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LineFile]:
    made = LineFile(str(tmp_path / "log"))
    yield made
    made.close()


def write_many(file: LineFile, name: str) -> None:
    for number in range(200):
        file.write(Text(f"{name} {number} {'x' * 9000}\n".encode()))


@FORKING
def test_lines_of_several_processes_and_threads_stay_whole(file: LineFile, tmp_path: Path) -> None:
    fork = get_context("fork")
    processes = [fork.Process(target=write_many, args=(file, f"p{n}")) for n in range(3)]
    threads = [threading.Thread(target=write_many, args=(file, f"t{n}")) for n in range(3)]

    for process in processes:  # before the threads, as workers are
        process.start()
    for thread in threads:
        thread.start()
    for process, thread in zip(processes, threads, strict=True):
        process.join()
        thread.join()

    lines = (tmp_path / "log").read_text().splitlines()
    assert len(lines) == 1200
    assert all(re.fullmatch(r"[pt]\d \d+ x{9000}", line) for line in lines)


@FORKING
def test_lines_through_a_pipe_stay_whole(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    file = LineFile(str(fifo))
    read = os.open(fifo, os.O_RDONLY)
    fork = get_context("fork")
    processes = [fork.Process(target=write_many, args=(file, f"p{n}")) for n in range(3)]

    for each in processes:
        each.start()
    text = b""
    while text.count(b"\n") < 600:
        text += os.read(read, 1 << 16)
    for each in processes:
        each.join()
    os.close(read)
    file.close()

    assert all(re.fullmatch(rb"p\d \d+ x{9000}", line) for line in text.splitlines())


def test_after_rotation_lines_go_to_the_new_file(file: LineFile, tmp_path: Path) -> None:
    file.write(Text(b"one\n"))
    (tmp_path / "log").rename(tmp_path / "log.1")

    file.write(Text(b"two\n"))

    assert (tmp_path / "log.1").read_text() == "one\n"
    assert (tmp_path / "log").read_text() == "two\n"


def test_a_line_after_half_a_line_begins_a_new_one(file: LineFile, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("half a li")

    file.write(Text(b"whole\n"))

    assert (tmp_path / "log").read_text() == "half a li\nwhole\n"


def test_a_pipe_that_nobody_reads_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptor, "WAIT_MS", 1)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    file = LineFile(str(fifo))

    with pytest.raises(OSError, match="nobody reads it"):
        file.write(Text(b"x" * 100_000 + b"\n"))

    file.close()


def test_only_its_owner_can_read_the_file(file: LineFile, tmp_path: Path) -> None:
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    assert file.name == str(tmp_path / "log")


def test_standard_output_is_written_to(capfd: pytest.CaptureFixture[str]) -> None:
    file = LineFile("-")

    file.write(Text(b"one\n"))

    file.close()
    assert (file.name, capfd.readouterr().out) == ("standard output", "one\n")


# --- when it cannot be written ------------------------------------------------------------------


def block(logged: Logged) -> None:
    """Put a directory where the file was: nothing can be written until it goes."""
    logged.path.rename(logged.path.with_suffix(".1"))
    logged.path.mkdir()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/authorize", EDIT),
        ("/v1/permissions", {"subject": "user:sue", "resource": "account:acme"}),
        (
            "/access/v1/search/action",
            {
                "subject": {"type": "user", "id": "ana"},
                "resource": {"type": "account", "id": "acme"},
            },
        ),
        (
            "/access/v1/search/resource",
            {
                "subject": {"type": "user", "id": "ana"},
                "action": {"name": "numbers.edit"},
                "resource": {"type": "account"},
            },
        ),
        (
            "/access/v1/evaluations",
            {
                "subject": {"type": "user", "id": "ana"},
                "action": {"name": "numbers.edit"},
                "resource": {"type": "account", "id": "acme"},
                "evaluations": [{}],
            },
        ),
    ],
)
def test_no_answer_goes_unlogged(refusing: Logged, path: str, said: object) -> None:
    block(refusing)

    status, told = refusing.ask(path, said)

    assert (status, told["decision"]) == (503, False)
    assert told["error"]["message"] == "the decision log cannot be written; the log says why"


def test_answers_are_given_again_when_they_can_be_logged_again(
    refusing: Logged, caplog: pytest.LogCaptureFixture
) -> None:
    block(refusing)
    refusing.ask("/v1/authorize", EDIT)
    refusing.ask("/v1/authorize", EDIT)
    problems = refusing.client.get("/readyz").get_json()["problems"]
    refusing.path.rmdir()

    status, _ = refusing.ask("/v1/authorize", EDIT)

    assert (status, len(refusing.lines())) == (200, 1)
    assert [problem["message"] for problem in problems] == ["cannot be written: Is a directory"]
    assert refusing.client.get("/readyz").get_json()["problems"] == []
    said = [record.getMessage() for record in caplog.records if "decision log" in record.msg]
    assert said == [
        f"the decision log {refusing.path} cannot be written: Is a directory",
        "the decision log is written again; it lacks 0",
    ]


@FORKING
def test_what_is_lost_is_counted_by_all_processes_and_told(counting: Logged) -> None:
    block(counting)
    ask = partial(counting.ask, "/v1/authorize", EDIT)
    other = get_context("fork").Process(target=ask)
    other.start()
    other.join()

    status, told = ask()

    counting.path.rmdir()
    ask()
    assert (status, told["decision"]) == (200, True)
    (problem,) = counting.client.get("/readyz").get_json()["problems"]
    assert (problem["file"], problem["message"]) == (
        str(counting.path),
        "lacks 2 answers that were given all the same",
    )


# --- entries that are kept ------------------------------------------------------------------------


Judged = tuple[Policy, Facts, datetime]


def _entry(log: DecisionLog, request: Request, facts: Judged) -> Entry:
    return log.decision(request, authorize(request, *facts), *facts)


def _line(log: DecisionLog, entry: Entry, now: datetime) -> bytes:
    write = Write(log._chain, [(entry, b"one", log.stamp(now, None))])  # noqa: SLF001
    line = write.compose().splitlines()[-1]
    return re.sub(rb',"mac":"\w+"\}$', b"}\n", line)  # it depends on the lines before


def _logs(tmp_path: Path, *names: str) -> list[tuple[DecisionLog, Path]]:
    files = [(LineFile(str(tmp_path / name)), tmp_path / name) for name in names]
    return [(DecisionLog(file, HASHING, OnFailure.REFUSE), path) for file, path in files]


@pytest.mark.many
def test_an_entry_that_is_kept_makes_the_line_that_would_be_written(tmp_path: Path) -> None:
    ((log, _),) = _logs(tmp_path, "log")
    moments = [
        START + timedelta(days=days, microseconds=further)
        for days in range(4)
        for further in (-1, 0, 1, 5)
    ]
    changing = lines = kept = 0
    for seed in range(packs := deep(8, quick=4)):
        asked = generated_requests(seed, tmp_path / str(seed), worlds=2, requests=8)
        for policy, snapshot, request in asked:
            entries: list[tuple[Window, Entry]] = []
            for now in random.Random(seed).sample(moments * 2, len(moments) * 2):  # noqa: S311
                facts = (policy, snapshot, now)
                decision = authorize(request, *facts)
                line = _line(log, log.decision(request, decision, *facts), now)
                for (since, until), entry in entries:
                    if since < now < until:
                        assert _line(log, entry, now) == line
                        kept += 1
                if decision.valid is not None:
                    entries.append((decision.valid, log.decision(request, decision, *facts)))
                lines += 1
                changing += b'"value":"context.now"' in line

    assert lines > 125 * packs
    assert changing > 6 * packs
    assert kept > lines


@pytest.mark.parametrize("identifier", ["\0the moment\0", "\\u0000the moment\\u0000"])
def test_an_id_that_looks_like_the_moment_stays_an_id(
    tmp_path: Path, pair: Pair, identifier: str
) -> None:
    ((log, _),) = _logs(tmp_path, "log")
    request = Request(
        subject=Reference("user", "dora"),
        action="billing.view",
        resource=Reference("account", identifier),
    )

    entry = _entry(log, request, (pair.policy, pair.snapshot, NOW))
    lines = [json.loads(_line(log, entry, now)) for now in (NOW, NOW + timedelta(seconds=1))]

    assert [line["resource"]["id"] for line in lines] == [identifier] * 2


# --- answering while others wait ------------------------------------------------------------------


def test_a_file_is_quick_until_a_line_took_long_and_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1.0
    monkeypatch.setattr(writing, "monotonic", lambda: now)
    file = LineFile(str(tmp_path / "log"))
    file.write(Text(b"a line\n"))
    quick = [file.is_quick()]

    monkeypatch.setattr(writing, "SLOW_SECONDS", -1.0)
    file.write(Text(b"a line\n"))
    for seconds in (0.0, 9.9, 0.1):
        now += seconds
        quick.append(file.is_quick())

    assert quick == [True, False, False, True]


def test_who_may_not_wait_does_not_write_as_long_as_the_log_is_slow(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((log, file),) = _logs(tmp_path, "log")
    service = service_of(create_app(Fixed(pair), log=log))
    monkeypatch.setattr(writing, "SLOW_SECONDS", -1.0)

    answer = service.answer("/access/v1/evaluation", RequestHead(JSON), AUTHZEN)
    line = (entry_of(SEARCH, {"revisions": {}}), b"", log.stamp(NOW, "another"))
    with pytest.raises(LogBusyError):
        service.write_log([line], wait=False)
    service.write_log([line])

    assert answer.status == 200
    assert [each["request_id"] for each in lines_of_answers(file)] == [None, "another"]


def test_a_process_that_is_stopped_while_it_writes_silences_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared, "LOCK_SECONDS", 0.2)
    file = LineFile(str(tmp_path / "log"))
    reads, writes = os.pipe()
    if not (child := os.fork()):
        file.shared.take_turn(wait=True)
        os.write(writes, b".")
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    try:
        os.read(reads, 1)
        os.waitpid(child, os.WUNTRACED)

        with pytest.raises(LogBusyError):
            file.write(Text(b"at once\n"), wait=False)
        file.write(Text(b"after waiting once\n"))
        file.write(Text(b"at once by now\n"), wait=False)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reads)
        os.close(writes)
    file.write(Text(b"by turns again\n"), wait=False)

    assert (tmp_path / "log").read_text() == (
        "after waiting once\nat once by now\nby turns again\n"
    )
    assert len(caplog.messages) == 1


def test_a_file_is_held_open_by_those_only_who_write_and_while_it_is_at_its_path(
    tmp_path: Path,
) -> None:
    """Or the space of one that was deleted would never be free again."""
    path = tmp_path / "log"
    file = LineFile(str(path))
    held = [_is_open(path)]
    file.write(Text(b"a line\n"))
    held.append(_is_open(path))
    file.look()
    held.append(_is_open(path))
    path.unlink()
    file.look()
    held.append(_is_open(path))

    assert held == [False, True, True, False]


def _is_open(path: Path) -> bool:
    own = Path("/proc/self/fd")
    names = [str(each.readlink()) for each in own.iterdir() if each.is_symlink()]
    return any(name.removesuffix(" (deleted)") == str(path) for name in names)


def test_a_pipe_is_never_quick(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")

    assert not LineFile(str(tmp_path / "log")).is_quick()


@pytest.mark.parametrize("path", ["/access/v1/evaluation", "/access/v1/evaluations"])
def test_what_is_answered_while_others_wait_is_logged_before_it_is_told(
    tmp_path: Path, pair: Pair, path: str
) -> None:
    ((log, file),) = _logs(tmp_path, "log")
    service, head = service_of(create_app(Fixed(pair), log=log)), RequestHead(JSON)
    one = json.loads(AUTHZEN)
    body = AUTHZEN if path.endswith("evaluation") else json.dumps({"evaluations": [one] * 3})
    said = body if isinstance(body, bytes) else body.encode()

    answers = [service.answer_now(path, head, said, utc_now()) for _ in range(3)]
    before = file.read_bytes()
    told = [each for each in answers if each is not None]
    refusal = service.write_log([line for each in told for line in each.log_lines])

    lines = lines_of_answers(file)
    ids = [
        each["context"]["decision_id"]
        for answer in told
        for each in json.loads(answer.body).get("evaluations", [json.loads(answer.body)])
    ]
    assert (len(told), before, refusal) == (3, b"", None)
    assert [line["decision_id"] for line in lines] == ids
    varying = {"decision_id", "time", "sequence", "begin", "mac"}
    (same,) = {json.dumps({k: v for k, v in line.items() if k not in varying}) for line in lines}
    assert json.loads(same)["resource"] == {"type": "account", "id": "acme"}


@pytest.mark.parametrize("semantic", ["execute_all", "deny_on_first_deny"])
@pytest.mark.parametrize("default", [None, ACME])
def test_items_that_were_decided_before_and_new_ones_are_logged_in_the_order_of_the_batch(
    tmp_path: Path, pair: Pair, semantic: str, default: object
) -> None:
    ((log, file),) = _logs(tmp_path, "log")
    service, head = service_of(create_app(Fixed(pair), log=log)), RequestHead(JSON)
    names = ("ana", "dora", "nobody", "sue")
    batches: list[list[int]] = [[0, 1], [1, 3, 0], [0, 1, 2, 3, 0], [0, 1, 2, 3, 0]]

    for numbers in batches:
        stops = semantic != "execute_all" and 2 in numbers
        expected = [names[each] for each in (numbers[:3] if stops else numbers)]
        of_item, of_batch = ({}, {"resource": default}) if default else ({"resource": ACME}, {})
        said = {
            "evaluations": [
                {
                    "subject": {"type": "user", "id": names[each]},
                    "action": {"name": "numbers.view"},
                    **of_item,
                }
                for each in numbers
            ],
            "options": {"evaluations_semantic": semantic},
            **of_batch,
        }
        before = len(lines_of_answers(file)) if file.exists() else 0
        answer = service.answer("/access/v1/evaluations", head, json.dumps(said).encode())

        told = json.loads(answer.body)["evaluations"]
        lines = lines_of_answers(file)[before:]
        assert [line["subject"]["id"] for line in lines] == expected
        assert [(line["decision_id"], line["decision"]) for line in lines] == [
            (each["context"]["decision_id"], each["decision"]) for each in told
        ]
        assert [each["decision"] for each in told] == [each != "nobody" for each in expected]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1))
def test_moments_are_written_one_after_the_other_as_each_alone(moments: list[datetime]) -> None:
    stamps = Stamps()
    near = [each.replace(microsecond=at) for each in moments for at in (0, 5, 999_999)]

    heads = [stamps.stamp(each, None).members for each in near]
    texts = [stamps.stamp(each, None).now.decode() for each in near]

    written = [json.loads(b'{"' + head[3:-1] + b"}") for head in heads]
    assert written == [
        {"time": instant(each), "request_id": None, "trace_id": None} for each in near
    ]
    assert texts == list(map(text_of, near))


@pytest.mark.parametrize("faulty", [{}, {"action": 1}, 7])
def test_a_batch_with_a_faulty_item_is_logged_once_without_it(
    tmp_path: Path, pair: Pair, faulty: object
) -> None:
    ((log, file),) = _logs(tmp_path, "log")
    service, head = service_of(create_app(Fixed(pair), log=log)), RequestHead(JSON)
    batch = json.dumps({"evaluations": [json.loads(AUTHZEN)] * 3 + [faulty]}).encode()

    for _ in range(2):
        answer = service.answer_now("/access/v1/evaluations", head, batch, utc_now())
        assert answer is not None
        service.write_log(answer.log_lines)

    assert len(lines_of_answers(file)) == 6


def test_a_list_of_permissions_is_logged_each_time_it_is_told(tmp_path: Path, pair: Pair) -> None:
    ((log, file),) = _logs(tmp_path, "log")
    service, head = (
        service_of(create_app(Fixed(pair), log=log)),
        RequestHead({**JSON, b"x-request-id": b"r"}),
    )
    said = b'{"subject":"user:sue","resource":"account:acme"}'

    for _ in range(3):
        service.answer("/v1/permissions", head, said)

    lines = lines_of_answers(file)
    assert [line["request_id"] for line in lines] == ["r"] * 3
    varying = {"time": "", "sequence": 0, "begin": {}, "mac": ""}
    assert len({json.dumps({**line, **varying}, sort_keys=True) for line in lines}) == 1


def test_each_line_has_the_trace_id_of_its_own_request(refusing: Logged) -> None:
    """Of a cached response, of the items of a batch and of searches too; invalid ones are null."""
    batch = {"evaluations": [json.loads(AUTHZEN)] * 2}
    search = {**json.loads(AUTHZEN), "subject": {"type": "user"}}
    told = {"subject": "user:sue", "resource": "account:acme"}
    requests = [
        ("/v1/authorize", EDIT, "a" * 32),
        ("/v1/authorize", EDIT, "b" * 32),
        ("/v1/authorize", EDIT, None),
        ("/v1/authorize", EDIT, "0" * 32),
        ("/access/v1/evaluations", batch, "c" * 32),
        ("/access/v1/search/subject", search, "d" * 32),
        ("/v1/permissions", told, "e" * 32),
        ("/v1/permissions", told, "f" * 32),
    ]

    for path, said, trace_id in requests:
        headers = {} if trace_id is None else {"traceparent": f"00-{trace_id}-{'1' * 16}-01"}
        refusing.ask(path, said, **headers)

    found = [line["trace_id"] and line["trace_id"][0] for line in refusing.lines()]
    assert found == ["a", "b", None, None, "c", "c", "d", "e", "f"]


def test_lines_that_are_lost_of_many_are_counted_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptor, "WAIT_MS", 1)
    os.mkfifo(tmp_path / "fifo")
    file = LineFile(str(tmp_path / "fifo"))
    log = DecisionLog(file, HASHING, OnFailure.COUNT)
    entry = entry_of(SEARCH, {"revisions": {}, "found": ["x" * 9_999]})

    log.write([(entry, b"", log.stamp(NOW, None))] * 20)

    read = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    whole = os.read(read, 1 << 20).count(b'"found"')
    os.close(read)
    lost = file.shared.lost()
    file.close()
    # The line in which the pipe was full was read as well, but it is not whole.
    assert 0 < whole - 1 == 20 - lost


JSON = {b"content-type": b"application/json"}
AUTHZEN = json.dumps(
    {
        "subject": {"type": "user", "id": "ana"},
        "action": {"name": "numbers.edit"},
        "resource": {"type": "account", "id": "acme"},
    }
).encode()
