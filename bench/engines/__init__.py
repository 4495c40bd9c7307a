"""Peers as libraries: each answers one question from the same facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import Protocol

from bench.facts import Facts
from bench.questions import Question


class Engine(Protocol):
    """What answers."""

    def allows(self, user: str, action: str, account: str) -> bool:
        """Tell whether the user may do this in the account."""


NAMES: Mapping[str, str] = {
    "Oso": "oso_rules",
    "cedarpy": "cedar",
    "casbin": "casbin_rules",
    "regopy": "rego",
    "dictionary": "dictionary",
}
"""Each engine's module here; it is imported when it is asked for, not before."""


class WrongAnswerError(Exception):
    """A peer answers otherwise than the policy: its times would mean nothing."""


def load(name: str, facts: Facts, now: datetime) -> Engine:
    """Return an engine that holds the facts, its policy parsed and compiled as far as it can be.

    Raises:
        ModuleNotFoundError: The library is not there; `make bench` installs it.
    """
    create: Callable[[Facts, datetime], Engine] = import_module(
        f"bench.engines.{NAMES[name]}"
    ).create
    return create(facts, now)


def check(name: str, engine: Engine, questions: Sequence[Question]) -> None:
    """Ask an engine everything that it will be timed with, and more.

    Raises:
        WrongAnswerError: It answers one of the questions wrongly.
    """
    for each in questions:
        answer = engine.allows(each.user, each.action, each.account)
        if answer is not each.allowed:
            raise WrongAnswerError(f"{name} answers {answer} to `{each}`, and not {each.allowed}")
