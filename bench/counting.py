"""What counting costs: two sidecars, one of which counts nothing, are loaded in turn.

    python -m bench.counting --rounds 20 --seconds 2

Processor time a request is compared, round by round, so that other load on the machine falls on
both. It needs wrk.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.servers import SIDECAR, measure, running, servers
from bench.world import World

COUNTS, COUNTS_NOTHING = SIDECAR, "the same, without counting"

_WITHOUT = """
from sidecar.http import batches
from sidecar.metrics import counters

batches.Tally = lambda *_: 1
counters._answering = lambda *_: lambda *_: None
counters.DecisionClasses.cell = lambda *_: 1
"""
"""What a process runs first in which requests and decisions are not counted."""


def main() -> None:
    """Print, for each kind of load, what a request costs with and without counting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=2, help="of each load")
    arguments = parser.parse_args()
    costs: dict[tuple[str, str], list[float]] = defaultdict(list)
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        world = World()
        for each in ("with", "without"):
            (folder / each).mkdir()
        with_counts = servers(world, folder / "with", Path())[0]
        hooks = folder / "hooks"
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_text(_WITHOUT)
        path = os.pathsep.join([str(hooks), os.environ.get("PYTHONPATH", "")])
        without = replace(
            servers(world, folder / "without", Path())[0],
            name=COUNTS_NOTHING,
            environment={"PYTHONPATH": path},
        )
        pids = {
            each.name: stack.enter_context(running(each, folder)) for each in (with_counts, without)
        }
        for number in range(arguments.rounds):
            for traffic in with_counts.traffics:
                order = (with_counts, without) if number % 2 else (without, with_counts)
                for each in order:
                    row = measure(each, pids[each.name], traffic, arguments.seconds, folder)
                    costs[each.name, traffic.name].append(row.cpu)
    for traffic in with_counts.traffics:
        ours, bare = costs[COUNTS, traffic.name], costs[COUNTS_NOTHING, traffic.name]
        ratio = median(a / b for a, b in zip(ours, bare, strict=True))
        print(
            f"{traffic.name}: {median(ours):.1f} us a request, {median(bare):.1f} without;"
            f" {ratio:.3f} times"
        )


if __name__ == "__main__":
    main()
