"""The decision log: one JSON line for each answer, with the facts that it was made from."""

from sidecar.audit.decisions import DecisionLog, OnFailure
from sidecar.audit.entries import Entries, Occasion
from sidecar.audit.hashing import Hashing
from sidecar.audit.writing import LineFile

__all__ = ["DecisionLog", "Entries", "Hashing", "LineFile", "Occasion", "OnFailure"]
