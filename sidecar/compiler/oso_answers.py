"""One question to Oso: who answers its looks at symbols, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sidecar.compiler.comparison import Comparison
from sidecar.compiler.operands import is_absent
from sidecar.compiler.presence import Answers
from sidecar.compiler.program import FOUND
from sidecar.compiler.semantics import MAXIMUM_DEPTH, Look
from sidecar.compiler.symbols import (
    ActionName,
    ActionObject,
    Constant,
    Fact,
    Thing,
    Truth,
    Unexplorable,
)
from sidecar.errors import PolicyFault
from sidecar.polar.names import Names
from sidecar.schema.model import Attribute, Kind, Value

RuleAnswer = Callable[[str, tuple[object, ...]], bool | None]
"""Given a rule and its operands: whether it holds; None to go through its clauses."""
_WORDS = {True: "yes", False: "no", None: "clauses"}
"""How the generated rules know these answers."""

MAXIMUM_CALLS = 500
"""Calls of rules on one path; more is a rule that calls itself without end."""
MAXIMUM_MEMBERS = 10_000
"""Members of the lists with which a rule is called."""
MAXIMUM_NESTING = 20
"""How deep these lists lie in lists."""

SINGLE_TERMS = frozenset({"String", "Boolean", "Number", "ExternalInstance"})
"""Kinds of terms that are single values."""
_SCALARS = {
    Kind.STRING: "String",
    Kind.ENUM: "String",
    Kind.EMAIL: "String",
    Kind.DOMAIN: "String",
    Kind.BOOLEAN: "Boolean",
    Kind.INTEGER: "Integer",
    Kind.DECIMAL: "Decimal",
    Kind.INSTANT: "Instant",
    Kind.REFERENCE: "",
    Kind.SET: "",
}
"""The class of Polar that a value of each kind is of; none of the last two."""
_NATIVE = {
    str: "String",
    bool: "Boolean",
    list: "List",
    dict: "Dictionary",
}


class Asking:
    """One question to Oso: who answers its looks, and what they mean."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that answers depend on, none of it kept elsewhere
        self,
        names: Names,
        settings: Mapping[str, Value],
        things: Mapping[str, type[Thing]],
        answers: Answers,
        action: tuple[str, Mapping[str, Attribute]],
        answer_rule: RuleAnswer,
        maximum_depth: int = MAXIMUM_DEPTH,
    ) -> None:
        self.look = Look(names, settings, things, answers, action, maximum_depth)
        self.compare = Comparison(names, answers, self.look.action_use)
        self.opened: set[str] = set()
        """The rules of which an argument was not known yet."""
        self._answer_rule = answer_rule
        self._calls = 0
        self._things = things
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
            operands.append(host.to_python(term) if kind in SINGLE_TERMS else None)
        open_ones = [str(at) for at, each in enumerate(operands) if each is None]
        if open_ones:
            self.opened.add(attribute.rpartition("__")[0])
            return ["clauses", " ".join([attribute, *open_ones])]
        return [_WORDS[self._answer_rule(attribute, tuple(operands))], attribute]

    def _found(self, arguments: Sequence[dict[str, Any]], host: Any) -> bool:  # noqa: ANN401
        """Refuse that an argument, which was not known, is absent: Oso would take it for found."""
        attribute, *places = host.to_python(arguments[0]).split()
        for place in places:
            term = arguments[1 + int(place)]
            if next(iter(term["value"])) in SINGLE_TERMS and is_absent(host.to_python(term)):
                rule = attribute.rpartition("__")[0]
                raise PolicyFault(
                    f"what `{rule}` finds can be absent; give its parameter a type", rule
                )
        return True

    def is_a(self, value: object, tag: str) -> bool:
        """Tell whether a value is of the type that stands in the policy; nothing absent is."""
        if is_absent(value):
            return False
        if isinstance(value, Fact | Constant):
            return _SCALARS[value.type.kind] == tag
        if isinstance(value, Truth):
            return tag == "Boolean"
        if isinstance(value, Thing):
            fits = type(value) is self._things.get(self._classes.get(tag, ""))
            return fits and self.look.presence.is_there(value)
        if isinstance(value, ActionObject):
            return tag == "Action"
        if isinstance(value, ActionName):
            return tag == "String"
        if isinstance(value, int | float) and not isinstance(value, bool):
            # A literal is a decimal, and an integer where it has no fraction: `50.0` and `50` are
            # one number, as they are where they are compared.
            return tag == "Decimal" or (tag == "Integer" and value == int(value))
        return _NATIVE.get(type(value)) == tag


def _is_large(arguments: Sequence[dict[str, Any]]) -> bool:
    """Tell whether lists in the arguments have grown beyond what anybody writes."""
    level, seen = list(arguments), 0
    for _ in range(MAXIMUM_NESTING):
        level = [inner for term in level for inner in term["value"].get("List", ())]
        seen += len(level)
        if not level or seen > MAXIMUM_MEMBERS:
            break
    return bool(level)
