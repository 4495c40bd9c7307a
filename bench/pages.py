"""How long the pages of the admin listener take with many memberships.

    python -m bench.pages --memberships 1000000

A sidecar follows a directory of JSON Lines, as `bench.first_read` fills it. Each page is asked for
several times; the first answer includes what is made once, such as templates.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.first_read import filled
from sidecar.config.settings import Settings
from sidecar.schema import read_schema

_TIMES = 9
_READY_SECONDS = 900
_QUESTION = "subject_type=user&subject=u31&action=numbers.edit&resource_type=account&resource=a1"
_PATHS = (
    "/page/health",
    "/page/matrix",
    "/page/matrix/cell?subject=user&resource=invitation&action=create&column=admin",
    f"/page/ask?{_QUESTION}",
    "/page/ids/resource?resource_type=membership&resource=a99",
    f"/page/people?find=subjects&{_QUESTION}",
    f"/page/people?find=actions&{_QUESTION}",
    f"/page/people?find=resources&{_QUESTION}",
    "/page/people?find=resources&subject_type=user&subject=u31&action=remove&resource_type=membership",
    "/page/compare",
)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memberships", type=int, default=1_000_000)
    options = parser.parse_args()
    schema = read_schema(Settings().fixtures / "schema.yaml")
    with (
        TemporaryDirectory() as directory,
        filled("jsonl", Path(directory), schema, options.memberships) as data,
        _serving(data, Path(directory)) as address,
    ):
        for path in _PATHS:
            first, *others = [_milliseconds(f"{address}{path}") for _ in range(_TIMES)]
            median = statistics.median(others)
            print(f"first {first:7.1f}  median {median:7.1f}  max {max(others):7.1f} ms  {path}")


def _milliseconds(url: str) -> float:
    begin = time.perf_counter()
    with urllib.request.urlopen(url) as response:  # noqa: S310  our own server
        response.read()
    return (time.perf_counter() - begin) * 1000


@contextmanager
def _serving(data: str, directory: Path) -> Iterator[str]:
    """Run a sidecar, and give the address of its admin listener once it is ready."""
    log = directory / "log"
    command = ("serve", "--data", data, "--store", str(directory / "store"), "--port", "0")
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-m", "sidecar", *command, "--admin", "127.0.0.1:0"],
            stderr=file,
            env=dict(os.environ),
        )
    try:
        ends = time.monotonic() + _READY_SECONDS
        while "answering from" not in log.read_text():
            if process.poll() is not None or time.monotonic() > ends:
                raise SystemExit(log.read_text())
            time.sleep(0.2)
        (address,) = re.findall(r"operators ask at: (\S+)", log.read_text())
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
