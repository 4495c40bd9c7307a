"""Polar as reviewers' tools read it: a grammar, and syntax trees with places.

Nothing that serves needs it.
"""
