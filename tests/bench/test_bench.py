"""What could be wrong about the benchmark without anybody noticing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.load import LoadError, parse
from bench.machine import Usage, foreign
from bench.servers import CERBOS, LOGGED, SIDECAR, Row
from bench.targets import find, in_process, over_http
from bench.traffic import BATCH, FRESH, RECURRING, Traffic, WrongAnswerError, check, plain, traffics
from bench.world import World
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.facts import read_directory
from sidecar.model import Reference, Request
from tests.paths import ROOT

SUMMARY = (
    "Running 1s test @ http://127.0.0.1:1/\n"
    'bench: {"requests": 3000, "microseconds": 1500000, "refused": 0, "broken": 0, '
    '"p50": 900, "p99": 2100, "p999": 3200}\n'
)
ROW = Row(
    server=SIDECAR,
    traffic="single, new",
    decisions=1,
    throughput=60_000.0,
    p50=90.0,
    p99=210.0,
    p999=320.0,
    cpu=10.0,
    rss=40.0,
    foreign=0.0,
)
TRAFFICS = ("single, recurring", "single, new", "batch, recurring items", "batch, new items")


def test_tables_of_the_generated_world_decide_as_the_shipped_policy(tmp_path: Path) -> None:
    world = World(30)
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    snapshot = read_directory(policy.schema, world.write(tmp_path / "mount"))
    now = datetime(2026, 12, 1, tzinfo=UTC)

    wrong = [
        question
        for question in world.questions()
        if authorize(
            Request(
                subject=Reference("user", question.user),
                action=question.action,
                resource=Reference("account", question.account),
            ),
            policy,
            snapshot,
            now,
        ).allowed
        is not question.allowed
    ]

    assert wrong == []


def test_new_questions_are_more_than_any_cache_of_the_sidecar_keeps() -> None:
    world = World()

    sample = world.sample(FRESH)

    assert len(set(sample)) == FRESH
    assert sum(question.allowed for question in sample) == FRESH // 2


def test_each_kind_of_traffic_asks_what_its_name_says() -> None:
    kinds = {traffic.name: traffic for traffic in traffics(World(), plain)}

    assert tuple(kinds) == TRAFFICS
    assert {len(kinds[name].items) for name in TRAFFICS if "recurring" in name} == {RECURRING}
    assert {kinds[name].decisions for name in TRAFFICS if "batch" in name} == {BATCH}
    assert not kinds["batch, recurring items"].in_turn


def test_summary_of_wrk_is_read() -> None:
    loaded = parse(SUMMARY)

    assert (loaded.throughput, loaded.p99) == (2000.0, 2100)


@pytest.mark.parametrize(
    "output",
    [
        "nothing",
        SUMMARY.replace('"refused": 0', '"refused": 3'),
        SUMMARY.replace('"broken": 0', '"broken": 1'),
        SUMMARY.replace('"requests": 3000', '"requests": 0'),
        SUMMARY * 2,
    ],
)
def test_load_that_was_refused_or_not_answered_is_no_result(output: str) -> None:
    with pytest.raises(LoadError):
        parse(output)


class _AllowsAll(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"decision": True}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _AllowsAll)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_server_with_a_wrong_answer_is_not_timed(port: int) -> None:
    traffic = Traffic(name="single", items=["{}", "{}"], answers=[True, False])

    check("right", port, replace(traffic, answers=[True, True]))
    with pytest.raises(WrongAnswerError, match="single"):
        check("wrong", port, traffic)


def _round(factor: float) -> list[Row]:
    ours = [replace(ROW, traffic=name, throughput=factor * 1000.0) for name in TRAFFICS]
    logged = [replace(row, server=LOGGED) for row in ours]
    theirs = [
        replace(ROW, server=CERBOS, traffic=name, throughput=1000.0, p99=2000.0)
        for name in TRAFFICS
    ]
    return [*ours, *logged, *theirs]


def test_targets_are_judged_by_the_middle_of_all_rounds() -> None:
    held = {v.what: v.holds for v in over_http([_round(30), _round(30), _round(1)])}
    missed = {v.what: v.holds for v in over_http([_round(30), _round(1), _round(1)])}

    assert all(held.values())
    assert not any(holds for what, holds in missed.items() if "throughput" in what)


def test_row_that_was_not_measured_is_an_error() -> None:
    with pytest.raises(LookupError, match="0 rows of Cerbos"):
        find([ROW], CERBOS, "single, new")


def test_uncached_decision_is_judged_against_a_dictionary() -> None:
    names = ("dictionary", "sidecar, uncached decision")

    assert in_process(dict(zip(names, (0.2, 7.9), strict=True))).holds
    assert not in_process(dict(zip(names, (0.2, 8.1), strict=True))).holds


def test_processor_time_of_others_is_what_is_left() -> None:
    before, after = Usage(10.0, 0.0, 100.0), Usage(12.0, 0.5, 102.0)

    assert foreign(before, after, 1.5) == pytest.approx(0.5)
