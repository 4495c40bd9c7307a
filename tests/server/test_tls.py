"""Certificates: read by a thread, and never waited for."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from sidecar.errors import InvalidSettingError
from sidecar.server.tls import Credentials


def certificate(file: Path, name: str) -> None:
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 "
        f"-subj /CN={name} -keyout {file} -out {file}.crt"
    )
    subprocess.run(command.split(), check=True, capture_output=True)  # noqa: S603  a command of the test's own
    with file.open("a") as stream:
        stream.write(Path(f"{file}.crt").read_text())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "certificate"
    certificate(made, "first")
    return made


@pytest.fixture
def credentials(file: Path) -> Credentials:
    made = Credentials(file, None, None)
    made.load()
    return made


def test_replaced_certificates_are_taken_and_bad_ones_are_not(
    file: Path, credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    first = credentials.context

    credentials.look()
    unchanged = credentials.context
    file.write_text("nonsense")
    credentials.look()
    credentials.look()
    bad = credentials.context
    certificate(file, "second")
    credentials.look()

    assert (unchanged, bad) == (first, first)
    assert credentials.context is not first
    assert len([line for line in caplog.messages if "the last good one stays" in line]) == 1


def test_the_expiry_is_that_of_the_certificate_in_use(file: Path, credentials: Credentials) -> None:
    decoded = subprocess.run(  # noqa: S603  a command of the test's own
        f"openssl x509 -in {file} -noout -enddate -dateopt iso_8601".split(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    expected = datetime.fromisoformat(decoded.strip().removeprefix("notAfter="))

    before, none = credentials.expires, credentials.problems()
    file.write_text("nonsense")
    credentials.look()

    assert before == credentials.expires == expected.timestamp()
    assert none == ()
    (problem,) = credentials.problems()
    assert problem.file == str(file)
    assert "cannot be used" in problem.message


def test_a_pipe_in_the_place_of_a_certificate_keeps_nobody_waiting(
    file: Path, credentials: Credentials
) -> None:
    first, content = credentials.context, file.read_bytes()
    file.unlink()
    os.mkfifo(file)

    credentials.look()
    piped = credentials.context
    file.unlink()
    file.write_bytes(content)
    credentials.look()

    assert piped is first
    assert credentials.context.cert_store_stats() == first.cert_store_stats()


@pytest.mark.parametrize("place", ["certificate", "key", "client_ca"])
def test_a_pipe_is_refused_at_the_start(file: Path, tmp_path: Path, place: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    files: dict[str, Path] = {"certificate": file, "key": file, "client_ca": file, place: pipe}

    with pytest.raises(InvalidSettingError, match="is not a regular file"):
        Credentials(**files).load()


def test_newer_versions_only_and_certificates_of_clients_where_there_is_a_ca(file: Path) -> None:
    credentials = Credentials(file, file, file)
    credentials.load()

    context = credentials.context

    assert (context.minimum_version.name, context.verify_mode.name) == ("TLSv1_2", "CERT_REQUIRED")


def test_what_has_not_been_read_answers_nobody(file: Path) -> None:
    with pytest.raises(InvalidSettingError, match="have not been read"):
        _ = Credentials(file, None, None).context
