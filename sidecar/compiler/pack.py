"""A pack before it is compiled: its schema, settings and sentences, and the texts of its policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidecar.digests import digest_of
from sidecar.errors import InvalidPackError, Problem
from sidecar.routes import Routes, read_routes
from sidecar.schema import (
    Schema,
    Sentences,
    Value,
    read_schema,
    read_sentences,
    read_settings,
)
from sidecar.watch import read_file

COMPILE_SECONDS = 60.0
"""How long exploring may take."""
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class PackTexts:
    """What is compiled: the schema and settings as read, and the texts of the policy."""

    schema: Schema
    settings: Mapping[str, Value]
    codes: Mapping[str, frozenset[str]]
    """``reason`` and ``obligation`` to the codes that have a sentence."""
    texts: Mapping[str, str]
    """File to text, in the order of their names."""
    seconds: float
    """How long exploring may take; what is left then is put to Oso at request time."""
    reviewing: bool = False
    """Whether the trees of single rules are handed out too, which reviewers' tools look at."""
    probes: tuple[str, ...] = ()
    """Rules of subject, action and resource that are explored as entry points are (`prove`)."""
    routes: Routes | None = None
    """Of gateways; they are not compiled."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the fixtures of a pack declare, and what is wrong with it apart from the schema."""

    schema: Schema
    settings: Mapping[str, Value]
    sentences: Sentences
    routes: Routes | None
    problems: tuple[Problem, ...]

    @property
    def codes(self) -> Mapping[str, frozenset[str]]:
        """As `PackTexts.codes`."""
        return {
            "reason": frozenset(self.sentences.reasons),
            "obligation": frozenset(self.sentences.obligations),
        }


def read_declared(fixtures: Path) -> Declared:
    """Read the fixtures of a pack.

    Raises:
        InvalidPackError: With all that is wrong with its schema, without which nothing can be read.
    """
    schema = read_schema(fixtures / "schema.yaml")
    settings: Mapping[str, Value] = {}
    sentences = Sentences({}, {})
    routes: Routes | None = None
    problems: tuple[Problem, ...] = ()
    try:
        settings = read_settings(schema, fixtures / "settings.yaml")
        sentences = read_sentences(fixtures / "reasons.yaml", settings)
        routes = read_routes(fixtures / "routes.yaml", schema, sentences.obligations)
    except InvalidPackError as error:
        problems = error.problems
    return Declared(schema, settings, sentences, routes, problems)


def read_texts(policies: Path, fixtures: Path) -> tuple[PackTexts, Sentences]:
    """Read a pack without compiling it.

    Raises:
        InvalidPackError: With all that is wrong with its schema, settings and sentences.
    """
    declared = read_declared(fixtures)
    texts, problems = read_policies(policies)
    if problems or declared.problems:
        raise InvalidPackError([*problems, *declared.problems])
    schema, settings = declared.schema, declared.settings
    pack = PackTexts(
        schema, settings, declared.codes, texts, COMPILE_SECONDS, routes=declared.routes
    )
    return pack, declared.sentences


def revision_of(pack: PackTexts, sentences: Sentences) -> str:
    """Hash all that the answers depend on."""
    told = (sorted(sentences.reasons.items()), sorted(sentences.obligations.items()))
    settings = sorted(pack.settings.items())
    routes = () if pack.routes is None else (pack.routes.document,)
    return digest_of(pack.schema.revision, pack.texts, settings, *told, *routes).revision()


def read_policies(policies: Path) -> tuple[dict[str, str], list[Problem]]:
    """Return the texts of the Polar files of a directory, and why others cannot be read."""
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    # A name that begins with a dot is an editor's or a mount's own.
    found = policies.glob("*.polar") if policies.is_dir() else ()
    files = sorted(file for file in found if not file.name.startswith("."))
    if not files:
        problems.append(
            Problem(
                str(policies), 0, "there is no `*.polar` file here; write at least `main.polar`"
            )
        )
    for file in files:
        try:
            if file.stat().st_size > _LARGEST:
                problems.append(
                    Problem(file.name, 0, f"the file is larger than {_LARGEST} bytes; split it")
                )
                continue
            texts[file.name] = read_file(file).decode("utf-8-sig")
            if not texts[file.name].strip():
                # Half of a save looks like this; what the file forbade would be allowed.
                problems.append(Problem(file.name, 0, "is empty; delete it, or write its rules"))
        except OSError as error:
            problems.append(Problem(file.name, 0, f"cannot be read: {error.strerror}"))
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            problems.append(Problem(file.name, line, "is not UTF-8; save it as UTF-8"))
    return texts, problems
