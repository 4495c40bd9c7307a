"""A compiled pack as a serving process holds it: plain data, and no Oso."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.compiler.child_process import Oso, compile_in_child
from sidecar.compiler.compile import PackTexts
from sidecar.compiler.explorer import UNDECLARED_ACTION
from sidecar.diagram.nodes import LEAVES, Node, Test
from sidecar.diagram.questions import Path as QuestionPath
from sidecar.diagram.questions import from_json
from sidecar.digests import digest_of
from sidecar.errors import InvalidPackError, Problem
from sidecar.schema import (
    Schema,
    Sentences,
    Value,
    read_schema,
    read_sentences,
    read_settings,
    standard_reasons,
)
from sidecar.schema.model import Kind
from sidecar.watch import read_file

COMPILE_SECONDS = 60.0
"""How long exploring may take."""
ANSWER_SECONDS = 2.0
"""How long Oso may take at request time."""
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """The trees for one subject type, resource type and action. None: Oso has to be asked."""

    granted: Node | None
    forbids: Mapping[str, Node | None]
    """Reason to the tree that says whether it holds; those that never hold are left out."""
    obliges: Mapping[str, Node | None]
    allowed: Node | None
    """Granted and not forbidden, as one tree; None where the rules have to be looked at one by one,
    because one of them can fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """One rule, or one clause of a rule, with the tree that says where it holds."""

    rule: str
    """Its name in the policy."""
    file: str
    """Of a clause where it stands; empty for all clauses of a rule together."""
    line: int
    number: int
    """Of a clause; -1 for a rule."""
    operands: tuple[QuestionPath, ...]
    subject: str
    resource: str
    action: str | None
    """None where the tree is the same for every action."""
    root: Node | None
    """None where it could not be explored."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """A pack that answers: schema, settings, sentences, compiled trees. Nothing in it changes."""

    schema: Schema
    settings: Mapping[str, Value]
    sentences: Sentences
    revision: str
    """Hash of the texts of the whole pack, 16 hexadecimal digits."""
    notices: tuple[Problem, ...]
    """What could not be explored, with its place and why; Oso is asked about it at request time."""
    unused: tuple[Problem, ...]
    """Sentences that no rule leads to: perhaps the rule was lost."""
    files: tuple[str, ...]
    entries: Mapping[tuple[str, str, str], Entry]
    """By subject type, resource type and action."""
    tests: tuple[Test, ...]
    oso: Oso
    foreign: Mapping[tuple[str, str, str], Entry] = field(default_factory=dict)
    """The same for actions that the resource's type does not declare and a rule names."""
    explored: tuple[Explored, ...] = ()
    """The trees of single rules and clauses; only where the pack was loaded for review."""
    gone_through: frozenset[str] = frozenset()
    """Rules that were explored within others only, where an argument was not known yet."""
    probes: Mapping[tuple[str, str, str, str], Node | None] = field(default_factory=dict)
    """By name, subject type, resource type and action; None: Oso has to be asked."""
    # Neither is ever a copy's: what was made of one policy says nothing of another.
    derived: dict[Any, Any] = field(init=False, default_factory=dict)
    """What `decide` makes of the trees, kept as long as they are."""
    remembered: dict[Any, Any] = field(init=False, default_factory=dict)
    """What `decide` has decided, for one snapshot."""

    def entry(self, subject: str, resource: str, action: str) -> Entry:
        """Return the trees of an action; those of an undeclared one where it has none."""
        key = (subject, resource, action)
        found = self.entries.get(key) or self.foreign.get(key)
        return found or self.entries[subject, resource, UNDECLARED_ACTION]

    def has_entry(self, subject: str, resource: str, action: str) -> bool:
        """Tell whether an action has trees of its own."""
        key = (subject, resource, action)
        return key in self.entries or key in self.foreign


def load_pack(
    policies: Path,
    fixtures: Path,
    compiling: Callable[[PackTexts], Mapping[str, Any]] = compile_in_child,
) -> Policy:
    """Read and compile a pack.

    Args:
        policies: Directory of the ``*.polar`` files.
        fixtures: Directory with ``schema.yaml``, ``settings.yaml`` and ``reasons.yaml``.
        compiling: How it is compiled; several processes can share what one of them compiled.

    Raises:
        InvalidPackError: With all that is wrong with it.
    """
    pack, sentences = read_texts(policies, fixtures)
    return assemble(pack, sentences, compiling(pack))


