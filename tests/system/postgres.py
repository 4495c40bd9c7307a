"""Real PostgreSQL servers in temporary directories, and a proxy that can lose packets."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
SETTINGS = """
fsync = off
listen_addresses = '127.0.0.1'
max_connections = 40
max_prepared_transactions = 5
shared_buffers = 32MB
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A server of its own, which the administrator reaches by socket and the sidecar by TCP."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.port = free_port()

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL as a user who is not root."""
        command = [str(BINARIES[-1] / program), *arguments]
        user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        with (self.directory / "output").open("a") as output:
            subprocess.run(  # noqa: S603
                command,
                check=True,
                cwd=self.directory,
                stdout=output,
                stderr=output,
                env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
                **user,  # type: ignore[call-overload]
            )

    def create(self) -> None:
        options = ["--auth-local=trust", "--auth-host=scram-sha-256", "-U", "postgres", "-N"]
        self.run("initdb", "-D", str(self.data), "-E", "UTF8", *options)
        self.configure(SETTINGS)

    def configure(self, text: str) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"{text}\nport = {self.port}\nunix_socket_directories = '{self.directory}'\n"
            )

    def start(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.directory / "log"), "start")

    def copy(self, primary: Server) -> None:
        """Create and start a streaming replica of another server."""
        options = ["-h", str(primary.directory), "-p", str(primary.port), "-U", "postgres"]
        data = str(self.data)
        self.run("pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", *options)
        self.configure("")
        self.start()

    def promote(self) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and all of its processes."""
        parent = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for process in [parent, *map(int, children)]:
            os.kill(process, number)

    def connect(self, database: str = "postgres", **options: Any) -> psycopg.Connection[Any]:  # noqa: ANN401
        return psycopg.connect(
            host=str(self.directory),
            port=self.port,
            user="postgres",
            dbname=database,
            autocommit=True,
            **options,
        )

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        with self.connect(database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def temporary_server(directory: Path | None = None) -> Iterator[Server]:
    """Give the directory of a server, which is stopped in the end if it runs."""
    path = directory or Path(tempfile.mkdtemp(prefix="postgres"))
    if os.getuid() == 0:
        shutil.chown(path, "postgres", "postgres")
    server = Server(path)
    try:
        yield server
    finally:
        with suppress(FileNotFoundError, ProcessLookupError):
            server.signal_all(signal.SIGCONT)
        with suppress(subprocess.CalledProcessError):
            server.stop("immediate")
        shutil.rmtree(path, ignore_errors=True)


class Proxy:
    """A TCP proxy that passes everything on, until it becomes a black hole."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._passes = Event()
        self._passes.set()
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        """Pass nothing on, and close nothing."""
        self._passes.clear()

    def restore(self) -> None:
        self._passes.set()

    def close(self) -> None:
        self._passes.set()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._passes.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # it does not run
            client.close()
            return
        self._sockets.append(server)
        for one, other in ((client, server), (server, client)):
            Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while content := one.recv(65536):
                self._passes.wait()
                other.sendall(content)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
