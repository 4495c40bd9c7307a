"""Counts of several processes: what is added up, and what survives a death."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from sidecar.compiler import load_pack
from sidecar.config.settings import Settings
from sidecar.metrics import Counters, Layout, Memory
from sidecar.metrics import catalog as metrics
from sidecar.metrics.collector import Totals
from sidecar.metrics.counters import Tally
from sidecar.metrics.decisions import COMPILED, DecisionClasses, read_classes
from sidecar.metrics.memory import MAX_CLASSES
from sidecar.model import Decision, Reason, Reference, Request, Revisions
from sidecar.schema import Schema
from tests.metrics.scraping import Samples, samples_of, total

PATH = "/v1/authorize"

FORKING = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
"""Workers are forked, and so are these; Python 3.12 warns where any test has left a thread."""


@pytest.fixture(scope="module")
def schema() -> Schema:
    shipped = Settings()
    return load_pack(shipped.policies, shipped.fixtures).schema


@pytest.fixture
def memory() -> Memory:
    return Memory(Layout([PATH], ["busy", "late"]), blocks=4)


def samples(memory: Memory) -> Samples:
    return samples_of(Totals(memory).render("").body.decode())


def in_child(act: Callable[[], object]) -> None:
    """Act in a process that is killed at its end."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def counters_of(memory: Memory, number: int) -> Counters:
    made = Counters(memory)
    made.begin(number)
    return made


def decided(
    *codes: str, kind: str = "account", action: str = "numbers.edit"
) -> tuple[Request, Decision]:
    request = Request(
        subject=Reference("user", "ana"), action=action, resource=Reference(kind, "acme")
    )
    reasons = tuple(Reason(code, f"because of {code}") for code in codes)
    return request, Decision(
        allowed=not codes, reasons=reasons, obligations=(), revisions=Revisions("p", "d")
    )


# --- processes ----------------------------------------------------------------------------------


@FORKING
def test_totals_are_the_sum_of_all_processes_and_survive_their_deaths(memory: Memory) -> None:
    def serve(number: int) -> None:
        counters = counters_of(memory, number)
        for _ in range(1000):
            counters.answer(PATH, 200, counters.list_cell - 1, 0.00001)

    for number in (1, 2, 1):  # the third takes the place of the first
        in_child(lambda number=number: serve(number))  # type: ignore[misc]

    found = samples(memory)
    assert found["sidecar_responses_total code=200 endpoint=/v1/authorize"] == 3000
    assert found["sidecar_permission_lists_total source=new"] == 3000
    assert found["sidecar_request_duration_seconds_count endpoint=/v1/authorize"] == 3000
    assert found["sidecar_request_duration_seconds_sum endpoint=/v1/authorize"] == pytest.approx(
        0.03
    )


@FORKING
def test_a_process_goes_on_with_the_classes_of_the_one_before(
    memory: Memory, schema: Schema
) -> None:
    def serve(*codes: str) -> None:
        counters = counters_of(memory, 1)
        cell = counters.decision_cell(*decided(*codes), schema, COMPILED)
        counters.answer(PATH, 200, cell - 1, 0.0)
        counters.answer(PATH, 200, cell, 0.0)

    in_child(lambda: serve("not_granted"))
    in_child(serve)
    in_child(lambda: serve("not_granted"))

    found = samples(memory)
    assert found["sidecar_decisions_total action=numbers.edit decision=deny type=account"] == 4
    assert found["sidecar_decisions_total action=numbers.edit decision=allow type=account"] == 2
    assert (
        found["sidecar_denial_reasons_total action=numbers.edit reason=not_granted type=account"]
        == 4
    )
    assert found["sidecar_decision_sources_total source=cache"] == 3
    assert found["sidecar_decision_sources_total source=compiled"] == 3


@FORKING
def test_a_name_that_a_dead_process_wrote_in_part_is_not_read_and_is_replaced(
    memory: Memory, schema: Schema
) -> None:
    block = memory.block(1)
    in_child(lambda: counters_of(memory, 1).decision_cell(*decided(), schema, COMPILED))
    before = list(read_classes(block))
    end = before[-1][1]
    torn = b'\x80\x00\x00\x00\x01\x02\x03\x04["account",'
    block.names[end : end + len(torn)] = torn

    cell = counters_of(memory, 1).decision_cell(*decided("expired"), schema, COMPILED)

    assert [each for each, _ in read_classes(block)][: len(before)] == [each for each, _ in before]
    (new,) = [each for each, _ in list(read_classes(block))[len(before) :]]
    assert new.reasons == ("expired",)
    assert cell == memory.first_class + 2 * len(before) + 1


