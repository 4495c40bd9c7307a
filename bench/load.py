"""Loads a server with wrk, on a core of its own; every request has fresh trace headers."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.traffic import BATCH, BATCH_BODY, HEADERS, Traffic

CONNECTIONS = 16
PATIENCE_SECONDS = 30
_MARK = "bench: "
_SCRIPT = """
local items = {}
for line in io.lines(%(items)s) do items[#items + 1] = line end
local before, after = %(before)s, %(after)s
local head = "POST %(path)s HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n%(headers)s"
local number, turn, salt = 0, 0, os.time() %% 65536

local function body()
  if not %(is_batch)s then
    turn = turn %% #items + 1
    return items[turn]
  end
  local chosen = {}
  for place = 1, %(batch)d do
    turn = %(in_turn)s and turn %% #items + 1 or math.random(#items)
    chosen[place] = items[turn]
  end
  return before .. table.concat(chosen, ",") .. after
end

request = function()
  number = number + 1
  local text = body()
  return string.format("%%straceparent: 00-%%04x0000000000000000%%012x-%%016x-01\\r\\n" ..
    "X-Request-ID: %%04x-%%012x\\r\\nContent-Length: %%d\\r\\n\\r\\n%%s",
    head, salt, number, number, salt, number, #text, text)
end

done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('bench: {"requests": %%d, "microseconds": %%d, "refused": %%d, ' ..
    '"broken": %%d, "p50": %%d, "p99": %%d, "p999": %%d}\\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""


class LoadError(Exception):
    """The load could not be made, or was refused: there is nothing to report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The result of one load; latencies in microseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    p999: float

    @property
    def throughput(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def load(port: int, traffic: Traffic, seconds: float, core: int, folder: Path) -> Loaded:
    """Send requests on all connections for so many seconds; `folder` takes script and items.

    Raises:
        LoadError: wrk is missing, or a request was not answered with a success.
    """
    items = folder / "items.txt"
    items.write_text("\n".join(traffic.items) + "\n", encoding="utf-8")
    script = folder / "requests.lua"
    script.write_text(lua(traffic, items), encoding="utf-8")
    command = [
        *("taskset", "--cpu-list", str(core), "wrk", "--threads", "1"),
        *("--connections", str(CONNECTIONS), "--duration", f"{seconds:g}s", "--timeout", "60s"),
        *("--script", str(script), f"http://127.0.0.1:{port}{traffic.path}"),
    ]
    try:
        ran = subprocess.run(  # noqa: S603  our own command
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"wrk did not end {PATIENCE_SECONDS} s after its time") from error
    except FileNotFoundError as error:
        raise LoadError(f"`{error.filename}` is missing; `make bench` installs wrk") from error
    if ran.returncode:
        raise LoadError(f"wrk ended with {ran.returncode}: {(ran.stderr or ran.stdout)[-500:]}")
    return parse(ran.stdout)


def lua(traffic: Traffic, items: Path) -> str:
    """Return the script by which wrk writes each request anew."""
    before, after = BATCH_BODY.format("\0").split("\0")
    return _SCRIPT % {
        "items": json.dumps(str(items)),
        "before": json.dumps(before),
        "after": json.dumps(after),
        "path": traffic.path,
        "headers": "".join(f"{name}: {value}\\r\\n" for name, value in HEADERS.items()),
        "is_batch": str(traffic.is_batch).lower(),
        "in_turn": str(traffic.in_turn).lower(),
        "batch": BATCH,
    }


def parse(output: str) -> Loaded:
    """Read the summary that the script prints.

    Raises:
        LoadError: There is no summary, or a request was answered by an error or not at all.
    """
    lines = [line for line in output.splitlines() if line.startswith(_MARK)]
    if len(lines) != 1:
        raise LoadError(f"wrk printed no summary: {output[-500:]}")
    summary = json.loads(lines[0].removeprefix(_MARK))
    if summary["refused"] or summary["broken"]:
        raise LoadError(f"{summary['refused']} errors, {summary['broken']} requests unanswered")
    if not summary["requests"]:
        raise LoadError("no request was answered")
    return Loaded(
        requests=summary["requests"],
        seconds=summary["microseconds"] / 1e6,
        p50=summary["p50"],
        p99=summary["p99"],
        p999=summary["p999"],
    )
