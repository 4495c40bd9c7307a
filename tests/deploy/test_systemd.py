"""What the unit of systemd starts tells when it is ready, and is told to start its workers anew."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest

from sidecar.config.variables import FORMS, variable
from tests.deploy.containers import started
from tests.e2e.running import EDIT, Sidecar, copy_pack, until
from tests.paths import ROOT
from tests.patience import PATIENCE

UNIT_FILE = ROOT / "deploy" / "systemd" / "sidecar.service"
GROUPS = ROOT / "deploy" / "systemd" / "sidecar.sysusers"


LINES = re.findall(r"^(\w+)=(.*)$", UNIT_FILE.read_text(encoding="utf-8"), re.MULTILINE)
SERVICE = dict(LINES)
VARIABLES = dict(value.split("=", 1) for name, value in LINES if name == "Environment")


class OverSocket(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


class Notified:
    """Receives what a service tells systemd."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)

    def next(self) -> list[str]:
        return self._socket.recv(4096).decode().splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def test_the_variables_of_the_unit_are_settings() -> None:
    assert VARIABLES.keys() - {"XDG_CACHE_HOME"} <= {variable(name) for name in FORMS}


def test_the_groups_of_the_unit_are_made() -> None:
    lines = [line.split() for line in GROUPS.read_text().splitlines() if not line.startswith("#")]

    assert lines == [["g", SERVICE["Group"], "-"], ["g", SERVICE["SupplementaryGroups"], "-"]]


@pytest.mark.e2e
def test_what_the_unit_starts_is_ready_when_it_says_so_and_answers_while_it_starts_anew(
    tmp_path: Path,
) -> None:
    copy_pack(tmp_path)
    (tmp_path / "admin-tokens").write_text("prometheus token-of-prometheus-0123456789\n")
    (tmp_path / "admin-tokens").chmod(0o640)
    for name in ("run", "state", "cache"):
        (tmp_path / name).mkdir(mode=0o700)
    places = {
        "/etc/sidecar": tmp_path,
        "/srv/facts": tmp_path / "data",
        f"/run/{SERVICE['RuntimeDirectory']}": tmp_path / "run",
        f"/var/lib/{SERVICE['StateDirectory']}": tmp_path / "state",
        f"/var/cache/{SERVICE['CacheDirectory']}": tmp_path / "cache",
        "/run/systemd": tmp_path,
    }
    told = {"NOTIFY_SOCKET": "/run/systemd/notify", "SIDECAR_ADMIN": "127.0.0.1:8182"}
    command = shlex.split(SERVICE["ExecStart"])

    with (
        Notified(tmp_path / "notify") as systemd,
        started(tmp_path, command, {**VARIABLES, **told}, places) as process,
    ):
        sidecar = Sidecar(process, 0, tmp_path)
        assert "READY=1" in systemd.next()
        assert _answer(tmp_path) is True
        before = set(sidecar.workers())
        assert SERVICE["ExecReload"] == "/bin/kill -HUP $MAINPID"
        process.send_signal(signal.SIGHUP)
        until(lambda: _answer(tmp_path) and len(set(sidecar.workers()) - before) == len(before))
        assert _answer(tmp_path) is True


def _answer(root: Path) -> object:
    with closing(OverSocket(root / "run" / "sidecar.sock")) as connection:
        content = json.dumps(EDIT).encode()
        connection.request("POST", "/v1/authorize", content, {"Content-Type": "application/json"})
        return json.load(connection.getresponse())["decision"]
