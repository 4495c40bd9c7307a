"""A store of facts that all processes of a sidecar map into their memory.

One process writes it (`loader`, `applier`); any number read it (`snapshot`).
"""
