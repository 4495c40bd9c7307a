"""The Compose file gives the sidecar settings that exist, and reaches files that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.config.variables import FORMS, variable
from tests.paths import ROOT

FILE = ROOT / "deploy" / "compose" / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
GUIDE = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8").partition("\n## Compose\n")[2]


def test_the_variables_of_the_sidecar_are_settings() -> None:
    assert SERVICES["sidecar"]["environment"].keys() <= {variable(name) for name in FORMS}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_each_mounted_file_is_there_or_made_by_the_guide(service: str) -> None:
    for mount in SERVICES[service].get("volumes", ()):
        source, _, rest = mount.partition(":")
        named = source.removeprefix("./")
        if source.startswith("."):
            assert rest.endswith(":ro")
            made = named.startswith("secrets/") and re.search(rf"\b{re.escape(named)}\b", GUIDE)
            assert made or (FILE.parent / source).exists(), source


def test_the_sidecar_writes_nothing_and_is_reached_by_way_of_nginx_alone() -> None:
    sidecar = SERVICES["sidecar"]

    assert sidecar["read_only"] is True
    assert sidecar["cap_drop"] == ["ALL"]
    assert sidecar["security_opt"] == ["no-new-privileges:true"]
    assert sidecar["environment"]["SIDECAR_HOST"] == "127.0.0.1"
    ports = [port for each in SERVICES.values() for port in each.get("ports", ())]
    assert ports == ["127.0.0.1:8080:8080"]
    shared = [name for name in SERVICES if SERVICES[name].get("network_mode") == "service:sidecar"]
    assert shared == ["nginx", "service"]


def test_nginx_waits_for_the_sidecar_and_the_sidecar_for_its_database() -> None:
    ready = {"condition": "service_healthy"}

    assert SERVICES["nginx"]["depends_on"] == {"sidecar": ready}
    assert SERVICES["sidecar"]["depends_on"] == {"database": ready}
    assert "HEALTHCHECK" in Path(ROOT / "Dockerfile").read_text(encoding="utf-8")
