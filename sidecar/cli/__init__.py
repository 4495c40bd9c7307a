"""The command line: each command has a result and an exit status for it."""

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main

__all__ = ["EXIT_NO", "EXIT_TROUBLE", "EXIT_YES", "main"]
