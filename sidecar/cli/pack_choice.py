"""The settings of a command, its pack and facts, and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from sidecar.config.nearest_pack import FIXTURES, POLICIES, nearest_pack
from sidecar.config.settings import Settings
from sidecar.config.variables import variable
from sidecar.errors import SidecarError
from sidecar.reload import BundlePlaces, Pair, Places, Reloading

BUNDLE = "bundle"


class HalfAPackError(SidecarError):
    """Only one directory of a pack is given, and the other is not beside it."""


def settings_of(given: Mapping[str, object]) -> Settings:
    """Return the given settings; the others have their defaults.

    If one directory of the pack is given, the other is the one beside it.

    Raises:
        HalfAPackError: There is none beside it.
        UsageError: A bundle is given with a directory of a pack, or without facts.
    """
    known = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**known)  # type: ignore[arg-type]  # each is parsed by its option
    if BUNDLE in known:
        _check_bundle(known)
        return settings
    if POLICIES in known and FIXTURES not in known:
        return replace(settings, fixtures=_beside(settings.policies, FIXTURES))
    if FIXTURES in known and POLICIES not in known:
        return replace(settings, policies=_beside(settings.fixtures, POLICIES))
    return settings


def pack_settings(given: Mapping[str, object]) -> Settings:
    """Return the settings of a command with its pack, and print the choice.

    The pack is the given one; or else the nearest in the working directory and its parents, up to
    the root of the git repository; or else the shipped one.

    Raises:
        HalfAPackError: Only one directory is given, and the other is not beside it.
    """
    settings, why = settings_of(given), "as named"
    if settings.bundle is not None:
        click.echo(f"bundle: `{settings.bundle}`", err=True)
        return settings
    if given.get(POLICIES) is None and given.get(FIXTURES) is None:
        nearest = nearest_pack(Path.cwd())
        why = "the shipped pack"
        if nearest is not None:
            settings = replace(settings, policies=nearest / POLICIES, fixtures=nearest / FIXTURES)
            why = "the nearest to the working directory"
    click.echo(f"pack: `{settings.policies}` with `{settings.fixtures}` ({why})", err=True)
    return settings


def load(settings: Settings) -> Pair:
    """Return the pack and the facts of a command.

    Raises:
        InvalidDocumentsError: They are invalid.
    """
    if settings.bundle is not None:
        return Reloading(BundlePlaces(settings.bundle, settings.mount())).load()
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


def clock() -> datetime:
    """Return the current time, for requests without ``--at``."""
    return datetime.now(UTC)  # noqa: TID251  this is where a person's clock is read


def _check_bundle(known: Mapping[str, object]) -> None:
    """Check the settings beside a bundle, which replaces a pack and has no demo world."""
    for name in (POLICIES, FIXTURES):
        if name in known:
            raise click.UsageError(
                f"a bundle takes the place of policies and fixtures; leave out `--{BUNDLE}` or"
                f" `--{name}` (or their variables `{variable(BUNDLE)}` and `{variable(name)}`)"
            )
    if "data" not in known:
        raise click.UsageError("a bundle has no demo world; name the mounted facts with `--data`")


def _beside(given: Path, name: str) -> Path:
    # `resolve` only for paths without a last name: a mount may be a link to another directory.
    base = given.resolve() if given.name in {"", ".."} else given
    directory = base.parent / name
    if not directory.is_dir():
        raise HalfAPackError(
            f"there is no `{name}` beside `{given}`; name the directory with `--{name}`"
        )
    return directory
