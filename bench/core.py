"""Measure the decision core: `make bench-core`.

One run, the same questions on both sides: the compiled policy, and the same policy files in plain
Oso. The answers are compared before anything is timed. Ratios are what counts; times are this
machine's. Ends with status 1 when a target is missed.
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TypeVar

from bench.packs import memberships, resource_types, roles_and_permissions, rules_of_conditions
from bench.plain_oso import Action, PlainOso, World
from sidecar.compiler import load_pack
from sidecar.compiler.child_process import compile_in_child
from sidecar.compiler.compile_cache import compile_by
from sidecar.compiler.disk_cache import DiskCache
from sidecar.compiler.pack import read_texts
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import permissions
from sidecar.facts import Snapshot, build, read_directory
from sidecar.model import Reference, Request

ROOT = Path(__file__).resolve().parent.parent
POLICIES, FIXTURES = ROOT / "policies", ROOT / "fixtures"
DEMO = FIXTURES / "worlds" / "demo"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SMALL, LARGE = 1_000, 1_000_000
Result = TypeVar("Result")
Target = tuple[str, str, str, bool]
"""What, as measured, the target in words, and whether it is met."""


def main() -> int:
    """Run all of it, print a line for each target, and tell whether all are met."""
    policy, compiling = _timed(lambda: load_pack(POLICIES, FIXTURES, compile_in_child))
    snapshot = read_directory(policy.schema, DEMO)
    plain = PlainOso(POLICIES, FIXTURES, NOW)
    results = [
        *_decisions(policy, snapshot, plain),
        _below("compile the shipped pack", compiling, 1.0),
        _generated("compile 50 roles x 500 permissions", _fifty_roles, 30.0),
        _generated("compile ten rules of three conditions", _ten_rules, 0.5),
        *_large_packs(),
        _memberships(policy),
    ]
    for what, measured, target, met in results:
        print(f"{'ok  ' if met else 'MISS'}  {what:<45} {measured:<24} target {target}")
    return 0 if all(met for *_, met in results) else 1


def _decisions(policy: Policy, snapshot: Snapshot, plain: PlainOso) -> Sequence[Target]:
    """Compare decisions and lists of permissions, first their answers and then their times."""
    world = World(DEMO)
    pairs = [
        (Reference("user", user), Reference(kind, resource))
        for user in world.of["user"]
        for kind in ("account", "membership", "invitation")
        for resource in sorted(world.of[kind])[:4]
    ]
    questions = [
        (Request(subject=subject, action=action, resource=resource), subject, resource)
        for subject, resource in pairs
        for action in policy.schema.types[resource.type].actions
    ]
    theirs = [
        (world.of["user"][subject.id], Action(request.action), world.of[resource.type][resource.id])
        for request, subject, resource in questions
    ]
    differing = [
        str(request)
        for (request, _, _), question in zip(questions, theirs, strict=True)
        if authorize(request, policy, snapshot, NOW).allowed
        is not (request.action != "create" and plain.allows(*question))
    ]
    lists = [(world.of["user"][s.id], world.of[r.type][r.id]) for s, r in pairs]
    differing += [
        f"permissions of {subject} on {resource}"
        for (subject, resource), (user, thing) in zip(pairs, lists, strict=True)
        if set(permissions(_any_action(subject, resource), policy, snapshot, NOW))
        != {
            action
            for action in plain.names.authorized_actions(user, thing)
            if action != "create" and not plain.forbids(user, Action(action), thing)
        }
    ]
    if differing:
        sys.exit("the answers differ, so their times mean nothing:\n" + "\n".join(differing[:20]))
    print(
        f"{len(questions)} decisions and {len(pairs)} lists of permissions agree with plain Oso\n"
    )

    compiled = _each(
        lambda: [authorize(q, policy, snapshot, NOW) for q, _, _ in questions], questions
    )
    asked = _each(lambda: [plain.objects.is_allowed(*q) for q in theirs], questions, rounds=1)
    searches = [_any_action(subject, resource) for subject, resource in pairs]
    listed = _each(lambda: [permissions(s, policy, snapshot, NOW) for s in searches], pairs)
    authorized = _each(lambda: [plain.names.authorized_actions(*q) for q in lists], pairs, rounds=1)
    return [
        _ratio("an uncached decision against Oso.is_allowed", asked, compiled, 50),
        _ratio("permissions against Oso.authorized_actions", authorized, listed, 50),
    ]


def _any_action(subject: Reference, resource: Reference) -> Request:
    return Request(subject=subject, action="any", resource=resource)


def _memberships(policy: Policy) -> Target:
    """Compare the cost of a decision in a small snapshot and in a large one."""
    cost = {}
    for count in (SMALL, LARGE):
        gc.collect()
        snapshot, loading = _timed(lambda count=count: build(policy.schema, memberships(count)))
        gc.freeze()  # as a server does: collections do not walk the snapshot
        questions = _questions(count)
        cost[count] = _each(
            lambda asked=questions, facts=snapshot: [
                authorize(q, policy, facts, NOW) for q in asked
            ],
            questions,
        )
        print(f"{count:>9} memberships: built in {loading:.1f} s, {_micro(cost[count])} a decision")
        del snapshot
    factor = cost[LARGE] / cost[SMALL]
    what = "decide at 1,000,000 against 1,000 memberships"
    return what, f"{factor:.2f} times as long", "<= 2", factor <= 2


def _questions(count: int) -> Sequence[Request]:
    """Return questions about accounts all over the snapshot: members, owners and strangers."""
    accounts = count // 10
    chance = random.Random(1)  # noqa: S311 - the same questions in each run
    actions = ("numbers.view", "cards.edit", "team.manage", "credentials.edit")
    found = []
    for _ in range(5_000):
        account, distance = chance.randrange(accounts), chance.randrange(14)
        found.append(
            Request(
                subject=Reference("user", f"u{(account + distance) % accounts}"),
                action=chance.choice(actions),
                resource=Reference("account", f"a{account}"),
            )
        )
    return found


def _fifty_roles(directory: Path) -> tuple[Path, Path]:
    return roles_and_permissions(directory, roles=50, permissions=500)


def _ten_rules(directory: Path) -> tuple[Path, Path]:
    return rules_of_conditions(directory, rules=10, conditions=3)


def _generated(what: str, write: Callable[[Path], tuple[Path, Path]], seconds: float) -> Target:
    with tempfile.TemporaryDirectory() as directory:
        policies, fixtures = write(Path(directory))
        policy, compiling = _timed(lambda: load_pack(policies, fixtures, compile_in_child))
        if policy.notices:
            return what, f"not explored: {policy.notices[0]}", f"< {seconds:g} s", False
    return _below(what, compiling, seconds)


def _large_packs() -> Iterator[Target]:
    """Compile packs of many types: as a whole, after an edit of one rule, and unchanged."""
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for types in (10, 20, 40, 100):
            places = resource_types(root / str(types), types=types, roles=10, actions=20)
            cache = DiskCache(root / f"cache of {types}")
            seconds[types] = _timed(lambda: compile_by(cache, read_texts(*places)[0]))[1]  # noqa: B023
            yield _below(f"compile {types} types", seconds[types], 10.0)
        rules = places[0] / "main.polar"
        rules.write_text(rules.read_text().replace('"act3" if "role1"', '"act3" if "role2"', 1))
        for what, most in (("after an edit", 2.0), ("unchanged", 1.0)):
            _, took = _timed(lambda: compile_by(cache, read_texts(*places)[0]))
            yield _below(f"compile {types} types, {what}", took, most)
    times = seconds[40] / seconds[10]
    yield "40 types against 10", f"{times:.1f} times", "<= 5", times <= 5


def _timed(act: Callable[[], Result]) -> tuple[Result, float]:
    started = perf_counter()
    result = act()
    return result, perf_counter() - started


def _each(act: Callable[[], object], among: Sequence[object], rounds: int = 5) -> float:
    """Return the seconds for each of `among`, as the median of some rounds after a warm one.

    They are seconds of our processor, so that what else the machine does counts less.
    """
    if rounds > 1:
        act()
    measured = []
    for _ in range(rounds):
        started = process_time()
        act()
        measured.append(process_time() - started)
    return median(measured) / len(among)


def _ratio(what: str, slow: float, fast: float, least: int) -> Target:
    times = slow / fast
    measured = f"{times:.0f} times ({_micro(fast)}, {_micro(slow)})"
    return what, measured, f">= {least}", times >= least


def _below(what: str, measured: float, seconds: float) -> Target:
    return what, f"{measured:.2f} s", f"< {seconds:g} s", measured < seconds


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us"


if __name__ == "__main__":
    sys.exit(main())
