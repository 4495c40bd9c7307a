"""Evaluates rules by unification and backtracking over real values.

A condition is a generator that yields once for each solution, in the order in which it is written.

All rules of a name are evaluated, also after one holds, so that a fault in one is found whatever
their order: the fault of a rule never hides behind another rule. Each single rule is evaluated up
to the first solution of its whole condition, and what stands behind that solution is not:
alternatives of `or`, members of a list. A rule that is called goes on to its next solution where
the rest of the caller's condition needs one. `not`, and a condition in the place of a value, need
one solution of what they ask; `forall(x, y)` is `not (x and not y)`, and ends where `y` does not
hold.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import cast

from tests.reference import parser as ast
from tests.reference.errors import RuleFault
from tests.reference.facts import Reader, Record
from tests.reference.values import ABSENT, CLASSES, Absent, Entity, Value, equal, has_class, ordered

OPTIONAL_RULES = frozenset(
    ["allow", "forbid", "oblige", "has_role", "has_permission", "has_relation"]
)
TRUE = Value("boolean", raw=True)


class Variable:
    """A variable of one use of a rule. Unbound ones may carry patterns to match once bound."""

    __slots__ = ("checks", "term")

    def __init__(self) -> None:
        self.term: object = None
        self.checks: tuple[tuple[ast.Pattern, Frame], ...] = ()


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A dictionary that is written out."""

    members: dict[str, object]


Frame = dict[str, object]


def resolve(term: object) -> object:
    """Return what a variable is bound to, or the unbound variable."""
    while isinstance(term, Variable) and term.term is not None:
        term = term.term
    return term


