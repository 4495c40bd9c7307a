"""Settings: all that an operator can change, each an option and an environment variable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from math import inf
from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return a directory of the shipped pack: in the installed package, else in the checkout."""
    installed = _PACKAGE / "pack" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = inf
    if not 0 < value < inf:
        raise ValueError(f"`{text}` is not a positive number of seconds")
    return value


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text) if _NUMBER.fullmatch(text) else -1
        if not least <= value <= most:
            raise ValueError(f"`{text}` is not a whole number from {least} to {most}")
        return value

    return read


_NUMBER = re.compile(r"[0-9]{1,9}")


def _bind(text: str) -> str:
    if text.startswith("unix:"):
        if text == "unix:":
            raise ValueError("`unix:` must be followed by the path of the socket")
        return text
    host, _, port = text.rpartition(":")
    if not host:
        raise ValueError(f"`{text}` is neither `unix:PATH` nor `HOST:PORT`")
    _whole(0, 65535)(port)
    return text


def _public_url(text: str) -> str:
    found = _URL.fullmatch(text)
    if found is None or int(found["port"] or 0) > _MAX_PORT:
        raise ValueError(
            f"`{text}` is not written like `https://pdp.example.com` or "
            "`https://pdp.example.com/base`: no query, no fragment, no slash at the end"
        )
    if found["scheme"] != "https" and not _is_loopback(found["host"].strip("[]")):
        raise ValueError(f"`{text}` must begin with `https://`, except at a loopback address")
    return text


_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)*"
)
_MAX_PORT = 65535


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _flag(text: str) -> bool:
    if text not in _FLAGS:
        raise ValueError(f"`{text}` is not yes or no")
    return _FLAGS[text]


_FLAGS = {"yes": True, "no": False}


def _failure(text: str) -> str:
    if text not in _FAILURES:
        raise ValueError(f"`{text}` is not refuse or count")
    return text


_FAILURES = ("refuse", "count")


def _level(text: str) -> str:
    if text not in _LEVELS:
        raise ValueError(f"`{text}` is not one of {', '.join(_LEVELS)}")
    return text


_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that an operator can change.

    Each field is an option, ``--max-body-bytes``, and a variable, ``SIDECAR_MAX_BODY_BYTES``.
    """

    policies: Path = shipped("policies")  # noqa: RUF009  a path, computed once
    """Directory of the Polar files and their suites."""

    fixtures: Path = shipped("fixtures")  # noqa: RUF009  a path, computed once
    """Directory of the schema, the settings of the policy, the sentences, and the worlds."""

    data: Path | None = None
    """Directory where the facts are mounted; None for the demo world among the fixtures."""

    host: str = "127.0.0.1"

    port: int = 8181
    """0 takes a free one."""

    bind: str = ""
    """``unix:PATH`` or ``HOST:PORT``, in place of `host` and `port`."""

    workers: int = 2
    """Processes that answer."""

    threads: int = 4
    """Threads of each process."""

    reload_seconds: float = 0.1
    """How often files are looked at; a change is read once it has been still between two looks."""

    stop_seconds: int = 10
    """How long requests may take to end when the sidecar is told to stop."""

    max_body_bytes: int = 64 * 1024

    max_evaluations: int = 1000
    """Most questions in one batch."""

    page_size: int = 100
    """Results of a search on one page where the caller says no limit."""

    max_page_size: int = 1000
    """Most results in one answer, whatever the caller says."""

    page_key: Path | None = None
    """File of the key that tokens of pages are made with; None for one that ends with us."""

    public_url: str = ""
    """The URL that callers know us by; without it there is no metadata."""

    decision_log: str = ""
    """File that each decision is written to, ``-`` for standard output; empty for none."""

    decision_log_failure: str = "refuse"
    """What happens to an answer that cannot be logged: it is refused, or given and counted."""

    decision_log_key: Path | None = None
    """File of the key that sensitive values are hashed with; None for one that ends with us."""

    access_log: bool = False

    log_level: str = "info"

    def mount(self) -> Path:
        """Return the directory of the facts."""
        return self.fixtures / "worlds" / "demo" if self.data is None else self.data

    def address(self) -> str:
        """Return the address to listen at, as gunicorn takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.bind or f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Writing:
    """How an operator writes one setting."""

    metavar: str
    read: Callable[[str], object]
    """Raises ValueError, with a sentence about a text that will not do."""
    help: str


WRITINGS: Mapping[str, Writing] = {
    "policies": Writing(
        "DIR", Path, "The *.polar files and their suites.  [default: the shipped ones]"
    ),
    "fixtures": Writing(
        "DIR", Path, "Schema, settings, sentences and worlds.  [default: the shipped ones]"
    ),
    "data": Writing("DIR", Path, "The mounted facts.  [default: worlds/demo in the fixtures]"),
    "host": Writing("HOST", str, "Address to listen at."),
    "port": Writing("PORT", _whole(0, 65535), "Port to listen at; 0 takes a free one."),
    "bind": Writing("ADDRESS", _bind, "unix:PATH or HOST:PORT, in place of host and port."),
    "workers": Writing("N", _whole(1, 1024), "Processes that answer."),
    "threads": Writing("N", _whole(1, 1024), "Threads of each process."),
    "reload_seconds": Writing("SECONDS", _seconds, "How often files are looked at for changes."),
    "stop_seconds": Writing(
        "SECONDS", _whole(1, 3600), "How long requests may take to end when it stops."
    ),
    "max_body_bytes": Writing("BYTES", _whole(1, 16 * 1024 * 1024), "Longest body of a request."),
    "max_evaluations": Writing("N", _whole(1, 100_000), "Most questions in one batch."),
    "page_size": Writing("N", _whole(1, 100_000), "Results on a page of a search without a limit."),
    "max_page_size": Writing("N", _whole(1, 100_000), "Most results on a page of a search."),
    "page_key": Writing(
        "FILE",
        Path,
        "Key for tokens of pages, 32 bytes or more.  [default: a new one at each start]",
    ),
    "public_url": Writing("URL", _public_url, "The https URL callers know it by, for metadata."),
    "decision_log": Writing("FILE", str, "Log each decision to FILE; `-` is standard output."),
    "decision_log_failure": Writing(
        "refuse|count", _failure, "Refuse an answer that cannot be logged, or count it."
    ),
    "decision_log_key": Writing(
        "FILE",
        Path,
        "Key for hashes of sensitive values, 16 bytes or more.  [default: a new one at each start]",
    ),
    "access_log": Writing("yes|no", _flag, "Log a line for each request."),
    "log_level": Writing("LEVEL", _level, f"One of {', '.join(_LEVELS)}."),
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
