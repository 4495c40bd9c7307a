"""What the engine decides by: a bundle, and what evaluates the rules that were not compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, Self

from sidecar.bundle import Bundle
from sidecar.diagram.questions import Answer, Question
from sidecar.errors import EvaluationError

Query = Mapping[str, str | None]
"""``rule`` (`allow`, `forbid` or `oblige`), ``code`` (the reason or obligation, or None), the
types ``subject`` and ``resource``, and ``action``."""


class Interpreter(Protocol):
    """Evaluates rules at request time that could not be compiled."""

    def holds(self, query: Query, answer: Callable[[Question], Answer]) -> bool:
        """Return whether a rule holds; `answer` reads the facts of the request.

        Raises:
            EvaluationError: The rule fails, or takes too long.
        """

    def close(self) -> None:
        """Release what it holds, such as a process."""


class NoInterpreter:
    """Takes the place of an interpreter where there is none: a rule that needs one fails."""

    def holds(self, query: Query, answer: Callable[[Question], Answer]) -> bool:  # noqa: ARG002
        """Fail.

        Raises:
            EvaluationError: Always.
        """
        raise EvaluationError(f"`{query['rule']}` for `{query['action']}` is not compiled")

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy(Bundle):
    """A bundle that the engine decides by. Nothing in it changes."""

    interpreter: Interpreter = field(default_factory=NoInterpreter)
    # Not copied by `replace`: what was derived from one policy does not hold for another.
    derived: dict[Any, Any] = field(init=False, default_factory=dict)
    """What the engine derives from the diagrams, kept as long as they are."""

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Return the policy of a bundle without an interpreter."""
        return cls(**{each.name: getattr(bundle, each.name) for each in fields(Bundle)})
