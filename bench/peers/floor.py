"""The floor: `sidecar serve` as it is, but what answers says one constant.

    python -m bench.peers.floor serve ...

Listener, worker, parser and limits are the sidecar's own, and so is the decision log, if there is
one: it gets one constant line. Nothing is decoded, nothing is decided, and no token is looked at.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import cast

from flask import Flask

from sidecar.cli import main
from sidecar.http import Fields, Hot, Told
from sidecar.http import hot as sidecars
from sidecar.http.message import NO_LINES, OK, PLAIN
from sidecar.server import gunicorn_app as serve

ANSWER = b'{"decision":true}'

LINE = b"-" * 799 + b"\n"
"""As long as those of single evaluations are on average."""


class Constant:
    """Stands where the front asks for answers."""

    def __init__(self, sidecar: Hot, *, logs: bool) -> None:
        self.written, self.moment = sidecar.written, sidecar.moment
        self._answer = Told(OK, PLAIN, ANSWER, (LINE,) if logs else NO_LINES)

    def answer(self, _path: str, _fields: Fields, _body: bytes) -> Told:
        """Say the constant."""
        return self._answer

    def answer_briefly(self, _path: str, _fields: Fields, _body: bytes, _moment: datetime) -> Told:
        """Say it while others wait."""
        return self._answer


def hot(app: Flask) -> Hot:
    """Return what the front asks."""
    return cast("Hot", Constant(sidecars(app), logs="--decision-log" in sys.argv))


if __name__ == "__main__":
    serve.hot = hot
    main()
