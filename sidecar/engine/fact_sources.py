"""Where facts come from: for one request, the value at a path, who said it, who may see it."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.diagram.nodes import Node
from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    NOW,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    LookupPath,
    Path,
    as_member,
)
from sidecar.diagram.questions import Answer, Question
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.frame import Frame
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.engine.sensitivity import Secrecy
from sidecar.facts import Row
from sidecar.model import Request
from sidecar.schema import Value

_ROOTS = (SUBJECT, RESOURCE)


class Sources:
    """Reads what trees read, for one request, and tells what it was."""

    def __init__(self, request: Request, policy: Policy, frame: Frame) -> None:
        """Prepare to read.

        Args:
            request: Of types that the schema declares.
            policy: Whose trees are walked.
            frame: Of that request, not used for anything else.
        """
        self._request = request
        self._policy = policy
        self._frame = frame
        schema = policy.schema
        subject, resource = schema.types[request.subject.type], schema.types[request.resource.type]
        self._reader = Reader(schema, policy.settings, subject, resource)
        self._evaluator = Evaluator(self._reader, policy.tests)
        self._secrecy = Secrecy(self._reader, schema, resource)

    def walk(self, node: Node, asked: list[Question]) -> Node:
        """Return the leaf that a tree ends in; add the questions on the way to `asked`."""
        *nodes, leaf = self.nodes(node)
        asked += (self._policy.tests[each.test].question for each in nodes)
        return leaf

    def nodes(self, root: Node) -> tuple[Node, ...]:
        """Return the nodes of the path through a tree, its leaf last."""
        return tuple(self._evaluator.walk(root, self._frame))

    def answer(self, question: Question) -> Answer | None:
        """Return the answer to a question; None where its facts are absent."""
        return self._evaluator.answer(question, self._frame)

    def value(self, path: Path) -> Value:
        """Return the value at a path, or the key of the entity there."""
        read = self._reader.comparable(path)
        self._reader.make_room(self._frame)
        found: Value = read(self._frame)
        return found

    def source(self, path: Path) -> str:
        """Return who said what is at a path: its value, or the key of the entity there."""
        if path in _ROOTS:
            return "request"
        if isinstance(path, LookupPath):
            return self.source(path.base) if self.row(path) is None else "mount"
        member = as_member(path)
        base, name = member.base, member.name
        if base == CONTEXT:
            return "clock" if path == NOW else self._said_or_default(self._request.context, name)
        if base == SETTINGS:
            return "settings"
        if base == ACTION:
            return self._said_or_default(self._request.action_properties, name)
        if not self._reader.is_entity(base) or name in self._reader.type_of(base).key:
            return self.source(base)
        if self.stored(base, name) is not None:
            return "mount"
        if base not in _ROOTS:
            return "schema"
        properties = (self._request.subject_properties, self._request.resource_properties)
        return self._said_or_default(properties[_ROOTS.index(base)], name)

    def stored(self, base: Path, name: str) -> Value:
        """Return what the mount holds of an attribute of the entity at `base`."""
        columns, row = self._reader.type_of(base).attributes, self.row(base)
        return None if row is None else row[list(columns).index(name)]

    def row(self, path: Path) -> Row | None:
        """Return the row of the entity at `path`; None where it has none."""
        read = self._reader.row(path)
        self._reader.make_room(self._frame)
        found: Row | None = read(self._frame)
        return found

    def has_row(self, path: Path) -> bool:
        """Tell whether the mount holds a row of the entity at `path`; one may exist without."""
        return self.row(path) is not None

    def source_of_existence(self, path: Path) -> str:
        """Return who says whether there is such an entity; of what nobody mounts every id is."""
        return "mount" if self._reader.type_of(path).table else "schema"

    def sensitive(self, path: Path) -> bool:
        """Tell whether what is at a path is to be withheld."""
        return self._secrecy.of(path)

    def _said_or_default(self, said: Mapping[str, object], name: str) -> str:
        """Return who says a value that is not stored; one outside its domain takes no default."""
        return "schema" if said.get(name) is None else "request"
