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
from polar.query import Query

from sidecar.errors import Problem
from sidecar.policy.comparing import Comparison
from sidecar.policy.looking import MAXIMUM_DEPTH, Answers, Look, is_absent
from sidecar.policy.names import Names
from sidecar.policy.program import ASKER, FOUND
from sidecar.policy.questions import ACTION, Path, literal, text_of
from sidecar.policy.symbols import (
    ActionName,
    ActionObject,
    Asker,
    Constant,
    ContextObject,
    Fact,
    PolicyFault,
    SettingsObject,
    Thing,
    Truth,
    Unexplorable,
)
from sidecar.schema.nouns import Attribute, Kind, Schema
from sidecar.schema.values import Value

RuleAnswer = Callable[[str, tuple[object, ...]], str]
"""Given a rule and its operands: ``yes``, ``no``, or ``clauses`` to go through them."""

MAXIMUM_CALLS = 500
"""Calls of rules on one path; more is a rule that calls itself without end."""
MAXIMUM_MEMBERS = 10_000
"""Members of the lists with which a rule is called."""
MAXIMUM_NESTING = 20
"""How deep these lists lie in lists."""

_PLACE = re.compile(r" at line (\d+), column \d+(?: (?:of|in) file (.+?))?:?$", re.MULTILINE)
_KNOWN = frozenset({"String", "Boolean", "Number", "ExternalInstance"})
"""Kinds of terms that are single values."""
_MISFIT = re.compile(r"Invalid rule: (\w+)\(")
_MISSING = re.compile(r"Missing implementation for required rule (\w+)")
_SCALARS = {
    Kind.STRING: "String",
    Kind.ENUM: "String",
    Kind.EMAIL: "String",
    Kind.DOMAIN: "String",
    Kind.BOOLEAN: "Boolean",
    Kind.INTEGER: "Integer",
    Kind.DECIMAL: "Decimal",
    Kind.INSTANT: "Instant",
}
_NATIVE = {
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    list: "List",
    dict: "Dictionary",
}


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
        host = self._polar.host.copy()
        arguments = [question.look.restore(operand, subject, resource) for operand in operands]
        term = host.to_polar(Predicate(rule, arguments))
        query = _Query(self._polar.ffi_polar.new_query_from_term(term), host=host)  # type: ignore[no-untyped-call]  # polar's
        query.question = question
        self.messages.clear()  # of loading: whoever loads looks at them
        _instead(query.ffi_query, self._collect(query.ffi_query))
        try:
            found = next(query.run(), None) is not None
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


class Asking:
    """One question to Oso: who answers its looks, and what they mean."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that answers depend on, none of it kept elsewhere
        self,
        names: Names,
        settings: Mapping[str, Value],
        loaded: LoadedPolicy,
        answers: Answers,
        action: tuple[str, Mapping[str, Attribute]],
        answer_rule: RuleAnswer,
        maximum_depth: int = MAXIMUM_DEPTH,
    ) -> None:
        self.look = Look(names, settings, loaded.things, answers, action, maximum_depth)
        self.compare = Comparison(names, answers)
        self._answer_rule = answer_rule
        self._calls = 0
        self._things = loaded.things
        self._classes = names.classes

    def answer_rule(
        self,
        attribute: str,
        arguments: Sequence[dict[str, Any]],
        host: Any,  # noqa: ANN401 - polar's
    ) -> object:
        """Answer a generated rule: does the rule hold, or are its clauses to be gone through?

        Returns:
            The answer, and the positions of the arguments that are not known yet; or, when a
            clause has been gone through, true.
        """
        if attribute == FOUND:
            return self._found(arguments, host)
        self._calls += 1
        if self._calls > MAXIMUM_CALLS or _is_large(arguments):
            raise Unexplorable("the rule calls itself without end")
        operands: list[Any] = []
        for term in arguments:
            kind = next(iter(term["value"]))
            operands.append(host.to_python(term) if kind in _KNOWN else None)
        open_ones = [str(at) for at, each in enumerate(operands) if each is None]
        if open_ones:
            return ["clauses", " ".join([attribute, *open_ones])]
        return [self._answer_rule(attribute, tuple(operands)), attribute]

    def _found(self, arguments: Sequence[dict[str, Any]], host: Any) -> bool:  # noqa: ANN401
        """Refuse that an argument, which was not known, is absent: Oso would take it for found."""
        attribute, *places = host.to_python(arguments[0]).split()
        for place in places:
            term = arguments[1 + int(place)]
            if next(iter(term["value"])) in _KNOWN and is_absent(host.to_python(term)):
                rule = attribute.rpartition("__")[0]
                raise PolicyFault(
                    f"what `{rule}` finds can be absent; give its parameter a type", rule
                )
        return True

    def is_a(self, value: object, tag: str) -> bool:
        """Tell whether a value that is no entity is of the type that stands in the policy."""
        if is_absent(value):
            return False
        if isinstance(value, Fact | Constant):
            return _SCALARS.get(value.type.kind) == tag
        if isinstance(value, Truth):
            return tag == "Boolean"
        if isinstance(value, Thing):
            return type(value) is self._things.get(self._classes.get(tag, ""))
        if isinstance(value, ActionObject):
            return tag == "Action"
        if isinstance(value, ActionName):
            return tag == "String"
        return _NATIVE.get(type(value)) == tag


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
        if next(iter(term["value"])) not in _KNOWN:
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


def operand_of(value: object) -> Path | None:
    """Return the key of a rule's operand; None for one by which a rule cannot be asked alone."""
    if isinstance(value, Thing) and value.path is None:
        return literal(f"nothing {value.type.name}")
    if isinstance(value, Thing | Fact | Constant):
        return value.path
    if is_absent(value):
        return literal("absent")
    if isinstance(value, ActionObject):
        return ACTION
    if isinstance(value, ActionName):
        return literal(f"name {value.text}")
    if isinstance(value, str | bool | int):
        return literal(f"{type(value).__name__} {text_of(value)}")
    return None


def _is_large(arguments: Sequence[dict[str, Any]]) -> bool:
    """Tell whether lists in the arguments have grown beyond what anybody writes."""
    level, seen = list(arguments), 0
    for _ in range(MAXIMUM_NESTING):
        level = [inner for term in level for inner in term["value"].get("List", ())]
        seen += len(level)
        if not level or seen > MAXIMUM_MEMBERS:
            break
    return bool(level)


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
