"""A world so small that all its states can be gone through, and policies by chance about it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path

from sidecar.compiler.compile import InvalidPolicyError, compile_pack
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.policy import assemble
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, Table, build
from sidecar.model import Reference, Request
from sidecar.schema import Schema, read_schema, read_sentences, read_settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = """\
enums:
  role: [reader, writer]
  stage: [draft, done]
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, active: boolean}
    lookups:
      owned: {finds: doc, match: {owner: this}, several: first}
  doc:
    table: docs
    key: id
    attributes:
      id: string
      owner: user
      stage: stage
      pages: {type: integer, optional: true}
      reviewer: {type: user, optional: true}
    lookups:
      share: {finds: share, arguments: {user: user}, match: {doc: this, user: user}}
    actions:
      view: {}
      edit: {properties: {role: role}}
      make: {creates: true}
  share:
    table: shares
    key: [doc, user]
    attributes:
      doc: doc
      user: user
      role: role
      until: {type: instant, optional: true}
context:
  trusted: {type: boolean, default: false}
"""
CONDITIONS = (
    "s = r.owner",
    "s = r.reviewer",
    "r.owner = r.reviewer",
    "s.active = true",
    "r.owner.active = true",
    "r.reviewer.active = true",
    'r.stage = "draft"',
    "r.pages >= 5",
    "r.pages > 5",
    "r.pages < 5",
    'r.share(s).role = "writer"',
    "r.share(s).exists = true",
    "r.share(s).until > context.now",
    "r.share(s).until >= context.now",
    "r.share(r.reviewer).exists = true",
    "s.owned.exists = true",
    "s.owned = r",
    "context.trusted = true",
)


@dataclass(frozen=True)
class State:
    """One mount and one question about it."""

    snapshot: Snapshot
    request: Request


@cache
def schema(directory: Path) -> Schema:
    path = directory / "schema.yaml"
    path.write_text(SCHEMA)
    (directory / "settings.yaml").write_text("")
    (directory / "reasons.yaml").write_text("reasons: {r1: First., r2: Second.}\n")
    return read_schema(path)


def policy_text(seed: int) -> str:
    """Write a policy by chance; neighbouring seeds often share their rules."""
    dice = random.Random(seed)  # noqa: S311 - the same policies each time

    def condition(depth: int, *, with_rules: bool) -> str:
        roll = dice.random()
        if depth and roll < 0.45:
            word = dice.choice(["and", "and", "or"])
            left, right = (condition(depth - 1, with_rules=with_rules) for _ in range(2))
            return f"({left} {word} {right})"
        plain = dice.choice(CONDITIONS)
        if with_rules and roll > 0.85:
            plain = "open(s, r)"
        return f"not {plain}" if dice.random() < 0.25 else plain

    def named(head: str, body: str) -> str:
        """Write a rule; a variable that stands only once has no name."""
        for name in ("s", "r", "action"):
            used = name in "".join(c if c.isalnum() else " " for c in body).split()
            head = head if used else head.replace(f"{name}: ", "_: ", 1)
        return f"{head} if {body};"

    rules = ["actor User {}"]
    rules.append(named("open(s: User, r: Doc)", condition(2, with_rules=False)))
    for _ in range(dice.randint(1, 3)):
        action = dice.choice(['action: Action{name: "view"}', 'action: Action{name: "edit"}'])
        if dice.random() < 0.2:
            action = 'action: Action{name: "make"}'
        rules.append(named(f"allow(s: User, {action}, r: Doc)", condition(2, with_rules=True)))
    for code in dice.sample(["r1", "r2"], dice.randint(0, 2)):
        body = condition(1, with_rules=True)
        if dice.random() < 0.4:
            body = f'action.name = "edit" and not action.role = "reader" and {body}'
        rules.append(named(f'forbid(s: User, action: Action, r: Doc, "{code}")', body))
    return "\n".join(rules) + "\n"


def compiled(text: str, directory: Path, probes: dict[str, str] | None = None) -> Policy | None:
    """Compile a policy, with the trees of its rules; None where it is refused."""
    declared = schema(directory)
    settings = read_settings(declared, directory / "settings.yaml")
    sentences = read_sentences(directory / "reasons.yaml", settings)
    codes = {
        "reason": frozenset(sentences.reasons),
        "obligation": frozenset(sentences.obligations),
    }
    files = {"main.polar": text, **{f"{name}.polar": rule for name, rule in (probes or {}).items()}}
    pack = PackTexts(declared, settings, codes, files, 60, True, tuple(probes or {}))  # noqa: FBT003
    try:
        found = compile_pack(pack)
    except InvalidPolicyError:
        return None
    return None if found.never else assemble(pack, sentences, found)


@cache
def states(directory: Path) -> tuple[State, ...]:
    """Return every state of the small world."""
    return tuple(_states(directory))


def _states(directory: Path) -> Iterator[State]:
    shares = [None, *product(["reader", "writer"], [None, "2026-03-01T00:00:00Z"])]
    for owner, stage, pages, reviewer, share, active in product(
        ["ann", "bob"],
        ["draft", "done"],
        [None, "5"],
        [None, "ann"],
        shares,
        ["true", "false"],
    ):
        doc = {"id": "d1", "owner": owner, "stage": stage}
        if pages:
            doc["pages"] = pages
        if reviewer:
            doc["reviewer"] = reviewer
        snapshot = _snapshot(directory, active, [doc], share)
        yield from (State(snapshot, request) for request in _requests("d1"))
    snapshot = _snapshot(directory, "true", [], None)
    yield from (State(snapshot, request) for request in _requests("d2"))


def _snapshot(
    directory: Path,
    active: str,
    docs: list[dict[str, str]],
    share: tuple[str, str | None] | None,
) -> Snapshot:
    users = [{"id": "ann", "active": active}, {"id": "bob", "active": "true"}]
    shares = []
    if share is not None:
        row = {"doc": "d1", "user": "ann", "role": share[0]}
        shares = [{**row, "until": share[1]} if share[1] else row]
    rows: dict[str, list[dict[str, str]]] = {"user": users, "doc": docs, "share": shares}
    return build(
        schema(directory),
        {name: Table(f"{name}s", list(enumerate(each, 1))) for name, each in rows.items()},
    )


def _requests(doc: str) -> Iterator[Request]:
    subject, resource = Reference("user", "ann"), Reference("doc", doc)
    for trusted in (False, True):
        said = {"trusted": trusted}
        yield Request(subject=subject, action="view", resource=resource, context=said)
    for role in (None, "reader", "writer"):
        properties = {} if role is None else {"role": role}
        yield Request(
            subject=subject, action="edit", resource=resource, action_properties=properties
        )
    for each in (doc, "new"):
        yield Request(subject=subject, action="make", resource=Reference("doc", each))
    yield Request(subject=Reference("user", "ghost"), action="view", resource=resource)
