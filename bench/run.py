"""Measure this sidecar beside its peers: `make bench`, or `make bench BENCH=--quick`.

Ends with status 1 when something that must hold does not, and with 2 when a peer answers wrongly,
does not start, or cannot be loaded: then nothing is written.
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
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench import growth, inprocess, machine, plots, targets
from bench.engines import WrongAnswerError
from bench.facts import read_facts
from bench.load import LoadError
from bench.measuring import FULL, QUICK, Effort, Row, in_rounds, measure
from bench.peers import Asked, behind_flask, cerbos, constants, ours
from bench.questions import DEMO, ROOT, Oracle, batches, sample
from bench.report import Results, text
from bench.servers import NotStartedError

ROUNDS = 15
"""Of servers side by side, for the ratios."""

CERBOS = ROOT / ".venv/bench/npm/node_modules/@cerbos"
PACKAGES = (
    *("oso", "flask", "gunicorn", "msgspec", "uvicorn", "uvicorn-worker", "uvloop", "httptools"),
    *("casbin", "cedarpy", "regopy", "matplotlib"),
)


def main() -> int:
    """Measure, write, and tell whether all holds that must."""
    asked = argparse.ArgumentParser(prog="bench", description=__doc__)
    asked.add_argument("--quick", action="store_true", help="all of it shortly, to try it")
    asked.add_argument("--output", type=Path, help="folder of RESULTS.md and plots/")
    arguments = asked.parse_args()
    # A quick run is no result: it must not take the place of one.
    output = arguments.output or (ROOT / ".venv/bench/quick" if arguments.quick else ROOT / "bench")
    try:
        results = _results(quick=arguments.quick)
    except (WrongAnswerError, NotStartedError, LoadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    (output / "plots").mkdir(parents=True, exist_ok=True)
    (output / "RESULTS.md").write_text(text(results), encoding="utf-8")
    _draw(results, output / "plots")
    print(*results.verdicts, sep="\n")
    return 0 if all(each.holds for each in results.verdicts if each.must) else 1


def _results(*, quick: bool) -> Results:
    """Measure everything.

    Raises:
        WrongAnswerError: A peer's answer is not the policy's.
        NotStartedError: A peer does not answer.
        LoadError: The load could not be made, or was refused.
    """
    effort: Effort = QUICK if quick else FULL
    axes, seconds = (growth.QUICK, 0.1) if quick else (growth.FULL, 0.5)
    rest, pressure = machine.at_rest(1 if quick else 3), machine.pressure()
    now = datetime.now(UTC)
    facts, oracle = read_facts(DEMO), Oracle.of_the_demo(now)
    every = oracle.questions(facts.users, tuple(facts.accounts))
    questions = sample(every, 200)
    with tempfile.TemporaryDirectory() as folder:
        asked = Asked(
            facts=facts,
            oracle=oracle,
            questions=questions,
            grouped=batches(questions, 100, 20),
            folder=Path(folder),
            cerbos=_cerbos(),
        )
        compared = [*ours.side_by_side(asked), *cerbos.peers(asked)]
        rounds = list(in_rounds(compared, QUICK, 1 if quick else ROUNDS, asked.folder))
        peers = [
            *ours.peers(asked),
            *constants.peers(asked),
            *cerbos.peers(asked),
            *behind_flask.peers(asked),
        ]
        rows = list(measure(peers, effort, asked.folder))
        os.sched_setaffinity(0, {0})
        micro = inprocess.measure(oracle, facts, questions, seconds)
        grown = [
            *growth.with_memberships(oracle, axes.memberships, seconds),
            *growth.with_policy(oracle, axes.policies, seconds),
        ]
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        of_batches = list(growth.with_batches(asked, axes.batches, effort))
        of_workers = list(growth.with_workers(asked, axes.workers, effort))
        of_threads = list(growth.with_threads(asked, axes.threads, effort))
        of_preload = list(growth.with_preload(asked, axes.workers))
    return Results(
        command='make bench BENCH="--quick"' if quick else "make bench",
        when=f"{now:%Y-%m-%d}",
        machine=machine.described(),
        versions=_versions(asked.cerbos),
        rest=rest,
        pressure=pressure,
        rows=rows,
        micro=micro,
        grown=grown,
        batches=of_batches,
        workers=of_workers,
        threads=of_threads,
        preload=of_preload,
        verdicts=[*targets.over_rounds(rounds), *targets.in_process(micro)],
    )


def _cerbos() -> Path:
    """Return the binary that the npm package brought for this machine.

    Raises:
        NotStartedError: There is none.
    """
    for found in CERBOS.glob("cerbos-*/cerbos-*"):
        return found
    raise NotStartedError("the binary of Cerbos is missing; `make bench` installs it")


def _versions(binary: Path) -> Mapping[str, str]:
    return {
        **{package: version(package) for package in PACKAGES},
        "Python": platform.python_version(),
        "Cerbos": _said([str(binary), "--version"]),
        "wrk": _said(["wrk", "--version"]),
        "sidecar": _said(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
    }


def _said(command: Sequence[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  ours
    first = (ran.stdout or ran.stderr).strip().partition("\n")[0]
    found = re.search(r"\d+\.\d+[.\d]*", first)
    return found[0].rstrip(".") if found and "git" not in command else first


def _draw(results: Results, folder: Path) -> None:
    def named(row: Row) -> str:
        return f"{row.peer}, {row.transport}, {row.shape}"

    plots.bars(
        folder / "http.svg",
        "Decisions a second, one core",
        "decisions/s",
        {named(row): row.throughput * row.decisions for row in results.rows},
    )
    plots.bars(folder / "inprocess.svg", "A decision in process", "us", results.micro)
    by_size = {
        name: [
            (point.size[0], dict(point.measured)[name])
            for point in results.grown
            if point.axis == "memberships"
        ]
        for name in ("us a decision", "s to build")
    }
    plots.lines(folder / "memberships.svg", "Memberships", "memberships", "us, s", by_size)
    policies = [point for point in results.grown if point.axis == "policy"]
    by_roles = {
        f"{name}, {roles} roles": [
            (point.size[1], dict(point.measured)[name])
            for point in policies
            if point.size[0] == roles
        ]
        for name in ("s to compile", "nodes", "us a decision")
        for roles in sorted({point.size[0] for point in policies})
    }
    plots.lines(folder / "policy.svg", "Policies", "permissions", "s, nodes, us", by_roles)
    cost = [(row.decisions, row.cpu / row.decisions) for row in results.batches]
    title = "CPU of a decision in a batch"
    plots.lines(folder / "batches.svg", title, "decisions a request", "us", {"sidecar": cost})


if __name__ == "__main__":
    sys.exit(main())
