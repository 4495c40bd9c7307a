"""Compiles a pack's policy by asking Oso, and holds the trees."""

from sidecar.policy.compiled import Entry, Policy, load_pack

__all__ = ["Entry", "Policy", "load_pack"]
