"""The decision log of a command that asks what was used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from sidecar.cli.options import INSTANT
from sidecar.decision_log import Hashing
from sidecar.review.access.log_use import LogUse, Period
from sidecar.schema import Schema

F = TypeVar("F", bound=Callable[..., Any])


def log_options(command: F) -> F:
    """Give a command ``--log``, ``--since`` and ``--until``."""
    for name, text in (
        ("--until", "Only lines before this moment."),
        ("--since", "Only lines of this moment or later."),
    ):
        click.option(name, type=INSTANT, metavar="INSTANT", help=text)(command)
    click.option(
        "--log",
        type=click.Path(path_type=Path, allow_dash=True),
        multiple=True,
        required=True,
        metavar="FILE",
        help="A decision log, with the files that were renamed from it; several in their order.",
    )(command)
    return command


def log_use(
    schema: Schema,
    files: tuple[Path, ...],
    period: tuple[datetime | None, datetime | None],
    given: Mapping[str, object],
) -> LogUse:
    """Read the log of a command.

    Raises:
        InvalidSettingError: The key cannot be read.
    """
    use = LogUse(schema, hashing_of(given), Period(*period))
    use.read(files)
    return use


def hashing_of(given: Mapping[str, object]) -> Hashing | None:
    """Return the hashing by the key of the settings; None where nobody gave it.

    Raises:
        InvalidSettingError: The key cannot be read.
    """
    key: Any = given.get("decision_log_key")
    return None if key is None else Hashing.by_file(key)
