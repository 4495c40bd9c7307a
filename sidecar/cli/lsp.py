"""`sidecar lsp`: the language server of policy authors' editors."""

from __future__ import annotations

from sidecar.cli.commands import main
from sidecar.errors import SidecarError

_PACKAGES = frozenset({"pygls", "lsprotocol"})


class LanguageServerMissingError(SidecarError):
    """What speaks with editors is not installed; whoever wants it must install it."""

    def __init__(self) -> None:
        super().__init__("the language server is not installed; install `sidecar[lsp]`")


@main.command()
def lsp() -> None:
    """Serve an editor over standard input and output by the Language Server Protocol.

    The pack of a file is the nearest directory above it with `policies` and `fixtures`. Needs the
    extra `sidecar[lsp]`.

    Example: sidecar lsp

    Exit status: 0 the editor has ended it; 2 it could not start.
    """
    try:
        from sidecar.lsp.features import make_server  # noqa: PLC0415 - only where it is installed
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _PACKAGES:
            raise
        raise LanguageServerMissingError from error
    server = make_server()
    try:
        server.start_io()
    finally:  # an editor that ends does not always say so before
        server.close_sessions()
