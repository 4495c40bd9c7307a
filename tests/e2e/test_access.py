"""Who may ask, against the sidecar as it is run: tokens, certificates, and where it listens."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.e2e.authority import Authority
from tests.e2e.running import (
    EDIT,
    Sidecar,
    ask,
    beginning_with,
    copy_pack,
    raw,
    serving,
    start,
    until,
    write,
)
from tests.paths import ROOT
from tests.patience import PATIENCE, lenient

pytestmark = pytest.mark.e2e

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105  made up
OTHER = "fedcba9876543210fedcba9876543210"

REACHABLE = "0.0.0.0"  # noqa: S104  that is the point


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def keep(file: Path, content: str) -> Path:
    write(file, content)
    file.chmod(0o600)
    return file


# --- tokens -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    root = copy_pack(tmp_path_factory.mktemp("guarding"))
    tokens = keep(root / "tokens", f"billing {SECRET}\n")
    with serving(root, "--tokens", str(tokens)) as running:
        yield running


@pytest.fixture
def tokens(guarding: Sidecar) -> Path:
    return keep(guarding.root / "tokens", f"billing {SECRET}\n")


@pytest.fixture
def guarded(guarding: Sidecar, tokens: Path) -> Sidecar:
    """The sidecar of all these tests, where one token is shown and taken again."""
    assert tokens.exists()
    until(lambda: statuses(guarding, SECRET) == {200} and statuses(guarding, OTHER) == {401})
    return guarding


def status(sidecar: Sidecar, **headers: str) -> int:
    return sidecar.ask("/v1/authorize", EDIT, **headers)[0]


def statuses(sidecar: Sidecar, token: str) -> set[int]:
    """Return what all workers answer to whoever shows this token."""
    return set(sidecar.each(lambda: status(sidecar, **bearer(token))))


def test_only_who_shows_a_token_is_answered(guarded: Sidecar) -> None:
    with closing(guarded.connect()) as connection:
        connection.request("POST", "/v1/authorize", b"{}")
        refused = connection.getresponse()
        refused.read()
        # The same connection goes on: a caller that has forgotten its token loses nothing else.
        connection.request("GET", "/healthz")
        alive = connection.getresponse()
        alive.read()

    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="sidecar"')
    assert alive.status == 200
    assert [status(guarded, **bearer(OTHER)), status(guarded, **bearer(SECRET))] == [401, 200]
    assert SECRET not in guarded.log()


def test_replaced_tokens_are_taken_by_every_worker(guarded: Sidecar, tokens: Path) -> None:
    keep(tokens, f"billing {SECRET}\nbilling {OTHER}\n")
    seconds = until(lambda: statuses(guarded, OTHER) == {200})
    both = statuses(guarded, SECRET)
    keep(tokens, f"billing {OTHER}\n")
    until(lambda: statuses(guarded, SECRET) == {401})

    assert both == {200}
    assert statuses(guarded, OTHER) == {200}
    assert seconds < lenient(2)


@pytest.mark.parametrize("content", ["", f"billing {SECRET} {SECRET}\n", None])
def test_a_file_that_cannot_be_used_refuses_everybody_until_it_is_mended(
    guarded: Sidecar, tokens: Path, content: str | None
) -> None:
    told = guarded.log().count("nobody may ask")
    if content is None:
        tokens.unlink()
    else:
        keep(tokens, content)
    until(lambda: statuses(guarded, SECRET) == {401})
    until(lambda: guarded.ready() == (503, {"ready": False}))
    keep(tokens, f"billing {SECRET}\n")
    until(lambda: statuses(guarded, SECRET) == {200})
    until(lambda: guarded.ready() == (200, {"ready": True}))

    assert guarded.log().count("nobody may ask") >= told + 2
    assert SECRET not in guarded.log()


def test_a_worker_that_replaces_a_dead_one_takes_no_token_of_the_past(
    guarded: Sidecar, tokens: Path
) -> None:
    keep(tokens, f"{OTHER}\n")
    until(lambda: statuses(guarded, SECRET) == {401})

    workers = guarded.workers()
    for worker in workers[-2:]:
        os.kill(worker, signal.SIGKILL)
    until(lambda: len(guarded.workers()) == len(workers) + 2)

    assert statuses(guarded, SECRET) == {401}
    assert statuses(guarded, OTHER) == {200}


# --- where it listens ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--host", REACHABLE),
        ("--host", "::"),
        ("--host", "0"),
        ("--bind", f"{REACHABLE}:0"),
        ("--bind", "[::]:0"),
        ("--host", ""),
    ],
)
def test_it_does_not_listen_to_others_when_nobody_is_named(
    root: Path, options: tuple[str, ...]
) -> None:
    ended = start(root, "--port", "0", *options).wait(PATIENCE)

    told = (root / "log").read_text()
    assert ended == 2
    assert told.startswith("error: others than this machine could ask at ")
    assert "Listening" not in told


@pytest.mark.parametrize("how", ["tokens", "words"])
def test_it_listens_to_others_when_they_are_named_or_in_so_many_words(root: Path, how: str) -> None:
    tokens = keep(root / "tokens", f"{SECRET}\n")
    options = {
        "tokens": ("--tokens", str(tokens)),
        "words": ("--allow-anonymous", "yes-anyone-may-ask"),
    }

    with serving(root, "--host", REACHABLE, *options[how]) as sidecar:
        told = [status(sidecar), status(sidecar, **bearer(SECRET))]

    assert told == ([401, 200] if how == "tokens" else [200, 200])


def test_other_words_do_not_open_it(root: Path) -> None:
    ended = start(root, "--host", REACHABLE, "--allow-anonymous", "yes").wait(PATIENCE)

    assert ended == 2
    assert "`yes` is not `yes-anyone-may-ask`" in (root / "log").read_text()


def test_a_socket_that_a_supervisor_hands_over_is_looked_at_too(root: Path) -> None:
    """The variables are those of systemd; what is handed over wins over every setting."""
    with socket.create_server((REACHABLE, 0)) as handed, (root / "log").open("wb") as log:
        process = subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-c", HANDED_OVER, str(handed.fileno())],
            cwd=root,
            check=False,
            pass_fds=[handed.fileno()],
            stderr=log,
            timeout=PATIENCE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},  # noqa: TID251  a child's
        )

    assert process.returncode == 2
    assert "others than this machine could ask at `0.0.0.0`" in (root / "log").read_text()


HANDED_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
pack = ("--policies", "policies", "--fixtures", "fixtures", "--data", "data")
os.execv(sys.executable, [sys.executable, "-m", "sidecar", "serve", "--admin", "off", *pack])
"""


