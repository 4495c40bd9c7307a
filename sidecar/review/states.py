"""States that can be: whether conditions have a mount and a request, and which these are.

A diagram knows the outcomes of its tests, and not what they imply: that an absent membership has no
role, that two references to one account lead to one owner, that a look-up finds what fits its
arguments. `States` decides it with a solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sidecar.diagram.paths import Path
from sidecar.diagram.questions import (
    Exists,
    Includes,
    NumberOf,
    Order,
    Present,
    RuleHolds,
    Same,
    TextOf,
    ValueOf,
    value_of,
)
from sidecar.review.conditions import Condition, Outcomes, RowOf, order_of
from sidecar.review.example import Example, smallest_example
from sidecar.review.formulas import FALSE, TRUE, Term, all_of, any_of, equal, negated
from sidecar.review.solver import Solver
from sidecar.review.symbolic_facts import SymbolicFacts
from sidecar.review.terms import Vocabulary
from sidecar.schema import EntityType, Kind, Schema, Value

MOST_NODES = 1_000
"""Nodes of regions that one solver is told of: with more it gets slow."""


class SymbolicState:
    """The facts of any mount and request, with what answers say of them."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        types: tuple[EntityType, EntityType],
    ) -> None:
        self.terms = Vocabulary()
        self.facts = SymbolicFacts(schema, settings, types, self.terms)

    def formula(self, condition: Condition) -> Term:
        """Return that a row is there or not, or that a test has one of the outcomes that are left.

        Then everything that the test asks about is present.
        """
        facts = self.facts
        if isinstance(condition, RowOf):
            row = facts.has_row(condition.path)
            return row if condition.holds else negated(row)
        answered = condition
        question = answered.test.question
        match question:
            case Exists(path):
                return self._is(facts.exists(path), answered)
            case Present(path):
                return self._is(facts.comparable(path).present, answered)
            case Includes(members, member):
                held = facts.includes(members, member)
                return all_of([held.present, self._is(held.value[0], answered)])
            case NumberOf(path):
                value = facts.comparable(path)
                return all_of([value.present, self._intervals(value.value[0], answered)])
            case TextOf(path) | ValueOf(path):
                value = facts.comparable(path)
                return all_of([value.present, self._values(path, value.value[0], answered)])
            case RuleHolds(name):
                raise LookupError(f"`{name}` is no question about facts")
            case Order(left, right) | Same(left, right):
                one, other = facts.comparable(left), facts.comparable(right)
                outcome = (
                    self._order(one.value[0], other.value[0], answered)
                    if isinstance(question, Order)
                    else self._is(equal(one.value, other.value), answered)
                )
                return all_of([all_of([one.present, other.present]), outcome])

    def _is(self, holds: Term, answered: Outcomes) -> Term:
        """Return that a yes or no is as answered."""
        ways = [holds if label is True else negated(holds) for label in answered.labelled]
        return any_of(ways)

    def _values(self, path: Path, value: Term, answered: Outcomes) -> Term:
        """Return that an enum, a flag or a text is one of some labels, or none of them."""
        kind = self.facts.attribute(path).type.kind
        literals = {label: self.terms.literal(kind, label) for label in answered.labels}
        ways = [f"(= {value} {literals[label]})" for label in answered.labelled]
        if answered.is_other:
            others = (negated(f"(= {value} {each})") for each in literals.values())
            ways.append(all_of(others))
        return any_of(ways)

    def _intervals(self, value: Term, answered: Outcomes) -> Term:
        """Return that a number lies in one of some intervals between cuts."""
        kind, terms = answered.test.kind or Kind.DECIMAL, self.terms
        reached = [TRUE]
        for text, above in answered.labels:
            cut = terms.literal(kind, value_of(kind, text))
            reached.append(f"({'>' if above else '>='} {value} {cut})")
        reached.append(FALSE)
        return any_of(
            all_of([reached[at], negated(reached[at + 1])]) for at in sorted(answered.outcomes)
        )

    def _order(self, left: Term, right: Term, answered: Outcomes) -> Term:
        signs = {"lt": "<", "eq": "=", "gt": ">"}
        return any_of(f"({signs[str(label)]} {left} {right})" for label in answered.labelled)


