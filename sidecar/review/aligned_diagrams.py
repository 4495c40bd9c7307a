"""The trees of one pack, or of two, in one order of tests, so that they can be joined and compared.

Tests stand behind what they presuppose: whether something exists before what it holds. An action
or a type that only the other pack has a pack denies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace as replace_fields

from sidecar.bundle import Entry, RuleDiagram
from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import FALSE, FAULT, TRUE, Label, Node, Test
from sidecar.diagram.path_types import paths_of, with_default
from sidecar.diagram.paths import RESOURCE, SUBJECT, Operand, Path
from sidecar.diagram.presupposition import presuppositions_first
from sidecar.diagram.questions import (
    YES_NO,
    Exists,
    Present,
    Question,
    RuleHolds,
    Tested,
    ValueOf,
)
from sidecar.engine.always_on import Existence, existence_of_resource
from sidecar.engine.policy import Policy
from sidecar.errors import SidecarError
from sidecar.review.schema_union import Scope, Union, unite
from sidecar.review.sent_enums import SentEnum, SentEnums
from sidecar.review.states import KnownStates, States
from sidecar.review.union_paths import UnionPaths
from sidecar.schema import EntityType, Schema

OLD_SIDE, NEW_SIDE = 0, 1


class UncompiledError(SidecarError):
    """A question that Oso is asked at request time, of which therefore nothing can be proved."""

    def __init__(self, action: str, resource: str, what: str = "") -> None:
        self.action = action
        self.resource = resource
        self.what = what
        """Of a condition of a reviewer's what it is; empty where the policy itself is asked."""
        super().__init__(next(uncompiled([self])))


def uncompiled(errors: Iterable[UncompiledError]) -> Iterator[str]:
    """Yield sentences about what Oso is asked at request time, one for each type of resource."""
    together: dict[tuple[str, str], dict[str, None]] = {}
    for error in errors:
        together.setdefault((error.resource, error.what), {})[error.action] = None
    for (resource, what), actions in together.items():
        of = f"{what} for " if what else ""
        named = ", ".join(f"`{action}`" for action in actions)
        verb = "are" if len(actions) > 1 and not what else "is"
        what_for = f"{of}{named} on a `{resource}`"
        yield f"{what_for} {verb} put to Oso at request time: `sidecar check` says why"


