"""The command line: each command is one question, and its exit status is the answer."""

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main

__all__ = ["EXIT_NO", "EXIT_TROUBLE", "EXIT_YES", "main"]
