"""The address of a PostgreSQL server, as `--data` gives it, and its rotating password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from sidecar.errors import InvalidSettingError
from sidecar.schema.messages import one_of, shown
from sidecar.watch import read_file

SCHEMES = ("postgresql", "postgres")
CONNECT_SECONDS = 5
PASSWORD_FILE = "password_file"  # noqa: S105 - the name of an option
_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})
_SSL_MODES = ("verify-full", "verify-ca", "disable")
_MAX_PASSWORD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server and a database."""

    name: str
    """Host and database, for problems and logs."""
    url: str
    """The URL without a password, with the options of libpq."""
    password_file: Path | None
    """A file with the password alone, read for each connection, since it may rotate."""

    def parameters(self) -> Mapping[str, str]:
        """Return the parameters of a connection that are not in the URL.

        Raises:
            OSError: The file of the password cannot be read.
            ValueError: It is not UTF-8.
        """
        if self.password_file is None:
            return {}
        content = read_file(self.password_file, _MAX_PASSWORD_BYTES)
        return {"password": content.decode().rstrip("\r\n")}


def read_address(text: str) -> Address:
    """Return the address of a URL: ``postgresql://user@host:port/database?option=value``.

    TLS is verified, unless the server is on this machine or the URL says `sslmode=disable`.

    Raises:
        InvalidSettingError: The URL cannot be used.
    """
    try:
        parts = urlsplit(text)
        options = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
    except ValueError as error:
        raise InvalidSettingError("--data: the URL of PostgreSQL cannot be read") from error
    if parts.password is not None or "password" in options:
        mend = f"write it into a file, and `{PASSWORD_FILE}=/path` or `passfile=/path` into the URL"
        raise InvalidSettingError(f"--data: the URL holds a password, which others can see; {mend}")
    _, _, place = parts.netloc.rpartition("@")
    hosts = [_host(each) for each in (options.get("host") or unquote(place)).split(",")]
    is_local = all(host in _LOCAL or host.startswith("/") for host in hosts)
    mode = options.setdefault("sslmode", "prefer" if is_local else "verify-full")
    if mode not in _SSL_MODES and not is_local:
        raise InvalidSettingError(
            f"--data: sslmode {shown(mode)} does not verify the server; write one of"
            f" {one_of(_SSL_MODES)}"
        )
    if mode == "verify-full":
        options.setdefault("sslrootcert", "system")
    options.setdefault("application_name", "sidecar")
    options.setdefault("connect_timeout", str(CONNECT_SECONDS))
    options.setdefault("gssencmode", "disable")
    options["client_encoding"] = "utf8"
    file = options.pop(PASSWORD_FILE, "")
    url = urlunsplit(parts._replace(query=urlencode(options, quote_via=quote)))
    name = f"{','.join(filter(None, hosts)) or 'localhost'}{parts.path.rstrip('/')}"
    return Address(name, url, Path(file) if file else None)


def _host(text: str) -> str:
    host, bracket, _ = text.removeprefix("[").partition("]")
    return host if bracket else text.partition(":")[0]
