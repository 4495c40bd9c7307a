"""Judges a line of the decision log again, from the facts that it carries and nothing else."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from sidecar.policy.compiled import Policy
from sidecar.policy.nodes import FALSE, FAULT, TRUE, Node
from sidecar.policy.questions import SETTINGS, Path, Question, path_of, text_of, value_of
from sidecar.schema import Kind


class UnjudgeableError(Exception):
    """A fact is needed that the line does not carry."""


class Line:
    """A line as it was read back."""

    def __init__(self, members: Mapping[str, Any], policy: Policy) -> None:
        self.members = members
        self._policy = policy
        self._answers: dict[Question, Any] = {}
        self._values: dict[Path, tuple[str, Any]] = {}
        for fact in members["facts"]:
            self._read(fact)

    def decision(self) -> bool:
        """Return what the policy decides from these facts alone."""
        types = self._policy.schema.types
        subject, resource = types[self.members["subject"]["type"]], types[self._resource()]
        action = resource.actions.get(self.members["action"]["name"])
        if action is None or not self._answers["exists", ("subject",)]:
            return False
        there = self._answers["exists", ("resource",)]
        if there if action.creates and resource.table else not there and not action.creates:
            return False
        entry = self._policy.entries[subject.name, resource.name, action.name]
        assert entry.granted is not None
        nodes = [node for node in entry.forbids.values() if node is not None]
        leaves = [self._leaf(node) for node in nodes]
        return self._leaf(entry.granted) is TRUE and all(leaf is FALSE for leaf in leaves)

    def _resource(self) -> str:
        name: str = self.members["resource"]["type"]
        return name

    def _read(self, fact: Mapping[str, Any]) -> None:
        kind = next(iter(fact))
        if kind == "value":
            value = fact["text"] if "text" in fact else ("hash", fact["hash"])
            self._values[path_of(fact["value"])] = (fact["type"], value)
            return
        words = fact[kind] if isinstance(fact[kind], list) else [fact[kind]]
        paths = words[:1] if kind in {"least", "above"} else words
        question = (kind, *map(path_of, paths), *words[len(paths) :])
        self._answers[question] = fact["answer"]

    def _leaf(self, node: Node) -> Node:
        while node.branches:
            node = self._next(node)
        return node

    def _next(self, node: Node) -> Node:
        test = self._policy.tests[node.test]
        branches: dict[object, Node] = dict(zip(node.labels, node.branches, strict=False))
        if test.outcomes == "text":
            return branches.get(self._text(test.question[1]), node.branches[-1])
        if test.outcomes == "number":
            kind = test.kind or Kind.DECIMAL
            text = self._text(test.question[1])
            cuts: list[Any] = [(value_of(kind, limit), above) for limit, above in node.labels]
            return node.branches[bisect_right(cuts, (value_of(kind, text), False))]
        return branches.get(self._answer(test.question), FAULT)

    def _answer(self, question: Question) -> Any:  # noqa: ANN401
        if question in self._answers:
            return self._answers[question]
        kind, *paths = question
        if kind == "exists":
            raise UnjudgeableError(question)
        if kind == "present":
            return self._text(paths[0]) is not None
        if kind == "value":
            text = self._text(paths[0])
            return value_of(self._kind(paths[0]), text) if text is not None else None
        if kind == "same":
            left, right = map(self._text, paths)
            return None if left is None else left == right
        if kind == "order":
            left, right = map(self._value, paths)
            return "lt" if left < right else "gt" if left > right else "eq"
        return self._includes(*paths)

    def _includes(self, members: Path, member: Path) -> bool:
        text = member[1] if member[0] == "literal" else self._text(member)
        if members[:2] == ("member", SETTINGS):
            found: Any = self._policy.settings[members[2]]
            texts = {text_of(each) for each in found}
            domains = self._policy.schema.settings[members[2]].type.name == "set of domain"
        else:
            texts, domains = set(self._text(members)), self._values[members][0] == "set of domain"
        while domains and text not in texts and "." in text:
            text = text.partition(".")[2]
        return text in texts

    def _value(self, path: Path) -> Any:  # noqa: ANN401
        return value_of(self._kind(path), self._text(path))

    def _kind(self, path: Path) -> Kind:
        declared = self._policy.schema.value_type(self._values[path][0])
        assert declared is not None
        return declared.kind

    def _text(self, path: Path) -> Any:  # noqa: ANN401
        if path not in self._values:
            raise UnjudgeableError(path)
        return self._values[path][1]
