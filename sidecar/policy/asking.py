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

from _polar_lib import lib  # type: ignore[import-not-found]  # polar's own, without types
from polar import Polar
from polar.exceptions import OsoError, PolarTypeError, StackOverflowError, UnsupportedError
from polar.ffi import PolarSource, ffi_serialize, process_messages
from polar.ffi import Query as FfiQuery
from polar.predicate import Predicate
from polar.query import Query

from sidecar.errors import Problem
from sidecar.policy.inquiry import SINGLE_TERMS, Asking
from sidecar.policy.program import ASKER
from sidecar.policy.questions import Path
from sidecar.policy.symbols import (
    ActionObject,
    Asker,
    ContextObject,
    PolicyFault,
    SettingsObject,
    Thing,
    Unexplorable,
)
from sidecar.schema.nouns import Schema

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
        for thing in self.things.values():
            self._polar.register_class(thing)
        self._polar.register_class(ActionObject, name="Action")
        self._polar.register_class(_Decimal, name="Decimal")
        self._polar.register_class(_Instant, name="Instant")
        self._polar.register_constant(ContextObject(), "context")
        self._polar.register_constant(SettingsObject(), "settings")
        self._polar.register_constant(Asker(), ASKER)
        self.messages.clear()
        try:
            self._polar.ffi_polar.load([PolarSource(text, file) for file, text in texts.items()])
        except OsoError as error:
            raise ValueError([_problem(str(error.message), next(iter(texts), ""))]) from None

    def _collect(self, ffi: Any) -> Callable[[], None]:  # noqa: ANN401 - polar's ffi has no types
        def collect() -> None:
            self.messages.extend(process_messages(ffi.next_message))

        return collect

    def warnings(self, file: str) -> list[Problem]:
        """Return what Oso would only have printed."""
        return [_problem(message, file) for message in self.messages]

    def ask(
        self, question: Asking, rule: str, subject: str, resource: str, operands: Sequence[Path]
    ) -> bool:
        """Ask whether `rule(operands)` holds.

        Raises:
            PolicyFault: Where the policy does what it may not.
            Unexplorable: Where Oso itself gives up.
        """
        begin = self._polar.ffi_polar.new_query_from_term
        return self._first(question, rule, (subject, resource), operands, begin) is not None

    def prove(
        self, question: Asking, rule: str, subject: str, resource: str, operands: Sequence[Path]
    ) -> Mapping[str, Any] | None:
        """Ask whether `rule(operands)` holds, and why.

        Returns:
            Oso's trace of its first proof, a ``node`` with its ``children``; None where the rule
            does not hold.

        Raises:
            PolicyFault: Where the policy does what it may not.
            Unexplorable: Where Oso itself gives up.
        """
        found = self._first(question, rule, (subject, resource), operands, self._traced)
        if found is None:
            return None
        trace: Mapping[str, Any] = found["trace"]["trace"]
        return trace

    def _traced(self, term: object) -> FfiQuery:
        """Begin a query as `new_query_from_term` does, but with a trace."""
        pointer = lib.polar_new_query_from_term(self._polar.ffi_polar.ptr, ffi_serialize(term), 1)
        self._polar.ffi_polar.process_messages()
        return FfiQuery(self._polar.ffi_polar.check_result(pointer))

    def _first(
        self,
        question: Asking,
        rule: str,
        types: tuple[str, str],
        operands: Sequence[Path],
        begin: Callable[[Any], Any],
    ) -> Mapping[str, Any] | None:
        """Return Oso's first result; None where there is none."""
        host = self._polar.host.copy()
        arguments = [question.look.restore(operand, *types) for operand in operands]
        term = host.to_polar(Predicate(rule, arguments))
        query = _Query(begin(term), host=host)  # type: ignore[no-untyped-call]  # polar's
        query.question = question
        self.messages.clear()  # of loading: whoever loads looks at them
        _instead(query.ffi_query, self._collect(query.ffi_query))
        try:
            found: Mapping[str, Any] | None = next(query.run(), None)
        except StackOverflowError as error:
            raise Unexplorable("the rule calls itself without end") from error
        except PolarTypeError as error:
            raise PolicyFault(
                "a condition is neither true nor false; compare the fact with a value"
            ) from error
        except OsoError as error:
            # Oso's message quotes the objects that it was asked about; it stays in this process.
            raise PolicyFault(_failed(error)) from error
        if self.messages:
            raise PolicyFault("the rule prints")
        return found


class _Query(Query):
    """Oso's query, with every way out of it that we allow."""

    question: Asking

    def handle_external_call(self, data: dict[str, Any]) -> None:
        name = data["attribute"]
        if data["kwargs"]:
            raise PolicyFault(f"`{name}` takes no named arguments", name)
        instance = self.host.to_python(data["instance"])
        if isinstance(instance, Asker):
            result: object = self.question.answer_rule(name, data["args"], self.host)
        else:
            arguments = (
                None
                if data["args"] is None
                else [self._argument(name, term) for term in data["args"]]
            )
            result = self.question.look.member(instance, name, arguments)
        self.ffi_query.call_result(data["call_id"], self.host.to_polar(result))

    def _argument(self, name: str, term: dict[str, Any]) -> object:
        if next(iter(term["value"])) not in SINGLE_TERMS:
            raise PolicyFault(
                f"an argument of `{name}` is not known yet, or is no single value", name
            )
        return self.host.to_python(term)

    def handle_external_op(self, data: dict[str, Any]) -> None:
        left, right = (self.host.to_python(term) for term in data["args"])
        self.ffi_query.question_result(
            data["call_id"], self.question.compare.holds(data["operator"], left, right)
        )

    def handle_external_isa(self, data: dict[str, Any]) -> None:
        answer = self.question.is_a(self.host.to_python(data["instance"]), data["class_tag"])
        self.ffi_query.question_result(data["call_id"], answer)

    def handle_external_is_subspecializer(self, data: dict[str, Any]) -> None:
        # Which clause is tried first does not matter to us: types have no order here.
        self.ffi_query.question_result(data["call_id"], answer=False)

    def handle_external_is_subclass(self, data: dict[str, Any]) -> None:
        self.ffi_query.question_result(
            data["call_id"], data["left_class_tag"] == data["right_class_tag"]
        )

    def handle_make_external(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("nothing can be made in a policy", "new")

    def handle_external_isa_with_path(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("a member is read of something that is not known yet")

    def handle_next_external(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("`in` cannot go through a fact; write `.includes(…)` for a set", "in")

    def handle_debug(self, _data: dict[str, Any]) -> None:
        raise PolicyFault("`debug` would wait at the terminal", "debug")


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
