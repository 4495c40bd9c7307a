"""`sidecar serve`: the HTTP server."""

from __future__ import annotations

from sidecar.cli.commands import main
from sidecar.cli.options import setting_options
from sidecar.cli.pack_choice import settings_of
from sidecar.config.variables import FORMS
from sidecar.server.gunicorn_app import serve as run_server


@main.command()
@setting_options(tuple(FORMS))
def serve(**settings: object) -> None:
    """Serve decisions over HTTP until a signal stops the server.

    Edited policies, fixtures and facts are live within two seconds. Invalid files are reported by
    /readyz and the log, and the last valid ones remain in use.

    Example: sidecar serve --data /srv/facts --port 8181

    Exit status: 0 a signal stopped it; 2 it could not start or go on.
    """
    run_server(settings_of(settings))
