"""Access reviews: who may do what in a snapshot, by which rules, from which rows.

Begin with `sidecar.review.access.report`.
"""
