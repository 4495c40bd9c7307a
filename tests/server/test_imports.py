"""A process that serves compiles in a child, and loads neither Oso nor the grammar of Polar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVING = """
import sys
from pathlib import Path
import sidecar.cli.serve
import sidecar.server.gunicorn_app
from sidecar.compiler import load_pack
policy = load_pack(Path("policies"), Path("fixtures"))
policy.interpreter.close()
compiling = {"lark", "oso", "polar", "_polar_lib"}
loaded = [name for name in sys.modules if name.partition(".")[0] in compiling]
print(*sorted(loaded), *sorted(name for name in sys.modules if name.startswith("sidecar.polar")))
"""


def test_a_process_that_serves_loads_neither_oso_nor_the_grammar() -> None:
    loaded = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", SERVING], capture_output=True, check=True, cwd=ROOT, text=True
    )

    assert loaded.stdout.split() == []


COMPILING = """
import sys

import sidecar.compiler.child_main
print(*(name for name in ("sidecar.facts", "sidecar.engine", "flask") if name in sys.modules))
"""


def test_a_process_that_compiles_loads_nothing_that_serves() -> None:
    loaded = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", COMPILING], capture_output=True, check=True, cwd=ROOT, text=True
    )

    assert loaded.stdout.split() == []
