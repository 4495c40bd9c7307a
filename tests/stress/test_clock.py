"""The clock of the machine jumps under load, forth and back: the policy sees it at once.

A shim moves the clock of the processes, and leaves the monotonic one alone, as a real jump does.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from mmap import mmap
from pathlib import Path

import pytest

from tests.e2e.running import serving
from tests.stress.load import REQUESTS, asked, load, tell

pytestmark = pytest.mark.e2e

SHIM = Path(__file__).with_name("clock.c")
JUMPS = 20
ENDS = datetime(2027, 6, 30, tzinfo=UTC)
"""When the contract of `acme` ends in the demo world: R8, only the owner has access then."""


@pytest.fixture
def clock(tmp_path: Path) -> tuple[dict[str, str], Callable[[datetime], None]]:
    """Return the variables of a process whose clock can be set, and what sets it."""
    shim, file = tmp_path / "clock.so", tmp_path / "offset"
    subprocess.run(  # noqa: S603  our own source
        ["cc", "-shared", "-fPIC", "-o", shim, SHIM],  # noqa: S607  the system's compiler
        check=True,
    )
    file.write_bytes(bytes(8))
    with file.open("r+b") as stream:
        offset = memoryview(mmap(stream.fileno(), 8)).cast("q")

    def set_to(moment: datetime) -> None:
        offset[0] = round(moment.timestamp() - time.time())

    return {"LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(file)}, set_to


def test_an_answer_is_that_of_the_clock_as_it_is_wherever_it_jumps(
    root: Path, clock: tuple[dict[str, str], Callable[[datetime], None]]
) -> None:
    variables, set_to = clock
    before, after = ENDS - timedelta(days=1), ENDS + timedelta(days=365)
    set_to(before)
    requests = {"owner": asked("ana", "numbers.edit"), "others": asked("dora", "numbers.edit")}
    with (
        serving(root, "--max-staleness", "60", variables=variables) as sidecar,
        load(sidecar.port, requests) as clients,
    ):
        for number in range(1, JUMPS + 1):
            clients.reach(clients.count() + REQUESTS / JUMPS)
            clients.begin_phase()
            set_to(after if number % 2 else before)
            time.sleep(0.05)  # a worker reads the clock each millisecond
            clients.begin_phase()
        clients.reach(clients.count() + REQUESTS / JUMPS)

    tell(f"{JUMPS} jumps of the clock", clients)
    assert clients.failed == []
    assert clients.decided("owner") == {True}
    others = [
        seen
        for seen in clients.decisions
        if seen.name == "others" and seen.sent == seen.received and not seen.sent % 2
    ]
    assert {seen.sent // 2 for seen in others} >= set(range(JUMPS))
    assert [seen for seen in others if seen.decision is not (seen.sent // 2 % 2 == 0)] == []
