"""How an operator writes each setting: as an option, and as an environment variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from sidecar.config import values as texts
from sidecar.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Writing:
    """How an operator writes one setting."""

    metavar: str
    read: Callable[[str], object]
    """Raises ValueError, with a sentence about a text that will not do."""
    help: str


WRITINGS: Mapping[str, Writing] = {
    "policies": Writing(
        "DIR",
        Path,
        "The *.polar files and their suites.  [default: the nearest; `serve`: the shipped]",
    ),
    "fixtures": Writing(
        "DIR",
        Path,
        "Schema, settings, sentences and worlds.  [default: the nearest; `serve`: the shipped]",
    ),
    "bundle": Writing(
        "FILE", Path, "A bundle that `sidecar build` wrote, in place of policies and fixtures."
    ),
    "data": Writing("DIR", Path, "The mounted facts.  [default: worlds/demo in the fixtures]"),
    "host": Writing("HOST", str, "Address to listen on."),
    "port": Writing("PORT", texts.whole(0, 65535), "Port to listen on; 0 takes a free one."),
    "bind": Writing("ADDRESS", texts.bind, "unix:PATH or HOST:PORT, instead of host and port."),
    "socket_mode": Writing("MODE", texts.mode, "Who may connect to a Unix socket, in octal."),
    "tokens": Writing("FILE", Path, "Accepted bearer tokens, one a line: NAME TOKEN, or TOKEN."),
    "certificate": Writing("FILE", Path, "Certificate of the server; enables TLS 1.2 or newer."),
    "key": Writing("FILE", Path, "Key of the certificate, if it is not in the same file."),
    "client_ca": Writing("FILE", Path, "CA that must have signed the certificate of each caller."),
    "allow_anonymous": Writing(
        "WORDS",
        texts.anyone,
        f"`{texts.ANYONE}` listens beyond this machine without tokens or client CA.",
    ),
    "workers": Writing("N", texts.whole(1, 1024), "Worker processes."),
    "threads": Writing(
        "N", texts.whole(1, 1024), "Threads of each worker process, for slow requests."
    ),
    "reload_seconds": Writing(
        "SECONDS", texts.seconds, "Interval between checks of the files for changes."
    ),
    "max_staleness": Writing(
        "SECONDS",
        texts.seconds,
        "Deny when the last complete check of the facts is older.  [default: never]",
    ),
    "stop_seconds": Writing(
        "SECONDS", texts.whole(1, 3600), "Time for running requests to end at a stop."
    ),
    "max_body_bytes": Writing(
        "BYTES", texts.whole(1, 16 * 1024 * 1024), "Longest body of a request."
    ),
    "max_depth": Writing("N", texts.whole(1, 200), "Deepest nesting of a body."),
    "max_line_bytes": Writing("BYTES", texts.whole(64, 8190), "Longest first line of a request."),
    "max_header_fields": Writing("N", texts.whole(1, 1000), "Most header fields of a request."),
    "max_header_bytes": Writing("BYTES", texts.whole(64, 65536), "Longest header field."),
    "max_head_bytes": Writing(
        "BYTES", texts.whole(128, 1024 * 1024), "Longest first line and header fields together."
    ),
    "max_waiting": Writing(
        "N",
        texts.whole(1, 100_000),
        "Most requests at once in each process, including waiting ones.",
    ),
    "max_connections": Writing("N", texts.whole(2, 100_000), "Most connections of each process."),
    "transfer_seconds": Writing(
        "SECONDS", texts.seconds, "Time for a request to arrive, and for its response to be read."
    ),
    "request_seconds": Writing(
        "SECONDS", texts.seconds, "Time until a request without a response gets a 503."
    ),
    "idle_seconds": Writing(
        "SECONDS", texts.seconds, "Time for which a connection may stay open without a request."
    ),
    "max_evaluations": Writing("N", texts.whole(1, 100_000), "Most requests in one batch."),
    "page_size": Writing(
        "N", texts.whole(1, 100_000), "Results on a page of a search that sets no limit."
    ),
    "max_page_size": Writing("N", texts.whole(1, 100_000), "Most results on a page of a search."),
    "page_key": Writing(
        "FILE",
        Path,
        "Key for page tokens, 32 bytes or more.  [default: a new one at each start]",
    ),
    "public_url": Writing(
        "URL", texts.public_url, "The https URL that callers use, for the metadata."
    ),
    "authzen_context": Writing(
        "yes|no", texts.flag, "`no` leaves `context` out of AuthZEN decisions without obligations."
    ),
    "decision_log": Writing("FILE", str, "Log each decision to FILE; `-` is standard output."),
    "decision_log_failure": Writing(
        "refuse|count", texts.failure, "Refuse a response that cannot be logged, or count it."
    ),
    "decision_log_key": Writing(
        "FILE",
        Path,
        "Key for hashes of sensitive values, 16 bytes or more.  [default: a new one at each start]",
    ),
    "access_log": Writing("yes|no", texts.flag, "Log a line for each request."),
    "log_level": Writing("LEVEL", texts.level, f"One of {', '.join(texts.LEVELS)}."),
}
"""Field to how it is written, in the order of the fields."""


def default_text(name: str) -> str:
    """Return the default as an operator would write it; empty where the help tells it."""
    default = {declared.name: declared.default for declared in fields(Settings)}[name]
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "" if isinstance(default, Path) or default is None else str(default)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"SIDECAR_{name.upper()}"
