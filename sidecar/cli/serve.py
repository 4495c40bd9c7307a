"""`sidecar serve`."""

from __future__ import annotations

from sidecar.cli.commands import main
from sidecar.cli.options import setting_options
from sidecar.cli.pack_choice import settings_of
from sidecar.config.variables import FORMS
from sidecar.server.gunicorn_app import serve as run_server


@main.command()
@setting_options(tuple(FORMS))
def serve(**settings: object) -> None:
    """Answer over HTTP until told to stop.

    Edited policies, fixtures and facts are picked up within two seconds; what cannot be used is
    told by /readyz and the log, and the last good files go on answering.
    """
    run_server(settings_of(settings))