def test_the_container_says_what_to_do_when_nobody_is_named(root: Path) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    variables = dict(re.findall(r"(SIDECAR_(?:HOST|TOKENS))=(\S+)", dockerfile))

    refused = start(root, **variables).wait(PATIENCE)
    told = (root / "log").read_text()
    tokens = keep(root / "tokens", f"{SECRET}\n")
    with serving(root, "--host", variables["SIDECAR_HOST"], "--tokens", str(tokens)) as sidecar:
        answered = status(sidecar, **bearer(SECRET))

    assert (refused, answered, len(variables)) == (2, 200, 2)
    assert "error: /run/secrets/tokens: cannot be read: No such file or directory" in told
    assert "write one token a line" in told


TWO_ADDRESSES = """\
import socket

found = socket.getaddrinfo


def both(host, port, *options, **named):
    hosts = ["::1", "127.0.0.1"] if host == "localhost" else [host]
    return [each for one in hosts for each in found(one, port, *options, **named)]


socket.getaddrinfo = both
"""
"""Gives `localhost` two addresses, as on most machines, but not in every container."""


def test_a_name_is_listened_at_at_both_its_addresses(root: Path) -> None:
    variables = beginning_with(TWO_ADDRESSES, root / "two")

    with serving(root, "--host", "localhost", workers=1, variables=variables) as sidecar:
        told = []
        for host in ("127.0.0.1", "::1"):
            with closing(HTTPConnection(host, sidecar.port, timeout=PATIENCE)) as connection:
                told.append(ask(connection, "/v1/authorize", EDIT)[0])

    assert told == [200, 200]


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "certificates").mkdir()
    return Authority(tmp_path / "certificates")


