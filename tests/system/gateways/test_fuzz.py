"""What a proxy lets through is what the policy says, of requests that nobody thought of."""

from __future__ import annotations

import os

from tests.system.gateways.fuzz import differences
from tests.system.gateways.gateway import Gateway

COUNT = int(os.environ.get("GATEWAY_FUZZ", "300"))  # noqa: TID251  `make gateway-fuzz` sets it
SEED = int(os.environ.get("GATEWAY_SEED", "1"))  # noqa: TID251  likewise


def test_no_difference_between_what_is_let_through_and_what_is_permitted(gateway: Gateway) -> None:
    found = list(differences(gateway, SEED, COUNT))

    assert not found, "\n".join(found)
