"""`sidecar schemas`: JSON Schemas of the YAML files of a pack, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sidecar.cli.commands import EXIT_TROUBLE, main
from sidecar.cli.formats import print_json
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.files import replace_file
from sidecar.json_schemas import pack_schemas


@main.command("schemas")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write each to a file of this directory, and print the setting `yaml.schemas`.",
)
@setting_options(PACK)
def schemas_command(output: Path | None, **given: object) -> None:
    """Print JSON Schemas of the YAML files of a pack, by which editors complete and check them.

    Run it again after a change of schema, reasons or worlds.

    Example: sidecar schemas --output .schemas

    Exit status: 0 they are printed or written; 2 they could not be.
    """
    settings = pack_settings(given)
    schemas = pack_schemas(_shown(settings.policies), _shown(settings.fixtures))
    if output is None:
        print_json({each.name: each.content for each in schemas})
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for each in schemas:
            text = json.dumps(each.content, indent=2, ensure_ascii=False) + "\n"
            replace_file(output / each.name, text.encode(), 0o644)
    except OSError as error:
        click.echo(f"error: `{output}` cannot be written: {error.strerror}", err=True)
        raise SystemExit(EXIT_TROUBLE) from error
    places = {f"./{(output / each.name).as_posix()}": [*each.files] for each in schemas}
    print_json({"yaml.schemas": places})


def _shown(path: Path) -> Path:
    """Return a path relative to the working directory where it is below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
