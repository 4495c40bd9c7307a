"""The form of each setting as a command-line option and as an environment variable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from sidecar.config import values as texts
from sidecar.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a setting."""

    metavar: str
    read: Callable[[str], object]
    """Returns the value of a text; raises ValueError with a message for an invalid one."""
    help: str


FORMS: Mapping[str, Form] = {
    "policies": Form(
        "DIR",
        Path,
        "The *.polar files and their suites.  [default: the nearest; `serve`: the shipped]",
    ),
    "fixtures": Form(
        "DIR",
        Path,
        "Schema, settings, sentences and worlds.  [default: the nearest; `serve`: the shipped]",
    ),
    "bundle": Form(
        "FILE", Path, "A bundle that `sidecar build` wrote, in place of policies and fixtures."
    ),
    "data": Form(
        "DIR|URL",
        texts.data,
        "The facts: a directory, sqlite:PATH or postgresql://...  [default: the fixtures' demo]",
    ),
    "sources": Form(
        "FILE",
        Path,
        "The tables and columns of the types in a database.  [default: beside the schema, if any]",
    ),
    "store": Form(
        "DIR",
        Path,
        "The store of facts of a database or a large directory.  [default: a temporary one]",
    ),
    "bad_rows": Form(
        "refuse|deny",
        texts.bad_rows,
        "Refuse a change with a row that breaks the schema, or deny what reads the row.",
    ),
    "host": Form("HOST", str, "Address to listen on."),
    "port": Form("PORT", texts.whole(0, 65535), "Port to listen on; 0 takes a free one."),
    "bind": Form("ADDRESS", texts.bind, "unix:PATH or HOST:PORT, instead of host and port."),
    "socket_mode": Form("MODE", texts.mode, "Who may connect to a Unix socket, in octal."),
    "tokens": Form("FILE", Path, "Accepted bearer tokens, one a line: NAME TOKEN, or TOKEN."),
    "certificate": Form("FILE", Path, "Certificate of the server; enables TLS 1.2 or newer."),
    "key": Form("FILE", Path, "Key of the certificate, if it is not in the same file."),
    "client_ca": Form("FILE", Path, "CA that must have signed the certificate of each caller."),
    "admin": Form(
        "ADDRESS",
        texts.admin,
        "HOST:PORT or unix:PATH for health, status and metrics; `off` for none.",
    ),
    "admin_tokens": Form(
        "FILE", Path, "Accepted bearer tokens at the address of `--admin`, as in `--tokens`."
    ),
    "compare_root": Form(
        "DIR",
        Path,
        "Below it the web page reads packs and revisions to compare with.  [default: nowhere]",
    ),
    "jwks": Form("FILE", Path, "Public keys (JWKS) for the tokens of a gateway's clients."),
    "allow_anonymous": Form(
        "WORDS",
        texts.anonymous,
        f"`{texts.ANYONE}` listens beyond this machine without tokens or client CA.",
    ),
    "workers": Form("N", texts.whole(1, 1024), "Worker processes."),
    "threads": Form(
        "N", texts.whole(1, 1024), "Threads of each worker process, for slow requests."
    ),
    "reload_seconds": Form(
        "SECONDS",
        texts.seconds,
        "Interval between checks of the files or the database for changes.",
    ),
    "max_staleness": Form(
        "SECONDS",
        texts.seconds,
        "Deny when the last complete check of the facts is older.  [default: never]",
    ),
    "min_revision_seconds": Form(
        "SECONDS", texts.seconds, "How long a request waits for the facts of its min_revision."
    ),
    "stop_seconds": Form(
        "SECONDS", texts.whole(1, 3600), "Time for running requests to end at a stop."
    ),
    "max_body_bytes": Form("BYTES", texts.whole(1, 16 * 1024 * 1024), "Longest body of a request."),
    "max_depth": Form("N", texts.whole(1, 200), "Deepest nesting of a body."),
    "max_line_bytes": Form("BYTES", texts.whole(64, 8190), "Longest first line of a request."),
    "max_header_fields": Form("N", texts.whole(1, 1000), "Most header fields of a request."),
    "max_header_bytes": Form("BYTES", texts.whole(64, 65536), "Longest header field."),
    "max_head_bytes": Form(
        "BYTES", texts.whole(128, 1024 * 1024), "Longest first line and header fields together."
    ),
    "max_waiting": Form(
        "N",
        texts.whole(1, 100_000),
        "Most requests at once in each process, including waiting ones.",
    ),
    "max_connections": Form("N", texts.whole(2, 100_000), "Most connections of each process."),
    "transfer_seconds": Form(
        "SECONDS", texts.seconds, "Time for a request to arrive, and for its response to be read."
    ),
    "request_seconds": Form(
        "SECONDS", texts.seconds, "Time until a request without a response gets a 503."
    ),
    "idle_seconds": Form(
        "SECONDS", texts.seconds, "Time for which a connection may stay open without a request."
    ),
    "max_evaluations": Form("N", texts.whole(1, 100_000), "Most requests in one batch."),
    "page_size": Form(
        "N", texts.whole(1, 100_000), "Results on a page of a search that sets no limit."
    ),
    "max_page_size": Form("N", texts.whole(1, 100_000), "Most results on a page of a search."),
    "page_key": Form(
        "FILE",
        Path,
        "Key for page tokens, 32 bytes or more.  [default: a new one at each start]",
    ),
    "public_url": Form(
        "URL", texts.public_url, "The https URL that callers use, for the metadata."
    ),
    "authzen_context": Form(
        "yes|no", texts.flag, "`no` leaves `context` out of AuthZEN decisions without obligations."
    ),
    "decision_log": Form("FILE", str, "Log each decision to FILE; `-` is standard output."),
    "decision_log_failure": Form(
        "refuse|count", texts.failure, "Refuse a response that cannot be logged, or count it."
    ),
    "decision_log_key": Form(
        "FILE",
        Path,
        "Key for hashes of sensitive values, 16 bytes or more.  [default: a new one at each start]",
    ),
    "decision_log_searches": Form(
        "yes|no", texts.flag, "`no` logs decisions alone: no searches, no lists of permissions."
    ),
    "decision_log_max_bytes": Form(
        "BYTES",
        texts.whole(4096, 999_999_999),
        "Rename the decision log before it gets larger.  [default: never]",
    ),
    "decision_log_max_seconds": Form(
        "SECONDS",
        texts.whole(1, 100_000_000),
        "Rename the decision log when a period of this length ends, in UTC.  [default: never]",
    ),
    "decision_log_keep": Form(
        "N",
        texts.whole(1, 1_000_000),
        "Renamed decision logs that are kept; older ones are deleted.  [default: all]",
    ),
    "access_log": Form("yes|no", texts.flag, "Log a line for each request."),
    "log_level": Form("LEVEL", texts.level, f"One of {', '.join(texts.LEVELS)}."),
}
"""By the name of the field, in the order of the fields."""


def default_text(name: str) -> str:
    """Return the text of the default; empty if the help states it."""
    default = {declared.name: declared.default for declared in fields(Settings)}[name]
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "" if isinstance(default, Path) or default is None else str(default)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"SIDECAR_{name.upper()}"
