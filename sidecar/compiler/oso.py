"""The one place where Oso is spoken to.

Oso 0.27.3 is the last release of a deprecated library. It loses errors inside `not` and `forall`
when a host reports them its way, prints warnings and goes on, and lets a policy call any method of
any value. Here every look that it takes at a value comes to our own objects; a fault is raised
straight through it, so it cannot be lost; and a message of Oso's is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from polar import Polar
from polar.exceptions import OsoError, PolarTypeError, StackOverflowError, UnsupportedError
from polar.ffi import PolarSource, process_messages
from polar.predicate import Predicate

from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.oso_query import first_result, term_of
from sidecar.compiler.symbols import (
    ActionObject,
    Asker,
    ContextObject,
    SettingsObject,
    Thing,
    Unexplorable,
)
from sidecar.diagram.paths import Operand
from sidecar.errors import PolicyFault, Problem
from sidecar.polar.desugar import ASKER
from sidecar.schema.model import Schema

_PLACE = re.compile(r" at line (\d+), column \d+(?: (?:of|in) file (.+?))?:?$", re.MULTILINE)
_MISFIT = re.compile(r"Invalid rule: (\w+)\(")
_MISSING = re.compile(r"Missing implementation for required rule (\w+)")


class _Decimal:
    """Registered so that `Decimal` can stand as a parameter's type."""


class _Instant:
    """Registered so that `Instant` can stand as a parameter's type."""


class LoadedPolicy:
    """Polar texts in an Oso of their own.

    A changed policy is a new instance: a second load would fail, and a failed one clears all rules.
    """

    def __init__(self, schema: Schema, texts: Mapping[str, str]) -> None:
        """Load all texts at once.

        Raises:
            ValueError: With a list of `Problem` as its argument, where Oso refuses or warns.
        """
        self.things: dict[str, type[Thing]] = {
            name: type(declared.polar, (Thing,), {"type": declared})
            for name, declared in schema.types.items()
        }
        self._polar = Polar()
        self.messages: list[str] = []
        _instead(self._polar.ffi_polar, self._collect(self._polar.ffi_polar))
        classes = {"Action": ActionObject, "Decimal": _Decimal, "Instant": _Instant}
        self._register({**{thing.__name__: thing for thing in self.things.values()}, **classes})
        self._polar.register_constant(ContextObject(), "context")
        self._polar.register_constant(SettingsObject(), "settings")
        self._polar.register_constant(Asker(), ASKER)
        self.messages.clear()
        try:
            self._polar.ffi_polar.load([PolarSource(text, file) for file, text in texts.items()])
        except OsoError as error:
            raise ValueError([_problem(str(error.message), next(iter(texts), ""))]) from None

    def _register(self, classes: Mapping[str, type]) -> None:
        """Register classes, as `Polar.register_class` does one by one.

        With each of them it would tell Oso about all others again.
        """
        for name, cls in classes.items():
            self._polar.host.cache_class(cls, name=name)
            self._polar.register_constant(cls, name)
        self._polar.host.register_mros()

    def _collect(self, ffi: Any) -> Callable[[], None]:  # noqa: ANN401 - polar's ffi has no types
        def collect() -> None:
            self.messages.extend(process_messages(ffi.next_message))

        return collect

    def warnings(self, file: str) -> list[Problem]:
        """Return what Oso would only have printed."""
        return [_problem(message, file) for message in self.messages]

    def ask(
        self, question: Asking, rule: str, subject: str, resource: str, operands: Sequence[Operand]
    ) -> bool:
        """Ask whether `rule(operands)` holds.

        Raises:
            PolicyFault: Where the policy does what it may not.
            Unexplorable: Where Oso itself gives up.
        """
        return self._first(question, rule, (subject, resource), operands) is not None

    def prove(
        self, question: Asking, rule: str, subject: str, resource: str, operands: Sequence[Operand]
    ) -> Mapping[str, Any] | None:
        """Ask whether `rule(operands)` holds, and why.

        Returns:
            Oso's trace of its first proof, a ``node`` with its ``children``; None where the rule
            does not hold.

        Raises:
            PolicyFault: Where the policy does what it may not.
            Unexplorable: Where Oso itself gives up.
        """
        found = self._first(question, rule, (subject, resource), operands, tracing=True)
        if found is None:
            return None
        trace: Mapping[str, Any] = found["trace"]["trace"]
        return trace

    def _first(
        self,
        question: Asking,
        rule: str,
        types: tuple[str, str],
        operands: Sequence[Operand],
        *,
        tracing: bool = False,
    ) -> Mapping[str, Any] | None:
        """Return Oso's first result; None where there is none."""
        host = self._polar.host.copy()
        arguments = [question.look.restore(operand, *types) for operand in operands]
        term = host.to_polar(Predicate(rule, []))
        term["value"]["Call"]["args"] = [term_of(host, each) for each in arguments]
        self.messages.clear()  # of loading: whoever loads looks at them
        try:
            found, beside = first_result(
                self._polar.ffi_polar, host, question, term, tracing=tracing
            )
        except StackOverflowError as error:
            raise Unexplorable("the rule calls itself without end") from error
        except PolarTypeError as error:
            raise PolicyFault(
                "a condition is neither true nor false; compare the fact with a value"
            ) from error
        except OsoError as error:
            # Oso's message quotes the objects that it was asked about; it stays in this process.
            raise PolicyFault(_failed(error)) from error
        if beside:
            raise PolicyFault("the rule prints")
        return found


def _failed(error: OsoError) -> str:
    text = str(error.message)
    if text.startswith("Query timeout"):
        return "there are too many possibilities to go through; divide the rule"
    if "unhandled partial" in text:
        return "a variable is compared before any condition has found its value"
    if isinstance(error, UnsupportedError):
        return "these values can neither be compared nor computed with"
    return f"Oso failed: {type(error).__name__}"


def _problem(message: str, file: str) -> Problem:
    """Turn a message of Oso's about the texts into a problem with its place."""
    place = _PLACE.search(message)
    first = next((line.strip() for line in message.splitlines() if line.strip()), "refused")
    text = _PLACE.sub("", first.removeprefix("[warning]").strip())
    if misfit := _MISFIT.match(text):
        types = "a type with an `actor` block, a `String`, and a type with a `resource` block"
        text = f"the parameters of `{misfit[1]}` do not fit; give them their types: {types}"
    if missing := _MISSING.match(text):
        text = f"a block needs the rule `{missing[1]}`, and nobody wrote it; say in it who has what"
    if place is None:
        return Problem(file, 0, text)
    return Problem(place[2] or file, int(place[1]), text)


def _instead(ffi: object, collect: Callable[[], None]) -> None:
    """Have messages collected that polar would print."""
    vars(ffi)["process_messages"] = collect
