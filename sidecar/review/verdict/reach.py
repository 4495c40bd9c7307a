"""Which kinds of request the edits of a policy can reach, judged by its texts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from sidecar.polar.reachability import reachable_types
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.verdict.rule_edits import StatementEdit
from sidecar.review.verdict.statements import Statement
from sidecar.schema import Schema


class Reach:
    """Tells which requests an edit can reach: more than it does reach, and never fewer."""

    def __init__(self, schemas: Sequence[Schema], statements: Sequence[Statement]) -> None:
        """Prepare for the edits of one policy.

        Args:
            schemas: Of the old and the new pack.
            statements: All of both policies.
        """
        self._schemas = schemas
        self._names = {
            declared.polar: name for schema in schemas for name, declared in schema.types.items()
        }
        self._statements = statements
        self._types = lru_cache(maxsize=None)(self._reachable)
        self._actions = lru_cache(maxsize=None)(self._given_by)

    def reaches(self, edit: StatementEdit, scope: Scope, action: str) -> bool:
        """Tell whether an edit may change the answer to a kind of request."""
        return any(self._reaches(each, scope, action) for each in edit.versions)

    def is_about(self, edit: StatementEdit, scope: Scope, action: str) -> bool:
        """Tell whether an edit speaks of this very action on this very type."""
        return any(
            action in {each.given, each.action}
            and scope[1] in {self._names.get(name) for name in each.types}
            for each in edit.versions
        )

    def _reaches(self, statement: Statement, scope: Scope, action: str) -> bool:
        types = {self._names[name] for name in statement.types if name in self._names}
        if not types <= self._types(scope):
            return False
        if statement.action is None:
            return True
        if not statement.given:
            return statement.action == action
        actions = self._actions(statement.given)
        return actions is None or action in actions

    def _reachable(self, scope: Scope) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for schema in self._schemas:
            found |= reachable_types(schema, scope)
        return found

    def _given_by(self, permission: str) -> frozenset[str] | None:
        """Return the permissions that follow from one; None where that cannot be told."""
        found = {permission}
        waiting = [permission]
        while waiting:
            for following in self._following(waiting.pop()):
                if following is None:
                    return None
                if following not in found:
                    found.add(following)
                    waiting.append(following)
        return frozenset(found)

    def _following(self, permission: str) -> Iterator[str | None]:
        word = f'"{permission}"'
        for each in self._statements:
            if each.giver:
                if each.words[2:3] == (word,):
                    yield None if each.gives_role else each.given
            elif not each.block and word in each.words[len(each.head) :]:
                yield each.permission
