"""Invariants: sentences about a policy that must hold in every state, and their proofs."""

from sidecar.review.invariants.loader import InvalidInvariantError, Invariant, read_invariants
from sidecar.review.invariants.proof import Counterexample, Verdict, prove, prove_invariants

__all__ = [
    "Counterexample",
    "InvalidInvariantError",
    "Invariant",
    "Verdict",
    "prove",
    "prove_invariants",
    "read_invariants",
]
