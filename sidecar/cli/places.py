"""What commands begin with: settings, the pack and the facts that they name, and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sidecar.reloading import Pair, Places, Reloading
from sidecar.settings import Settings


def settings_of(given: Mapping[str, object]) -> Settings:
    """Return the settings that a command was given; the others have their defaults."""
    known = {name: value for name, value in given.items() if value is not None}
    return Settings(**known)  # type: ignore[arg-type]  # each read by its own field's reader


def load(places: Mapping[str, object]) -> Pair:
    """Read the pack and the facts that a command names.

    Raises:
        InvalidDocumentsError: They cannot be used.
    """
    settings = settings_of(places)
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


def clock() -> datetime:
    """Return the moment of a question for which nobody named one."""
    return datetime.now(UTC)  # noqa: TID251  this is where a person's clock is read
