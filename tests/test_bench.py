"""What could be wrong about the benchmark without anybody noticing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.engines import WrongAnswerError, check
from bench.load import LoadError, lua, parse
from bench.machine import Usage, foreign
from bench.measuring import Row
from bench.questions import Question
from bench.shapes import Shape, authzen, batch, compare, dense, single
from bench.targets import at_least, at_most, find

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
