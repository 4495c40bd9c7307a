"""A server that sends what a test tells it to, in the place of a sidecar."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

REVISIONS = {"policy": "p1", "data": "d1"}
ALLOW = {
    "decision": True,
    "reasons": [],
    "obligations": [],
    "revisions": REVISIONS,
    "decision_id": "1",
}
DENY = {**ALLOW, "decision": False, "reasons": [{"code": "not_granted", "message": "No."}]}
CONFIRM = {"code": "confirm", "message": "Ask first."}
OBLIGED = {**ALLOW, "obligations": [CONFIRM]}


def respond(response: object, status: str = "200 OK", *headers: str) -> bytes:
    body = response if isinstance(response, bytes) else json.dumps(response).encode()
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def chunked(response: object) -> bytes:
    body = json.dumps(response).encode()
    head = respond(response).partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


class Reset:
    """Resets the connection."""


Piece = bytes | float | Callable[[bytes], bytes] | Reset


_AT_ONCE = struct.pack("ii", 1, 0)


class Scripted:
    """A server that sends the same script in response to every request."""

    def __init__(self, *script: Piece) -> None:
        """Send all of the script in response to each request.

        Bytes are sent, numbers are seconds of silence, an empty piece ends the connection, a
        `Reset` resets it, and a function returns the response to a request.
        """
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self.sent = 0
        """Scripts that were sent to the end."""
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def has_sent(self, scripts: int) -> bool:
        return self.sent >= scripts

    def drop_connections(self) -> None:
        while self._open:
            with suppress(OSError):  # it has ended by itself
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # ends `accept`, which `close` does not
        self._listener.close()
        self.drop_connections()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while self._read(connection):
                    for piece in self.script:
                        if isinstance(piece, float):
                            time.sleep(piece)
                        elif isinstance(piece, Reset):
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                            return
                        elif callable(piece):
                            connection.sendall(piece(self.requests[-1]))
                        elif piece:
                            connection.sendall(piece)
                        else:
                            return
                    self.sent += 1
            except OSError:
                return

    def _read(self, connection: socket.socket) -> bool:
        head, body = b"", b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return False
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            piece = connection.recv(65536)
            if not piece:
                return False
            body += piece
        self.requests.append(head + b"\r\n\r\n" + body)
        return True


StartServer = Callable[..., Scripted]
