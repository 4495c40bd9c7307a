"""Role permissions that nobody used, as edits that lose no allow of a log.

What a role gave in a logged decision is read off the facts of its line: which clauses hold, and
which role somebody had by facts, and not by another role. An edit takes a permission from a role
by which nobody used it. Roles above that did use it get it in a line of their own. Then the edited
policy is compiled and the log replayed, and what would lose an allow is taken back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sidecar.bundle import RuleDiagram
from sidecar.decision_log import Hashing
from sidecar.decision_log.reader import DecisionLine, read_line
from sidecar.diagram.nodes import TRUE
from sidecar.engine.policy import Policy
from sidecar.errors import UnreadableLineError
from sidecar.review.access.grounds import Grounds, GroundsFinder
from sidecar.review.access.role_lines import PERMISSION, Edit, RoleLine, RoleLines, edited
from sidecar.review.access.rule_calls import RuleCalls, text_of_literal
from sidecar.review.line_answers import Answering
from sidecar.review.line_decision import leaves_of
from sidecar.review.line_facts import LineFacts
from sidecar.review.replay import Replay, replay

Lines = Callable[[], Iterable[bytes]]
"""Returns the lines of the log that count, anew each time."""
Permission = tuple[str, str]
"""A type as Polar calls it, and the name of a permission."""
Used = dict[Permission, set[str]]
"""The roles by which each permission was used."""


@dataclass(slots=True)
class Tightening:
    """The edits, and what they were checked against."""

    edits: tuple[Edit, ...] = ()
    used: Used = field(default_factory=dict)
    kept: dict[RoleLine, str] = field(default_factory=dict)
    """Lines that nobody used and that stay all the same, and why."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """The edited files."""
    allows: int = 0
    """Allowed decisions of the log that were replayed."""
    unjudged: int = 0
    """Lines that could not be judged by the policy as it is."""


class Tightener:
    """Finds the edits for one policy and one log."""

    def __init__(
        self,
        policy: Policy,
        texts: Mapping[str, str],
        compiling: Callable[[Mapping[str, str]], Policy],
        hashing: Hashing | None,
    ) -> None:
        """Prepare to find edits.

        Args:
            policy: Loaded with the diagrams of its single rules.
            texts: Its files.
            compiling: Compiles other files in their place.
            hashing: By the key of the log, if it is known.
        """
        self._policy, self._texts = policy, texts
        self._compiling, self._hashing = compiling, hashing
        self._calls = RuleCalls.of(texts, policy.schema)
        self._finders: dict[tuple[str, str], GroundsFinder] = {}
        self._types = {name: declared.polar for name, declared in policy.schema.types.items()}

    def tighten(self, lines: Lines, searched: Iterable[tuple[str, str, str]]) -> Tightening:
        """Return the edits that lose no allow.

        Args:
            lines: Of the log.
            searched: Types and actions of searches that found something: their lines hold no facts,
                so what gives these actions stays as it is.

        Raises:
            InvalidPackError: The edited policy cannot be used.
        """
        result = Tightening()
        self._read_use(lines(), result)
        role_lines = RoleLines.of(self._texts)
        blocked = {
            permission: "a search found something by it, and its line holds no facts"
            for scope in searched
            for permission in self._permissions(scope[:2], scope[2])
        }
        before = replay(lines(), self._policy, self._hashing)
        result.unjudged = before.not_judged - before.searches.count - before.permissions.count
        while True:
            edits = tuple(self._edits(role_lines, result, blocked))
            result.edits, result.texts = edits, edited(self._texts, edits)
            if not edits:
                return result
            lost = self._lost(before, replay(lines(), self._compiling(result.texts), self._hashing))
            found = {
                permission: "without it an allow of the log would be lost"
                for scope in lost
                for permission in self._permissions(scope[:2], scope[2])
            }
            if not lost:
                return result
            if not found.keys() - blocked.keys():  # it is not known which line is at fault
                found = dict.fromkeys(
                    ((edit.line.type, edit.line.permission) for edit in edits),
                    "an allow of the log would be lost, and it is not known by which line",
                )
            blocked |= found

    def _read_use(self, lines: Iterable[bytes], result: Tightening) -> None:
        """Take note of the roles by which each permission was used."""
        for text in lines:
            try:
                line = read_line(text)
                if not isinstance(line, DecisionLine) or not line.decision:
                    continue
                result.allows += 1
                scope = (line.subject.type, line.resource.type)
                if scope[0] in self._types and scope[1] in self._types:
                    for permission, role in self._by_role(scope, self._grounds(line, scope)):
                        result.used.setdefault(permission, set()).add(role)
            except UnreadableLineError:  # the report of the log's use counts it
                continue

    def _grounds(self, line: DecisionLine, scope: tuple[str, str]) -> Grounds:
        answering = Answering(LineFacts(line, self._policy, self._hashing))

        def leaves(clause: RuleDiagram) -> frozenset[object]:
            if clause.root is None:
                return frozenset((TRUE, None))
            return frozenset(leaves_of(clause.root, self._policy.tests, answering)[0])

        finder, action = self._finder(scope), line.action.name
        certain = finder.grounds(action, lambda clause: leaves(clause) == {TRUE})
        if certain.giving:
            return certain
        # The line does not know which of them held: each of them may have been used.
        return finder.grounds(action, lambda clause: TRUE in leaves(clause))

    def _by_role(
        self, scope: tuple[str, str], grounds: Grounds
    ) -> Iterator[tuple[Permission, str]]:
        roles = [
            name
            for clause in grounds.giving
            if clause.rule == "has_role" and (name := text_of_literal(clause.operands[1]))
        ]
        for permission in self._named(scope, grounds):
            for role in roles:
                yield permission, role

    def _permissions(self, scope: tuple[str, str], action: str) -> set[Permission]:
        """Return all permissions by which an action may be allowed."""
        if scope[0] not in self._types or scope[1] not in self._types:
            return set()
        return set(self._named(scope, self._finder(scope).grounds(action, lambda _: True)))

    def _named(self, scope: tuple[str, str], grounds: Grounds) -> Iterator[Permission]:
        """Yield the permissions that clauses are about, with the types that have them."""
        for clause in (*grounds.through, *grounds.giving):
            name = text_of_literal(clause.operands[1]) if clause.rule == PERMISSION else None
            declared = self._finder(scope).type_of(clause.operands[2]) if name else None
            if name and declared is not None:
                yield declared.polar, name

    def _finder(self, scope: tuple[str, str]) -> GroundsFinder:
        if scope not in self._finders:
            self._finders[scope] = GroundsFinder(self._policy, scope, self._calls)
        return self._finders[scope]

    def _edits(
        self, lines: RoleLines, result: Tightening, blocked: Mapping[Permission, str]
    ) -> Iterator[Edit]:
        result.kept = {}
        by_permission: dict[Permission, list[RoleLine]] = defaultdict(list)
        for line in lines.lines:
            by_permission[line.type, line.permission].append(line)
        for permission, found in by_permission.items():
            used = result.used.get(permission, set())
            idle = [line for line in found if line.role not in used]
            if permission in blocked:
                result.kept |= dict.fromkeys(idle, blocked[permission])
                continue
            given = {line.role for line in found} & used
            for line in idle:
                roles = _lowest(lines, line, used, given)
                given |= set(roles)
                yield Edit(line, roles)

    def _lost(self, before: Replay, after: Replay) -> set[tuple[str, str, str]]:
        """Return types and actions of which an edited policy loses allows, or may."""
        lost: set[tuple[str, str, str]] = set()
        counts = [_losses(each) for each in (before, after)]
        for scope, count in counts[1].items():
            if count > counts[0][scope]:
                lost.add(scope)
        return lost


def _losses(result: Replay) -> Counter[tuple[str, str, str]]:
    """Return how many lines lose their allow or might, by types and action."""
    found: Counter[tuple[str, str, str]] = Counter()
    for change, lines in result.changes.items():
        if change.before.allowed and not change.after.allowed:
            found[change.group.subject, change.group.resource, change.group.action] += lines.count
    for unjudged, lines in result.unjudged.items():
        if not unjudged.decided:
            group = unjudged.group
            found[group.subject, group.resource, group.action] += lines.count
    return found


def _lowest(lines: RoleLines, line: RoleLine, used: set[str], given: set[str]) -> tuple[str, ...]:
    """Return the roles that get a permission in the place of a role: the lowest that used it.

    Those that have it by a line that stays need none.
    """
    above = lines.above[line.type, line.role] & used
    needy = {
        role
        for role in above
        if role not in given and not any(role in lines.above[line.type, each] for each in given)
    }
    return tuple(
        sorted(
            role
            for role in needy
            if not any(role in lines.above[line.type, other] for other in needy)
        )
    )
