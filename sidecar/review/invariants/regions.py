"""The states that an invariant speaks of, and those of them in which it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.diagram.paths import operands_of
from sidecar.review.aligned_diagrams import Joined, Scope, UncompiledError
from sidecar.review.invariants.loader import Invariant, Target
from sidecar.review.invariants.rules import Probes
from sidecar.review.named_rules import NamedRules

Condition = tuple[int, str, int]
"""The number of an invariant, ``when`` or ``unless``, and the place in the list."""


class Answers(Protocol):
    """Trees of what a policy and the conditions of an invariant say about one kind of request."""

    @property
    def joined(self) -> Joined:
        """The trees of the policy."""

    @property
    def target(self) -> Target:
        """The kind of request."""

    def allowed(self) -> Node:
        """Return where the action is allowed."""

    def forbidden(self, reason: str) -> Node:
        """Return where a reason is given."""

    def obliged(self, obligation: str) -> Node:
        """Return where the action is allowed with an obligation."""

    def condition(self, key: Condition) -> Node:
        """Return where a condition of an invariant holds."""


@dataclass(frozen=True, slots=True)
class ByFacts:
    """Trees that test facts. Each method raises `UncompiledError` where Oso is asked."""

    joined: Joined
    probes: Probes
    target: Target

    def allowed(self) -> Node:
        """Return where the action is allowed."""
        return self.joined.allowed(0, _scope(self.target), self.target.action)

    def forbidden(self, reason: str) -> Node:
        """Return where a reason is given."""
        return self.joined.forbidden(0, _scope(self.target), self.target.action, reason)

    def obliged(self, obligation: str) -> Node:
        """Return where the action is allowed with an obligation."""
        return self.joined.obliged(0, _scope(self.target), self.target.action, obligation)

    def condition(self, key: Condition) -> Node:
        """Return where a condition of an invariant holds."""
        target, scope = self.target, _scope(self.target)
        probe = (self.probes.conditions[key], *scope, target.action)
        root = self.joined.policies[0].probes.get(probe, FALSE)
        if root is None:
            raise UncompiledError(target.action, target.resource, "a condition of it")
        return self.joined.take(0, root, scope)


@dataclass(frozen=True, slots=True)
class ByName:
    """Trees that test rules by their names. Each method raises `UnnamedError` where it cannot."""

    rules: NamedRules
    joined: Joined
    probes: Probes
    target: Target

    def allowed(self) -> Node:
        """Return where the action is allowed."""
        allowed = self.rules.allowed(0, self.target.action)
        return self.joined.satisfying_always_on_rules(
            0, _scope(self.target), self.target.action, allowed
        )

    def forbidden(self, reason: str) -> Node:
        """Return where a reason is given."""
        return self.rules.reason(0, self.target.action, reason)

    def obliged(self, obligation: str) -> Node:
        """Return where the action is allowed with an obligation."""
        obliged = self.rules.reason(0, self.target.action, obligation, "oblige")
        return self.joined.trees.choose(obliged, self.allowed(), FALSE)

    def condition(self, key: Condition) -> Node:
        """Return where a condition of an invariant holds."""
        call = (self.probes.conditions[key], operands_of(None), self.target.action)
        return self.rules.body(0, call)


def meant(answers: Answers, number: int, invariant: Invariant) -> Node:
    """Return the states that an invariant speaks of, for one kind of request.

    A condition that fails leaves its states in: nothing is proved by what nobody can tell.
    """
    trees = _trees(answers)
    found = TRUE
    for kind, wanted, count in (
        ("when", True, len(invariant.when)),
        ("unless", False, len(invariant.unless)),
    ):
        for place in range(count):
            condition = answers.condition((number, kind, place))
            holds = trees.settle(condition, TRUE if wanted else FALSE)
            found = trees.choose(holds, *((found, FALSE) if wanted else (FALSE, found)))
    return found


def failing(answers: Answers, invariant: Invariant, states: Node) -> Node:
    """Return the states of those that are meant in which an invariant fails."""
    joined, trees, target = answers.joined, _trees(answers), answers.target
    scope = _scope(target)
    if invariant.reason is not None:
        # A prohibition that fails gives no reason.
        answer = trees.settle(answers.forbidden(invariant.reason), FALSE)
    elif invariant.obligation is not None:
        answer = answers.obliged(invariant.obligation)
        if invariant.always:  # an obligation comes with an allow
            states = trees.choose(answers.allowed(), states, FALSE)
    else:
        answer = answers.allowed()
        if invariant.always:  # what does not exist is denied by no rule of the policy
            states = joined.satisfying_always_on_rules(0, scope, target.action, states)
    trees.scope = scope
    found = trees.choose(answer, *((FALSE, states) if invariant.always else (states, FALSE)))
    if invariant.reason is None:
        found = joined.granting(scope, target.action, found)
    return found


def _trees(answers: Answers) -> Trees:
    answers.joined.trees.scope = _scope(answers.target)
    return answers.joined.trees


def _scope(target: Target) -> Scope:
    return target.subject, target.resource
