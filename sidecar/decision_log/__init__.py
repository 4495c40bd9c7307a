"""The decision log: one JSON line for each answer, with the facts that it was made from."""

from sidecar.decision_log.entry import Entries, Occasion
from sidecar.decision_log.file import LineFile, LogBusyError
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.log import DecisionLog, OnFailure

__all__ = ["DecisionLog", "Entries", "Hashing", "LineFile", "LogBusyError", "Occasion", "OnFailure"]
