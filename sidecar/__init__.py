"""A policy-as-code authorization sidecar: Polar compiled to decision trees by asking Oso."""
