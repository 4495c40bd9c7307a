"""What one worker takes in at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one worker takes in at most; the reason for each stands at its setting."""

    max_head_bytes: int
    max_body_bytes: int
    max_connections: int
    max_waiting: int
    transfer_seconds: float
    request_seconds: float
    idle_seconds: float
