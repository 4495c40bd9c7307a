"""Measure this sidecar beside its peers: `make bench`, or `make bench BENCH=--quick`.

Ends with status 1 when a target is missed, and with 2 when a peer answers wrongly, does not start,
or cannot be loaded: then nothing is written.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench import inprocess, machine, targets
from bench.load import LoadError
from bench.servers import NotStartedError, Row, measure, running, servers
from bench.targets import Round, Verdict
from bench.traffic import WrongAnswerError
from bench.world import World

ROOT = Path(__file__).resolve().parent.parent
CERBOS = ROOT / ".venv/bench/npm/node_modules/@cerbos"
PACKAGES = ("oso", "flask", "gunicorn", "msgspec", "httptools", "uvicorn", "uvicorn-worker")
ROUNDS, SECONDS = 12, 1.0


def main() -> int:
    """Measure, write the results, and tell whether all targets hold."""
    options = argparse.ArgumentParser(prog="bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="one short round, to try it")
    options.add_argument("--output", type=Path, help="where RESULTS.md is written")
    arguments = options.parse_args()
    # A quick run is no result: it must not replace one.
    folder = ROOT / ".venv/bench" if arguments.quick else ROOT / "bench"
    try:
        text, verdicts = _run(rounds=1 if arguments.quick else ROUNDS)
    except (WrongAnswerError, NotStartedError, LoadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    ((arguments.output or folder) / "RESULTS.md").write_text(text, encoding="utf-8")
    print(*verdicts, sep="\n")
    return 0 if all(verdict.holds for verdict in verdicts) else 1


def _run(rounds: int) -> tuple[str, Sequence[Verdict]]:
    binary = next(CERBOS.glob("cerbos-*/cerbos-*"), None)
    if binary is None:
        raise NotStartedError("the binary of Cerbos is missing; `make bench` installs it")
    rest, world = machine.at_rest(1.0), World()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        measured = _side_by_side(world, folder, binary, rounds)
        os.sched_setaffinity(0, {0})
        micro = inprocess.decisions(world, folder, 2.0)
        seconds = inprocess.compiling()
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    verdicts = [
        *targets.over_http(measured),
        targets.in_process(micro),
        *targets.compiling(seconds),
    ]
    return _text(measured, micro, seconds, verdicts, rest), verdicts


def _side_by_side(world: World, folder: Path, binary: Path, rounds: int) -> list[Round]:
    """Load all servers in turn, all of them up, so that they share the state of the machine."""
    with ExitStack() as up:
        started = [
            (server, up.enter_context(running(server, folder)))
            for server in servers(world, folder, binary)
        ]
        measured: list[Round] = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            measured.append(
                [
                    measure(server, pid, traffic, SECONDS, folder)
                    for server, pid in started
                    for traffic in server.traffics
                ]
            )
        return measured


def _text(
    rounds: Sequence[Round],
    micro: Mapping[str, float],
    seconds: Mapping[int, float],
    verdicts: Sequence[Verdict],
    rest: float,
) -> str:
    """Return the results in Markdown."""
    noisy = sum(row.foreign > machine.FOREIGN for rows in rounds for row in rows)
    lines = [
        "# Results",
        "",
        f"`make bench`, {datetime.now(UTC):%Y-%m-%d}; {machine.described()}.",
        f"Other processes took {rest:.0%} of a core before it began,",
        f"and more than {machine.FOREIGN:.0%} during {noisy} of {sum(map(len, rounds))} loads.",
        "",
        "Each server has one worker on a pinned core; wrk sends on 16 connections from another.",
        "Every request has a bearer token, a fresh `traceparent` and a fresh `X-Request-ID`.",
        "Ratios are medians over the rounds, with the smallest and the largest.",
        "",
        "## Targets",
        "",
        *_table(
            ("", "what", "measured", "target"),
            [
                ("holds" if v.holds else "**missed**", v.what, v.ratio, str(v.target))
                for v in verdicts
            ],
        ),
        "",
        "## Over HTTP (medians)",
        "",
        *_table(
            (
                "server",
                "traffic",
                "requests/s",
                "decisions/s",
                "p50 ms",
                "p99 ms",
                "p99.9 ms",
                "CPU us",
                "RSS MB",
            ),
            [_row(rows) for rows in zip(*rounds, strict=True)],
        ),
        "",
        "## In process",
        "",
        *_table(("", "us a decision"), [(name, f"{us:.2f}") for name, us in micro.items()]),
        "",
        *_table(
            ("types with 10 roles and 20 actions", "s to compile"),
            [(str(count), f"{taken:.2f}") for count, taken in seconds.items()],
        ),
        "",
        "## Versions",
        "",
        *_table(("part", "version"), sorted(_versions().items())),
        "",
    ]
    return "\n".join(lines)


def _row(rows: Sequence[Row]) -> tuple[str, ...]:
    def middle(name: str) -> float:
        return median(getattr(row, name) for row in rows)

    throughput = middle("throughput")
    return (
        rows[0].server,
        rows[0].traffic,
        f"{throughput:,.0f}",
        f"{throughput * rows[0].decisions:,.0f}",
        *(f"{middle(name) / 1000:.2f}" for name in ("p50", "p99", "p999")),
        f"{middle('cpu'):,.1f}",
        f"{middle('rss'):.0f}",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _versions() -> Mapping[str, str]:
    binary = next(CERBOS.glob("cerbos-*/cerbos-*"))
    ran = subprocess.run(  # noqa: S603  our own command
        [str(binary), "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"\d+\.\d+[.\d]*", ran.stdout or ran.stderr)
    return {
        **{package: version(package) for package in PACKAGES},
        "Python": platform.python_version(),
        "Cerbos": found[0] if found else "?",
        "sidecar": version("sidecar"),
    }


if __name__ == "__main__":
    sys.exit(main())