def test_gauges_are_those_of_running_workers(memory: Memory) -> None:
    for number, connections in ((1, 5), (2, 7), (3, 100)):
        counters_of(memory, number).set(metrics.CONNECTIONS, number=connections)
    counters_of(memory, 3).add(metrics.ACCEPTED, number=9)
    memory.set_live({1, 2})

    found = samples(memory)

    assert found["sidecar_connections"] == 12
    assert found["sidecar_workers"] == 2
    assert found["sidecar_connections_accepted_total"] == 9


def test_blocks_do_not_overlap() -> None:
    memory = Memory(Layout([], []), blocks=5)
    last = memory.layout.size + 2 * MAX_CLASSES - 1
    for number in range(memory.blocks):
        block = memory.block(number)
        block.counts[0], block.counts[last], block.names[-1] = number, number, number % 256

    found = [
        (block.counts[0], block.counts[last], block.names[-1])
        for block in map(memory.block, range(memory.blocks))
    ]

    assert found == [(number, number, number % 256) for number in range(memory.blocks)]
    assert memory.live() == []


# --- decisions ----------------------------------------------------------------------------------


def test_what_the_schema_does_not_declare_counts_as_other(memory: Memory, schema: Schema) -> None:
    counters = counters_of(memory, 1)
    sent = [("account", "x" * 1000), ("nonsense", "read"), ("account", "numbers.edit")]

    for _ in range(2):
        for kind, action in sent:
            request, decision = decided("unknown_action", kind=kind, action=action)
            counters.answer(
                PATH, 200, counters.decision_cell(request, decision, schema, COMPILED), 0
            )

    found = {name for name, value in samples(memory).items() if "decisions_total" in name and value}
    assert found == {
        "sidecar_decisions_total action=other decision=deny type=account",
        "sidecar_decisions_total action=other decision=deny type=other",
        "sidecar_decisions_total action=numbers.edit decision=deny type=account",
    }


def test_a_denial_counts_once_and_each_of_its_reasons_too(memory: Memory, schema: Schema) -> None:
    counters = counters_of(memory, 1)
    cell = counters.decision_cell(*decided("expired", "via_proxy"), schema, COMPILED)

    counters.answer(PATH, 200, cell, 0.0)

    found = samples(memory)
    assert found["sidecar_decisions_total action=numbers.edit decision=deny type=account"] == 1
    assert (
        found["sidecar_denial_reasons_total action=numbers.edit reason=expired type=account"] == 1
    )
    assert (
        found["sidecar_denial_reasons_total action=numbers.edit reason=via_proxy type=account"] == 1
    )


def test_decisions_beyond_the_last_class_are_counted_as_other(
    memory: Memory, schema: Schema
) -> None:
    counters = counters_of(memory, 1)
    count = MAX_CLASSES + 100

    for number in range(count):
        cell = counters.decision_cell(*decided(f"reason-{number}"), schema, COMPILED)
        counters.answer(PATH, 200, cell, 0.0)

    found = samples(memory)
    denials = {name: n for name, n in found.items() if name.startswith("sidecar_decisions_total")}
    assert sum(denials.values()) == count
    assert denials["sidecar_decisions_total action=other decision=deny type=other"] == 106
    assert counters_of(memory, 1).decision_cell(*decided("new"), schema, COMPILED) == (
        counters.decision_cell(*decided("newer"), schema, COMPILED)
    )


def test_long_names_end_before_the_memory_does(memory: Memory, schema: Schema) -> None:
    classes = DecisionClasses(memory.block(1), memory.first_class)

    for number in range(MAX_CLASSES):
        classes.cell(*decided(f"{number:0>500}"), schema, COMPILED)

    read = [each for each, _ in read_classes(memory.block(1))]
    assert 100 < len(read) < MAX_CLASSES
    assert DecisionClasses(memory.block(1), memory.first_class).cell(
        *decided("short"), schema, COMPILED
    ) < memory.first_class + 2 * (len(read) + 2)


@dataclass
class OfClass:
    cell: int


