"""Policies that are read from the bundle that was written of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sidecar.bundle.file import decode, encode
from sidecar.engine.policy import Policy
from sidecar.schema.yaml_document import Faults, read_document


def written(policy: Policy, fixtures: Path) -> bytes:
    """Return the bundle of a policy whose schema stands in a directory."""
    document = read_document(fixtures / "schema.yaml", Faults("schema.yaml"))
    assert document is not None
    return encode(policy, document, "0.0.0")


def through_a_bundle(policy: Policy, fixtures: Path) -> Policy:
    """Return what is read from the bundle of a policy, with the interpreter of the policy."""
    bundle = decode(written(policy, fixtures), "policy.bundle")
    return replace(Policy.of(bundle), interpreter=policy.interpreter)
