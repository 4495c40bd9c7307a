"""How long a test waits, and what may take how long on a machine that does other things beside."""

from __future__ import annotations

import os

PATIENCE = 300.0
"""Seconds after which what was waited for is taken not to come, however slow the machine is."""


def lenient(time: float) -> float:
    """Return how long something may take that takes so long on a quiet machine."""
    return 10 * time * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
