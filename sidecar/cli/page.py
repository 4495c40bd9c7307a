"""`sidecar page`: the web page for a pack and a world."""

from __future__ import annotations

import click

from sidecar.cli.commands import main
from sidecar.cli.options import PACK_OR_BUNDLE, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.config import values
from sidecar.server.page_server import serve_page


@main.command()
@click.option(
    "--listen",
    metavar="ADDRESS",
    default="127.0.0.1:8183",
    show_default=True,
    help="HOST:PORT or unix:PATH; beyond this machine it needs --admin-tokens.",
)
@setting_options((*PACK_OR_BUNDLE, "admin_tokens", "certificate", "key", "compare_root"))
def page(listen: str, **given: object) -> None:
    """Serve a web page that shows what a policy decides and why, until a signal stops it.

    It needs no running sidecar: it reads a pack and a world, and follows their edits. A running
    sidecar serves the same page at the address of its setting `admin`.

    Example: sidecar page --listen 127.0.0.1:8183

    Exit status: 0 a signal stopped it; 2 it could not start.
    """
    try:
        address = values.bind(listen)
    except ValueError as error:
        raise click.UsageError(f"--listen: {error}") from error

    def announce(at: str) -> None:
        shown = at if at.startswith("unix:") else f"http://{at}/page/"
        click.echo(f"page: {shown}", err=True)

    serve_page(pack_settings(given), address, announce)
