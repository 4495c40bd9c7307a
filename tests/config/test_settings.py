"""Settings: each is an option and a variable, read by a reader that refuses with a sentence."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from sidecar.config import settings as module
from sidecar.config.settings import Settings, shipped
from sidecar.config.variables import FORMS, default_text, variable


def test_every_setting_can_be_written_by_an_operator() -> None:
    assert list(FORMS) == [declared.name for declared in fields(Settings)]


@pytest.mark.parametrize("name", FORMS)
def test_a_default_is_what_its_own_text_means(name: str) -> None:
    text = default_text(name)

    assert not text or FORMS[name].read(text) == getattr(Settings(), name)


def test_a_variable_has_the_name_of_the_setting() -> None:
    assert variable("max_body_bytes") == "SIDECAR_MAX_BODY_BYTES"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "0", 0),
        ("port", "65535", 65535),
        ("workers", "1", 1),
        ("reload_seconds", "0.05", 0.05),
        ("reload_seconds", "2", 2.0),
        ("bind", "unix:/run/sidecar.sock", "unix:/run/sidecar.sock"),
        ("bind", "[::1]:8181", "[::1]:8181"),
        ("bind", "localhost:80", "localhost:80"),
        ("admin", "off", "off"),
        ("admin", "unix:/run/admin.sock", "unix:/run/admin.sock"),
        ("admin", "127.0.0.1:0", "127.0.0.1:0"),
        ("access_log", "yes", True),
        ("log_level", "debug", "debug"),
        ("data", "/data", Path("/data")),
        ("page_size", "1", 1),
        ("page_key", "/run/secrets/page", Path("/run/secrets/page")),
        *(
            ("public_url", url, url)
            for url in (
                "https://pdp.example.com",
                "https://pdp.example.com:8443/base/of-it/v1.0",
                "https://[2001:db8::1]/x",
                "http://localhost:8181",
                "http://127.0.0.1",
                "http://127.8.9.1:80/x",
                "http://[::1]:8181",
            )
        ),
    ],
)
def test_a_text_is_read_as_what_it_means(name: str, text: str, value: object) -> None:
    assert FORMS[name].read(text) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("port", "65536", "`65536` is not a whole number from 0 to 65535"),
        ("port", "-1", "is not a whole number"),
        ("port", "80.0", "is not a whole number"),
        ("port", "٨٠", "is not a whole number"),
        ("port", "", "is not a whole number"),
        ("workers", "0", "from 1 to 1024"),
        ("threads", "9" * 5000, "from 1 to 1024"),
        ("reload_seconds", "0", "is not a positive number of seconds"),
        ("reload_seconds", "nan", "is not a positive number of seconds"),
        ("reload_seconds", "inf", "is not a positive number of seconds"),
        ("reload_seconds", "soon", "is not a positive number of seconds"),
        ("bind", "8181", "is neither `unix:PATH` nor `HOST:PORT`"),
        ("bind", "localhost:http", "is not a whole number"),
        ("bind", "unix:", "must be followed by the path"),
        ("admin", "on", "is neither `unix:PATH` nor `HOST:PORT`"),
        ("access_log", "perhaps", "is not yes or no"),
        ("page_size", "0", "is not a whole number from 1 to 100000"),
        ("max_page_size", "100001", "is not a whole number from 1 to 100000"),
        *(
            ("public_url", url, "is not written like `https://pdp.example.com`")
            for url in (
                "",
                "pdp.example.com",
                "https://",
                "https:///x",
                "ftp://pdp.example.com",
                "HTTPS://pdp.example.com",
                "https://pdp.example.com/",
                "https://pdp.example.com/base/",
                "https://pdp.example.com//base",
                "https://pdp.example.com/../base",
                "https://pdp.example.com/.",
                "https://pdp.example.com/<x>",
                "https://pdp.example.com/%2e%2e",
                "https://pdp.example.com?x=1",
                "https://pdp.example.com?",
                "https://pdp.example.com/base#x",
                "https://pdp.example.com#",
                "https://user:secret@pdp.example.com",
                "https://pdp.example.com:99999",
                "https://pdp.example.com:",
                "https://pdp.example.com\n",
                " https://pdp.example.com",
            )
        ),
        ("public_url", "http://pdp.example.com", "must begin with `https://`"),
        ("public_url", "http://128.0.0.1", "must begin with `https://`"),
        ("public_url", "http://127.0.0.1.evil.example", "must begin with `https://`"),
        ("public_url", "http://localhost.evil.example", "must begin with `https://`"),
        ("log_level", "loud", "is not one of debug, info, warning, error"),
    ],
)
def test_a_text_that_will_not_do_is_refused_with_a_sentence(
    name: str, text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        FORMS[name].read(text)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(), "127.0.0.1:8181"),
        (Settings(host="0.0.0.0", port=80), "0.0.0.0:80"),  # noqa: S104  only written down
        (Settings(host="::1"), "[::1]:8181"),
        (Settings(host="0.0.0.0", bind="unix:/run/x"), "unix:/run/x"),  # noqa: S104  likewise
    ],
)
def test_the_address_is_written_as_gunicorn_takes_it(settings: Settings, address: str) -> None:
    assert settings.address() == address


def test_without_a_mount_the_demo_world_of_the_pack_is_served() -> None:
    assert Settings(fixtures=Path("pack")).mount() == Path("pack/worlds/demo")
    assert Settings(fixtures=Path("pack"), data=Path("facts")).mount() == Path("facts")


def test_the_shipped_pack_is_found_in_the_checkout_and_in_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "sidecar"
    (tmp_path / "policies").mkdir()
    monkeypatch.setattr(module, "_PACKAGE", package)

    in_checkout = shipped("policies")
    (package / "pack" / "policies").mkdir(parents=True)
    installed = shipped("policies")

    assert (in_checkout, installed) == (tmp_path / "policies", package / "pack" / "policies")
