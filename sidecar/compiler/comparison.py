"""What a comparison of two symbols, or of a symbol and a literal, answers.

Values of different types are never silently unequal: comparing them is a fault of the policy. What
is absent equals nothing and has no order; `!=` is always `not =`.
"""

from __future__ import annotations

from sidecar.compiler.action_use import ActionUse
from sidecar.compiler.operands import is_absent
from sidecar.compiler.presence import Answers, Narrowing, Presence, refuse_any_row
from sidecar.compiler.symbols import ActionName, ActionObject, Constant, Fact, Thing, Truth
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import Path, json_form
from sidecar.diagram.questions import (
    ORDERS,
    YES_NO,
    Above,
    AtLeast,
    Equals,
    Order,
    Same,
    ValueOf,
    text_of,
)
from sidecar.errors import PolicyFault
from sidecar.polar.literals import number_value, text_value
from sidecar.polar.names import Names, nearest
from sidecar.schema.model import ORDERED, TEXTS, Attribute, Kind, Value

Literal = str | int | float | bool
MOST_PAIRED = 16
"""Values of an enum up to which two attributes are compared by asking which value each has, so that
what else is asked of them is joined; of more a diagram would have a node for each value."""
_MIRRORED = {"Lt": "Gt", "Gt": "Lt", "Leq": "Geq", "Geq": "Leq"}


class Comparison:
    """Compares what Oso holds, asking only what it must."""

    def __init__(self, names: Names, answers: Answers, action_use: ActionUse) -> None:
        self._names = names
        self._actions = names.actions
        self._answers = answers
        self._presence = Presence(answers)
        self._action_use = action_use

    def holds(self, operator: str, left: object, right: object) -> bool:
        """Answer `left operator right`, the operator by Oso's name: Eq, Neq, Lt, Leq, Gt or Geq.

        Raises:
            PolicyFault: Where the two cannot be compared.
        """
        if operator == "Neq":
            return not self.holds("Eq", left, right)
        if operator != "Eq" and operator not in _MIRRORED:
            raise PolicyFault(
                "arithmetic on facts cannot be compiled; put the number into the settings"
            )
        if isinstance(left, ActionName) or isinstance(right, ActionName):
            left, right = self._named(left, right), self._named(right, left)
        for side in (left, right):
            if not isinstance(side, Literal | Thing | Fact | Constant | Truth):
                _refuse(side)
        return not (is_absent(left) or is_absent(right)) and self._present(operator, left, right)

    def _present(self, operator: str, left: object, right: object) -> bool:
        """Compare two that are there."""
        if isinstance(left, Thing) or isinstance(right, Thing):
            return self._entities(operator, left, right)
        if _is_flag(left) or _is_flag(right):
            return self._flags(operator, left, right)
        if isinstance(left, str) and isinstance(right, str) and operator == "Eq":
            return left == right
        if isinstance(left, Fact) and isinstance(right, Fact):
            return self._facts(operator, left, right)
        if isinstance(right, Fact):
            return self.holds(_MIRRORED.get(operator, operator), right, left)
        if isinstance(left, Fact):
            return self._literal(operator, left, self._value(left, right))
        return self._constants(operator, left, right)

    def _named(self, side: object, other: object) -> object:
        """Return the text of an action's name, which is compared with names of actions only."""
        if not isinstance(side, ActionName):
            return side
        use = self._action_use
        if not isinstance(other, str):
            use.is_whole = use.is_whole or not (side.is_operand or other == side)
            return side.text
        if other not in self._actions:
            mend = nearest(other, self._actions)
            raise PolicyFault(f"`{other}` is no action of any type; {mend}", f'"{other}"')
        if not side.is_operand:
            use.compared[other] = other == side.text
        return side.text

    def _entities(self, operator: str, left: object, right: object) -> bool:
        if not (isinstance(left, Thing) and isinstance(right, Thing)):
            thing, other = (left, right) if isinstance(left, Thing) else (right, left)
            name = thing.type.name if isinstance(thing, Thing) else ""
            what = f"an entity of type `{name}`"
            message = f"{_said(other)} is compared with {what}; compare a member of it"
            raise PolicyFault(message, str(other) if isinstance(other, str) else "")
        for side in (left, right):
            refuse_any_row(side, side.any_row)
        if operator != "Eq":
            raise PolicyFault(f"entities of type `{left.type.name}` have no order")
        if left.type is not right.type or not (
            self._presence.has_key(left) and self._presence.has_key(right)
        ):
            return False
        return self._same(left.path, right.path)

    def _same(self, left: Path | None, right: Path | None) -> bool:
        if left is None or right is None or left == right:
            return left == right
        return bool(self._answers.ask(Same(*sorted((left, right), key=json_form)), YES_NO))

    def _flags(self, operator: str, left: object, right: object) -> bool:
        for side, other in ((left, right), (right, left)):
            if not _is_flag(side):
                message = f"{_said(side)} is compared with {_said(other)}, which is true or false"
                raise PolicyFault(message, _word(left) or _word(right))
        if operator != "Eq":
            raise PolicyFault("`true` and `false` have no order", _word(left) or _word(right))
        return self._truth(left) == self._truth(right)

    def _truth(self, flag: object) -> bool:
        if isinstance(flag, Truth):
            question = flag.question
            return (
                question
                if isinstance(question, bool)
                else bool(self._answers.ask(question, YES_NO))
            )
        if isinstance(flag, Fact):
            return bool(self._answers.ask(ValueOf(flag.path), YES_NO))
        return bool(flag.value) if isinstance(flag, Constant) else bool(flag)

    def _facts(self, operator: str, left: Fact, right: Fact) -> bool:
        if left.type != right.type:
            raise PolicyFault(f"{_said(left)} is compared with {_said(right)}", left.attribute.name)
        if left.type.kind not in ORDERED:
            _need_equality(operator, left)
        if left.path == right.path:
            return operator in {"Eq", "Leq", "Geq"}
        if left.type.kind in ORDERED:
            first, second = sorted((left.path, right.path), key=json_form)
            answer = self._answers.ask(Order(first, second), ORDERS)
            if first != left.path:
                answer = {"lt": "gt", "gt": "lt"}.get(str(answer), answer)
            return (
                answer
                in {
                    "Eq": {"eq"},
                    "Lt": {"lt"},
                    "Gt": {"gt"},
                    "Leq": {"lt", "eq"},
                    "Geq": {"gt", "eq"},
                }[operator]
            )
        if left.type.kind is Kind.ENUM and len(_domain(left)) <= MOST_PAIRED:
            values = [
                self._answers.ask(ValueOf(fact.path), _domain(fact)) for fact in (left, right)
            ]
            return values[0] == values[1]
        return self._same(left.path, right.path)

    def _literal(self, operator: str, fact: Fact, value: Value) -> bool:
        kind = fact.type.kind
        if kind in ORDERED:
            limit = text_of(value)
            least, above = AtLeast(fact.path, limit, kind), Above(fact.path, limit, kind)
            if operator in {"Lt", "Geq"}:
                return bool(self._answers.ask(least, YES_NO)) is (operator == "Geq")
            if operator in {"Leq", "Gt"}:
                return bool(self._answers.ask(above, YES_NO)) is (operator == "Gt")
            return bool(self._answers.ask(least, YES_NO)) and not self._answers.ask(above, YES_NO)
        _need_equality(operator, fact)
        if kind is Kind.ENUM:
            if value not in _domain(fact):
                return False
            question = ValueOf(fact.path)
            if isinstance(self._answers, Narrowing):
                return self._answers.is_value(question, str(value), _domain(fact))
            return self._answers.ask(question, _domain(fact)) == value
        return bool(self._answers.ask(Equals(fact.path, str(value)), YES_NO))

    def _value(self, fact: Fact, other: object) -> Value:
        """Return a literal or a setting as a value of the fact's type."""
        kind, name = fact.type.kind, fact.attribute.name
        mismatch = PolicyFault(f"{_said(fact)} is compared with {_said(other)}", name)
        if isinstance(other, Constant):
            if other.type != fact.type:
                raise mismatch
            return other.value
        if isinstance(other, str) and kind in TEXTS:
            return text_value(self._names, fact.type, other)
        if isinstance(other, int | float) and kind in {Kind.INTEGER, Kind.DECIMAL}:
            value = number_value(kind, other)
            if value is not None:
                return value
        raise mismatch

    def _constants(self, operator: str, left: object, right: object) -> bool:
        """Compare two values that are both known, at least one of them a setting."""
        constant, other = (left, right) if isinstance(left, Constant) else (right, left)
        if not isinstance(constant, Constant):
            raise PolicyFault(f"{_said(left)} is compared with {_said(right)}")
        if constant is not left:
            operator = _MIRRORED.get(operator, operator)
        # A setting compares with a literal as a fact of its type would.
        name = constant.path.name
        value = self._value(Fact(constant.path, Attribute(name=name, type=constant.type)), other)
        mine = constant.value
        if operator == "Eq":
            return mine == value
        if constant.type.kind not in ORDERED:
            raise PolicyFault(f"{_said(constant)} has no order", name)
        compared = (mine > value) - (mine < value)  # type: ignore[operator]  # both of one ordered kind
        return {"Lt": compared < 0, "Leq": compared <= 0, "Gt": compared > 0, "Geq": compared >= 0}[
            operator
        ]


