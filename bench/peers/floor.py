"""The floor: `sidecar serve` as it is, but what answers says one constant.

    python -m bench.peers.floor serve ...

Listener, worker, parser and limits are the sidecar's own. Nothing is decoded, nothing is decided,
and no token is looked at.
"""

from __future__ import annotations

from typing import cast

from flask import Flask

from sidecar import serve
from sidecar.cli import main
from sidecar.http import Fields, Hot, Told
from sidecar.http.messages import PLAIN

ANSWER = Told(200, PLAIN, b'{"decision":true}')


class Constant:
    """Stands where the front asks for answers."""

    def answer(self, _path: str, _fields: Fields, _body: bytes) -> Told:
        """Say the constant."""
        return ANSWER

    answer_briefly = answer


def hot(_: Flask) -> Hot:
    """Return what the front asks."""
    return cast("Hot", Constant())


if __name__ == "__main__":
    serve.hot = hot
    main()
