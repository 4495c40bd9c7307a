"""The HTTP edge in process, over a policy and facts that do not change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sidecar.facts import Facts
from sidecar.reload import Pair, State


@dataclass
class Still:
    """A source of pairs that has one, which a test may exchange."""

    pair: Pair

    def current(self) -> Pair:
        return self.pair

    def age(self, _: Facts) -> float:
        return 0.0

    def follows(self, snapshot: Facts, revision: str) -> bool:
        return snapshot.revision == revision

    def state(self) -> State:
        return State(self.pair, ())


def post(client: FlaskClient, path: str, said: object, **headers: str) -> TestResponse:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return client.post(path, data=body, content_type="application/json", headers=headers)


def told(client: FlaskClient, path: str, said: object) -> dict[str, Any]:
    """Return the JSON object of an answer, which must be one."""
    response = post(client, path, said)
    assert (response.status_code, response.content_type) == (200, "application/json"), response.text
    assert isinstance(response.json, dict)
    return response.json
