"""Polar: grammar, syntax trees with places, and explanations of syntax errors.

The compiler and the reviewers' tools read policies with it; a process that serves never loads it.
"""
