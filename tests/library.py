"""A small world of documents for policies that try to get through."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sidecar.bundle import Entry
from sidecar.compiler import live_query as answering
from sidecar.compiler.child_process import Oso
from sidecar.compiler.compile import InvalidPolicyError, compile_pack, load
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.policy import assemble
from sidecar.diagram.paths import Path as FactPath
from sidecar.diagram.questions import Answer, Question, ValueOf
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.errors import EvaluationError
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Decision, Reference, Request
from sidecar.schema import Schema, read_sentences, read_settings
from sidecar.schema.loader import schema_of
from sidecar.schema.yaml_document import Faults, parse_document

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

SCHEMA = """\
enums:
  role: [reader, writer, owner]
  stage: [draft, published, archived]
types:
  user:
    subject: true
    table: users
    key: id
    attributes:
      id: string
      email: {type: email, optional: true}
      guest: {type: boolean, default: false}
      nick: {type: string, optional: true}
      boss: {type: user, optional: true}
  folder:
    table: folders
    key: id
    attributes:
      id: string
      owner: user
      parent: {type: folder, optional: true}
    lookups:
      share: {finds: share, arguments: {user: user}, match: {folder: this, user: user}}
      shared_as:
        {finds: share, arguments: {role: role}, match: {folder: this, role: role}, several: first}
    actions: {view: {}}
  share:
    table: shares
    key: [folder, user]
    attributes:
      folder: folder
      user: user
      role: {type: role, only: [reader, writer]}
      until: {type: instant, optional: true}
  doc:
    table: docs
    key: id
    attributes:
      id: string
      folder: folder
      author: {type: user, optional: true, may_dangle: true}
      reviewer: {type: user, optional: true}
      stage: stage
      public: {type: boolean, default: false}
      secret: {type: boolean, optional: true}
      pages: {type: integer, optional: true}
      price: {type: decimal, optional: true}
      due: {type: instant, optional: true}
      title: {type: string, optional: true}
      subtitle: {type: string, optional: true}
      contact: {type: email, optional: true}
      roles: {type: set of role, optional: true}
      labels: {type: set of string, optional: true}
    actions:
      view: {}
      edit: {properties: {pages: integer, role: {type: role, only: [reader, writer]}, to: user}}
      tag: {properties: {role: role}}
      make: {creates: true}
  note:
    key: id
    attributes:
      id: string
      doc: {type: doc, caller: true}
      text: {type: string, caller: true}
    actions: {view: {}}
  box:
    key: [room, shelf]
    attributes: {room: string, shelf: string}
    actions: {view: {}}
context:
  trusted: {type: boolean, default: false}
  network: {type: string, optional: true}
settings:
  most: decimal
  word: string
  domains: set of domain
"""
SETTINGS = "most: 750.00\nword: secret\ndomains: [gmail.com]\n"
REASONS = "reasons: {no: No., never: Never.}\nobligations: {log: Log.}\n"

ROWS: Mapping[str, str] = {
    "users": """\
- {id: ana, email: Ana@Work.example, nick: a}
- {id: bob, guest: true, boss: ana}
- {id: mallory}
""",
    "folders": "- {id: top, owner: ana}\n- {id: sub, owner: bob, parent: top}\n",
    "shares": "- {folder: top, user: bob, role: reader}\n",
    "docs": """\
- {id: bare, folder: top, stage: draft}
- id: full
  folder: sub
  author: ana
  reviewer: bob
  stage: published
  public: true
  secret: true
  pages: 7
  price: 750.00
  due: 2026-03-01T12:00:00Z
  title: plan
  subtitle: plan
  contact: ANA@work.EXAMPLE
  roles: [reader]
  labels: [plan, draft]
