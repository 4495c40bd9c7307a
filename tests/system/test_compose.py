"""The Compose file, prepared by the guide: its sidecar answers nginx from PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deploy.containers import read_image, running
from tests.e2e.running import EDIT, copy_pack, until
from tests.paths import ROOT
from tests.system.demo import insert
from tests.system.postgres import BINARIES, Server, temporary_server

GUIDE = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8").partition("\n## Compose\n")[2]
COMMANDS = os.pathsep.join(
    [str(Path(sys.executable).parent), str(BINARIES[-1]), os.environ["PATH"]]  # noqa: TID251  of the children
)


def _run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(  # noqa: S603
        command,
        cwd=cwd,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PATH": COMMANDS, **variables},  # noqa: TID251  of the children
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory as the guide leaves it."""
    root = copy_pack(tmp_path_factory.mktemp("compose"))
    shutil.copytree(ROOT / "deploy", root / "deploy")
    shutil.copy(ROOT / "Dockerfile", root)
    (preparation,) = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    _run("sh", "-euc", preparation, cwd=root / "deploy" / "compose")
    return root


@pytest.fixture(scope="module")
def database(prepared: Path) -> Iterator[Server]:
    """A server that was made as the image of PostgreSQL makes one, with the facts of the pack."""
    scripts = prepared / "deploy" / "compose" / "database"
    secrets = prepared / "deploy" / "compose" / "secrets" / "database"
    first = (scripts / "10-reader.sh").read_text().replace("/run/secrets", str(secrets))
    sql = ("psql", "-qU", "postgres", "-v", "ON_ERROR_STOP=1", "-f", "20-facts.sql", "app")
    with temporary_server() as server:
        server.create()
        server.start()
        server.execute("CREATE DATABASE app")
        names = {"POSTGRES_USER": "postgres", "POSTGRES_DB": "app"}
        place = {"PGHOST": str(server.directory), "PGPORT": str(server.port)}
        _run("sh", "-c", first, cwd=scripts, **names, **place)
        _run(*sql, cwd=scripts, **place)
        insert(server, prepared, "app")
        yield server


def test_compose_reads_the_file(prepared: Path) -> None:
    told = _run("docker-compose", "config", cwd=prepared / "deploy" / "compose")

    assert set(yaml.safe_load(told)["services"]) == {"database", "nginx", "service", "sidecar"}


def test_its_sidecar_answers_nginx_from_the_database(prepared: Path, database: Server) -> None:
    compose = prepared / "deploy" / "compose"
    service = yaml.safe_load((compose / "compose.yaml").read_text())["services"]["sidecar"]
    secrets = compose / "secrets" / "sidecar"
    url = service["environment"]["SIDECAR_DATA"]
    here = url.replace("database:5432", f"127.0.0.1:{database.port}")
    variables = {
        **service["environment"],
        "SIDECAR_DATA": here.replace("/run/secrets", str(secrets)),
        "SIDECAR_ADMIN": "127.0.0.1:8182",
    }
    line = (compose / "secrets" / "nginx" / "sidecar-token.conf").read_text()
    (token,) = re.findall(r"Bearer (\w+)", line)
    mounts = {"/run/secrets": secrets}

    with running(prepared, read_image(service["image"]), variables, mounts) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        status, answer = sidecar.ask("/v1/authorize", EDIT, Authorization=f"Bearer {token}")
        refused, _ = sidecar.ask("/v1/authorize", EDIT)

    assert (status, answer["decision"], refused) == (200, True, 401)
