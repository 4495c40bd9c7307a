"""A pack and a world as the tests load them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.reference.documents import Document, read_document
from tests.reference.errors import OutsideDomainError, PackError, WrongTypeError
from tests.reference.facts import members
from tests.reference.parser import Block, Literal, Policy, Rule, parse, read_policy
from tests.reference.schema import Schema, Term, read_schema
from tests.reference.values import Entity, Value
from tests.reference.world import Facts, Tables, build, read_tables


@dataclass(frozen=True)
class Pack:
    """A schema, the values of its settings, and a policy."""

    schema: Schema
    settings: Mapping[str, Term]
    policy: Policy

    @classmethod
    def load(cls, policies: Path, fixtures: Path) -> "Pack":
        """Return the pack of two directories.

        Raises:
            PackError: the pack cannot be read.
        """
        try:
            schema = read_schema(read_document(fixtures / "schema.yaml"))
            settings = _settings(schema, _settings_documents(fixtures))
        except ValueError as error:
            raise PackError(str(error)) from error
        items: list[Rule | Block] = []
        for path in sorted(policies.glob("*.polar")):
            if path.name.startswith("."):
                continue
            try:
                items.extend(parse(path.read_bytes().decode("utf-8-sig")))
            except (OSError, UnicodeDecodeError, PackError) as error:
                raise PackError(f"{path.name}: {error}") from error
        policy = read_policy(items)
        for (name, parameters), rules in policy.rules.items():
            if name in {"forbid", "oblige"}:
                for rule in rules:
                    if parameters != 4 or not isinstance(rule.parameters[3].term, Literal):
                        raise PackError(f"a {name} has no text as its fourth parameter")
        return cls(schema, settings, policy)


def _settings_documents(fixtures: Path) -> dict[str, Document]:
    """Return the members of `settings.yaml` and of the files `*_settings.yaml` beside it."""
    joined: dict[str, Document] = {}
    for path in [fixtures / "settings.yaml", *sorted(fixtures.glob("*_settings.yaml"))]:
        document = read_document(path)
        if not isinstance(document, dict) or document.keys() & joined.keys():
            raise PackError(f"{path.name} is no map, or repeats a setting")
        joined |= document
    return joined


def _settings(schema: Schema, document: Mapping[str, Document]) -> dict[str, Term]:
    if unknown := set(document) - set(schema.settings):
        raise PackError(f"settings.yaml: {sorted(unknown)} are not declared")
    read: dict[str, Value | Entity | OutsideDomainError] = {}
    for name, attribute in schema.settings.items():
        if document.get(name) is not None:
            try:
                read[name] = schema.read(attribute, document[name], is_proposed=False)
            except (OutsideDomainError, WrongTypeError) as error:
                raise PackError(f"settings.yaml: {name}: {error}") from error
        elif not attribute.is_optional:
            raise PackError(f"settings.yaml has no {name}")
    return members(schema.settings, read)


@dataclass(frozen=True)
class World:
    """The facts of a directory."""

    facts: Facts

    @classmethod
    def load(cls, pack: Pack, directory: Path) -> "World":
        """Return the facts of a directory of YAML files.

        Raises:
            WorldError: a file or a row is wrong.
        """
        return cls.of_tables(pack, read_tables(pack.schema, directory))

    @classmethod
    def of_tables(cls, pack: Pack, tables: Tables) -> "World":
        """Return the facts of raw rows by table.

        Raises:
            WorldError: a row is wrong.
        """
        return cls(build(pack.schema, tables))
