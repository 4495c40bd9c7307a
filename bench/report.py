"""The results of one run, written down: tables, verdicts, and what they were measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.growth import Grown, Started
from bench.machine import FOREIGN
from bench.measuring import Row
from bench.targets import Verdict

FAIRNESS = """\
- Every peer had to answer all the questions as the policy does before it was timed; under load a single error ends the run.
- What must hold over HTTP is judged by medians of ratios: the servers are up side by side, and each is loaded in turn for a second, round after round, since machines change their speed from one second to the next. The rows further down are of one server at a time.
- Server on core 0, load on core 1, 16 connections kept open. wrk loads as fast as it is answered; over a Unix socket through `bench/unix_socket.c`.
- Cerbos is told the role and the plan of the account in each request: its caller has looked them up. The sidecar and the libraries hold these facts. Its native batch has one user and one role for all its questions; in AuthZEN's batches they differ. With its decision log on it writes its own lines to a file.
- The sidecar is asked with a bearer token; no other peer looks at one. It also tells reasons, obligations and revisions; most others tell yes or no.
- Under load a decision log is emptied every 20 ms, so it is always written to the same few pages of memory: new ones must first be given by the host of a virtual machine, and be written by the disk, in the middle of this load or of the next. What a disk does with a log later is not measured.
- `constant:` is what other workers under gunicorn cost that do nothing either: a view of Flask with threads, gunicorn's own ASGI worker, and uvicorn's on uvloop and httptools. None of them has our limits and deadlines.
- Flask services run under gunicorn, one worker with four threads.
- The 200 questions come again and again, and the sidecar remembers what it has read and decided until a fact, the policy or the moment could change it. "Each question new" is the same sidecar with that memory taken away.
- The floor answers one constant from the sidecar's own worker: nothing decoded, nothing decided, no token. With the decision log on it logs one constant line, as long as a usual one.
- CPU is of all the server's processes; RSS of the largest, PSS of all with what they share counted once. A quick run is for trying, not for quoting."""


HARDER = """\
None of the lines above is about these: questions of which none comes again, Cerbos with four times the memory (`GOGC=400`) or with a decision log of its own, and a floor that logs nothing while we do."""


PRELOAD = """\
The workers of one sidecar are forked from what was compiled and read (preload). As many sidecars of one worker each do all of it for themselves. Measured as soon as each sidecar has answered once; under load workers share less, as above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All of one run."""

    command: str
    when: str
    machine: str
    versions: Mapping[str, str]
    rest: float
    """Share of one core that others took before we began."""
    pressure: str
    rows: Sequence[Row]
    micro: Mapping[str, float]
    grown: Sequence[Grown]
    batches: Sequence[Row]
    workers: Sequence[tuple[int, Row]]
    threads: Sequence[tuple[int, Row]]
    preload: Sequence[Started]
    verdicts: Sequence[Verdict]


def text(results: Results) -> str:
    """Return all of it in Markdown."""
    return "\n".join(
        [
            "# Results",
            "",
            f"Made by `{results.command}` on {results.when}; {results.machine}.",
            "",
            _load(results),
            "",
            "## Must hold",
            "",
            *_verdicts([each for each in results.verdicts if each.must]),
            "",
            "## The same marks in harder cases",
            "",
            HARDER,
            "",
            *_verdicts([each for each in results.verdicts if not each.must]),
            "",
            "## Over HTTP",
            "",
            "![Decisions a second](plots/http.svg)",
            "",
            *_table(
                (
                    *("who", "by", "asked", "requests/s", "decisions/s", "p50 ms", "p99 ms"),
                    *("p99.9 ms", "CPU us", "RSS MB", "PSS MB", "start s", "others"),
                ),
                [_row(row) for row in results.rows],
            ),
            "",
            FAIRNESS,
            "",
            "## In process",
            "",
            "![Microseconds a decision](plots/inprocess.svg)",
            "",
            *_table(
                ("who", "us a decision"),
                [(name, f"{value:,.2f}") for name, value in results.micro.items()],
            ),
            "",
            "Libraries are asked with all parsed that can be; the dictionary is written by hand.",
            "",
            "## How cost grows",
            "",
            *(
                f"![{name.title()}](plots/{name}.svg)"
                for name in ("memberships", "policy", "batches")
            ),
            "",
            "Decisions here are new ones; nothing is remembered.",
            "",
            *_grown("memberships", ("memberships",), results.grown),
            "",
            *_grown("policy", ("roles", "permissions"), results.grown),
            "",
            *_table(
                ("batch", "requests/s", "decisions/s", "p99 ms", "CPU us a decision"),
                [
                    (
                        str(row.decisions),
                        f"{row.throughput:,.0f}",
                        f"{row.throughput * row.decisions:,.0f}",
                        f"{row.p99 / 1000:.2f}",
                        f"{row.cpu / row.decisions:,.2f}",
                    )
                    for row in results.batches
                ],
            ),
            "",
            *_counted("workers, on one core", results.workers),
            "",
            PRELOAD,
            "",
            *_table(
                ("workers", "of so many sidecars", "PSS MB of all", "s until all have answered"),
                [
                    (
                        str(each.workers),
                        str(each.sidecars),
                        f"{each.pss:.0f}",
                        f"{each.seconds:.1f}",
                    )
                    for each in results.preload
                ],
            ),
            "",
            "Threads answer what is not answered in front; here, searches for resources.",
            "",
            *_counted("threads of one worker", results.threads),
            "",
            "## Versions",
            "",
            *_table(("part", "version"), sorted(results.versions.items())),
            "",
        ]
    )


def _load(results: Results) -> str:
    noisy = sum(row.foreign > FOREIGN for row in results.rows)
    return (
        f"Others took {results.rest:.0%} of a core before it began ({results.pressure}), and more "
        f"than {FOREIGN:.0%} during {noisy} of {len(results.rows)} rows, marked `!`."
    )


def _row(row: Row) -> tuple[str, ...]:
    return (
        row.peer,
        row.transport,
        row.shape,
        f"{row.throughput:,.0f}",
        f"{row.throughput * row.decisions:,.0f}",
        *(f"{each / 1000:.2f}" for each in (row.p50, row.p99, row.p999)),
        f"{row.cpu:,.1f}",
        f"{row.rss:.0f}",
        f"{row.pss:.0f}",
        f"{row.start:.1f}",
        f"{row.foreign:.0%}{' !' if row.foreign > FOREIGN else ''}",
    )


def _counted(what: str, rows: Sequence[tuple[int, Row]]) -> list[str]:
    return _table(
        (what, "requests/s", "p50 ms", "p99 ms", "RSS MB", "PSS MB of all", "start s"),
        [
            (
                str(count),
                f"{row.throughput:,.0f}",
                f"{row.p50 / 1000:.2f}",
                f"{row.p99 / 1000:.2f}",
                f"{row.rss:.0f}",
                f"{row.pss:.0f}",
                f"{row.start:.1f}",
            )
            for count, row in rows
        ],
    )


def _grown(axis: str, sizes: Sequence[str], grown: Sequence[Grown]) -> list[str]:
    points = [point for point in grown if point.axis == axis]
    names = [name for name, _ in points[0].measured] if points else []
    return _table(
        (*sizes, *names),
        [
            (
                *(f"{size:,}" for size in point.size),
                *(
                    f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
                    for _, value in point.measured
                ),
            )
            for point in points
        ],
    )


def _verdicts(verdicts: Sequence[Verdict]) -> list[str]:
    return _table(
        ("", "what", "ours to theirs"),
        [("holds" if v.holds else "**does not hold**", v.what, v.figures) for v in verdicts],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
