"""The options of settings, and the types of arguments and options."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from sidecar.config.variables import FORMS, default_text, variable
from sidecar.errors import InvalidRequestError
from sidecar.model import Reference
from sidecar.schema.instants import parse_instant
from sidecar.schema.messages import shown

PACK = ("policies", "fixtures")
PACK_AND_SOURCES = (*PACK, "sources")
PACK_AND_DATA = (*PACK, "data")
PACK_OR_BUNDLE = (*PACK, "bundle", "data")

F = TypeVar("F", bound=Callable[..., Any])


class _Parsed(click.ParamType[object]):
    """A text that a function parses, or refuses with a ValueError."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Return the value of a text."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except (ValueError, InvalidRequestError) as error:
            self.fail(str(error), param, ctx)


class _SettingOption(click.Option):
    """The option and the environment variable of a setting."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the variable, unless Kubernetes has set it.

        Kubernetes sets ``NAME_PORT=tcp://IP:PORT`` in every container of a namespace for each
        service, and a service may be named `sidecar`.
        """
        value = super().resolve_envvar_value(ctx)
        if value is None or self.name != "port" or not _SERVICE_LINK.match(value):
            return value
        setting = f"{self.envvar}={shown(value)}"
        click.echo(
            f"warning: {setting} is ignored: Kubernetes writes it for a service called"
            " `sidecar`; --port sets the port",
            err=True,
        )
        return None


_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")


def setting_options(names: Sequence[str]) -> Callable[[F], F]:
    """Give a command the options of settings, each as a keyword argument."""

    def decorate(command: F) -> F:
        for name in reversed(names):
            form = FORMS[name]
            click.option(
                f"--{name.replace('_', '-')}",
                cls=_SettingOption,
                metavar=form.metavar,
                type=_Parsed(form.metavar, form.read),
                envvar=variable(name),
                show_envvar=True,
                default=default_text(name) or None,
                show_default=bool(default_text(name)),
                help=form.help,
            )(command)
        return command

    return decorate


def _reference(text: str) -> Reference:
    name, _, identifier = text.partition(":")
    if not name or not identifier:
        raise ValueError(f"{shown(text)} must be written `type:id`")
    return Reference(name, identifier)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(f"{shown(text)} must be written `name=value`")
    return name, value


REFERENCE = _Parsed("TYPE:ID", _reference)
PAIR = _Parsed("NAME=VALUE", _pair)
INSTANT = _Parsed("INSTANT", parse_instant)
