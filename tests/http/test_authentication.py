"""Who may ask: tokens and their file, addresses, and what strangers are told."""

from __future__ import annotations

import os
import resource
import socket
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from sidecar.config.settings import Settings
from sidecar.errors import InvalidSettingError, Problem
from sidecar.http import Access, create_app
from sidecar.http import authentication as access
from sidecar.http.tokens import Tokens
from sidecar.reload import Places, Reloading
from sidecar.server.config import read_config
from sidecar.server.sockets import is_local, resolve

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105  made up
OTHER = "fedcba9876543210fedcba9876543210"
EDIT = {"subject": "user:ana", "action": "numbers.edit", "resource": "account:acme"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "tokens"
    made.write_text(f"# who may ask\n\nbilling {SECRET}\n{OTHER}\n")
    made.chmod(0o600)
    return made


@pytest.fixture
def tokens(file: Path) -> Tokens:
    made = Tokens(file)
    made.load()
    return made


@pytest.fixture(scope="module")
def reloading() -> Reloading:
    shipped = Settings()
    made = Reloading(Places(shipped.policies, shipped.fixtures, shipped.mount()))
    made.load()
    return made


@pytest.fixture
def client(reloading: Reloading, tokens: Tokens) -> FlaskClient:
    return create_app(reloading, access=Access(tokens)).test_client()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def settle(tokens: Tokens) -> None:
    tokens.look()
    tokens.look()


# --- the file -----------------------------------------------------------------------------------


def test_a_token_has_a_holder_who_may_have_a_name(tokens: Tokens) -> None:
    assert [tokens.holder(SECRET), tokens.holder(OTHER)] == ["billing", ""]


@pytest.mark.parametrize(
    "said",
    ["", "billing", SECRET[:-1], SECRET + "0", SECRET.upper(), "\udcff", f"billing {SECRET}"],
)
def test_what_is_not_exactly_a_token_has_no_holder(tokens: Tokens, said: str) -> None:
    assert tokens.holder(said) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no token; write one token a line"),
        (b"# nobody\n \n", "holds no token"),
        (b"short\n", "a token has at least 16 characters"),
        (SECRET.encode("utf-16"), "is UTF-16"),
        (SECRET.encode("utf-16-be"), "is UTF-16"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + SECRET.encode(), "a token holds letters, digits and"),
        (f"ok {SECRET}\nbad tok\N{LATIN SMALL LETTER E WITH ACUTE}{SECRET}\n".encode(), "letters"),
        (f"a {SECRET}\nb {SECRET}\n".encode(), "the token is there twice"),
        (f"two words {SECRET}\n".encode(), "a name is one word"),
        (b"\x00" * 100, "holds NUL characters"),
        (b"a" * (1024 * 1024 + 1), "is longer than 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_lets_nobody_ask_and_does_not_tell_what_it_holds(
    file: Path, tokens: Tokens, content: bytes, problem: str
) -> None:
    file.write_bytes(content)

    settle(tokens)

    assert problem in str(tokens.problems[0])
    assert SECRET not in str(tokens.problems)
    assert [tokens.holder(SECRET), tokens.holder(OTHER)] == [None, None]
    with pytest.raises(InvalidSettingError, match=problem.partition(";")[0]):
        Tokens(file).load()


@pytest.mark.parametrize("line", ["billing {}\r\n", "{}", "# who\r\nbilling {}"])
def test_a_byte_order_mark_is_no_part_of_a_token(file: Path, tokens: Tokens, line: str) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + line.format(SECRET).encode())

    settle(tokens)

    assert tokens.problems == ()
    assert tokens.holder(SECRET) == ("billing" if "billing" in line else "")


def test_the_place_of_each_fault_is_told(file: Path, tokens: Tokens) -> None:
    file.write_text(f"{SECRET}\nshort\n\ntiny\n")

    settle(tokens)

    assert [problem.line for problem in tokens.problems] == [2, 4]