class Joined:
    """The trees of several packs in one `Trees`; of one pack where there is but one."""

    def __init__(
        self,
        *policies: Policy,
        known: KnownStates | None = None,
        declared: Sequence[Schema] | None = None,
        order: Callable[[Question], bytes] | None = None,
    ) -> None:
        """Bring the trees of the packs together.

        Two packs of different schemas are compiled by schemas that know the values of each other
        (`packs.load_pair`), so that each says what its rules say of them.

        Args:
            policies: One, or the old and the new one.
            known: What was found to be possible before, and takes what is found now.
            declared: The schema of each pack as it is written, which says what a caller may say;
                None where the packs were compiled by these very schemas.
            order: A sort key of tests; None: as the policy asks. So equal policies that are written
                differently have equal trees.
        """
        self.policies = policies
        first, last = policies[0], policies[-1]
        self.union: Union = unite(first.schema, last.schema, first.settings, last.settings)
        self.schema: Schema = self.union.schema
        written = declared or tuple(policy.schema for policy in policies)
        self._sort = order
        self._sent_enums = SentEnums(self.schema, written)
        self.trees = Trees()
        self._ordered: set[Scope] = set()
        self._labels: dict[tuple[Scope, Question], tuple[Label, ...]] = {}
        self._taken: dict[tuple[int, int, Scope], Node] = {}
        self.named: dict[tuple[Scope, RuleHolds], Node] = {}
        """Where the rules hold whose names trees for reviewers test (`named_rules`)."""
        self._known = KnownStates() if known is None else known
        self._absent: dict[tuple[int, int], Node] = {}
        self._without_names: dict[tuple[Scope, int], Node] = {}
        self._union_paths: dict[tuple[int, Scope], UnionPaths] = {}
        self._of_scopes = [_OfScopes(policy) for policy in policies]

    def explored(self, side: int, scope: Scope) -> Sequence[RuleDiagram]:
        """Return the rules and clauses of a pack that were explored for a pair of types."""
        return self._of_scopes[side].explored.get(scope, ())

    def scopes(self) -> Iterator[Scope]:
        """Yield each pair of types that can be asked about, in the order of the schema."""
        for subject in self.schema.subjects():
            for resource in self.schema.types:
                yield subject, resource

    def states(self, scope: Scope) -> States:
        """Return what can be, for a pair of types."""
        return self._known.of(self.schema, self.union.settings, scope)

    def take(self, side: int, node: Node, scope: Scope) -> Node:
        """Return a tree of one of the packs, in the common order."""
        self._order(scope)
        self.trees.scope = scope
        return self._take(side, node, scope, None, self._taken)

    def take_body(
        self, side: int, node: Node, scope: Scope, call: Callable[[RuleHolds], Node]
    ) -> Node:
        """Return the body of a clause, in the common order.

        Args:
            side: Of which pack it is.
            node: The body, which tests whether the rules that it calls hold.
            scope: The types of subject and resource.
            call: Returns what stands for a rule, whose operands are named as in the union.
        """
        self._order(scope)
        self.trees.scope = scope
        return self._take(side, node, scope, call, {})

    def test_name(self, scope: Scope, name: RuleHolds, root: Node) -> Node:
        """Return a tree that tests whether a rule holds by its name, and remember where it does."""
        self._order(scope)
        self.trees.scope = scope
        self.named[scope, name] = root
        return self.trees.branch(name, {True: TRUE, False: FALSE})

    def calls_of(self, side: int, body: Node) -> Iterator[RuleHolds]:
        """Yield the rules that the body of a clause of one of the packs calls."""
        for node in Trees().reachable([body]):
            if node.branches:
                question = self.policies[side].tests[node.test].question
                if isinstance(question, RuleHolds):
                    yield question

    def spelled_out(self, node: Node, scope: Scope) -> Node:
        """Return a tree that tests facts only, instead of names."""
        self.trees.scope = scope
        return self._spelled_out(node, scope)

    def _spelled_out(self, node: Node, scope: Scope) -> Node:
        if not node.branches:
            return node
        key = (scope, node.number)
        known = self._without_names.get(key)
        if known is None:
            question = self.trees.tests[node.test].question
            branches = [self._spelled_out(branch, scope) for branch in node.branches]
            if isinstance(question, RuleHolds):
                known = self.trees.choose(self.named[scope, question], *branches)
            else:
                known = self.trees.place(node.test, node.labels, branches)
            self._without_names[key] = known
        return known

    def allowed(self, side: int, scope: Scope, action: str) -> Node:
        """Return where a pack allows an action: granted, not forbidden, and nothing missing (R20).

        An obligation that fails denies as any rule that does.

        Raises:
            UncompiledError: Oso is asked about it at request time.
        """
        entry = self.policies[side].entries.get((*scope, action))
        if entry is None or action not in self.policies[side].schema.types[scope[1]].actions:
            return FALSE
        allowed = self._whole(side, entry, scope, action)
        for oblige in entry.obliges.values():
            if oblige is not None and self.trees.can_fail(taken := self.take(side, oblige, scope)):
                allowed = self.trees.choose(self._works(taken), allowed, FALSE)
        for sent in self._sent_enums.unknown(side, scope, action):
            allowed = self.trees.choose(self._sent(sent), FALSE, allowed)
        return self.satisfying_always_on_rules(
            side, scope, action, self.granting(scope, action, allowed)
        )

    def allowed_at_most(self, side: int, scope: Scope, action: str) -> Node:
        """Return a region outside of which a pack denies an action, whatever Oso is asked.

        A prohibition that was compiled denies alone. It is `allowed` where all rules were compiled.
        """
        entry = self.policies[side].entries.get((*scope, action))
        if entry is None or action not in self.policies[side].schema.types[scope[1]].actions:
            return FALSE
        allowed = TRUE
        if entry.granted is not None:
            allowed = self.trees.settle(self.take(side, entry.granted, scope), FALSE)
        for forbid in entry.forbids.values():
            if forbid is not None:
                forbidden = self.trees.settle(self.take(side, forbid, scope), TRUE)
                allowed = self.trees.choose(forbidden, FALSE, allowed)
        return self.satisfying_always_on_rules(
            side, scope, action, self.granting(scope, action, allowed)
        )

    def incomparable(self, scope: Scope, action: str) -> tuple[str, ...]:
        """Return why an action cannot be compared; nothing where it can."""
        found: dict[str, None] = {}
        for side, policy in enumerate(self.policies):
            entry = policy.entries.get((*scope, action))
            if entry is not None and self.union.changed:
                roots = (entry.granted, *entry.forbids.values(), *entry.obliges.values())
                found.update(dict.fromkeys(self._reasons(side, scope, action, roots)))
        return tuple(found)

    def is_comparable(self, side: int, root: Node, scope: Scope) -> bool:
        """Tell whether a tree looks at nothing that means something else in the other pack."""
        return not self._reasons(side, scope, None, (root,))

    def _reasons(
        self, side: int, scope: Scope, action: str | None, roots: Sequence[Node | None]
    ) -> tuple[str, ...]:
        if not self.union.changed:
            return ()
        policy = self.policies[side]
        known = [root for root in roots if root is not None]
        tests = {node.test for node in Trees().reachable(known) if node.branches}
        questions = [policy.tests[index].question for index in sorted(tests)]
        return self._paths(side, scope).reasons(action, questions)

    def satisfying_always_on_rules(
        self, side: int, scope: Scope, action: str, region: Node
    ) -> Node:
        """Return the part of a region in which nothing is missing that needs no policy (R20).

        Subject and resource exist, or the resource does not that is to be created.
        """
        self._order(scope)
        self.trees.scope = scope
        declared = self.policies[side].schema.types[scope[1]].actions[action]
        subject, resource = (self.schema.types[name] for name in scope)
        needed = existence_of_resource(resource, declared)
        if needed is Existence.EXCLUDED:
            region = self.trees.choose(self.exists(RESOURCE), FALSE, region)
        elif needed is Existence.REQUIRED and _can_lack(resource):
            region = self.trees.choose(self.exists(RESOURCE), region, FALSE)
        if _can_lack(subject):
            region = self.trees.choose(self.exists(SUBJECT), region, FALSE)
        return region

    def granting(self, scope: Scope, action: str, region: Node) -> Node:
        """Return a region of what is granted, or should be: there a fact with a default is present.

        What a pack says of requests with a value outside its domain is of no interest then, since
        nothing is granted for them. The trees of grants are compiled so already.
        """
        self._order(scope)
        self.trees.scope = scope
        return self.trees.assume_present(region, with_default(self.schema, scope, action))

    def granted(self, side: int, scope: Scope, action: str) -> Node:
        """Return where a rule of a pack grants an action, forbidden or not.

        Raises:
            UncompiledError: Oso is asked about it at request time.
        """
        entry = self.policies[side].entries.get((*scope, action))
        if entry is None:
            return FALSE
        if entry.granted is None:
            raise UncompiledError(action, scope[1])
        return self.trees.settle(self.take(side, entry.granted, scope), FALSE)

    def forbidden(self, side: int, scope: Scope, action: str, reason: str) -> Node:
        """Return where a rule of a pack gives a reason.

        Raises:
            UncompiledError: Oso is asked about it at request time.
        """
        return self._coded(side, scope, action, "forbids", reason)

    def obliged(self, side: int, scope: Scope, action: str, obligation: str) -> Node:
        """Return where a pack allows an action with an obligation.

        Raises:
            UncompiledError: Oso is asked about it at request time.
        """
        obliged = self._coded(side, scope, action, "obliges", obligation)
        region = self.trees.choose(obliged, self.allowed(side, scope, action), FALSE)
        return self.granting(scope, action, region)

    def _coded(self, side: int, scope: Scope, action: str, kind: str, code: str) -> Node:
        entry = self.policies[side].entries.get((*scope, action))
        if entry is None:
            return FALSE
        coded: Mapping[str, Node | None] = getattr(entry, kind)
        node = coded.get(code, FALSE)
        if node is None:
            raise UncompiledError(action, scope[1])
        taken = self.take(side, node, scope)
        for sent in self._sent_enums.unknown(side, scope, action):
            taken = self.trees.choose(self._sent(sent), self._without(taken, sent.path), taken)
        return taken

    def _whole(self, side: int, entry: Entry, scope: Scope, action: str) -> Node:
        if entry.allowed is not None:
            return self.take(side, entry.allowed, scope)
        rules = (entry.granted, *entry.forbids.values())
        trees = [None if rule is None else self.take(side, rule, scope) for rule in rules]
        known = [tree for tree in trees if tree is not None]
        if len(known) < len(trees):
            raise UncompiledError(action, scope[1])
        # A rule that fails denies, whichever it is.
        allowed = self.trees.settle(known[0], FALSE)
        for forbid in known[1:]:
            allowed = self.trees.choose(self.trees.settle(forbid, TRUE), FALSE, allowed)
        return allowed

    def _works(self, node: Node) -> Node:
        """Return where a rule does not fail, whether it holds or not."""
        failing, denying = (self.trees.settle(node, leaf) for leaf in (TRUE, FALSE))
        return self.trees.choose(failing, denying, TRUE)

    def exists(self, path: Path) -> Node:
        """Return where there is such an entity, for the pair of types that is looked at."""
        return self.trees.branch(Exists(path), {True: TRUE, False: FALSE})

    # --- values that only the other pack knows ---------------------------------------------------

    def _sent(self, sent: SentEnum) -> Node:
        """Return where one of the unknown values is sent."""
        trees, value = self.trees, ValueOf(sent.path)
        labels = self._labels[trees.scope, value]
        branches = [TRUE if label in sent.unknown else FALSE for label in labels]
        place = trees.index_of(Test(value, "finite"))
        present = trees.branch(Present(sent.path), {True: TRUE, False: FALSE})
        return trees.choose(present, trees.place(place, labels, branches), FALSE)

    def _without(self, node: Node, path: Path) -> Node:
        """Return what a tree says where there is no value at a path."""
        index = self.trees.find(Test(Present(path), "finite"))
        if index is None or not node.branches or node.test > index:
            return node
        if node.test == index:
            return node.branches[YES_NO.index(False)]
        key = (node.number, index)
        if key not in self._absent:
            branches = [self._without(branch, path) for branch in node.branches]
            self._absent[key] = self.trees.place(node.test, node.labels, branches)
        return self._absent[key]

    # --- one order for all -----------------------------------------------------------------------

    def _order(self, scope: Scope) -> None:
        """Give all tests of a pair of types their places, each behind what it presupposes."""
        if scope in self._ordered:
            return
        self._ordered.add(scope)
        self.trees.scope = scope
        tests: dict[Question, Test] = {}
        for path in (SUBJECT, RESOURCE):
            tests[Exists(path)] = Test(Exists(path), "finite")
        for side in range(len(self.policies)):
            for test in self._own_tests(side, scope):
                tests.setdefault(test.question, test)
        for sent in self._sent_enums.all_unknown(scope):
            value = ValueOf(sent.path)
            for each in (Present(sent.path), value):
                tests.setdefault(each, Test(each, "finite"))
            key = (scope, value)
            self._labels[key] = tuple(dict.fromkeys((*self._labels.get(key, ()), *sent.labels)))
        questions = list(tests) if self._sort is None else sorted(tests, key=self._sort)
        for question in presuppositions_first(questions):
            self.trees.index_of(tests[question])

    def _own_tests(self, side: int, scope: Scope) -> Iterator[Test]:
        """Yield the tests of one of the packs, and keep the labels of their outcomes."""
        for test, labels in _tests(self.policies[side], self._of_scopes[side].roots(scope)):
            if isinstance(test.question, RuleHolds):
                continue  # a name has its place when it is first tested
            # Of no action: a property that changes in one may be the same in another.
            if self._paths(side, scope).reasons("", (test.question,)):
                continue  # no tree that asks it is taken
            renamed = replace_fields(test, question=self._renamed(side, test.question, scope))
            if isinstance(test.question, ValueOf):
                key = (scope, renamed.question)
                self._labels[key] = tuple(dict.fromkeys((*self._labels.get(key, ()), *labels)))
            yield renamed

    def _take(
        self,
        side: int,
        node: Node,
        scope: Scope,
        call: Callable[[RuleHolds], Node] | None,
        taken: dict[tuple[int, int, Scope], Node],
    ) -> Node:
        if not node.branches:
            # Where the policy fails nothing is granted, and nobody can say what would hold.
            return node
        key = (side, node.number, scope)
        known = taken.get(key)
        if known is not None:
            return known
        test = self.policies[side].tests[node.test]
        question = self._renamed(side, test.question, scope)
        branches = [self._take(side, branch, scope, call, taken) for branch in node.branches]
        labels = node.labels
        if isinstance(question, RuleHolds) and call is not None:
            made = taken[key] = self.trees.choose(call(question), *branches)
            return made
        if isinstance(question, ValueOf):
            by_label = dict(zip(labels, branches, strict=True))
            labels = self._labels[scope, question]
            branches = [by_label.get(label, FALSE) for label in labels]
        index = self.trees.index_of(replace_fields(test, question=question))
        made = self.trees.place(index, labels, branches)
        taken[key] = made
        return made

    def _renamed(self, side: int, question: Tested, scope: Scope) -> Tested:
        return question if side == NEW_SIDE else self._paths(side, scope).renamed(question)

    def renamed_operands(
        self, side: int, operands: tuple[Operand, ...], scope: Scope
    ) -> tuple[Operand, ...]:
        """Return operands of a rule of one of the packs, with the names of the union."""
        renamed = self._renamed(side, RuleHolds("", operands), scope)
        return renamed.operands if isinstance(renamed, RuleHolds) else operands

    def _paths(self, side: int, scope: Scope) -> UnionPaths:
        """Return the paths of a pack that declares both types."""
        key = (side, scope)
        if key not in self._union_paths:
            own = paths_of(self.policies[side].schema, *scope)
            self._union_paths[key] = UnionPaths(self.union, own)
        return self._union_paths[key]


