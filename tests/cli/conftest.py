"""Commands print no progress on a busy machine: tests compare what else is on standard error."""

from __future__ import annotations

import pytest

from sidecar.cli import progress


@pytest.fixture(autouse=True)
def _no_command_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS", 3600.0)
