"""Asks compiled trees, and Oso over guarded values, the same questions; lists the differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sidecar.compiler.compile import InvalidPolicyError, compile_pack, load
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.policy import assemble
from sidecar.engine import Frame, RequestKind, kind_of
from sidecar.engine.bound_rules import BoundRule, BoundRules
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Reference, Request
from sidecar.schema import Sentences, read_schema, read_sentences, read_settings
from tests.bundled import through_a_bundle
from tests.compiled import compiled
from tests.differential.generating import START, Generator
from tests.differential.oracle import Asked, Oracle, World

RULES = (("allow", ""), ("forbid", "r1"), ("forbid", "r2"), ("forbid", "r3"), ("oblige", "o1"))


@dataclass
class Tally:
    """What was compared."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def compare(seed: int, directory: Path, *, worlds: int, requests: int, tally: Tally) -> None:
    """Compare the trees of one generated pack with Oso, over some worlds and requests."""
    _compare(seed, directory, worlds, requests, tally, at_request_time=False)


def compare_with_requests_to_oso(
    seed: int, directory: Path, *, worlds: int, requests: int, tally: Tally
) -> None:
    """Compare the trees of one generated pack with what the child process answers instead."""
    _compare(seed, directory, worlds, requests, tally, at_request_time=True)


def generated_requests(
    seed: int, directory: Path, worlds: int, requests: int
) -> Iterator[tuple[Policy, Snapshot, Request]]:
    """Yield requests about the worlds of one generated pack."""
    generator = Generator(seed)
    policy = _known_policy(generator, directory)
    for number in range(worlds if policy else 0):
        assert policy is not None
        rows = generator.rows()
        mount = directory / f"world{number}"
        _write(mount, rows)
        snapshot = read_directory(policy.schema, mount)
        for _ in range(requests):
            yield policy, snapshot, _request(generator, World(dict(rows)))[1]


def generated_pairs(
    seed: int, directory: Path, worlds: int, requests: int, *, sensitive: bool
) -> Iterator[tuple[tuple[Policy, Policy], Snapshot, Request, datetime]]:
    """Yield requests about worlds of one generated schema, and two packs that it is asked of."""
    generator = Generator(seed, sensitive=sensitive)
    old, new = (_known_policy(generator, directory / name) for name in ("old", "new"))
    for number in range(worlds if old and new else 0):
        assert old is not None
        assert new is not None
        rows = generator.rows()
        mount = directory / f"world{number}"
        _write(mount, rows)
        snapshot = read_directory(old.schema, mount)
        for _ in range(requests):
            _, request, now = _request(generator, World(dict(rows)))
            yield (old, new), snapshot, request, now


def pack_texts(seed: int, directory: Path) -> PackTexts:
    """Return the pack of a seed, as it is compiled."""
    return _texts(Generator(seed), directory)[0]


def _compare(
    seed: int, directory: Path, worlds: int, requests: int, tally: Tally, *, at_request_time: bool
) -> None:
    generator = Generator(seed)
    made = _pack(generator, directory)
    if made is None:
        tally.counts["refused"] += 1
        return
    policy, oracle = made
    for number in range(worlds):
        rows = generator.rows()
        mount = directory / f"world{number}"
        _write(mount, rows)
        snapshot = read_directory(policy.schema, mount)
        world = World(dict(rows))
        for _ in range(requests):
            asked, request, now = _request(generator, world)
            kind = kind_of(request.subject.type, request.resource.type, policy)
            assert kind is not None
            frame = kind.frame(request, snapshot, now)
            entry = kind.entry(request.action)
            bound = (entry.grant, *entry.forbids, *entry.obliges)
            known = {(rule, code): tree for rule, code, tree in bound}
            standing = bool(kind.always_on_reasons(request.action, frame))
            _compare_whole(entry, kind, request, frame, tally)
            for rule, code in RULES[standing:]:  # a grant is asked only about what exists
                faults: list[str] = []
                tree = known.get((rule, code), _never)
                ours = kind.holds(BoundRule(rule, code, tree), request.action, frame, faults)
                if at_request_time:
                    theirs = kind.holds(BoundRule(rule, code, None), request.action, frame, faults)
                else:
                    theirs = bool(answer := oracle.ask(rule, asked, code or None))
                    tally.counts["Oso failed"] += answer is None
                tally.counts["asked"] += 1
                tally.counts[f"{rule} {theirs}"] += 1
                if faults:
                    tally.counts["fault"] += 1
                elif ours is not theirs:
                    what = f"seed {seed} {rule} {code}: ours {ours}, Oso {theirs}"
                    tally.differences.append(f"{what}: {request} at {now}")
    policy.interpreter.close()


