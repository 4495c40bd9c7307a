"""The parts of the source of PostgreSQL that need no server."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.errors import InvalidSettingError
from sidecar.facts import Cell, Quoted
from sidecar.facts.row_batches import Refused
from sidecar.facts.sources import watchdog as watching
from sidecar.facts.sources.postgresql_address import read_address
from sidecar.facts.sources.postgresql_cells import Fields, cell_reader, copied_rows, selected
from sidecar.facts.sources.watchdog import Watchdog
from sidecar.schema import Schema

_SIGNS = {
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def copied(fields: Fields) -> str:
    """Return a row as COPY writes it."""
    texts = [r"\N" if f is None else "".join(_SIGNS.get(sign, sign) for sign in f) for f in fields]
    return "\t".join(texts) + "\n"


TEXT = st.text(st.sampled_from('abN\\\t\n\r\b\f\vä€\u2028"{},'), max_size=6)


@given(st.lists(st.tuples(st.none() | TEXT, st.none() | TEXT), max_size=5), st.integers(1, 9))
def test_rows_of_copy_are_read_as_they_were_written(
    rows: list[tuple[str | None, str | None]], size: int
) -> None:
    lines = [copied(row).encode() for row in rows]
    blocks = [b"".join(lines[start : start + size]) for start in range(0, len(lines), size)]

    assert [tuple(row) for row in copied_rows(blocks)] == rows


@pytest.mark.parametrize(
    ("type_name", "text", "cell"),
    [
        ("text", "7", Quoted("7")),
        ("bigint", "7", Quoted("7")),
        ("numeric", "7.0", "7.0"),
        ("boolean", "true", "true"),
        ("bytea", "\\x00", Refused("is binary; store text")),
        ("jsonb", '"a"', Quoted("a")),
        ("jsonb", "broken", Quoted("broken")),
        ("text[]", '["a",null]', [Quoted("a"), "null"]),
    ],
)
def test_a_column_of_a_text_has_the_cells_of_its_type(
    schema: Schema, type_name: str, text: str, cell: Cell
) -> None:
    found = cell_reader(schema.types["person"].attributes["id"], type_name)(text)

    assert (found, type(found)) == (cell, type(cell))


def test_an_integer_of_an_integer_column_is_a_number(schema: Schema) -> None:
    badge = schema.types["person"].attributes["badge"]

    assert type(cell_reader(badge, "integer")("7")) is str
    assert type(cell_reader(badge, "text")("7")) is Quoted


def test_arrays_are_selected_as_json() -> None:
    assert selected('source."a"', "text[]") == 'array_to_json(source."a")::text'
    assert selected('source."a"', "uuid") == 'source."a"::text'


@pytest.mark.parametrize(
    ("url", "name", "mode"),
    [
        ("postgresql://reader@db.example:5433/app", "db.example/app", "verify-full"),
        ("postgresql://reader@db/app?sslmode=disable", "db/app", "disable"),
        ("postgresql://reader@a,b:5433/app", "a,b/app", "verify-full"),
        ("postgresql://reader@127.0.0.1/app", "127.0.0.1/app", "prefer"),
        ("postgresql://reader@[::1]:5432/app", "::1/app", "prefer"),
        ("postgresql:///app?host=/run/postgresql", "/run/postgresql/app", "prefer"),
        ("postgresql:///app", "localhost/app", "prefer"),
    ],
)
def test_tls_is_verified_unless_the_server_is_near(url: str, name: str, mode: str) -> None:
    address = read_address(url)

    assert address.name == name
    assert f"sslmode={mode}" in address.url
    assert ("sslrootcert=system" in address.url) == (mode == "verify-full")
    assert address.parameters() == {}


def test_a_password_is_read_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "password"
    address = read_address(f"postgresql://reader@db/app?password_file={file}")

    for password in ("one", " two "):
        file.write_text(f"{password}\n")
        assert address.parameters() == {"password": password}
    assert "password" not in address.url


def test_a_url_without_meaning_is_refused() -> None:
    with pytest.raises(InvalidSettingError, match="cannot be read"):
        read_address("postgresql://db/app?novalue")


def test_a_silent_peer_is_cut_off() -> None:
    here, there = socket.socketpair()
    with here, there, Watchdog(here.fileno(), 0.1) as watchdog:
        assert here.recv(1) == b""  # it would wait for ever
    assert watchdog.expired


def test_a_peer_is_not_cut_off_while_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1.0
    monkeypatch.setattr(watching, "elapsed", lambda: now)
    here, there = socket.socketpair()
    with here, there, Watchdog(here.fileno(), 0.1) as watchdog:
        watchdog.pause()
        now += 10
        watchdog.check()
        watchdog.extend()
        there.send(b"x")
        assert here.recv(1) == b"x"
    assert not watchdog.expired
