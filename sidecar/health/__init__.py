"""What the processes of a sidecar report of themselves, and whether together they can answer."""

from sidecar.health.process_state import FollowerState, ProcessState, Trouble, WorkerState
from sidecar.health.readiness import Health, health_of
from sidecar.health.reporter import Pairs, Reporter, Troubles
from sidecar.health.shared_states import SharedStates

__all__ = [
    "FollowerState",
    "Health",
    "Pairs",
    "ProcessState",
    "Reporter",
    "SharedStates",
    "Trouble",
    "Troubles",
    "WorkerState",
    "health_of",
]
