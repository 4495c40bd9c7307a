"""Load, by wrk: on its own core, over TCP and, through a small shim, over a Unix socket."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.places import Place
from bench.shapes import Shape

CONNECTIONS = 16
PATIENCE_SECONDS = 30
SHIM_SOURCE = Path(__file__).with_name("unix_socket.c")
_MARK = "bench: "
_DONE = """
local turn = 0
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('bench: {"requests": %d, "microseconds": %d, "refused": %d, ' ..
    '"broken": %d, "p50": %d, "p99": %d, "p999": %d}\\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"""


class LoadError(Exception):
    """The load could not be made, or was not answered: there is nothing to report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What came of a run; latencies in microseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    p999: float

    @property
    def throughput(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def load(place: Place, shape: Shape, seconds: int, core: int, folder: Path) -> Loaded:
    """Ask the shape's bodies in turn on all connections for so many seconds.

    `folder` takes the script and the shim.

    Raises:
        LoadError: There is no wrk or no C compiler for the shim, or a request was not answered
            with a success.
    """
    script = folder / "requests.lua"
    script.write_text(lua(shape), encoding="utf-8")
    command = [
        *("taskset", "--cpu-list", str(core), "wrk", "--threads", "1"),
        *("--connections", str(CONNECTIONS), "--duration", f"{seconds}s", "--timeout", "60s"),
        *("--script", str(script), f"http://127.0.0.1:{place.port}{shape.path}"),
    ]
    unix = _through_shim(place.path, folder) if place.path else {}
    try:
        ran = subprocess.run(  # noqa: S603  our own command
            command,
            env={**os.environ, **unix},
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


def parse(output: str) -> Loaded:
    """Read what wrk printed.

    Raises:
        LoadError: There is no summary, no request was answered, or one was answered by an error
            or not at all.
    """
    lines = [line for line in output.splitlines() if line.startswith(_MARK)]
    if len(lines) != 1:
        raise LoadError(f"wrk told no summary: {output[-500:]}")
    said = json.loads(lines[0].removeprefix(_MARK))
    if said["refused"] or said["broken"]:
        raise LoadError(f"{said['refused']} errors were answered, {said['broken']} nothing at all")
    if not said["requests"]:
        raise LoadError("nothing was answered")
    return Loaded(
        requests=said["requests"],
        seconds=said["microseconds"] / 1e6,
        p50=said["p50"],
        p99=said["p99"],
        p999=said["p999"],
    )


def lua(shape: Shape) -> str:
    """Return the script that makes wrk ask the bodies of a shape, one after the other."""
    headers = ", ".join(f"[{_quoted(k)}] = {_quoted(v)}" for k, v in shape.headers.items())
    lines = [
        f'  requests[#requests + 1] = wrk.format("POST", {_quoted(shape.path)}, '
        f"{{{headers}}}, {_quoted(body.decode())})"
        for body in shape.bodies
    ]
    return "\n".join(["local requests = {}", "init = function()", *lines, "end", _DONE])


def _quoted(text: str) -> str:
    """Write a text as Lua reads it: by the decimal numbers of all that is not plain."""
    plain = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\' else _escaped(char)
        for char in text
    )
    return f'"{plain}"'


def _escaped(char: str) -> str:
    return "".join(f"\\{byte:03d}" for byte in char.encode())


def _through_shim(path: Path, folder: Path) -> Mapping[str, str]:
    shim = folder / "unix_socket.so"
    if not shim.exists():
        compiler = shutil.which("cc") or shutil.which("gcc")
        if not compiler:
            raise LoadError("a C compiler is needed to load a Unix socket with wrk")
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(shim), str(SHIM_SOURCE), "-ldl"]
        built = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if built.returncode:
            raise LoadError(f"the shim for Unix sockets does not compile: {built.stderr[-500:]}")
    return {"LD_PRELOAD": str(shim), "BENCH_UNIX": str(path)}
