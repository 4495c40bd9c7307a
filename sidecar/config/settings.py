"""Settings: all that an operator can change, each an option and an environment variable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """Return a directory of the shipped pack: in the installed package, else in the checkout."""
    installed = _PACKAGE / "pack" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that an operator can change.

    Each field is an option, ``--max-body-bytes``, and a variable, ``SIDECAR_MAX_BODY_BYTES``.
    """

    policies: Path = shipped("policies")  # noqa: RUF009  a path, computed once
    """Directory of the Polar files and their suites."""

    fixtures: Path = shipped("fixtures")  # noqa: RUF009  a path, computed once
    """Directory of the schema, the settings of the policy, the sentences, and the worlds."""

    bundle: Path | None = None
    """File of a bundle, in place of `policies` and `fixtures`."""

    data: Path | None = None
    """Directory where the facts are mounted; None for the demo world among the fixtures."""

    host: str = "127.0.0.1"

    port: int = 8181
    """0 takes a free one."""

    bind: str = ""
    """``unix:PATH`` or ``HOST:PORT``, in place of `host` and `port`."""

    socket_mode: str = "660"
    """Who may connect to a Unix socket, in octal: by default its owner and its group."""

    tokens: Path | None = None
    """File of the tokens that may ask; None where everybody may who can reach us."""

    certificate: Path | None = None
    """Our certificate for TLS, and those between it and the root."""

    key: Path | None = None
    """Key of the certificate; None when it stands in the same file."""

    client_ca: Path | None = None
    """Who must have signed the certificates of callers; None when they need none."""

    allow_anonymous: bool = False
    """Whether to listen beyond this machine with neither tokens nor certificates of callers."""

    workers: int = 2
    """Processes that answer."""

    threads: int = 4
    """Threads of each process."""

    reload_seconds: float = 0.1
    """How often files are looked at; a change is read once it has been still between two looks."""

    max_staleness: float | None = None
    """Seconds after which facts that nobody has seen to be current answer nothing."""

    stop_seconds: int = 10
    """How long requests may take to end when the sidecar is told to stop."""

    max_body_bytes: int = 64 * 1024

    max_depth: int = 32
    """Levels of nesting of a body: far more than any question needs."""

    max_line_bytes: int = 4094
    """Longest first line of a request."""

    max_header_fields: int = 64

    max_header_bytes: int = 8190
    """Longest of them."""

    max_head_bytes: int = 16 * 1024
    """Longest first line and header fields together."""

    max_waiting: int = 256
    """Most requests at once in each process, those that wait for a thread included."""

    max_connections: int = 500
    """Most connections of each process; for another, the one that is idle longest is closed."""

    transfer_seconds: float = 5.0
    """How long a request may take to come, and its answer to go."""

    request_seconds: float = 10.0
    """How long an answer may be waited for."""

    idle_seconds: float = 75.0
    """How long a connection stays open without a request: callers ask again and again."""

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

    authzen_context: bool = True
    """Whether AuthZEN's decisions have a `context`; an allow with obligations always has one."""

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
