"""The decision log: one JSON line for each answer, with the facts that it was made from."""

from sidecar.audit.decisions import DecisionLog, Occasion, OnFailure
from sidecar.audit.hashing import Hashing
from sidecar.audit.writing import LineFile

__all__ = ["DecisionLog", "Hashing", "LineFile", "Occasion", "OnFailure"]
