"""The language server: `sidecar lsp`, for the editors of policy authors.

Everything that it says of a pack, other modules find out: the checks of `sidecar check`, the matrix
and the conditions of rules of the reviewers' tools, the layout of `sidecar fmt`.
"""