class Interpreter:
    """Answers questions about one request."""

    def __init__(self, policy: ast.Policy, reader: Reader) -> None:
        self.policy = policy
        self.reader = reader
        self.trail: list[tuple[Variable, object, tuple[tuple[ast.Pattern, Frame], ...]]] = []
        self.results: dict[tuple[object, ...], bool | RuleFault] = {}
        self.running: set[tuple[object, ...]] = set()

    def holds(self, name: str, arguments: Sequence[object]) -> bool:
        """Return whether a rule of this name holds of terms without variables."""
        key = self._key(name, arguments)
        known = self.results.get(key)
        if known is None:
            try:
                known = bool(self._holding(name, arguments))
            except RuleFault as fault:
                known = fault
            # A fault inside a circle is not kept: it tells of the place where the circle was met.
            if not isinstance(known, RuleFault) or not self.running:
                self.results[key] = known
        if isinstance(known, RuleFault):
            raise known
        return known

    def rule_holds(self, rule: ast.Rule, arguments: Sequence[object]) -> bool:
        """Return whether one rule has a solution."""
        return self._has_solution(self._use(rule, arguments))

    def _has_solution(self, solutions: Generator[None]) -> bool:
        """Return whether there is a solution; what comes after the first is not evaluated."""
        mark = len(self.trail)
        try:
            return any(True for _ in solutions)
        finally:
            solutions.close()
            self._undo(mark)

    # Rules

    def candidates(self, name: str, arguments: Sequence[object]) -> tuple[ast.Rule, ...]:
        """Return the rules of a name whose heads may match; the others certainly do not."""
        head = (name, len(arguments))
        if head not in self.policy.rules and name not in OPTIONAL_RULES:
            raise RuleFault(f"there is no rule {name} of {len(arguments)} parameters")
        traits = tuple(self._trait(resolve(argument)) for argument in arguments)
        key = (name, traits)
        if key not in self.policy.candidates:
            self.policy.candidates[key] = tuple(
                rule
                for rule in self.policy.rules.get(head, ())
                if all(map(self._may_match, rule.parameters, traits))
            )
        return self.policy.candidates[key]

    def _trait(self, term: object) -> tuple[str, str] | None:
        if isinstance(term, Entity):
            return "entity", term.type
        if term is self.reader.action:
            return "action", self.reader.request.action
        if isinstance(term, Value) and (term.kind in {"text", "string"} or "enum" in term.kind):
            # An address may be spelled otherwise in the head.
            return None if "@" in str(term.raw) else ("text", str(term.raw))
        return None

    def _may_match(self, parameter: ast.Parameter, trait: tuple[str, str] | None) -> bool:
        if trait is None:
            return True
        what, name = trait
        match parameter:
            case ast.Parameter(ast.Literal(value)):
                return what == "text" and value.raw == name
            case ast.Parameter(_, ast.Pattern("Action", fields)):
                wanted = dict(fields).get("name")
                is_other = isinstance(wanted, ast.Literal) and wanted.value.raw != name
                return what == "action" and not is_other
            case ast.Parameter(_, ast.Pattern(str(wanted), _)) if what == "entity":
                return self._is_of_class(name, wanted)
            case _:
                return True

    def _call(self, name: str, arguments: Sequence[object]) -> Generator[None]:
        if all(isinstance(argument, Value | Entity | Record | Absent) for argument in arguments):
            if self.holds(name, arguments):
                yield
        else:
            yield from self._uses(name, arguments)

    def _holding(self, name: str, arguments: Sequence[object]) -> list[ast.Rule]:
        """Return the rules of a name that hold; all are evaluated, so that no fault is missed."""
        rules = self.candidates(name, arguments)
        key = self._key(name, arguments)
        if key in self.running:
            raise RuleFault(f"{name} goes round in a circle")
        self.running.add(key)
        try:
            return [rule for rule in rules if self.rule_holds(rule, arguments)]
        finally:
            self.running.discard(key)

    def _uses(self, name: str, arguments: Sequence[object]) -> Generator[None]:
        """Yield for each solution of each rule of a name, once all of its rules are evaluated."""
        rules = self._holding(name, arguments)
        key = self._key(name, arguments)
        self.running.add(key)
        try:
            for rule in rules:
                for _ in self._use(rule, arguments):
                    # The caller goes on from here: what it asks is not inside this rule.
                    self.running.discard(key)
                    yield
                    self.running.add(key)
        finally:
            self.running.discard(key)

    def _key(self, name: str, arguments: Sequence[object]) -> tuple[object, ...]:
        return name, *map(self._shape, arguments)

    def _shape(self, term: object) -> object:
        """Return a term for comparison with a call that is running, unbound variables alike."""
        term = resolve(term)
        if isinstance(term, Variable):
            return Variable
        if isinstance(term, tuple):
            return tuple(self._shape(item) for item in term)
        if isinstance(term, Dictionary):
            return tuple((name, self._shape(item)) for name, item in sorted(term.members.items()))
        if isinstance(term, Entity):
            return term, term.role, term.along
        return term

    def _use(self, rule: ast.Rule, arguments: Sequence[object]) -> Generator[None]:
        frame: Frame = {}
        mark = len(self.trail)
        for parameter, argument in zip(rule.parameters, arguments, strict=True):
            if not self._accepts(parameter, argument, frame):
                self._undo(mark)
                return
        if rule.condition is None:
            yield
        else:
            yield from self._solve(rule.condition, frame)
        self._undo(mark)

    def _accepts(self, parameter: ast.Parameter, argument: object, frame: Frame) -> bool:
        term, pattern = parameter.term, parameter.pattern
        if isinstance(term, ast.Literal):
            # A literal in a head is a pattern: another type does not match, and is no fault.
            argument = resolve(argument)
            try:
                return self._unify(argument, term.value)
            except RuleFault:
                return False
        if pattern is not None and not self._matches(argument, pattern, frame):
            return False
        if isinstance(term, ast.Variable) and term.name == "_":
            return True
        if isinstance(term, ast.Variable) and term.name not in frame:
            frame[term.name] = argument
            return True
        return self._unify(argument, self._evaluate(term, frame))

    # Conditions

    def _solve(self, condition: ast.Expression, frame: Frame) -> Generator[None]:  # noqa: C901, PLR0912
        match condition:
            case ast.Condition("and", parts):
                yield from self._solve_all(parts, frame)
            case ast.Condition("or", parts):
                for part in parts:
                    yield from self._solve(part, frame)
            case ast.Condition("not", [part]):
                if not self._has_solution(self._solve(part, frame)):
                    yield
            case ast.Condition("in", [item, members]):
                choices = resolve(self._evaluate(members, frame))
                if not isinstance(choices, tuple):
                    if choices is ABSENT:
                        return
                    raise RuleFault("`in` needs a list")
                term = self._evaluate(item, frame)
                for choice in choices:
                    yield from self._equate(term, choice)
            case ast.Condition("matches", [term, pattern]):
                mark = len(self.trail)
                if self._matches(self._evaluate(term, frame), pattern, frame):
                    yield
                self._undo(mark)
            case ast.Condition("forall", [domain, required]):
                mark = len(self.trail)
                holds = all(
                    self._has_solution(self._solve(required, frame))
                    for _ in self._solve(domain, frame)
                )
                self._undo(mark)
                if holds:
                    yield
            case ast.Condition(operator, [left, right]):
                yield from self._compare(operator, left, right, frame)
            case ast.Call(name, arguments):
                yield from self._call(name, [self._argument(each, frame) for each in arguments])
            case _:
                yield from self._equate(self._evaluate(condition, frame), TRUE)

    def _solve_all(self, parts: Sequence[ast.Expression], frame: Frame) -> Generator[None]:
        if not parts:
            yield
            return
        mark, is_proved = len(self.trail), False
        for _ in self._solve(parts[0], frame):
            # Solutions that bind nothing are all the same; one of them is enough for the rest.
            if len(self.trail) > mark or not is_proved:
                is_proved = is_proved or len(self.trail) == mark
                yield from self._solve_all(parts[1:], frame)

    def _compare(
        self, operator: str, left: ast.Expression, right: ast.Expression, frame: Frame
    ) -> Generator[None]:
        one = resolve(self._evaluate(left, frame))
        other = resolve(self._evaluate(right, frame))
        if operator == ":=" and not isinstance(one, Variable):
            raise RuleFault("`:=` needs a new variable")
        if operator in {"=", ":="}:
            yield from self._equate(one, other)
            return
        if isinstance(one, Variable) or isinstance(other, Variable):
            raise RuleFault(f"a variable that is not bound is compared by {operator}")
        if operator in {"==", "!="}:
            if self._has_solution(self._equate(one, other)) == (operator == "=="):
                yield
        elif ordered(operator, one, other):
            yield

    def _equate(self, left: object, right: object) -> Generator[None]:
        mark = len(self.trail)
        if self._unify(left, right):
            yield
        self._undo(mark)

    # Terms

    def _argument(self, expression: ast.Expression, frame: Frame) -> object:
        return resolve(self._evaluate(expression, frame))

    def _evaluate(self, expression: ast.Expression, frame: Frame) -> object:  # noqa: C901
        match expression:
            case ast.Literal(value):
                return value
            case ast.Variable(name):
                if name in self.reader.records:
                    return self.reader.records[name]
                if name == "_":
                    return Variable()
                if name not in frame:
                    frame[name] = Variable()
                return frame[name]
            case ast.Member(base, name, arguments):
                term = self._bound(base, frame)
                if arguments is None:
                    if isinstance(term, Dictionary):
                        return term.members.get(name, ABSENT)
                    return self.reader.member(term, name)
                asked = [self._bound(each, frame) for each in arguments]
                return self.reader.ask(term, name, asked)
            case ast.ListOf(items):
                return tuple(self._evaluate(item, frame) for item in items)
            case ast.Pattern(None, fields):
                return Dictionary({name: self._evaluate(each, frame) for name, each in fields})
            case _:
                # A condition in the place of a value: true or false.
                return Value("boolean", self._has_solution(self._solve(expression, frame)))

    def _bound(self, expression: ast.Expression, frame: Frame) -> object:
        term = resolve(self._evaluate(expression, frame))
        if isinstance(term, Variable):
            raise RuleFault("a member of a variable that is not bound is read")
        return term

    # Unification

    def _unify(self, left: object, right: object) -> bool:
        left, right = resolve(left), resolve(right)
        if isinstance(left, Variable):
            return self._bind(left, right)
        if isinstance(right, Variable):
            return self._bind(right, left)
        if isinstance(left, tuple) and isinstance(right, tuple):
            pairs = zip(left, right, strict=False)
            return len(left) == len(right) and all(self._unify(*pair) for pair in pairs)
        if isinstance(left, Dictionary) and isinstance(right, Dictionary):
            return left.members.keys() == right.members.keys() and all(
                self._unify(term, right.members[name]) for name, term in left.members.items()
            )
        if isinstance(left, Record) and isinstance(right, Record):
            return left is right
        return equal(left, right)

    def _bind(self, variable: Variable, term: object) -> bool:
        if variable is term:
            return True
        self.trail.append((variable, variable.term, variable.checks))
        variable.term = term
        if isinstance(term, Variable):
            self.trail.append((term, term.term, term.checks))
            term.checks += variable.checks
            return True
        return all(self._matches(term, pattern, frame) for pattern, frame in variable.checks)

    def _undo(self, mark: int) -> None:
        while len(self.trail) > mark:
            variable, term, checks = self.trail.pop()
            variable.term, variable.checks = term, checks

    # Patterns

    def _matches(self, term: object, pattern: ast.Expression, frame: Frame) -> bool:
        term = resolve(term)
        if not isinstance(pattern, ast.Pattern):
            return term is not ABSENT and self._unify(term, self._evaluate(pattern, frame))
        if term is ABSENT:
            return False
        if isinstance(term, Variable):
            self.trail.append((term, term.term, term.checks))
            term.checks = (*term.checks, (pattern, frame))
            return True
        if pattern.type is not None and not self._is_instance(term, pattern.type):
            return False
        return all(self._has_field(term, name, each, frame) for name, each in pattern.fields)

    def _has_field(self, term: object, name: str, wanted: ast.Expression, frame: Frame) -> bool:
        if isinstance(term, Dictionary):
            value = term.members.get(name, ABSENT)
        else:
            value = self.reader.member(term, name)
        return value is not ABSENT and self._matches(value, wanted, frame)

    def _is_instance(self, term: object, name: str) -> bool:
        if name == "Action":
            return term is self.reader.action
        if name in CLASSES:
            return has_class(term, name)
        return isinstance(term, Entity) and self._is_of_class(term.type, name)

    def _is_of_class(self, type_name: str, name: str) -> bool:
        if type_name not in self.reader.schema.types:
            return False
        own = self.reader.schema.types[type_name].polar
        if name == "Actor":
            return own in self.policy.actors
        if name == "Resource":
            return own in self.policy.resources
        return name == own


def reason_of(rule: ast.Rule) -> str:
    """Return the reason or obligation in the head of a rule."""
    return str(cast("ast.Literal", rule.parameters[-1].term).value.raw)
