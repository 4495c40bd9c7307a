"""For the tests of services: a PDP in the process, and a fake; both hand out real clients.

The fake needs the client only. The PDP needs all of the sidecar and is imported when it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.testing.fake import FakePDP, RecordedRequest

if TYPE_CHECKING:
    from sidecar.testing.pdp import PDP

__all__ = ["PDP", "FakePDP", "RecordedRequest"]


def __getattr__(name: str) -> object:
    """Return the PDP."""
    if name != "PDP":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from sidecar.testing.pdp import PDP  # noqa: PLC0415  not before it is used

    return PDP
