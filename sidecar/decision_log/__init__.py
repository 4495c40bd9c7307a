"""The decision log: one JSON line for each answer, with the facts that it was made from."""

from sidecar.decision_log.chain import Line
from sidecar.decision_log.entry import Entry
from sidecar.decision_log.file import LineFile
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.log import DecisionLog, OnFailure
from sidecar.decision_log.rotation import Limits
from sidecar.decision_log.shared import LogBusyError

__all__ = [
    "DecisionLog",
    "Entry",
    "Hashing",
    "Limits",
    "Line",
    "LineFile",
    "LogBusyError",
    "OnFailure",
]
