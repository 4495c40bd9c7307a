"""Start database, mail sink, sidecar and team service; stop them all when one of them ends."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from local.databases import EXAMPLE, SOURCES, postgresql_database, sqlite_database
from local.mail_sink import start_mail_sink
from sidecar.client import StrictClient, UnavailableError

STATE = EXAMPLE / "var"
SIDECAR, TOKEN = "unix:sidecar.sock", "sidecar-token"


class EndedError(Exception):
    """A process has ended by itself."""


def main() -> None:
    """Run until a signal, or until a process ends by itself."""
    options = _options()
    directory = _new_directory(options.directory)
    os.chdir(directory)  # the path of a socket is short, that of a directory may be long
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with ExitStack() as stack:
        start = _Processes(stack)
        mail_sink, smtp = start_mail_sink(directory / "mail")
        stack.callback(mail_sink.stop)
        database = postgresql_database() if options.postgresql else sqlite_database(directory)
        addresses = stack.enter_context(database)
        Path("database").write_text(addresses.service)
        with open(TOKEN, "x", opener=_private) as file:
            file.write(secrets.token_urlsafe(32))
        start(
            "sidecar",
            *("-m", "sidecar", "serve", "--bind", SIDECAR, "--tokens", TOKEN, "--store", "store"),
            *("--admin", "off", "--data", addresses.sidecar, "--sources", str(SOURCES)),
        )
        start.wait_for(_sidecar_answers)
        start(
            "service",
            *("-m", "gunicorn", "--no-control-socket", "--workers", "2", "--threads", "16"),
            *("--bind", f"127.0.0.1:{options.port}", "team_service.app:create_app()"),
            TEAM_DATABASE=addresses.service,
            TEAM_SIDECAR=SIDECAR,
            TEAM_SIDECAR_TOKEN_FILE=TOKEN,
            TEAM_SMTP=smtp,
            TEAM_SECURE_COOKIE="no",
        )
        start.wait_for(lambda: _listens(options.port))
        sys.stdout.write(f"the team service listens at http://127.0.0.1:{options.port}\n")
        sys.stdout.write(f"logs, the newest mail to each address, the database: {directory}\n")
        sys.stdout.flush()
        start.wait_for(lambda: False)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--postgresql", action="store_true", help="in place of SQLite")
    parser.add_argument("--port", type=int, default=8282, help="of the service (%(default)s)")
    parser.add_argument("--directory", type=Path, help="for all files, a new one (var)")
    return parser.parse_args()


def _new_directory(given: Path | None) -> Path:
    if given is None:
        shutil.rmtree(STATE, ignore_errors=True)
    directory = (given or STATE).absolute()
    directory.mkdir(mode=0o700)
    return directory


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _stop(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


class _Processes:
    """Processes of Python, each with a file as its log, that are stopped with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __call__(self, name: str, *command: str, **variables: str) -> None:
        path = os.pathsep.join(filter(None, [str(EXAMPLE), os.environ.get("PYTHONPATH")]))
        with Path(f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  our own
                [sys.executable, *command],
                env={**os.environ, "PYTHONPATH": path, **variables},
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which stops them in order
            )
        self._running[name] = process
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds.

        Raises:
            EndedError: One of the processes has ended.
        """
        while not condition():
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise EndedError(f"{name}: {Path(f'{name}.log').read_text()}")
            time.sleep(0.05)


def _sidecar_answers() -> bool:
    with StrictClient(SIDECAR, token_file=TOKEN) as client:
        try:
            client.authorize("user:-", "switch", "account:-")
        except UnavailableError:
            return False
    return True


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
