"""What could stand in place of a text of a policy: another value of its enum, another role."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sidecar.polar.ast import Block, File, Instance, Items, Literal, Rule
from sidecar.schema import Schema

CODED = ("forbid", "oblige")
"""Rules whose last parameter is a reason or an obligation."""


class Vocabulary:
    """The enums and actions of the schema, and the roles and permissions of the blocks."""

    def __init__(self, schema: Schema, files: Iterable[File]) -> None:
        self._schema = schema
        self._enums = [tuple(v.name for v in values) for values in schema.enums.values()]
        self._types = {declared.polar: declared for declared in schema.types.values()}
        self._declared: dict[str, dict[str, tuple[str, ...]]] = {"roles": {}, "permissions": {}}
        self._codes: dict[str, dict[str, None]] = {rule: {} for rule in CODED}
        for file in files:
            for line in file.lines:
                if isinstance(line, Block):
                    self._declare(line)
                elif isinstance(line, Rule) and line.head.name.text in CODED:
                    last = texts([parameter.term for parameter in line.head.parameters[-1:]])
                    self._codes[line.head.name.text].update(dict.fromkeys(last))

    def _declare(self, block: Block) -> None:
        for declaration in block.declarations:
            word = declaration.keyword.text
            if word in self._declared and isinstance(declaration.value, Items):
                self._declared[word][block.type.text] = texts(declaration.value.items)

    def values(self, text: str) -> list[str]:
        """Return the other values of each enum that has this one."""
        return _others(text, (values for values in self._enums if text in values))

    def roles(self, text: str) -> list[str]:
        """Return the other roles of each block that has this one."""
        return _others(text, self._holding("roles", text))

    def permissions(self, text: str) -> list[str]:
        """Return the permissions before and after this one in each block that has it.

        All others would be hundreds of mutants that one good case for each action kills alike.
        """
        found: dict[str, None] = {}
        for declared in self._holding("permissions", text):
            at = declared.index(text)
            found.update(
                dict.fromkeys((*declared[max(at - 1, 0) : at], *declared[at + 1 : at + 2]))
            )
        return list(found)

    def implied(self, text: str) -> list[str]:
        """Return what else could imply something in a block: a role, or a permission."""
        return self.roles(text) or self.permissions(text)

    def actions(self, text: str, rule: Rule) -> list[str]:
        """Return the other actions on the resource of a rule."""
        owners = [
            parameter.specializer.type.text
            for parameter in rule.head.parameters
            if isinstance(parameter.specializer, Instance)
        ]
        declared = [self._types[name].actions for name in owners if name in self._types]
        return _others(text, (tuple(actions) for actions in declared if text in actions))

    def codes(self, rule: str, text: str) -> list[str]:
        """Return the reason, or the obligation, that the policy gives next to this one."""
        given = list(self._codes[rule])
        following = given[(given.index(text) + 1) % len(given)]
        return [following] if following != text else []

    def _holding(self, word: str, text: str) -> Iterator[tuple[str, ...]]:
        for declared in self._declared[word].values():
            if text in declared:
                yield declared


def texts(items: Sequence[object]) -> tuple[str, ...]:
    """Return the texts among the items of a list."""
    return tuple(
        item.value for item in items if isinstance(item, Literal) and isinstance(item.value, str)
    )


def _others(text: str, holding: Iterable[tuple[str, ...]]) -> list[str]:
    found = dict.fromkeys(value for values in holding for value in values)
    return [value for value in found if value != text]