def tls(authority: Authority) -> tuple[str, ...]:
    certificate, key = authority.sign("sidecar")
    return ("--certificate", str(certificate), "--key", str(key))


def test_with_a_client_ca_only_its_certificates_are_answered(
    root: Path, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "others").mkdir()
    strangers = Authority(tmp_path / "others").sign("stranger")
    options = (*tls(authority), "--client-ca", str(authority.file), "--host", REACHABLE)
    known = authority.context(authority.sign("service"))

    with serving(root, *options, context=known) as sidecar:
        answered = sidecar.ask("/v1/authorize", EDIT)
        with closing(sidecar.connect()) as connection:
            for _ in range(3):
                connection.request("GET", "/readyz")
                assert connection.getresponse().read().startswith(b'{"ready":true')
        for context in (authority.context(), authority.context(strangers)):
            sidecar.context = context
            with pytest.raises(OSError, match=r"(?i)ssl|tls|reset|closed|broken"):
                sidecar.ask("/v1/authorize", EDIT)
        log = sidecar.log()

    assert (answered[0], answered[1]["decision"]) == (200, True)
    assert "Traceback" not in log


def test_with_tokens_too_both_are_needed(root: Path, authority: Authority) -> None:
    tokens = keep(root / "tokens", f"{SECRET}\n")
    options = (*tls(authority), "--client-ca", str(authority.file), "--tokens", str(tokens))
    known = authority.context(authority.sign("service"))

    with serving(root, *options, workers=1, context=known) as sidecar:
        told = [status(sidecar), status(sidecar, **bearer(SECRET))]

    assert told == [401, 200]


def test_old_versions_of_tls_and_none_at_all_are_refused(root: Path, authority: Authority) -> None:
    with serving(root, *tls(authority), workers=1, context=authority.context()) as sidecar:
        answered = status(sidecar)
        said = raw(sidecar, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        old = authority.context()
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        sidecar.context = old
        with pytest.raises(OSError, match=r"(?i)ssl|tls|version|reset"):
            status(sidecar)
        sidecar.context = authority.context()

        assert (answered, status(sidecar)) == (200, 200)
    assert b"HTTP/1.1 200" not in said


def test_callers_that_do_not_finish_their_handshake_keep_nobody_waiting(
    root: Path, authority: Authority
) -> None:
    with serving(root, *tls(authority), workers=1, context=authority.context()) as sidecar:
        silent = [socket.create_connection(("127.0.0.1", sidecar.port)) for _ in range(50)]
        for each in silent:
            each.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        begun = time.monotonic()
        answered = [status(sidecar) for _ in range(5)]
        seconds = time.monotonic() - begun
        for each in silent:
            each.close()

    assert answered == [200] * 5
    assert seconds < lenient(1)


def test_a_replaced_certificate_is_taken_for_connections_that_follow(
    root: Path, authority: Authority
) -> None:
    """Also by a worker that replaces a dead one, from its first connection on."""
    options = tls(authority)
    with serving(root, *options, workers=1, context=authority.context()) as sidecar:
        first = serial(sidecar)
        authority.sign("sidecar")
        until(lambda: serial(sidecar) != first)
        second = serial(sidecar)
        answered = status(sidecar)

        with sidecar.standing_still():
            authority.sign("sidecar")
            os.kill(sidecar.workers()[0], signal.SIGKILL)
        third = serial(sidecar)

        assert (answered, status(sidecar)) == (200, 200)
    assert len({first, second, third}) == 3


def serial(sidecar: Sidecar) -> str:
    assert sidecar.context
    with (
        socket.create_connection(("127.0.0.1", sidecar.port)) as plain,
        sidecar.context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        shown = wrapped.getpeercert()
    assert shown
    return str(shown["serialNumber"])