class States:
    """Tells which answers can be given together, for one type of subject and one of resource."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        types: tuple[EntityType, EntityType],
    ) -> None:
        self._of = (schema, settings, types)
        self._examples: dict[frozenset[Condition], Example | None] = {}
        self.session = 0
        """How often all names were forgotten."""
        self._begin()

    def _begin(self) -> None:
        self._state = SymbolicState(*self._of)
        self._assumed: dict[Condition, Term] = {}
        self._names: dict[Term, Term] = {}
        """What formulas about nodes are called."""
        self._nodes: dict[Term, tuple[Term, tuple[Term, ...]]] = {}
        """Names of nodes to these formulas, and to the names of the branches in them."""
        self._known: dict[
            tuple[frozenset[Condition], frozenset[Term]], frozenset[Condition] | None
        ] = {}
        self._solver = Solver(self._state.terms)
        self._declared: set[Term] = set()
        """Nodes of which the solver knows."""
        self.session += 1

    def possible(self, conditions: Iterable[Condition], leading: Iterable[Term] = ()) -> bool:
        """Tell whether there is a mount and a request that meet all these conditions.

        Args:
            conditions: Of each test one at most.
            leading: Nodes that have to lead to yes, as `leading` has named them in this session.

        Raises:
            UnsettledError: The solver gives up.
        """
        return self.conflict(conditions, leading) is None

    def conflict(
        self, conditions: Iterable[Condition], leading: Iterable[Term] = ()
    ) -> frozenset[Condition] | None:
        """Return conditions that no state meets together; None where one meets them all.

        They are few, if not the fewest; arguments and errors are those of `possible`.
        """
        key = (frozenset(conditions), frozenset(leading))
        if key not in self._known:
            self._known[key] = self._conflict(*key)
        return self._known[key]

    def leading(self, ways: Sequence[tuple[Outcomes | Term, Term]]) -> Term:
        """Return that a node leads to yes: by one of its answers, and a branch that does.

        Args:
            ways: The answers of the node, each with the same of the branch that it takes; of the
                leaves that is `TRUE` or `FALSE`. Of a node that tests a name the answer is a node
                as well, that leads to yes where the rule of this name holds, or does not hold.
        """
        formula = any_of(
            all_of([self._assume(each) if isinstance(each, Outcomes) else each, branch])
            for each, branch in ways
        )
        if formula in {TRUE, FALSE}:
            return formula
        name = self._names.get(formula)
        if name is None:
            name = self._names[formula] = f"node.{len(self._names)}"
            named = (term for way in ways for term in way if not isinstance(term, Outcomes))
            self._nodes[name] = (formula, tuple(named))
        return name

    def tidy(self) -> None:
        """Begin anew where there are so many nodes that the solver gets slow."""
        if len(self._declared) > MOST_NODES:
            self._begin()

    def _declare(self, names: Iterable[Term]) -> None:
        """Tell the solver of nodes, and of those below them."""
        waiting = [name for name in names if name in self._nodes]
        lines: list[str] = []
        while waiting:
            name = waiting.pop()
            if name not in self._declared:
                self._declared.add(name)
                formula, branches = self._nodes[name]
                self._solver.add([f"(declare-fun {name} () Bool)"])
                lines.append(f"(assert (=> {name} {formula}))")
                waiting += (branch for branch in branches if branch in self._nodes)
        self._solver.add(lines)

    def _conflict(
        self, conditions: frozenset[Condition], leading: frozenset[Term]
    ) -> frozenset[Condition] | None:
        terms = {condition: self._assume(condition) for condition in conditions}
        assumed = {*leading, *terms.values()} - {TRUE}
        core = {FALSE}
        if FALSE not in assumed:
            self._declare(leading)
            if self._solver.is_satisfiable(sorted(assumed)):
                return None
            core = set(self._solver.conflict())
        return frozenset(condition for condition, term in terms.items() if term in core)

    def example(self, answers: Iterable[Condition]) -> Example | None:
        """Return the smallest mount and request with all these answers; None where there is none.

        It depends on nothing that was asked before.

        Raises:
            UnsettledError: The solver gives up.
        """
        key = frozenset(answers)
        if key not in self._examples:
            state = SymbolicState(*self._of)
            ordered = sorted(key, key=order_of)
            formulas = [state.formula(each) for each in ordered]
            self._examples[key] = smallest_example(state.facts, formulas)
        return self._examples[key]

    def _assume(self, condition: Condition) -> Term:
        """Return a name for a condition, so that it can be assumed and dropped."""
        known = self._assumed.get(condition)
        if known is None:
            formula = self._state.formula(condition)
            known = self._assumed[condition] = self._state.terms.name(formula)
        return known


class KnownStates:
    """What was found to be possible, for packs that are compared one after another.

    What can be is a matter of the schema and the settings alone, and most edits leave both.
    """

    def __init__(self) -> None:
        self._of: tuple[Schema, Mapping[str, Value]] | None = None
        self._states: dict[tuple[str, str], States] = {}

    def of(self, schema: Schema, settings: Mapping[str, Value], scope: tuple[str, str]) -> States:
        """Return what can be for a pair of types; another schema or other settings begin anew."""
        if self._of != (schema, settings):
            self._of = (schema, settings)
            self._states.clear()
        if scope not in self._states:
            pair = (schema.types[scope[0]], schema.types[scope[1]])
            self._states[scope] = States(schema, settings, pair)
        return self._states[scope]
