"""What single roles give: the grants of an action, divided by who has which role.

A role counts for whoever has it directly. What its holder may do because of another role of the
same thing stands in that role's column, and what anybody may do in the column of no role.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.diagram.paths import RESOURCE, Operand
from sidecar.review.aligned_diagrams import Joined, Scope
from sidecar.review.named_rules import HAS_ROLE, NamedRules, RoleOn, UnnamedError
from sidecar.review.roles import Roles


@dataclass(frozen=True, slots=True)
class Column:
    """A role, on all that it can be a role on for one type of resource."""

    role: str
    direct: tuple[Node, ...]
    """For each of these a tree that tests whether somebody has it directly."""
    held: Node
    """Where somebody has it directly, by facts."""
    words: Node
    """The same by the names of rules."""
    brings: tuple[str, ...]
    """The roles that it brings along."""


def roles_on(
    joined: Joined, scope: Scope, declared: Sequence[Roles], probes: dict[tuple[str, str, str], str]
) -> dict[RoleOn, Roles]:
    """Return each role that counts for a type of resource, with what it is a role on.

    Args:
        joined: The trees of one pack, which has the probes.
        scope: The types of subject and resource.
        declared: The roles of the type, or of the types that it is related to.
        probes: (subject, resource, role) to the rule that holds for whoever has the role.

    Raises:
        UnnamedError: Oso is asked at request time who has one of them.
    """
    found: dict[RoleOn, Roles] = {}
    action = next(iter(joined.schema.types[scope[1]].actions))
    for each in declared:
        for role in each.names:
            probe = probes[(*scope, role)]
            if joined.policies[0].probes.get((probe, *scope, action), FALSE) is None:
                raise UnnamedError(f"role `{role}` was not compiled")
            for operand in _operands(joined, scope, probe, each):
                found[role, operand] = each
    return found


def _operands(joined: Joined, scope: Scope, probe: str, roles: Roles) -> Iterator[Operand]:
    if roles.relation is None:
        yield RESOURCE
        return
    for clause in joined.explored(0, scope):
        if clause.rule == probe and clause.file and clause.body is not None:
            for call in joined.calls_of(0, clause.body):
                if call.name.startswith(f"{HAS_ROLE}__") and call.operands[-1] != RESOURCE:
                    yield call.operands[-1]


def columns(joined: Joined, rules: NamedRules, found: dict[RoleOn, Roles]) -> Iterator[Column]:
    """Yield a column for each role.

    Raises:
        UnnamedError: A rule of a role was not compiled, or cannot be told by names.
    """
    trees = joined.trees
    for role, roles in {role: roles for (role, _), roles in found.items()}.items():
        on = [operand for name, operand in found if name == role]
        direct = tuple(rules.direct((role, operand)) for operand in on)
        held = words = FALSE
        for operand, test in zip(on, direct, strict=True):
            held = trees.either(held, joined.spelled_out(test, rules.scope))
            words = trees.either(words, rules.own_words_of_role((role, operand)))
        brings = tuple(each for each in roles.names if role in roles.above(each))
        yield Column(role, direct, held, words, brings)


class Shares:
    """Divides the grants of an action among columns."""

    def __init__(self, joined: Joined, rules: NamedRules, found: Sequence[Column]) -> None:
        self._trees = joined.trees
        self._rules = rules
        self._columns = tuple(found)
        self._tests = [node.test for column in found for node in column.direct]

    def of(self, granted: Node, column: Column | None) -> Node:
        """Return what is granted to whoever has one role directly, or none: None."""
        held = {node.test for node in column.direct} if column is not None else set()
        for test in self._tests:
            granted = self._answered(granted, test, test in held)
        return granted

    def together(self, granted: Node) -> tuple[Node, Node]:
        """Return where several roles give more than each gives alone, and where less."""
        trees = self._trees
        alone, nobody = FALSE, TRUE
        for column in self._columns:
            given = self.of(granted, column)
            for test in column.direct:
                alone = trees.either(alone, trees.choose(test, given, FALSE))
                nobody = trees.choose(test, FALSE, nobody)
        alone = trees.choose(nobody, self.of(granted, None), alone)
        return trees.choose(alone, FALSE, granted), trees.choose(granted, FALSE, alone)

    def _answered(self, node: Node, test: int, holds: bool) -> Node:  # noqa: FBT001 - an answer
        known: dict[int, Node] = {}

        def below(each: Node) -> Node:
            if not each.branches or each.test > test:
                return each
            if each.number not in known:
                if each.test == test:
                    known[each.number] = each.branches[each.labels.index(holds)]
                else:
                    branches = [below(branch) for branch in each.branches]
                    known[each.number] = self._trees.node(each.test, each.labels, branches)
            return known[each.number]

        return below(node)