def _never(_: Frame) -> bool:
    return False


def _compare_whole(
    entry: BoundRules, kind: RequestKind, request: Request, frame: Frame, tally: Tally
) -> None:
    """Compare the one tree for granted and not forbidden with the trees that it was joined from."""
    faults: list[str] = []
    if entry.allowed is None or kind.always_on_reasons(request.action, frame):
        return
    allowed = kind.holds(entry.grant, request.action, frame, faults) and not any(
        kind.holds(rule, request.action, frame, faults) for rule in entry.forbids
    )
    tally.counts[f"whole {allowed}"] += 1
    if (entry.allowed(frame) is True) is not allowed:
        tally.differences.append(f"joined: {allowed} for {request}")


def _pack(generator: Generator, directory: Path) -> tuple[Policy, Oracle] | None:
    """Compile the pack anew: what the compiler does is what is compared.

    The policy is read from a bundle that was written of it, so that this is compared too.
    """
    pack, sentences = _texts(generator, directory)
    try:
        policy = through_a_bundle(assemble(pack, sentences, compile_pack(pack)), directory)
        _, program, _ = load(pack)
    except InvalidPolicyError as error:
        (directory / "problems.txt").write_text("\n".join(map(str, error.problems)))
        return None
    return policy, Oracle(pack.schema, pack.settings, program.whole)


def _known_policy(generator: Generator, directory: Path) -> Policy | None:
    """Compile the pack for a test of what is done with it."""
    pack, sentences = _texts(generator, directory)
    try:
        return assemble(pack, sentences, compiled(pack))
    except InvalidPolicyError:
        return None


def _texts(generator: Generator, directory: Path) -> tuple[PackTexts, Sentences]:
    directory.mkdir(parents=True)
    (directory / "schema.yaml").write_text(generator.schema())
    (directory / "settings.yaml").write_text(generator.settings())
    (directory / "reasons.yaml").write_text(generator.reasons())
    text = generator.policy()
    (directory / "main.polar").write_text(text)
    schema = read_schema(directory / "schema.yaml")
    settings = read_settings(schema, directory / "settings.yaml")
    sentences = read_sentences(directory / "reasons.yaml", settings)
    codes = {"reason": frozenset(sentences.reasons), "obligation": frozenset(sentences.obligations)}
    return PackTexts(schema, settings, codes, {"main.polar": text}, 60.0), sentences


def _request(generator: Generator, world: World) -> tuple[Asked, Request, datetime]:
    dice = generator.dice
    person, action, resource, identifier = generator.request()
    now = START + timedelta(days=dice.randint(0, 3))
    context: dict[str, Any] = {}
    if dice.random() < 0.5:
        context["flag"] = dice.random() < 0.5
    if dice.random() < 0.5:
        context["amount"] = generator.value("decimal")
    if dice.random() < 0.5:
        context["where_from"] = generator.value("string")
    action_said: dict[str, Any] = {}
    if action == "write":
        for name, kind in (("to", "level"), ("why", "string"), ("whom", "person")):
            if dice.random() < 0.6:
                action_said[name] = generator.value(kind, dangle=True)
    resource_said = generator.said(resource)
    if resource == "paper" and dice.random() < 0.6:
        resource_said["team"] = dice.choice(["t1", "t2", "t9"])
    subject_said = generator.said("person")
    key: Any = tuple(identifier.split("/", 1)) if resource == "seat" else identifier
    asked = Asked(
        world,
        ("person", person),
        action,
        (resource, key),
        now,
        context,
        subject_said,
        action_said,
        resource_said,
    )
    request = Request(
        subject=Reference("person", person),
        action=action,
        resource=Reference(resource, identifier),
        subject_properties=_json(subject_said),
        action_properties=_json(action_said),
        resource_properties=_json(resource_said),
        context=_json(context),
    )
    return asked, request, now


def _json(said: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _text(value) if not isinstance(value, bool | int) else value
        for name, value in said.items()
    }


def _text(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def _write(mount: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    mount.mkdir()
    for name, each in rows.items():
        lines = [
            f"- {{{', '.join(f'{column}: {_yaml(value)}' for column, value in row.items())}}}"
            for row in each
        ]
        (mount / f"{name}s.yaml").write_text("\n".join(lines) + "\n" if lines else "[]\n")


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return f"[{', '.join(_yaml(each) for each in sorted(value))}]"
    if isinstance(value, str):
        return f'"{value}"'
    return str(_text(value))
