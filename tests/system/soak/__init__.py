"""A soak: random writes, random faults and callers, with every answer checked against a model."""
