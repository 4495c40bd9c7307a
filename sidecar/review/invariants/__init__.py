"""Invariants: sentences about a policy that must hold in every state, and their proofs."""

from sidecar.review.invariants.proving import Counterexample, Verdict, prove
from sidecar.review.invariants.reading import InvalidInvariantError, Invariant, read_invariants

__all__ = [
    "Counterexample",
    "InvalidInvariantError",
    "Invariant",
    "Verdict",
    "prove",
    "read_invariants",
]
