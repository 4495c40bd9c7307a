"""The settings of the sidecar, each an option and an environment variable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sidecar.errors import InvalidSettingError

_PACKAGE = Path(__file__).parents[1]


def shipped(name: str) -> Path:
    """Return a directory of the shipped pack: of the installed package, or of the checkout."""
    installed = _PACKAGE / "pack" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings.

    Each field is an option, ``--max-body-bytes``, and a variable, ``SIDECAR_MAX_BODY_BYTES``.
    """

    policies: Path = shipped("policies")  # noqa: RUF009  a path, computed once
    """The directory of the Polar files and their suites."""

    fixtures: Path = shipped("fixtures")  # noqa: RUF009  a path, computed once
    """The directory of the schema, the settings of the policy, the sentences and the worlds."""

    bundle: Path | None = None
    """The file of a bundle, in place of `policies` and `fixtures`."""

    data: Path | str | None = None
    """The directory of the mounted facts, or the text that names a database, such as
    ``sqlite:PATH``; None for the demo world in the fixtures."""

    sources: Path | None = None
    """The file that maps the types to the tables of a database; None for ``sources.yaml`` beside
    the schema, or where there is none, for the names of the schema."""

    store: Path | None = None
    """The directory of the store for facts that are too many for dictionaries; None for one below
    the directory of temporary files."""

    bad_rows: str = "refuse"
    """``refuse`` a change of the facts with a row that breaks the schema, or take it and ``deny``
    what would read the row."""

    host: str = "127.0.0.1"

    port: int = 8181
    """0 for a free one."""

    bind: str = ""
    """``unix:PATH`` or ``HOST:PORT``, in place of `host` and `port`."""

    socket_mode: str = "660"
    """The mode of a Unix socket, in octal: by default its owner and its group may connect."""

    tokens: Path | None = None
    """The file of accepted bearer tokens; None if callers need no token."""

    certificate: Path | None = None
    """The file of the certificate of the server and its intermediate certificates."""

    key: Path | None = None
    """The file of the key of the certificate; None if it is in the same file."""

    client_ca: Path | None = None
    """The file of the CA of callers' certificates; None if callers need none."""

    admin: str = "127.0.0.1:8182"
    """``HOST:PORT`` or ``unix:PATH``, where the operator asks; ``off`` for none. Port 0 for a free
    one."""

    admin_tokens: Path | None = None
    """The file of bearer tokens that are accepted there; None if no token is needed."""

    compare_root: Path | None = None
    """The directory below which the web page may read packs and revisions, to compare the policy
    in use with them; None for none."""

    jwks: Path | None = None
    """The file of the public keys that verify the tokens of a gateway's clients."""

    allow_anonymous: bool = False
    """Whether to listen beyond this machine with neither tokens nor certificates of callers."""

    workers: int = 2
    """Worker processes."""

    threads: int = 4
    """Threads of each worker process."""

    reload_seconds: float = 0.1
    """Seconds between checks of the files; a change is read after two equal checks."""

    max_staleness: float | None = None
    """Seconds since the last complete check of the facts after which requests are denied."""

    min_revision_seconds: float = 1.0
    """Seconds for which a request with `min_revision` waits until the facts are so new."""

    stop_seconds: int = 10
    """Seconds for running requests to end when the sidecar stops."""

    max_body_bytes: int = 64 * 1024

    max_depth: int = 32
    """Deepest nesting of a body: far more than any request needs."""

    max_line_bytes: int = 4094
    """Longest first line of a request."""

    max_header_fields: int = 64

    max_header_bytes: int = 8190
    """Longest header field."""

    max_head_bytes: int = 16 * 1024
    """Longest first line and header fields together."""

    max_waiting: int = 256
    """Most requests at once in each process, including those that wait for a thread."""

    max_connections: int = 500
    """Most connections of each process; a further one closes the one that is idle longest."""

    transfer_seconds: float = 5.0
    """Seconds for a request to arrive, and for its response to be read."""

    request_seconds: float = 10.0
    """Seconds until a request without a response gets a 503."""

    idle_seconds: float = 75.0
    """Seconds for which a connection stays open without a request."""

    max_evaluations: int = 1000
    """Most requests in one batch."""

    page_size: int = 100
    """Results on a page of a search without a limit."""

    max_page_size: int = 1000
    """Most results on a page of any search."""

    page_key: Path | None = None
    """The file of the key for page tokens; None for a new one at each start."""

    public_url: str = ""
    """The URL that callers use; without it there is no metadata."""

    authzen_context: bool = True
    """Whether AuthZEN decisions have a `context`; an allow with obligations always has one."""

    decision_log: str = ""
    """The file of the decision log, ``-`` for standard output; empty for none."""

    decision_log_failure: str = "refuse"
    """``refuse`` a response that cannot be logged, or send it and ``count`` it."""

    decision_log_key: Path | None = None
    """The file of the key for hashes of sensitive values; None for a new one at each start."""

    decision_log_searches: bool = True
    """Whether searches and lists of permissions are logged, beside decisions."""

    decision_log_max_bytes: int | None = None
    """Bytes of the file before it is renamed; None for no limit."""

    decision_log_max_seconds: int | None = None
    """Seconds of the periods at whose end, in UTC, the file is renamed; None for none."""

    decision_log_keep: int | None = None
    """How many renamed files are kept; None for all."""

    access_log: bool = False

    log_level: str = "info"

    def mount(self) -> Path:
        """Return the directory of the facts.

        Raises:
            InvalidSettingError: They are in a database.
        """
        if isinstance(self.data, str):
            scheme = self.data.partition(":")[0]  # the rest may hold a password
            message = f"`--data {scheme}:...` is no directory, which this command reads"
            raise InvalidSettingError(message)
        return self.fixtures / "worlds" / "demo" if self.data is None else self.data

    def address(self) -> str:
        """Return the address to listen on, in the form of gunicorn."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.bind or f"{host}:{self.port}"