- {id: orphan, folder: top, stage: archived, author: gone}
""",
}

ACTOR = "actor User {}\n"

SECONDS = 20.0
NO_ROWS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Library:
    """Writes packs and mounts into a directory of its own, and compiles them in this process."""

    directory: Path
    made: list[Policy] = field(default_factory=list)
    schema: str = SCHEMA

    def fixtures(self) -> Path:
        fixtures = self.directory / "fixtures"
        fixtures.mkdir(exist_ok=True)
        (fixtures / "schema.yaml").write_text(self.schema)
        (fixtures / "settings.yaml").write_text(SETTINGS)
        (fixtures / "reasons.yaml").write_text(REASONS)
        return fixtures

    def texts(self, *policies: str, **files: str) -> PackTexts:
        """Return a pack: `policies` joined as `main.polar`, and further files by their stems."""
        fixtures = self.fixtures()
        schema = _schema_of(self.schema)
        settings = read_settings(schema, fixtures / "settings.yaml")
        codes = {"reason": frozenset({"no", "never"}), "obligation": frozenset({"log"})}
        texts = {"main.polar": "".join(policies)}
        texts.update({f"{name}.polar": text for name, text in files.items()})
        return PackTexts(schema, settings, codes, texts, SECONDS)

    def policy(self, *policies: str, **files: str) -> Policy:
        """Compile a pack that must load."""
        pack = self.texts(*policies, **files)
        sentences = read_sentences(self.directory / "fixtures" / "reasons.yaml", pack.settings)
        try:
            policy = assemble(pack, sentences, compile_pack(pack))
        except InvalidPolicyError as error:
            raise AssertionError("\n".join(map(str, error.problems))) from None
        self.made.append(policy)
        return policy

    def refusals(self, *policies: str, **files: str) -> list[str]:
        """Return what is wrong with a pack, sorted; empty where it loads."""
        try:
            compile_pack(self.texts(*policies, **files))
        except InvalidPolicyError as error:
            return sorted({str(problem) for problem in error.problems})
        return []

    def world(self, policy: Policy, **rows: str) -> Snapshot:
        """Mount `ROWS`, some tables replaced."""
        mount = self.directory / f"mount{len(list(self.directory.iterdir()))}"
        mount.mkdir()
        for table, text in {**ROWS, **rows}.items():
            (mount / f"{table}.yaml").write_text(text)
        return read_directory(policy.schema, mount)

    def asker(
        self,
        *policies: str,
        rows: Mapping[str, str] = NO_ROWS,
        files: Mapping[str, str] = NO_ROWS,
    ) -> Asker:
        """Return who asks a compiled policy and Oso, and insists that they agree."""
        policy = self.policy(*policies, **files)
        pack = self.texts(*policies, **files)
        unexplored = Entry(
            granted=None,
            forbids={"no": None, "never": None},
            obliges={"log": None},
            allowed=None,
        )
        entries = dict.fromkeys(policy.entries, unexplored)
        twin = replace(policy, entries=entries, interpreter=InProcess(pack, 0))
        single = {key: replace(entry, allowed=None) for key, entry in policy.entries.items()}
        apart = replace(policy, entries=single)
        return Asker(policy, twin, apart, self.world(policy, **rows))

    def close(self) -> None:
        for policy in self.made:
            policy.interpreter.close()


@cache
def _schema_of(text: str) -> Schema:
    """Return the schema that hundreds of tests begin with."""
    faults = Faults("schema.yaml")
    document = parse_document(text.encode(), faults)
    assert document is not None
    return schema_of(document, faults)


class InProcess(Oso):
    """Oso at request time, without a process of its own."""

    def __init__(self, pack: PackTexts, seconds: float) -> None:
        super().__init__(pack, seconds)
        self._texts = pack
        self._loaded = load(pack)

    def holds(self, asked: Mapping[str, str | None], answer: Callable[[Question], Answer]) -> bool:
        class Snapshot:
            def ask(self, question: Question, domain: Sequence[Answer]) -> Answer:
                found = answer(question)
                assert found in domain
                return found

            def key(self, path: FactPath) -> object:
                return answer(ValueOf(path))

        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(50_000)  # as the process has it
        try:
            said = answering.answer(asked, self._texts, self._loaded, Snapshot())
        finally:
            sys.setrecursionlimit(limit)
        if "fault" in said:
            raise EvaluationError(str(said["fault"]))
        return bool(said["holds"])


@dataclass(frozen=True)
class Asker:
    """Asks a policy three times: its joined trees, tree by tree, and Oso from the snapshot."""

    policy: Policy
    twin: Policy
    apart: Policy
    snapshot: Snapshot

    def __call__(self, who: str, action: str, what: str, **said: Any) -> tuple[str, ...]:  # noqa: ANN401
        """Return the reasons of a denial, and nothing for an allow."""
        compiled = ask(self.policy, self.snapshot, who, action, what, **said)
        interpreted = ask(self.twin, self.snapshot, who, action, what, **said)
        assert compiled.faults == ()
        assert interpreted.faults == ()
        assert sorted(codes(compiled)) == sorted(codes(interpreted)), (
            "Oso at request time answers differently"
        )
        assert compiled.obligations == interpreted.obligations
        assert compiled == ask(self.apart, self.snapshot, who, action, what, **said)
        return codes(compiled)


def ask(
    policy: Policy,
    snapshot: Snapshot,
    who: str,
    action: str,
    what: str,
    now: datetime = NOW,
    **said: Any,  # noqa: ANN401 - properties as a caller says them
) -> Decision:
    kind, _, identifier = what.partition(":")
    request = Request(
        subject=Reference("user", who), action=action, resource=Reference(kind, identifier), **said
    )
    return authorize(request, policy, snapshot, now)


def codes(decision: Decision) -> tuple[str, ...]:
    assert decision.allowed is (not decision.reasons)
    return tuple(reason.code for reason in decision.reasons)


def allow(condition: str, *more: str) -> str:
    """Return a policy that allows everything on a document where `condition` holds.

    The condition stands in line 3; it may name user, action and doc.
    """
    head = "allow(user: User, action: Action, doc: Doc) if used(user, action, doc) and\n"
    return "\n".join([f"{ACTOR}{head}  {condition};", "used(_, _, _);", *more, ""])


def forbid(condition: str, *more: str) -> str:
    """Return a policy that allows all, and forbids it where `condition`, in line 3, holds."""
    head = 'forbid(user: User, action: Action, doc: Doc, "no") if used(user, action, doc) and\n'
    rest = ["used(_, _, _);", "allow(_: User, _: Action, _: Doc);", *more, ""]
    return "\n".join([f"{ACTOR}{head}  {condition};", *rest])
