"""The command line: each command is one question, and its exit status is the answer."""

from sidecar.cli import asking, checking, comparing, serving, testing, trees
from sidecar.cli.group import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main

__all__ = [
    "EXIT_NO",
    "EXIT_TROUBLE",
    "EXIT_YES",
    "asking",
    "checking",
    "comparing",
    "main",
    "serving",
    "testing",
    "trees",
]