def read_texts(policies: Path, fixtures: Path) -> tuple[PackTexts, Sentences]:
    """Read a pack without compiling it.

    Raises:
        InvalidPackError: With all that is wrong with its schema, settings and sentences.
    """
    schema = read_schema(fixtures / "schema.yaml")
    problems: list[Problem] = []
    texts = _texts(policies, problems)
    settings: Mapping[str, Value] = {}
    sentences = Sentences({}, {})
    try:
        settings = read_settings(schema, fixtures / "settings.yaml")
        sentences = read_sentences(fixtures / "reasons.yaml", settings)
    except InvalidPackError as error:
        problems += error.problems
    if problems:
        raise InvalidPackError(problems)
    codes = {
        "reason": frozenset(sentences.reasons),
        "obligation": frozenset(sentences.obligations),
    }
    return PackTexts(schema, settings, codes, texts, COMPILE_SECONDS), sentences


def assemble(
    pack: PackTexts,
    sentences: Sentences,
    compiled: Mapping[str, Any],
    known: Mapping[int, Node] | None = None,
) -> Policy:
    """Make a policy from the plain data that `compiling.compile_pack` hands out.

    Args:
        pack: The texts.
        sentences: Those of its reasons and obligations.
        compiled: The data.
        known: The nodes, where they have been made from it already.
    """
    nodes = nodes_of(compiled, {}) if known is None else known
    return Policy(
        schema=pack.schema,
        settings=pack.settings,
        sentences=sentences,
        revision=revision_of(pack, sentences),
        notices=tuple(Problem(*notice) for notice in compiled["notices"]),
        unused=tuple(_unused(pack, compiled)),
        files=tuple(pack.texts),
        entries=entries_of(compiled, nodes),
        tests=tests_of(compiled),
        oso=Oso(pack, ANSWER_SECONDS),
        foreign=entries_of({"entries": compiled["foreign"]}, nodes),
        explored=tuple(
            Explored(
                rule=rule,
                file=file,
                line=line,
                number=number,
                operands=from_json(operands),
                subject=subject,
                resource=resource,
                action=action,
                root=None if root is None else nodes[root],
            )
            for rule, file, line, number, operands, subject, resource, action, root in compiled[
                "explored"
            ]
        ),
        gone_through=frozenset(compiled["gone_through"]),
        probes={
            (name, subject, resource, action): None if root is None else nodes[root]
            for name, subject, resource, action, root in compiled["probes"]
        },
    )


def _unused(pack: PackTexts, compiled: Mapping[str, Any]) -> Iterator[Problem]:
    entries = compiled["entries"]
    given = {
        "reason": {*standard_reasons(), *(code for entry in entries for code in entry[4])},
        "obligation": {code for entry in entries for code in entry[5]},
    }
    for kind, codes in pack.codes.items():
        for code in sorted(codes - given[kind]):
            yield Problem("reasons.yaml", 0, f"no rule gives the {kind} `{code}`; was one deleted?")


def _texts(policies: Path, problems: list[Problem]) -> dict[str, str]:
    texts: dict[str, str] = {}
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
    return texts


def entries_of(
    compiled: Mapping[str, Any], nodes: Mapping[int, Node]
) -> dict[tuple[str, str, str], Entry]:
    """Return the entries of a compiled pack, with its nodes."""

    def by_code(roots: Mapping[str, int | None]) -> dict[str, Node | None]:
        return {code: None if root is None else nodes[root] for code, root in roots.items()}

    return {
        (subject, resource, action): Entry(
            None if granted is None else nodes[granted],
            by_code(forbids),
            by_code(obliges),
            None if allowed is None else nodes[allowed],
        )
        for subject, resource, action, granted, forbids, obliges, allowed in compiled["entries"]
    }


def tests_of(compiled: Mapping[str, Any]) -> tuple[Test, ...]:
    """Return the tests of a compiled pack."""
    return tuple(
        Test(from_json(question), outcomes, kind and Kind(kind))
        for question, outcomes, kind in compiled["tests"]
    )


def nodes_of(compiled: Mapping[str, Any], known: Mapping[int, Node]) -> dict[int, Node]:
    """Return the nodes of a compiled pack by their numbers, those that are known among them."""
    nodes = {leaf.number: leaf for leaf in LEAVES}
    nodes.update(known)
    for number, test, labels, branches in compiled["nodes"]:
        nodes[number] = Node(
            test, tuple(from_json(labels)), tuple(nodes[branch] for branch in branches), number
        )
    return nodes


def revision_of(pack: PackTexts, sentences: Sentences) -> str:
    """Hash all that the answers depend on."""
    told = (sorted(sentences.reasons.items()), sorted(sentences.obligations.items()))
    settings = sorted(pack.settings.items())
    return digest_of(pack.schema.revision, pack.texts, settings, *told).revision()
