"""`sidecar serve`."""

from __future__ import annotations

from sidecar.cli.group import main
from sidecar.cli.places import settings_of
from sidecar.options import setting_options
from sidecar.serve import serve as run_server
from sidecar.writings import WRITINGS


@main.command()
@setting_options(tuple(WRITINGS))
def serve(**settings: object) -> None:
    """Answer over HTTP until told to stop.

    Edited policies, fixtures and facts are picked up within two seconds; what cannot be used is
    told by /readyz and the log, and the last good files go on answering.
    """
    run_server(settings_of(settings))
