"""An SMTP server that delivers nothing: the newest mail to each address is a file."""

from __future__ import annotations

import socket
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class _Files:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        content = envelope.content or b""
        for address in envelope.rcpt_tos:
            path = self._directory / address.replace("/", "_")
            new = path.with_name(f".{path.name}.new")
            new.write_bytes(content if isinstance(content, bytes) else content.encode())
            new.replace(path)
        return "250 OK"


def start_mail_sink(directory: Path) -> tuple[Controller, str]:
    """Start the server in a thread, and return it with its ``HOST:PORT``."""
    directory.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(_Files(directory), hostname="127.0.0.1", port=port)
    controller.start()
    return controller, f"127.0.0.1:{port}"