@FORKING
@pytest.mark.parametrize("size", [3, 300])
def test_a_batch_counts_as_its_decisions_would_alone(
    memory: Memory, schema: Schema, size: int
) -> None:
    """Of few classes with regard to the batch as of many, and in the process after a dead one."""

    def count() -> None:
        counters = counters_of(memory, 1)
        cells = [
            counters.decision_cell(*decided(f"reason-{number}"), schema, COMPILED)
            for number in range(100)
        ]
        counters.answer(PATH, 200, cells[0], 0.0)
        cached = [OfClass(cells[number % 5]) for number in range(size)]
        counters.answer(PATH, 200, Tally(cached, [cells[1] - 1, cells[99] - 1]), 0.0)
        counters.answer(PATH, 200, cells[0], 0.0)

    in_child(count)
    in_child(count)

    found = samples(memory)
    for number in (0, 1, 2, 99):
        in_batch = len(range(number, size, 5)) if number < 5 else 0
        expected = 2 * (in_batch + {0: 2, 1: 1, 99: 1}.get(number, 0))
        reason = f"sidecar_denial_reasons_total action=numbers.edit reason=reason-{number}"
        assert found.get(f"{reason} type=account", 0) == expected
    assert found["sidecar_decision_sources_total source=compiled"] == 4
    assert found["sidecar_decision_sources_total source=cache"] == 2 * (size + 2)


# --- durations ----------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(min_value=0.0, max_value=20.0)))
def test_a_bucket_has_all_durations_up_to_its_bound(durations: list[float]) -> None:
    memory = Memory(Layout([PATH], []), blocks=2)
    counters = counters_of(memory, 1)

    for seconds in [*durations, *metrics.BUCKETS]:
        counters.answer(PATH, 200, 0, seconds)

    found = samples(memory)
    bucket = "sidecar_request_duration_seconds_bucket"
    for bound in metrics.BUCKETS:
        expected = sum(each <= bound for each in [*durations, *metrics.BUCKETS])
        assert found[f"{bucket} endpoint={PATH} le={bound:g}"] == expected
    assert found[f"{bucket} endpoint={PATH} le=+Inf"] == len(durations) + len(metrics.BUCKETS)


# --- responses ----------------------------------------------------------------------------------


def test_responses_are_counted_by_endpoint_status_and_cause(memory: Memory) -> None:
    counters = counters_of(memory, 1)

    lists = [counters.list_cell - 1] * 3 + [counters.list_cell] * 2
    counters.answer(PATH, 200, Tally(cells=lists), 0.1)
    counters.answer(PATH, 503, 0, 0.1)
    counters.answer("/made/up", 404, 0, 0.1)
    counters.answer(PATH, 299, 0, 0.1)
    counters.unread(408)
    for cause in ("busy", "unheard-of"):
        counters.reject(cause)

    found = samples(memory)
    assert {name: n for name, n in found.items() if "responses_total" in name} == {
        "sidecar_responses_total code=200 endpoint=/v1/authorize": 1,
        "sidecar_responses_total code=503 endpoint=/v1/authorize": 1,
        "sidecar_responses_total code=other endpoint=/v1/authorize": 1,
        "sidecar_responses_total code=404 endpoint=other": 1,
        "sidecar_responses_total code=408 endpoint=unread": 1,
    }
    assert {name: n for name, n in found.items() if "rejections" in name} == {
        "sidecar_rejections_total cause=busy": 1,
        "sidecar_rejections_total cause=late": 0,
        "sidecar_rejections_total cause=other": 1,
    }
    assert found["sidecar_permission_lists_total source=new"] == 3
    assert found["sidecar_permission_lists_total source=cache"] == 2


# --- formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ],
)
def test_the_format_is_the_one_that_the_client_accepts(
    memory: Memory, schema: Schema, accept: str, content_type: str
) -> None:
    counters = counters_of(memory, 1)
    counters.answer(PATH, 200, counters.decision_cell(*decided(), schema, COMPILED), 0.001)

    rendering = Totals(memory).render(accept)

    text = rendering.body.decode()
    assert rendering.content_type.startswith(content_type)
    parse = openmetrics if "openmetrics" in content_type else prometheus
    assert "sidecar_decisions" in {family.name for family in parse(text)}
    assert text.endswith("# EOF\n") is ("openmetrics" in content_type)


def test_totals_never_decrease_while_they_are_counted(memory: Memory, schema: Schema) -> None:
    counters, totals = counters_of(memory, 1), Totals(memory)

    def count() -> float:
        return total(samples_of(totals.render("").body.decode()), "sidecar_decisions_total")

    seen = []
    for number in range(20):
        cell = counters.decision_cell(*decided(f"r{number}"), schema, COMPILED)
        counters.answer(PATH, 200, cell, 0.0)
        seen.append(count())

    assert seen == list(range(1, 21))
