"""What could be wrong about the benchmark without anybody noticing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bench import growth
from bench.engines import WrongAnswerError, check
from bench.forgetting import forgetting
from bench.load import LoadError, lua, parse
from bench.machine import Usage, foreign
from bench.measuring import Row
from bench.peers import cerbos, ours
from bench.questions import Oracle, Question
from bench.report import Results, text
from bench.shapes import Shape, authzen, batch, compare, dense, single
from bench.targets import at_least, at_most, find, in_process, over_http, over_rounds
from sidecar.engine.authorizer import decisions_of

SUMMARY = (
    "Running 1s test @ http://127.0.0.1:1/\n"
    'bench: {"requests": 3000, "microseconds": 1500000, "refused": 0, "broken": 0, '
    '"p50": 900, "p99": 2100, "p999": 3200}\n'
)
QUESTION = Question("dora", "billing.view", "acme", allowed=False)
ROW = Row(
    peer="one",
    transport="TCP",
    shape="evaluation",
    decisions=1,
    throughput=2000.0,
    p50=900.0,
    p99=2100.0,
    p999=3200.0,
    cpu=100.0,
    rss=50.0,
    pss=60.0,
    start=1.0,
    foreign=0.0,
)


class Fixed:
    def __init__(self, answer: bool) -> None:  # noqa: FBT001  it is all that it holds
        self._answer = answer

    def allows(self, user: str, action: str, account: str) -> bool:
        return self._answer and bool(user and action and account)


@pytest.fixture
def shape() -> Shape:
    return single([QUESTION], authzen)


def test_a_summary_of_wrk_is_read() -> None:
    loaded = parse(SUMMARY)

    assert (loaded.throughput, loaded.p50, loaded.p99, loaded.p999) == (2000, 900, 2100, 3200)


@pytest.mark.parametrize(
    "output",
    [
        "",
        SUMMARY + SUMMARY,
        SUMMARY.replace('"refused": 0', '"refused": 1'),
        SUMMARY.replace('"broken": 0', '"broken": 1'),
        SUMMARY.replace('"requests": 3000', '"requests": 0'),
    ],
)
def test_a_load_that_was_not_answered_is_no_result(output: str) -> None:
    with pytest.raises(LoadError):
        parse(output)


def test_bodies_reach_lua_as_they_are() -> None:
    body = dense({"a": 'ö"\\\n'})
    shape = Shape(name="x", path="/x", bodies=(body,), answers=((True,),), read=lambda _: (True,))

    assert r'"{\034a\034:\034\092u00f6\092\034\092\092\092n\034}"' in lua(shape)


def test_an_engine_that_answers_wrongly_is_refused() -> None:
    check("right", Fixed(answer=False), [QUESTION])
    with pytest.raises(WrongAnswerError, match=r"wrong answers True to `dora billing\.view acme`"):
        check("wrong", Fixed(answer=True), [QUESTION])


@pytest.mark.parametrize(
    "told",
    [
        (200, b'{"decision": true}'),
        (200, b'{"decision": 0}'),
        (200, b'{"decision": "false"}'),
        (200, b"{}"),
        (200, b"no"),
        (500, b'{"decision": false}'),
    ],
)
def test_a_service_that_answers_wrongly_is_refused(shape: Shape, told: tuple[int, bytes]) -> None:
    compare("right", shape, (False,), (200, b'{"decision": false}'))
    with pytest.raises(WrongAnswerError):
        compare("wrong", shape, (False,), told)


def test_a_batch_has_as_many_answers_as_questions() -> None:
    shape = batch([[QUESTION, replace(QUESTION, allowed=True)]], authzen)
    one, other = b'{"decision":false}', b'{"decision":true}'

    compare("right", shape, shape.answers[0], (200, b'{"evaluations":[%b,%b]}' % (one, other)))
    assert shape.decisions == 2
    for wrong in (one, b"%b,%b" % (other, one), b"%b,%b,%b" % (one, other, other)):
        with pytest.raises(WrongAnswerError):
            compare("wrong", shape, shape.answers[0], (200, b'{"evaluations":[%b]}' % wrong))


@pytest.mark.parametrize(
    ("ours", "least", "most"), [(599.0, False, True), (600.0, True, True), (601.0, True, False)]
)
def test_what_must_hold_holds_at_its_boundary(ours: float, least: bool, most: bool) -> None:  # noqa: FBT001  a table
    assert at_least("x", ours, 6, 100).holds is least
    assert at_most("x", ours, 6, 100).holds is most


def test_a_verdict_tells_both_figures() -> None:
    assert str(at_least("x", 3, 2, 2)) == "does not hold: x (3.00 to 2.00, 1.5 times)"


def test_a_row_that_was_not_measured_is_not_made_up() -> None:
    assert find([ROW, replace(ROW, transport="UDS")], "one", "evaluation") is ROW
    with pytest.raises(LookupError):
        find([replace(ROW, transport="UDS")], "one", "evaluation")
    with pytest.raises(LookupError):
        find([ROW, ROW], "one", "evaluation")


def test_foreign_load_is_what_is_neither_server_nor_load_nor_idle() -> None:
    before, after = Usage(10.0, 1.0, 100.0), Usage(13.0, 1.5, 102.0)

    assert foreign(before, after, 3.0) == 0.25
    assert foreign(before, after, 4.0) == 0.0


def _rows() -> list[Row]:
    """Return a run in which everything just holds."""
    our_shapes = {
        "evaluation": (6000.0, 1),
        "permissions": (5000.0, 1),
        "batch of 100": (300.0, 100),
    }
    their_shapes = {
        "evaluation": (1000.0, 1),
        "native check": (900.0, 1),
        "batch of 100": (10.0, 100),
        "native check of 100": (9.0, 100),
    }
    rows = [
        replace(ROW, peer=name, shape="constant", throughput=7500.0)
        for name in (ours.FLOOR, ours.LOGGING_FLOOR)
    ]
    for names, shapes, p99 in (
        ((ours.NAME, ours.FORGETFUL, ours.LOGGED), our_shapes, 500.0),
        ((cerbos.NAME, cerbos.TUNED, cerbos.LOGGED), their_shapes, 2000.0),
    ):
        rows += [
            replace(ROW, peer=name, shape=shape, throughput=throughput, decisions=count, p99=p99)
            for name in names
            for shape, (throughput, count) in shapes.items()
        ]
    return rows


def test_all_that_must_hold_is_judged() -> None:
    new = "compiled, each question new"
    rows, micro = _rows(), {"compiled": 1.0, new: 1.1, "dictionary": 0.4, "cedarpy": 60.0}

    verdicts = [*over_http(rows), *in_process(micro)]

    assert len(verdicts) == 3 * (2 * 3 + 3) + 3 + 1 + 4
    assert sum(each.must for each in verdicts) == 2 * (3 + 3) + 2
    assert [str(each) for each in verdicts if not each.holds] == []


@pytest.mark.parametrize(
    ("peer", "shape", "change", "must"),
    [
        (ours.NAME, "evaluation", {"throughput": 5999.0}, True),
        (ours.LOGGED, "evaluation", {"p99": 501.0}, True),
        (ours.FORGETFUL, "evaluation", {"p99": 501.0}, False),
        (ours.NAME, "batch of 100", {"throughput": 299.0}, True),
        (ours.NAME, "permissions", {"cpu": 201.0}, True),
        (ours.NAME, "permissions", {"rss": 81.0}, True),
        (ours.FLOOR, "constant", {"throughput": 7501.0}, True),
        (ours.LOGGING_FLOOR, "constant", {"throughput": 7501.0}, True),
        (cerbos.NAME, "native check", {"throughput": 1001.0}, True),
        (cerbos.TUNED, "native check", {"p99": 1999.0}, False),
        (cerbos.TUNED, "native check of 100", {"throughput": 10.1}, False),
        (cerbos.LOGGED, "evaluation", {"p99": 1999.0}, False),
    ],
)
def test_one_figure_that_is_too_poor_is_seen(
    peer: str, shape: str, change: dict[str, float], *, must: bool
) -> None:
    rows = [
        replace(row, **change) if (row.peer, row.shape) == (peer, shape) else row  # type: ignore[arg-type]
        for row in _rows()
    ]

    poor = [each for each in over_http(rows) if not each.holds]
    assert any(each.must for each in poor) is must
    assert poor


def test_several_rounds_are_judged_by_the_median_of_their_ratios() -> None:
    floors = (7000.0, 7400.0, 9000.0)
    rounds = [
        [replace(row, throughput=floor) if row.peer == ours.FLOOR else row for row in _rows()]
        for floor in floors
    ]

    told = {each.what: each for each in over_rounds(rounds)}

    of_floor = told["sidecar: requests/s, 80% of the floor"]
    assert (of_floor.holds, of_floor.figures) == (True, "0.811 times, 0.667 to 0.857 in 3 rounds")
    assert all(each.holds for each in told.values())
    assert not all(each.holds for each in over_rounds([rounds[2], rounds[2], rounds[0]]))


def test_a_memory_that_is_taken_away_comes_back(oracle: Oracle) -> None:
    asked = [(QUESTION.user, action, QUESTION.account) for action in ("billing.view", "switch")]

    def recalled() -> list[bool]:
        decisions = decisions_of(oracle.policy, oracle.snapshot)
        for each in asked:
            oracle.allows(*each)
        return [
            decisions.recall(("user", user, action, "account", account), oracle.now) is not None
            for user, action, account in asked
        ]

    with forgetting():
        forgotten = recalled()

    assert forgotten == [False, True]  # the last one, which is asked again only after others
    assert recalled() == [True, True]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle.of_the_demo(datetime(2026, 12, 1, 12, tzinfo=UTC))


def test_results_tell_failed_ratios_and_foreign_load(oracle: Oracle) -> None:
    rows = _rows()
    rows[0] = replace(rows[0], foreign=0.3, throughput=9000.0)
    grown = [
        *growth.with_memberships(oracle, (100,), 0.0),
        *growth.with_policy(oracle, ((5, 10),), 0.0),
    ]

    written = text(
        Results(
            command="make bench",
            when="2026-12-01",
            machine="a machine",
            versions={"Python": "3.11"},
            rest=0.5,
            pressure="load average 2",
            rows=rows,
            micro={"compiled": 1.0},
            grown=grown,
            batches=[ROW],
            workers=[(1, ROW)],
            threads=[(4, ROW)],
            preload=[growth.Started(4, 1, 65.0, 0.9), growth.Started(4, 4, 170.0, 2.5)],
            verdicts=over_http(rows),
        )
    )

    assert "Others took 50% of a core" in written
    assert f"more than 5% during 1 of {len(rows)} rows" in written
    assert "| 30% ! |" in written
    assert "| **does not hold** | sidecar: requests/s, 80% of the floor | 6,000.00 to 9," in written
    assert "| 5 | 10 |" in written
    assert "| 4 | 4 | 170 | 2.5 |" in written
