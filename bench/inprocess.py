"""Decisions without a server: ours beside the libraries, in microseconds of processor time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from time import process_time

from bench import engines
from bench.facts import Facts
from bench.forgetting import forgetting
from bench.questions import Oracle, Question, request
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy

OURS = "compiled"
OURS_NEW = "compiled, each question new"


def measure(
    oracle: Oracle, facts: Facts, questions: Sequence[Question], seconds: float
) -> Mapping[str, float]:
    """Return microseconds a decision by name; each is asked for the right answers first.

    Raises:
        WrongAnswerError: One of them answers otherwise than the policy.
    """
    asked = [request(each.user, each.action, each.account) for each in questions]
    policy, snapshot, now = oracle.policy, oracle.snapshot, oracle.now

    def compiled(policy: Policy = policy) -> None:
        for each in asked:
            authorize(each, policy, snapshot, now)

    found = {OURS: micro(compiled, len(asked), seconds)}
    with forgetting():
        # A copy remembers nothing to begin with.
        found[OURS_NEW] = micro(partial(compiled, replace(policy)), len(asked), seconds)
    for name in engines.NAMES:
        engine = engines.load(name, facts, now)
        engines.check(name, engine, questions)

        def answered(allows: Callable[[str, str, str], bool] = engine.allows) -> None:
            for each in questions:
                allows(each.user, each.action, each.account)

        found[name] = micro(answered, len(questions), seconds)
    return found


def micro(act: Callable[[], object], count: int, seconds: float) -> float:
    """Return the microseconds of each of `count`, as the median of rounds that take so long."""
    act()
    rounds = []
    while sum(rounds) < seconds or len(rounds) < 3:
        started = process_time()
        act()
        rounds.append(process_time() - started)
    return median(rounds) / count * 1e6
