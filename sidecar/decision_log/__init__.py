"""The decision log: one JSON line for each answer, with the facts that it was made from."""

from sidecar.decision_log.entry import Entry
from sidecar.decision_log.file import LineFile, LogBusyError
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.log import DecisionLog, OnFailure

__all__ = ["DecisionLog", "Entry", "Hashing", "LineFile", "LogBusyError", "OnFailure"]
