"""A policy-as-code authorization sidecar: Polar policies compiled to decision trees by asking Oso."""
