"""Count the instructions of the hot path: `make bench-instructions`.

Each scenario runs twice under callgrind, once with a longer loop; the difference is the loop's, so
that starting up cancels out. Counts do not depend on what else the machine does. Ends with status 1
where one is more than 10 % above `bench/instructions.json`; `--accept` writes that file anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.hot_loop import SCENARIOS

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
MOST = 1.10
SHORT, LONG = 50, 250
"""Turns of the two loops."""


def main() -> int:
    """Count, compare with the baseline, and tell whether nothing has become dearer."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(SCENARIOS, pool.map(_count, SCENARIOS), strict=True))
    if sys.argv[1:] == ["--accept"]:
        BASELINE.write_text(json.dumps(counted, indent=2) + "\n")
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    dearer = False
    for scenario, count in counted.items():
        before = known.get(scenario)
        ratio = count / before if before else 0.0
        missed = not before or ratio > MOST
        dearer = dearer or missed
        against = f"{ratio:.3f} of the baseline" if before else "not in the baseline"
        print(f"{'MISS' if missed else 'ok  '}  {scenario:<17} {count:>9,} instructions  {against}")
    return 1 if dearer else 0


def _count(scenario: str) -> int:
    """Return the instructions of one turn."""
    short, long = (_run(scenario, turns) for turns in (SHORT, LONG))
    return round((long - short) / (LONG - SHORT))


def _run(scenario: str, turns: int) -> int:
    with tempfile.TemporaryDirectory() as directory:
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/out"]
        asked = [sys.executable, "-m", "bench.hot_loop", scenario, str(turns)]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        ended = subprocess.run(  # noqa: S603  our own program
            [*valgrind, *asked],
            env=environment,
            cwd=HERE.parent,
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.search(r"Collected : (\d+)", ended.stderr)
    if ended.returncode or not found:
        sys.exit(f"{scenario} was not counted:\n{ended.stderr}")
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
