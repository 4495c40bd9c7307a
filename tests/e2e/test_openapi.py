"""What /openapi.json says, put to a running sidecar: nothing but documented answers, ever.

``make test`` asks for some seconds; ``make fuzz`` sets FUZZ_SECONDS, and asks other questions
each time.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.e2e.running import UNTRACED, Sidecar, copy_pack, serving

pytestmark = pytest.mark.e2e

FUZZ_SECONDS = os.environ.get("FUZZ_SECONDS")  # noqa: TID251  the tests' own
SECONDS = int(FUZZ_SECONDS or 5)
BODIES = 500 if FUZZ_SECONDS is None else 100 * SECONDS
GROWTH = 1.1

PATHS = (
    "/v1/authorize",
    "/v1/permissions",
    "/access/v1/evaluation",
    "/access/v1/evaluations",
    "/access/v1/search/subject",
    "/access/v1/search/resource",
    "/access/v1/search/action",
)
QUESTION = {
    "subject": {"type": "user", "id": "ana", "properties": {"x": [1.5, None, True]}},
    "action": {"name": "numbers.edit", "properties": {"role": "admin"}},
    "resource": {"type": "account", "id": "acme"},
    "context": {"via_proxy": False, "now": "2026-12-01T12:00:00Z"},
    "page": {"limit": 10, "token": ""},
    "explain": True,
    "max_age": 5,
}
NESTED = (QUESTION, {**QUESTION, "evaluations": [{}, 7]}, {**QUESTION, "requests": [{}, QUESTION]},
          {**QUESTION, "resources": ["account:acme", {"type": "number", "id": "1"}]})  # fmt: skip


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    root = copy_pack(tmp_path_factory.mktemp("fuzzed"))
    with serving(root, "--public-url", "https://pdp.example.com", variables=UNTRACED) as running:
        yield running


def memory(sidecar: Sidecar) -> dict[int, int]:
    """Return the kilobytes that each worker holds."""
    found = {}
    for pid in sidecar.workers():
        status = Path(f"/proc/{pid}/status").read_text()
        found[pid] = int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])
    return found


# --- what is no question ------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a good body with some of it replaced, removed, repeated or cut off."""
    body = json.dumps(draw(st.sampled_from(NESTED))).encode()
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 20)))
    middle = draw(st.binary(max_size=4) | st.sampled_from([
        b"", b"{", b"[" * 40, b"]", b'"', b",", b"null", b"1e999", b"-", b"\\ud800", b"NaN",
        b"\x00", body[start:end] * 2,
    ]))  # fmt: skip
    return body[:start] + middle + draw(st.sampled_from([body[end:], b""]))


@st.composite
def replaced(draw: st.DrawFn) -> bytes:
    """Return a good body in which a member is anything at all."""
    said: dict[str, Any] = dict(draw(st.sampled_from(NESTED)))
    name = draw(st.sampled_from(sorted(said)))
    inner = said[name]
    if isinstance(inner, dict) and inner and draw(st.booleans()):
        said[name] = {**inner, draw(st.sampled_from(sorted(inner))): draw(values)}
    else:
        said[name] = draw(values)
    return json.dumps(said).encode()


@settings(
    max_examples=BODIES,
    deadline=None,
    derandomize=FUZZ_SECONDS is None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(path=st.sampled_from(PATHS), body=st.binary() | damaged() | replaced())
def test_whatever_is_sent_is_answered_or_refused_in_json(
    sidecar: Sidecar, path: str, body: bytes
) -> None:
    with closing(sidecar.connect()) as connection:
        status, told = send(connection, path, body)

    assert status in {200, 400}
    assert status == 200 or (told["decision"], told["error"]["status"]) == (False, 400)


def send(connection: http.client.HTTPConnection, path: str, body: bytes) -> tuple[int, Any]:
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


# --- what is documented -------------------------------------------------------------------------


def test_nothing_but_documented_answers_is_given_and_no_memory_lost(
    sidecar: Sidecar, tmp_path: Path
) -> None:
    # What is kept for each kind of question is made by the first ones.
    _ask_what_is_documented(sidecar, tmp_path, max(3, SECONDS // 10))
    before = memory(sidecar)

    asked = _ask_what_is_documented(sidecar, tmp_path, SECONDS)

    after = memory(sidecar)
    assert asked.returncode == 0, asked.stdout
    assert after.keys() == before.keys(), "a worker has died"
    grown = {pid: f"{before[pid]} to {after[pid]} kB" for pid in before
             if after[pid] > before[pid] * GROWTH}  # fmt: skip
    assert grown == {}
    assert "Traceback" not in sidecar.log()


def _ask_what_is_documented(
    sidecar: Sidecar, directory: Path, seconds: int
) -> subprocess.CompletedProcess[str]:
    url = f"http://127.0.0.1:{sidecar.port}"
    program = Path(sys.executable).with_name("schemathesis")
    config = Path(__file__).with_name("schemathesis.toml")
    seed = ("--seed", "1") if FUZZ_SECONDS is None else ()
    return subprocess.run(  # noqa: S603  a tool of ours
        [
            program, "--config-file", config, "run", f"{url}/openapi.json", "--url", url,
            "--continue-on-failure", "--max-time", str(seconds), "--request-timeout", "10",
            "--generation-database", "none", *seed,
        ],
        cwd=directory, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **UNTRACED},  # noqa: TID251  a child's
    )  # fmt: skip
