"""What the processes of a sidecar count, in memory that they share."""

from sidecar.metrics.counters import Counters
from sidecar.metrics.layout import Layout
from sidecar.metrics.memory import Memory

__all__ = ["Counters", "Layout", "Memory"]
