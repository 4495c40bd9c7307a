"""A policy-as-code authorization sidecar: Polar, compiled to decision diagrams by querying Oso."""