def test_a_file_that_is_none_of_tokens_is_one_line_of_the_log(
    file: Path, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(bytes(range(1, 127)) * 8000)

    settle(tokens)

    assert len(tokens.problems) == 20
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "(19 more lines are wrong)" in line
    with pytest.raises(InvalidSettingError, match="19 more lines are wrong") as told:
        Tokens(file).load()
    assert "\n" not in str(told.value)


def test_a_file_that_is_gone_lets_nobody_ask_until_it_is_back(file: Path, tokens: Tokens) -> None:
    content = file.read_text()

    file.unlink()
    settle(tokens)
    gone = tokens.holder(SECRET), str(tokens.problems[0])
    file.write_text(content)
    settle(tokens)

    assert (gone[0], tokens.holder(SECRET), tokens.problems) == (None, "billing", ())
    assert "cannot be read: No such file or directory; write one token a line" in gone[1]


def test_a_change_is_taken_when_it_has_been_still_between_two_looks(
    file: Path, tokens: Tokens
) -> None:
    file.write_text(f"{SECRET[:20]}")
    tokens.look()
    file.write_text(f"{SECRET[:20]}-and-more\n")
    tokens.look()
    between = tokens.holder(SECRET), tokens.holder(SECRET[:20])
    tokens.look()

    assert between == ("billing", None)
    assert [tokens.holder(SECRET), tokens.holder(SECRET[:20] + "-and-more")] == [None, ""]


def test_a_file_that_is_touched_all_the_time_is_taken(file: Path, tokens: Tokens) -> None:
    file.write_text(f"{OTHER}\n")
    for second in range(2):
        os.utime(file, (second, second))
        tokens.look()

    assert [tokens.holder(SECRET), tokens.holder(OTHER)] == [None, ""]


def test_a_file_that_is_rewritten_all_the_time_is_taken(
    file: Path, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.watch.PATIENCE_SECONDS", 0.0)
    file.write_text(f"{OTHER}\n")

    tokens.look()

    assert [tokens.holder(SECRET), tokens.holder(OTHER)] == [None, ""]


def test_a_pipe_in_the_place_of_the_file_lets_nobody_ask_and_keeps_nobody_waiting(
    file: Path, tokens: Tokens
) -> None:
    file.unlink()
    os.mkfifo(file)
    settle(tokens)
    piped = tokens.holder(SECRET), str(tokens.problems[0])
    file.unlink()
    file.write_text(f"{OTHER}\n")
    settle(tokens)

    assert piped[0] is None
    assert "is not a regular file" in piped[1]
    assert (tokens.holder(OTHER), tokens.problems) == ("", ())


def test_a_change_that_keeps_size_and_times_is_taken(file: Path, tokens: Tokens) -> None:
    before = file.stat()
    file.write_text(file.read_text().replace(SECRET, SECRET.replace("0", "1")))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    settle(tokens)

    assert tokens.holder(SECRET.replace("0", "1")) == "billing"


def test_a_file_that_could_not_be_read_for_a_moment_is_read_as_soon_as_it_can_be(
    file: Path, tokens: Tokens
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    file.write_text(f"{OTHER}\n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        settle(tokens)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    settle(tokens)

    assert (tokens.holder(OTHER), tokens.problems) == ("", ())


def test_a_process_that_begins_later_takes_no_token_of_the_past(file: Path, tokens: Tokens) -> None:
    file.write_text(f"{OTHER}\n")

    tokens.begin()

    assert [tokens.holder(SECRET), tokens.holder(OTHER)] == [None, ""]


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o660, 1)])
def test_a_file_that_others_can_read_or_change_is_warned_of(
    file: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: int
) -> None:
    file.chmod(mode)

    Tokens(file).load()

    assert sum("others may read or change it" in line for line in caplog.messages) == warned


# --- HTTP ---------------------------------------------------------------------------------------

HEADERS: dict[str, dict[str, str]] = {
    "none": {},
    "empty": {"Authorization": ""},
    "another scheme": {"Authorization": f"Basic {SECRET}"},
    "no scheme": {"Authorization": SECRET},
    "only a scheme": {"Authorization": "Bearer"},
    "unknown": bearer("x" * 32),
    "two": bearer(f"{SECRET},Bearer {OTHER}"),
    "with its name": bearer(f"billing {SECRET}"),
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_who_shows_no_known_token_gets_no_answer(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    told = client.post("/v1/authorize", json=EDIT, headers=headers)

    members = told.get_json()
    assert (told.status_code, members["decision"]) == (401, False)
    assert told.headers["WWW-Authenticate"].startswith('Bearer realm="sidecar"')
    assert ("invalid_token" in told.headers["WWW-Authenticate"]) == bool(headers)
    assert set(members) == {"decision", "error"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_who_shows_a_token_is_answered(client: FlaskClient, scheme: str) -> None:
    for token in (SECRET, OTHER):
        told = client.post(
            "/v1/authorize", json=EDIT, headers={"Authorization": f"{scheme} {token}"}
        )

        assert (told.status_code, told.get_json()["decision"]) == (200, True)


def test_who_was_let_in_is_shut_out_when_its_token_is_gone_and_let_in_when_it_is_back(
    client: FlaskClient, file: Path, tokens: Tokens
) -> None:
    statuses = []
    for content in (file.read_text(), f"{OTHER}\n", f"{OTHER}\n{SECRET}\n", ""):
        file.write_text(content)
        settle(tokens)
        statuses += [
            client.post("/v1/authorize", json=EDIT, headers=bearer(SECRET)).status_code
            for _ in range(2)
        ]

    assert statuses == [200, 200, 401, 401, 200, 200, 401, 401]


def test_however_many_ways_there_are_to_show_a_token_few_are_remembered(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "MOST_ADMITTED", 3)
    asked = Access(tokens)

    shown = [f"Bearer{' ' * blanks}{SECRET}".encode() for blanks in range(1, 20)]
    told = [asked.refusal(each) for each in (*shown, *shown, b"Bearer no", None)]

    assert [each is None for each in told] == [True] * 2 * len(shown) + [False] * 2
    assert len(asked._admitted) <= 3  # noqa: SLF001 - nothing tells from outside


def test_every_path_but_those_of_health_and_discovery_needs_a_token(client: FlaskClient) -> None:
    asked = [
        (rule.rule, method)
        for rule in client.application.url_map.iter_rules()
        for method in rule.methods or ()
    ]

    answered = {
        path for path, method in asked if client.open(path, method=method).status_code != 401
    }

    assert answered == {"/healthz", "/readyz", "/.well-known/authzen-configuration"}


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/healthz/", "/healthz/../v1/authorize", "//healthz"]
)
def test_a_path_that_is_none_is_not_told_apart_from_one_that_is(
    client: FlaskClient, path: str
) -> None:
    assert client.get(path).status_code == 401


def test_the_id_of_a_refused_request_comes_back(client: FlaskClient) -> None:
    told = client.post("/v1/authorize", json=EDIT, headers={"X-Request-ID": "seven"})

    assert (told.status_code, told.headers["X-Request-ID"]) == (401, "seven")


def test_strangers_are_told_whether_it_is_ready_and_nothing_else(client: FlaskClient) -> None:
    strange, known = client.get("/readyz"), client.get("/readyz", headers=bearer(SECRET))

    assert strange.get_json() == {"ready": True}
    assert set(known.get_json()) == {"ready", "revisions", "problems"}


def test_when_nobody_may_ask_it_is_not_ready(
    file: Path, tokens: Tokens, client: FlaskClient
) -> None:
    file.write_text("")
    settle(tokens)

    told = client.get("/readyz", headers=bearer(SECRET))

    assert (told.status_code, told.get_json()) == (503, {"ready": False})


def test_without_tokens_everybody_may_ask(reloading: Reloading) -> None:
    client = create_app(reloading).test_client()

    told = client.post("/v1/authorize", json=EDIT)

    assert (told.status_code, told.get_json()["decision"]) == (200, True)
    assert "problems" in client.get("/readyz").get_json()


class Nobody:
    """A file of tokens with a problem."""

    reading = "the only one"
    problems = (Problem("tokens", 3, "is wrong"),)
    failures = ()

    def holder(self, token: str) -> str | None:
        return "me" if token == SECRET else None


def test_who_may_ask_is_told_why_nobody_else_may(reloading: Reloading) -> None:
    client = create_app(reloading, access=Access(Nobody())).test_client()

    told = client.get("/readyz", headers=bearer(SECRET)).get_json()

    assert told["problems"] == [{"file": "tokens", "line": 3, "message": "is wrong"}]


# --- where to listen ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "text", "local"),
    [
        ("127.0.0.1:8181", "127.0.0.1:8181", True),
        ("127.8.9.1:0", "127.8.9.1:0", True),
        ("127.1:80", "127.0.0.1:80", True),
        ("2130706433:80", "127.0.0.1:80", True),
        ("[::1]:8181", "[::1]:8181", True),
        ("unix:/run/sidecar.sock", "unix:/run/sidecar.sock", True),
        ("unix:/run/a,0.0.0.0:80", "unix:/run/a,0.0.0.0:80", True),
        ("0.0.0.0:8181", "0.0.0.0:8181", False),
        ("0:8181", "0.0.0.0:8181", False),
        (":8181", "0.0.0.0:8181", False),
        ("[::]:8181", "[::]:8181", False),
        ("[::ffff:0.0.0.0]:80", "[::ffff:0.0.0.0]:80", False),
        ("10.1.2.3:80", "10.1.2.3:80", False),
        ("[fe80::1]:80", "[fe80::1]:80", False),
    ],
)
def test_an_address_is_looked_up_once_and_is_local_or_not(
    address: str, text: str, *, local: bool
) -> None:
    (found,) = resolve(address)

    assert (str(found), found.is_local) == (text, local)


def test_a_name_is_as_local_as_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(*_: object, **__: object) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 80, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 80)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", known)

    found = resolve("innocent.example:80")

    assert [str(each) for each in found] == ["192.0.2.7:80", "[::1]:80"]
    assert [each.is_local for each in found] == [False, True]
    with pytest.raises(InvalidSettingError, match=r"could ask at `192\.0\.2\.7:80`"):
        read_config(Settings(host="innocent.example", port=80))


@pytest.mark.parametrize(
    "address", ["no such host:80", "tcp://0.0.0.0:80", "127.0.0.1:80,0.0.0.0:81", "a" * 300 + ":1"]
)
def test_a_host_that_nobody_knows_is_refused(address: str) -> None:
    with pytest.raises(InvalidSettingError, match="is not known"):
        resolve(address)


@pytest.mark.parametrize(
    ("family", "name", "local"),
    [
        (socket.AF_UNIX, "", True),
        (socket.AF_INET, "127.0.0.2", True),
        (socket.AF_INET6, "::1", True),
        (socket.AF_INET, "0.0.0.0", False),  # noqa: S104  only written down
        (socket.AF_INET6, "::", False),
        (socket.AF_INET6, "fe80::1%eth0", False),
        (socket.AF_INET, "nonsense", False),
    ],
)
def test_a_socket_is_local_by_what_it_is_bound_to(family: int, name: str, *, local: bool) -> None:
    assert is_local(family, name) is local


EVERYWHERE = "0.0.0.0"  # noqa: S104  that is the point


def test_beyond_this_machine_nothing_is_listened_to_when_nobody_is_named() -> None:
    with pytest.raises(InvalidSettingError, match="others than this machine could ask") as told:
        read_config(Settings(host=EVERYWHERE))

    assert all(word in str(told.value) for word in ("--tokens", "SIDECAR_TOKENS", "--client-ca"))
    assert "--allow-anonymous yes-anyone-may-ask" in str(told.value)


def test_tokens_and_words_open_it_to_others(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with_tokens = read_config(Settings(host=EVERYWHERE, tokens=file))
    in_words = read_config(Settings(host=EVERYWHERE, allow_anonymous=True))
    local = read_config(Settings())

    assert [config.allows_strangers for config in (with_tokens, in_words, local)] == [
        True,
        True,
        False,
    ]
    assert "which has no TLS" in caplog.text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"client_ca": "ca"}, "need a certificate"),
        ({"key": "key"}, "need a certificate"),
        ({"client_ca": "ca", "host": EVERYWHERE}, "need a certificate"),
        ({"certificate": "none"}, "cannot be used: No such file"),
        ({"tokens": "none"}, "cannot be read: No such file"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    tmp_path: Path, given: dict[str, str], message: str
) -> None:
    files: dict[str, Any] = {
        name: text if name == "host" else tmp_path / text for name, text in given.items()
    }

    with pytest.raises(InvalidSettingError, match=message):
        read_config(Settings(**files))


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "certificate").write_text("nonsense")

    message = r"the certificates for TLS .*; give a certificate and its own key"
    with pytest.raises(InvalidSettingError, match=message):
        read_config(Settings(certificate=tmp_path / "certificate"))


def test_the_paths_of_the_settings_are_not_looked_for_without_need() -> None:
    assert read_config(Settings(bind=f"unix:{os.devnull}")).tls is None


def test_the_document_of_the_interface_says_where_a_token_is_needed(
    client: FlaskClient, reloading: Reloading
) -> None:
    guarded = client.get("/openapi.json", headers=bearer(SECRET)).get_json()
    free = create_app(reloading).test_client().get("/openapi.json").get_json()

    needed = {
        path
        for path, operations in guarded["paths"].items()
        for operation in operations.values()
        if operation["security"] and "401" in operation["responses"]
    }
    assert needed == set(guarded["paths"]) - {
        "/healthz",
        "/readyz",
        "/.well-known/authzen-configuration",
    }
    assert guarded["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert not any(
        "security" in operation or "401" in operation["responses"]
        for path, operations in free["paths"].items()
        if "/gateway/" not in path  # they have a 401 of their own
        for operation in operations.values()
    )
