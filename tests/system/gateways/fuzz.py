"""Requests that nobody thought of, each of them repeatable by its seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tests.patience import PATIENCE
from tests.system.gateways import attacks
from tests.system.gateways.client import SILENCE, Fields, request, send
from tests.system.gateways.gateway import Gateway
from tests.system.gateways.oracle import PERMITTED, SUBJECTS, faults, may
from tests.system.gateways.smuggling import framings, upgrades
from tests.system.gateways.targets import TARGETS

_CASE = b"x-case"
"""A field that says which request it is."""

_METHODS = sorted({method for method, _ in PERMITTED} | {b"PATCH", b"HEAD", b"OPTIONS"})
_SEGMENTS = (b"projects", b"alpha", b"beta", b"gamma", b"members", b"reports", b"yearly", b"")
_PIECES = (
    *(b"/", b"//", b"/./", b"/../", b"..", b".", b"\\", b";", b";/", b"..;/", b"?", b"#", b"&"),
    *(b"%2f", b"%2F", b"%5c", b"%2e", b"%2e%2e", b"%2e%2e/", b"%00", b"%25", b"%252f", b"%3b"),
    *(b"%20", b"%0a", b"%c0%af", b"%c0%ae", b"%ef%bc%8f", b"\xef\xbc\x8f", b"\0", b"\t", b" "),
    *(b"\r\n", b"\n", b"%", b"%zz", b"+", b"*", b"@", b":", b"~", b"http://", b"{project}"),
)


@dataclass(frozen=True)
class Case:
    """A request, and whether it must reach the service where that is certain."""

    subject: str
    line: bytes
    """What reaches the service if it is permitted; empty of a request that is not clean."""
    is_permitted: bool
    sent: bytes


def differences(gateway: Gateway, seed: int, count: int) -> Iterator[str]:
    """Send requests; yield where the gateway differs from what the subject may do."""
    gateway.service.taken()
    subjects: list[str] = []
    for number in range(count):
        case = _case(Random(f"{seed}/{number}"), number, gateway.credentials)  # noqa: S311
        subjects.append(case.subject)
        answer = send(gateway.port, case.sent, SILENCE if not case.line else PATIENCE)
        came = []
        for one in gateway.service.taken():
            # A request whose body never ended arrives when its client has gone, which may be late.
            # Folded lines may follow the number.
            marked = re.match(rb"\d+", b"".join(one.values(_CASE)))
            origin = int(marked[0]) if marked else number
            for fault in faults(one, subjects[origin]):
                yield f"seed {seed}, case {origin} or {number}: {fault}: {one!r}"
            if origin == number:
                came.append(one.line)
        status = 200 if case.is_permitted else 403
        if case.line and (came, answer.status) != ([case.line] * case.is_permitted, status):
            yield f"seed {seed}, case {number}: {case!r}: {came!r} came, and {answer!r}"


def _case(random: Random, number: int, credentials: Callable[[str], Fields]) -> Case:
    subject = random.choice(SUBJECTS)
    method, path = random.choice([*PERMITTED])
    if random.random() < 0.3:
        method = random.choice(_METHODS)
    if random.random() < 0.2:
        path = b"/" + b"/".join(random.choices(_SEGMENTS[:-1], k=random.randint(1, 4)))
    own = [*credentials(subject), (_CASE, b"%d" % number)]
    if random.random() < 0.4:
        target = path + random.choice(attacks.CLEAN)
        body = random.choice((b"", b"hello")) if method in {b"PUT", b"POST", b"PATCH"} else b""
        line = b"%s %s HTTP/1.1" % (method, target)
        return Case(subject, line, may(subject, method, path), request(method, target, own, body))
    return Case(subject, b"", is_permitted=False, sent=_broken(random, method, path, own))


def _broken(random: Random, method: bytes, path: bytes, own: Fields) -> bytes:
    """Return a request with one to three things that are not as they should be."""
    lines: list[bytes] = []
    for _ in range(random.randint(1, 3)):
        match random.randrange(6):
            case 0 | 1 | 2:
                path = _broken_path(random, path)
            case 3:
                spelling = random.choice(attacks.SPELLINGS)
                lines.append(attacks.spelled(spelling, *random.choice(attacks.FORGED)))
            case 4:
                method = random.choice((method, *attacks.METHODS))
            case _:
                own = [*own, random.choice(attacks.FORGED)]
    if random.random() < 0.1:
        return random.choice([*framings(own), *upgrades(own)])
    if lines:
        return attacks.with_lines(method, path, own, b"\r\n".join(lines))
    return request(method, path, own)


def _broken_path(random: Random, path: bytes) -> bytes:
    place = random.randrange(len(path) + 1)
    before, after = path[:place], path[place:]
    match random.randrange(6):
        case 0 | 1:
            return before + random.choice(_PIECES) + after
        case 2:
            return before + b"%%%02x" % (after or b"/")[0] + after[1:]
        case 3:
            return before + after[:1].swapcase() + after[1:]
        case 4:
            return (
                path
                + random.choice((b"/..", b"/../", b"%2f..%2f", b"/")) * random.randint(1, 3)
                + random.choice([*PERMITTED])[1].lstrip(b"/")
            )
        case _:
            return random.choice([*TARGETS])
