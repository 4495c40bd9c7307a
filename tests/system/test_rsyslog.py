"""Debian's rsyslog ships the decision log by our configuration: each line once, as it is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.decision_log.files import lines_of, log_files
from tests.e2e.running import EDIT, Sidecar, copy_pack, serving, until
from tests.paths import ROOT
from tests.patience import PATIENCE

pytestmark = pytest.mark.e2e

CONFIGURATION = ROOT / "deploy" / "logging" / "rsyslog.conf"


@contextmanager
def rsyslog(directory: Path) -> Iterator[None]:
    """Run rsyslog on the files of a directory until the block ends."""
    text = CONFIGURATION.read_text()
    for path in ("/var/spool/rsyslog", "/var/log/sidecar"):
        assert path in text
        text = text.replace(path, str(directory))
    (directory / "rsyslog.conf").write_text(text)
    command = ["/usr/sbin/rsyslogd", "-n", "-f", "rsyslog.conf", "-i", str(directory / "pid")]
    process = subprocess.Popen(command, cwd=directory)  # noqa: S603  a fixed program
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def ask(sidecar: Sidecar, times: int) -> None:
    for _ in range(times):
        assert sidecar.ask("/v1/authorize", EDIT)[0] == 200


def test_rsyslog_ships_every_line_once_over_rotations_and_its_own_restart(tmp_path: Path) -> None:
    root = copy_pack(tmp_path)
    log, shipped = root / "decisions.log", root / "shipped.log"
    moved = [root / f"decisions.log.moved{number}" for number in range(2)]

    def written() -> bytes:
        files = [*log_files([log])[:-1], *(each for each in moved if each.exists()), log]
        return b"".join(line for file in files for line in lines_of(file))

    def has_all() -> bool:
        return shipped.exists() and len(shipped.read_bytes()) >= len(written())

    options = ("--decision-log", str(log), "--decision-log-max-bytes", "20000")
    with serving(root, *options) as sidecar:
        with rsyslog(root):
            ask(sidecar, 60)
            until(has_all)
            for each in moved:
                log.rename(each)
                ask(sidecar, 2)
                until(has_all)
        ask(sidecar, 3)
        with rsyslog(root):
            ask(sidecar, 3)
            until(has_all)
    with rsyslog(root):
        until(has_all)  # the last lines of the workers
    rotated = len(log_files([log]))
    lines = shipped.read_bytes().splitlines(keepends=True)
    result = CliRunner().invoke(main, ["log", "verify", str(shipped)])

    assert rotated > 2
    assert lines == written().splitlines(keepends=True)
    assert result.exit_code == 0, result.output
