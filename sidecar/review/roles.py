"""The roles of a pack, read off its resource blocks, as rules that say who has them.

A type without roles of its own has those of a type that it is related to: what may be done with
a membership follows from a role in its account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sidecar.polar.source import Block, read_source
from sidecar.schema import Schema
from sidecar.schema.messages import quoted


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles that somebody can have with regard to resources of one type."""

    names: tuple[str, ...]
    """In the order of the block."""
    relation: str | None
    """How the type is related to the one whose roles they are; None for its own."""
    owner: Block
    """The block that declares them."""

    def rules(self, name: str, role: str, subject: str, resource: str) -> str:
        """Return a rule that holds for whoever has a role.

        Args:
            name: What the rule is called.
            role: One of `names`.
            subject: The type of subject, as Polar calls it.
            resource: The type of resource, as Polar calls it.
        """
        head = f"{name}(subject: {subject}, _: Action, resource: {resource}) if "
        if self.relation is None:
            return f"{head}has_role(subject, {quoted(role)}, resource);"
        return (
            f'{head}has_relation(related, "{self.relation}", resource) and '
            f"has_role(subject, {quoted(role)}, related);"
        )

    def above(self, role: str) -> frozenset[str]:
        """Return the roles that bring this one along."""
        found: set[str] = set()
        new = {role}
        while new:
            new = (
                {
                    line.implier
                    for line in self.owner.implications
                    if line.granted in new and line.relation is None and line.implier in self.names
                }
                - found
                - {role}
            )
            found |= new
        return frozenset(found)


def roles_of(texts: Mapping[str, str], schema: Schema) -> dict[str, tuple[Roles, ...]]:
    """Return the roles for each type of resource that has any.

    Args:
        texts: The Polar files.
        schema: The types.
    """
    blocks: dict[str, Block] = {}
    for file, text in texts.items():
        source, _ = read_source(file, text)
        blocks.update({block.type: block for block in source.blocks})
    types = {declared.polar: name for name, declared in schema.types.items()}
    return {
        types[name]: tuple(found)
        for name, block in blocks.items()
        if name in types and (found := list(_roles(block, blocks)))
    }


def _roles(block: Block, blocks: Mapping[str, Block]) -> Iterator[Roles]:
    if block.roles:
        yield Roles(tuple(str(role.value) for role in block.roles), None, block)
        return
    for relation, target in block.relations.items():
        related = blocks.get(target.text)
        if related is not None and related.roles:
            names = tuple(str(role.value) for role in related.roles)
            yield Roles(names, relation, related)