def _domain(fact: Fact) -> tuple[str, ...]:
    """Return the values that an enumerated fact can have."""
    return fact.attribute.only or fact.type.values


def _word(value: object) -> str:
    """Return the word to look for in the text of a rule: the member that was compared."""
    return value.path.name if isinstance(value, Fact | Constant) else ""


def _is_flag(value: object) -> bool:
    if isinstance(value, Fact | Constant):
        return value.type.kind is Kind.BOOLEAN
    return isinstance(value, bool | Truth)


def _need_equality(operator: str, fact: Fact) -> None:
    if fact.type.kind is Kind.SET:
        raise PolicyFault(f"{_said(fact)} is a set; write `.includes(…)`", fact.attribute.name)
    if operator != "Eq":
        raise PolicyFault(f"{_said(fact)} has no order", fact.attribute.name)


def _refuse(value: object) -> None:
    if isinstance(value, ActionObject):
        raise PolicyFault("the action is an object; compare `action.name`", "action")
    if value is None:
        raise PolicyFault("an absent fact equals nothing; ask whether it `.exists`", "nil")
    raise PolicyFault("a fact is compared with what is no single value")


def _said(value: object) -> str:
    if isinstance(value, Fact | Constant):
        return f"`{show(value.path)}` ({value.type.name})"
    if isinstance(value, Truth):
        return "what is true or false"
    if isinstance(value, Thing):
        return f"an entity of type `{value.type.name}`"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value}`" if not isinstance(value, str) else f'`"{value}"`'
