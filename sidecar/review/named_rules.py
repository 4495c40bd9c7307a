"""Trees that test rules by the names of the policy: its roles, its helper rules, its reasons.

A clause is kept with the rules that it calls as tests (`RuleDiagram.body`). Here the bodies are
joined again: `allow`, permissions and relations are gone through, and every other rule remains a
test of its own, so that conditions can speak of it. Each such tree means what the joined diagram
means (`Joined.spelled_out`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from sidecar.bundle import RuleDiagram
from sidecar.diagram.nodes import FALSE, LEAVES, TRUE, Node
from sidecar.diagram.paths import SUBJECT, Literal, Operand, json_form, operands_of
from sidecar.diagram.questions import RuleHolds
from sidecar.errors import SidecarError
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Joined, Scope
from sidecar.review.regions import Regions

ENTRY_POINTS = frozenset({"allow", "forbid", "oblige"})
GONE_THROUGH = ENTRY_POINTS | {"has_permission", "has_relation"}
"""Rules that are asked about everything, so that their names say little about one thing."""
HAS_ROLE = "has_role"
ROLE, RULE, REASON, OBLIGATION = "role", "rule", "reason", "obligation"
DATA_ERROR = "data_error"
NOW, ONLY_OLD, ONLY_NEW = "", "old", "new"


class UnnamedError(SidecarError):
    """A tree that cannot be told by names: a clause in it is too large, or was not compiled."""


@dataclass(frozen=True, slots=True)
class Name:
    """A rule that conditions speak of by its name."""

    kind: str
    """`ROLE` (``has_role`` of the subject with a role that is written out), `RULE`, `REASON` or
    `OBLIGATION`."""
    rule: str
    """As the policy calls it; of a role, a reason or an obligation its name."""
    operands: tuple[Operand, ...]
    """What a rule is called with; of a role what it is a role on; none of a reason."""
    side: str
    """`NOW`; or `ONLY_OLD` or `ONLY_NEW` of a rule that an edit changed."""
    places: tuple[tuple[str, int], ...]
    """The files and lines of its clauses."""
    call: tuple[str, tuple[Operand, ...], str | None]
    """What is called, with what, and for which action where it matters."""
    can_fail: bool = False
    """Whether the rule fails in some states, in which it is told as one that does not hold."""

    @property
    def key(self) -> tuple[str, str, tuple[Operand, ...]]:
        """The same for a rule before and after an edit, and for every action."""
        return self.kind, self.rule, self.operands


RoleOn = tuple[str, Operand]
"""A role, and what it is a role on."""
Call = tuple[str, tuple[Operand, ...], str | None]
"""A rule, the operands as they are named in the union, and the action."""


class NamedRules:
    """The rules of one pack or two, for one pair of types."""

    def __init__(
        self,
        joined: Joined,
        scope: Scope,
        kinds: Collection[str] = (ROLE, RULE, REASON, OBLIGATION),
        columns: Collection[RoleOn] = (),
    ) -> None:
        """Prepare to name rules.

        Args:
            joined: The trees of one pack or two.
            scope: The types of subject and resource.
            kinds: The kinds of rules that are tested by their names; others are gone through.
            columns: Roles that are tested by who has them directly: whoever has one through another
                one of them is not counted.
        """
        self._joined = joined
        self.scope = scope
        self._kinds = frozenset(kinds)
        self._columns = frozenset(columns)
        self._regions = Regions(joined, scope)
        self._sides = [_Rules(joined, side, scope) for side in range(len(joined.policies))]
        self._probes = tuple({name for policy in joined.policies for name, *_ in policy.probes})
        """Rules of a reviewer, and how the names of those begin that they call."""
        self.names: dict[RuleHolds, Name] = {}
        """What tests stand for."""
        self._tests: dict[tuple[int, Call], Node | None] = {}
        self._bodies: dict[tuple[int, Call], Node] = {}

    # --- entry points ----------------------------------------------------------------------------

    def granted(self, side: int, action: str) -> Node:
        """Return where a rule grants an action, and where `reasons` has `data_error` perhaps.

        Raises:
            UnnamedError: It cannot be told by names.
        """
        entry = self._joined.policies[side].entries.get((*self.scope, action))
        if entry is None or entry.granted is None:
            raise UnnamedError(f"`{action}` was not compiled")
        joined, regions = self._joined, self._regions
        granted = joined.trees.settle(self.body(side, ("allow", operands_of(None), action)), FALSE)
        named = joined.trees.choose(self._failing(side, action), FALSE, granted)
        named = joined.granting(self.scope, action, joined.spelled_out(named, self.scope))
        if not regions.are_alike(named, joined.granted(side, self.scope, action)):
            raise UnnamedError(f"`{action}` depends on where a rule fails")
        return granted

    def allowed(self, side: int, action: str) -> Node:
        """Return where an action is granted, and no reason forbids it.

        Raises:
            UnnamedError: It cannot be told by names.
        """
        trees = self._joined.trees
        if not self.names:
            self._place_roles()
        allowed = self.granted(side, action)
        for reason in self.reasons(side, action):
            allowed = trees.choose(reason, FALSE, allowed)
        return allowed

    def _place_roles(self) -> None:
        """Test roles before all other names, so that conditions speak of them first."""
        for side, rules in enumerate(self._sides):
            for operands in sorted(rules.roles(), key=json_form):
                self.name(side, (HAS_ROLE, operands, None))

    def reasons(self, side: int, action: str) -> Iterator[Node]:
        """Yield for each reason that can forbid an action a tree that tests it by its name.

        One of them is `data_error`, where a chain of references goes on behind its depth.

        Raises:
            UnnamedError: One was not compiled.
        """
        failing = self._failing(side, action)
        if failing is not FALSE:
            yield failing
        entry = self._joined.policies[side].entries.get((*self.scope, action))
        for code in entry.forbids if entry is not None else ():
            yield self.reason(side, action, code)

    def _failing(self, side: int, action: str) -> Node:
        """Return where the grant of an action fails, which denies."""
        joined, roots = self._joined, []
        for place, policy in enumerate(joined.policies):
            entry = policy.entries.get((*self.scope, action))
            if entry is None or entry.granted is None:
                roots.append(FALSE)
                continue
            taken = joined.take(place, entry.granted, self.scope)
            roots.append(self._where_failing(taken))
        mark = ONLY_OLD if side == OLD_SIDE else ONLY_NEW
        if self._regions.are_alike(roots[0], roots[-1]):
            mark, side = NOW, len(roots) - 1
        call: Call = ("allow", operands_of(None), action)
        return self._test(Name(REASON, DATA_ERROR, (), mark, (), call), roots[side])

    def reason(self, side: int, action: str, code: str, rule: str = "forbid") -> Node:
        """Return a tree that tests a reason, or an obligation, by its name.

        Raises:
            UnnamedError: It was not compiled.
        """
        kind = REASON if rule == "forbid" else OBLIGATION
        call: Call = (rule, operands_of(code), action)
        roots = [self._coded(each, action, code, kind) for each in range(len(self._sides))]
        mark, own = self._marked(side, roots, call)
        if own is None or mark is None:
            raise UnnamedError(f"`{code}` was not compiled")
        places = self._sides[side].places(call)
        return self._test(Name(kind, code, (), mark, places, call), own)

    def _coded(self, side: int, action: str, code: str, kind: str) -> Node | None:
        entry = self._joined.policies[side].entries.get((*self.scope, action))
        if entry is None:
            return FALSE
        root = (entry.forbids if kind == REASON else entry.obliges).get(code, FALSE)
        if root is None:
            return None
        # A prohibition that fails denies.
        taken = self._joined.take(side, root, self.scope)
        settled = self._joined.trees.settle(taken, TRUE if kind == REASON else FALSE)
        return self._joined.granting(self.scope, action, settled)

    # --- roles that are columns ------------------------------------------------------------------

    def direct(self, column: RoleOn) -> Node:
        """Return a tree that tests whether somebody has a role directly, by its name."""
        call = (HAS_ROLE, (SUBJECT, Literal(f"str {column[0]}"), column[1]), None)
        trees, root = self._joined.trees, FALSE
        for clause in self._sides[0].clauses(call):
            if clause.root is not None and not self._leads_on(clause):
                root = trees.either(root, self._joined.take(0, clause.root, self.scope))
        root = self._joined.granting(self.scope, "", trees.settle(root, FALSE))
        places = self._sides[0].places(call)
        name = Name(ROLE, column[0], (column[1],), NOW, places, call)
        question = RuleHolds(f"direct {column[0]}", name.operands)
        self.names.setdefault(question, name)
        return self._joined.test_name(self.scope, question, root)

    def own_words_of_role(self, column: RoleOn) -> Node:
        """Return when somebody has a role directly, by the names of what it rests on.

        Raises:
            UnnamedError: It cannot be told by names.
        """
        call = (HAS_ROLE, (SUBJECT, Literal(f"str {column[0]}"), column[1]), None)
        own = [each for each in self._sides[0].clauses(call) if not self._leads_on(each)]
        words = self._joining(0, own, partial(self._called, 0, None))
        root = FALSE
        for clause in own:
            taken = self._joined.take(0, clause.root or FALSE, self.scope)
            root = self._joined.trees.either(root, taken)
        return self._working(0, call, words, root)

    def _column(self, call: Call) -> Node:
        """Return who has a role that is a column: directly, or through another one."""
        column = (_role_of(call), call[1][2])
        through = [each for each in self._sides[0].clauses(call) if self._leads_on(each)]
        others = self._joining(0, through, partial(self._called, 0, None))
        return self._joined.trees.either(self.direct(column), others)

    def _leads_on(self, clause: RuleDiagram) -> bool:
        """Tell whether a clause rests on a role that is a column."""
        if clause.body is None:
            return False
        called = self._joined.calls_of(0, clause.body)
        return any(_as_column(each) in self._columns for each in called)

    # --- rules -----------------------------------------------------------------------------------

    def body(self, side: int, call: Call) -> Node:
        """Return where a rule holds, by the names of those that it calls.

        Raises:
            UnnamedError: It cannot be told by names.
        """
        key = (side, call)
        if key not in self._bodies:
            self._bodies[key] = self._body(side, call, partial(self._called, side, call[2]))
        return self._bodies[key]

    def _body(self, side: int, call: Call, called: Callable[[RuleHolds], Node]) -> Node:
        return self._joining(side, self._sides[side].clauses(call), called)

    def _joining(
        self, side: int, clauses: Iterable[RuleDiagram], called: Callable[[RuleHolds], Node]
    ) -> Node:
        trees, found = self._joined.trees, FALSE
        for clause in clauses:
            if clause.body is None:
                raise UnnamedError(f"{clause.file}:{clause.line} is too large to be told by names")
            taken = self._joined.take_body(side, clause.body, self.scope, called)
            found = trees.either(found, taken)
        return found

    def words_of(self, side: int, call: Call) -> Node:
        """Return where a rule holds by the names of those that it calls, and does not fail.

        A prohibition that fails holds.

        Raises:
            UnnamedError: It cannot be told by names.
        """
        body = self.body(side, call)
        if call[0] in ENTRY_POINTS:
            leaf = TRUE if call[0] == "forbid" else FALSE
            return self._joined.trees.settle(body, leaf)
        return self._working(side, call, body, self._sides[side].taken(call) or FALSE)

    def _working(self, side: int, call: Call, words: Node, root: Node) -> Node:
        """Return a tree without the states in which its rule fails."""
        mark = NOW if len(self._sides) == 1 else ONLY_OLD if side == OLD_SIDE else ONLY_NEW
        fails = self._joined.granting(self.scope, call[2] or "", self._where_failing(root))
        test = self._test(Name(REASON, DATA_ERROR, (), mark, (), call), fails)
        trees = self._joined.trees
        return trees.choose(test, FALSE, trees.settle(words, FALSE))

    def _where_failing(self, node: Node) -> Node:
        holds, fails = (self._joined.trees.settle(node, leaf) for leaf in (FALSE, TRUE))
        return self._regions.minus(fails, holds)

    def _called(self, side: int, action: str | None, question: RuleHolds) -> Node:
        rule, operands = question.name.rpartition("__")[0], question.operands
        call = (rule, operands, action)
        if _as_column(question) in self._columns:
            return self._column(call)
        return self.name(side, call) or self.body(side, call)

    def name(self, side: int, call: Call) -> Node | None:
        """Return a tree that tests a rule by its name; None of one that is gone through."""
        key = (side, call)
        if key not in self._tests:
            self._tests[key] = self._named(side, call)
        return self._tests[key]

    def _named(self, side: int, call: Call) -> Node | None:
        rule, operands, _ = call
        if rule in GONE_THROUGH or rule.startswith(self._probes):
            return None
        mark, own = self._marked(side, [each.root(call) for each in self._sides], call)
        if own is None or mark is None:
            return None
        places = self._sides[side].places(call)
        can_fail = self._joined.trees.can_fail(self._sides[side].taken(call) or FALSE)
        role = _role_of(call)
        if role and ROLE in self._kinds:
            return self._test(Name(ROLE, role, operands[2:], mark, places, call, can_fail), own)
        if RULE in self._kinds:
            return self._test(Name(RULE, rule, operands, mark, places, call, can_fail), own)
        return None

    def _marked(
        self, side: int, roots: list[Node | None], call: Call
    ) -> tuple[str | None, Node | None]:
        """Return the side of a name, and where its rule holds; None where it has no name.

        A helper rule that only one of two packs has, or that changes since one that it calls
        changes, has none.
        """
        own, old, new = roots[side], roots[OLD_SIDE], roots[len(roots) - 1]
        if own is None or old is None or new is None:
            return None, None
        if self._regions.are_alike(old, new):
            return NOW, new
        is_helper = call[0] not in {HAS_ROLE, "forbid", "oblige"}
        if not all(each.has(call) for each in self._sides):
            is_gone = call[0] == "forbid" and side == OLD_SIDE
            return (None, None) if is_helper else (ONLY_OLD if is_gone else NOW, own)
        if is_helper and self.follows(call):
            return None, None
        return (ONLY_OLD if side == OLD_SIDE else ONLY_NEW), own

    def follows(self, call: Call) -> bool:
        """Tell whether a rule itself says the same as before, whatever the rules say it calls."""
        try:
            old, new = (self.own_words(side, call) for side in (OLD_SIDE, NEW_SIDE))
        except UnnamedError:
            return False
        return old is new

    def places(self, side: int, call: Call) -> tuple[tuple[str, int], ...]:
        """Return the files and lines of the clauses of a pack that can hold for a call."""
        return self._sides[side].places(call)

    def own_words(self, side: int, call: Call) -> Node:
        """Return what a rule itself says: each rule that it calls is a test, whatever it says.

        Raises:
            UnnamedError: It cannot be told by names.
        """
        return self._body(side, call, self._own_word)

    def _own_word(self, question: RuleHolds) -> Node:
        return self._joined.test_name(self.scope, question, FALSE)

    def _test(self, name: Name, root: Node) -> Node:
        if root in LEAVES:
            return root
        question = RuleHolds(f"{name.kind} {name.rule} {root.number} {name.side}", name.operands)
        self.names.setdefault(question, name)
        return self._joined.test_name(self.scope, question, root)


def _role_of(call: Call) -> str:
    """Return the role of the subject that a call asks for; empty of any other call."""
    rule, operands, _ = call
    if rule != HAS_ROLE or operands[0] != SUBJECT or not isinstance(operands[1], Literal):
        return ""
    return operands[1].text.partition(" ")[2]


def _as_column(question: RuleHolds) -> RoleOn:
    call = (question.name.rpartition("__")[0], question.operands, None)
    return (_role_of(call), question.operands[-1]) if question.operands else ("", SUBJECT)


class _Rules:
    """The rules of one pack, for one pair of types."""

    def __init__(self, joined: Joined, side: int, scope: Scope) -> None:
        self._joined = joined
        self._side = side
        self._scope = scope
        self._of: dict[tuple[str, tuple[Operand, ...]], list[RuleDiagram]] = {}
        for each in joined.explored(side, scope):
            operands = joined.renamed_operands(side, each.operands, scope)
            self._of.setdefault((each.rule, operands), []).append(each)

    def clauses(self, call: Call) -> Iterator[RuleDiagram]:
        """Yield the clauses that may hold for a call.

        Raises:
            UnnamedError: The rule was not compiled, and perhaps not all of its clauses are known.
        """
        for each in self._of.get(call[:2], ()):
            if each.action in {None, call[2]}:
                if each.root is None:
                    raise UnnamedError(f"`{call[0]}` was not compiled")
                if each.file:
                    yield each

    def roles(self) -> Iterator[tuple[Operand, ...]]:
        """Yield with what `has_role` is called."""
        for rule, operands in self._of:
            if rule == HAS_ROLE:
                yield operands

    def has(self, call: Call) -> bool:
        """Tell whether there is any clause."""
        return any(each.root is not FALSE for each in self.clauses(call))

    def places(self, call: Call) -> tuple[tuple[str, int], ...]:
        """Return where the clauses stand that can hold."""
        found = ((e.file, e.line) for e in self.clauses(call) if e.root is not FALSE)
        return tuple(sorted(dict.fromkeys(found)))

    def root(self, call: Call) -> Node | None:
        """Return where a rule holds; None where that is not known, or not comparable."""
        taken = self.taken(call)
        if taken is None:
            return None
        # Where it fails, whatever asks it denies: `granted` is checked to mean the same.
        settled = self._joined.trees.settle(taken, FALSE)
        return self._joined.granting(self._scope, call[2] or "", settled)

    def taken(self, call: Call) -> Node | None:
        """Return the diagram of a rule, in the common order; None as `root`."""
        for each in self._of.get(call[:2], ()):
            if not each.file and each.action in {None, call[2]}:
                if each.root is None:
                    return None
                if not self._joined.is_comparable(self._side, each.root, self._scope):
                    return None
                return self._joined.take(self._side, each.root, self._scope)
        return FALSE