def _can_lack(declared: EntityType) -> bool:
    """Tell whether an id of a type may name nothing."""
    return bool(declared.table) or len(declared.key) > 1


class _OfScopes:
    """The diagrams of a pack by the pair of types that they are for."""

    def __init__(self, policy: Policy) -> None:
        self.explored: dict[Scope, list[RuleDiagram]] = {}
        self._roots: dict[Scope, list[Node | None]] = {}
        for (subject, resource, _), entry in policy.entries.items():
            roots = self._roots.setdefault((subject, resource), [])
            roots += [entry.granted, entry.allowed]
            roots += [*entry.forbids.values(), *entry.obliges.values()]
        for each in policy.explored:
            self.explored.setdefault((each.subject, each.resource), []).append(each)
            roots = self._roots.setdefault((each.subject, each.resource), [])
            roots += [each.root, each.body]
        for (_, subject, resource, _), root in policy.probes.items():
            self._roots.setdefault((subject, resource), []).append(root)

    def roots(self, scope: Scope) -> Sequence[Node | None]:
        """Return all of them for one pair."""
        return self._roots.get(scope, ())


def _tests(
    policy: Policy, roots: Iterable[Node | None]
) -> Iterator[tuple[Test, tuple[Label, ...]]]:
    """Yield the tests of diagrams of one pair of types, in their order."""
    known = [root for root in roots if root is not None]
    labels: dict[int, dict[Label, None]] = {}
    for node in Trees().reachable(known):
        if node.branches:
            labels.setdefault(node.test, {}).update(dict.fromkeys(node.labels))
    for index in sorted(labels):
        test = policy.tests[index]
        given = tuple(labels[index])
        yield test, YES_NO if set(given) <= set(YES_NO) else given


__all__ = ["FAULT", "NEW_SIDE", "OLD_SIDE", "Joined", "Scope", "UncompiledError", "uncompiled"]
