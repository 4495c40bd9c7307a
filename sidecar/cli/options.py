"""Options of the command line: the settings, and what a person says about one question."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from sidecar.config.variables import WRITINGS, default_text, variable
from sidecar.errors import InvalidRequestError
from sidecar.model import Reference
from sidecar.schema import Attribute, Kind
from sidecar.schema.instants import parse_instant
from sidecar.schema.messages import nearest, shown

PACK = ("policies", "fixtures")
PLACES = (*PACK, "data")
DECIDING = (*PACK, "bundle", "data")

F = TypeVar("F", bound=Callable[..., Any])


class _Said(click.ParamType[object]):
    """A text that one of our own readers takes, or refuses with a sentence."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Return what the text means."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except (ValueError, InvalidRequestError) as error:
            self.fail(str(error), param, ctx)


class _SettingOption(click.Option):
    """The option and the variable of a setting."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return what the variable says, unless Kubernetes wrote it and not a person.

        Into every container of its namespace it writes ``NAME_PORT=tcp://IP:PORT`` for each
        service, and a service may be called `sidecar`.
        """
        value = super().resolve_envvar_value(ctx)
        if value is None or self.name != "port" or not _SERVICE_LINK.match(value):
            return value
        shown_value = f"{self.envvar}={shown(value)}"
        click.echo(
            f"warning: {shown_value} is ignored: Kubernetes writes it for a service called"
            " `sidecar`; --port sets the port",
            err=True,
        )
        return None


_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")


def setting_options(names: Sequence[str]) -> Callable[[F], F]:
    """Give a command the options of these settings."""

    def decorate(command: F) -> F:
        for name in reversed(names):
            writing = WRITINGS[name]
            click.option(
                f"--{name.replace('_', '-')}",
                cls=_SettingOption,
                metavar=writing.metavar,
                type=_Said(writing.metavar, writing.read),
                envvar=variable(name),
                show_envvar=True,
                default=default_text(name) or None,
                show_default=bool(default_text(name)),
                help=writing.help,
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


REFERENCE = _Said("TYPE:ID", _reference)
_PAIR = _Said("NAME=VALUE", _pair)
INSTANT = _Said("INSTANT", parse_instant)


def said_options(names: Sequence[str]) -> Callable[[F], F]:
    """Give a command repeatable options of the form ``name=value``, and the moment."""

    def decorate(command: F) -> F:
        click.option(
            "--at",
            type=INSTANT,
            metavar="INSTANT",
            envvar="SIDECAR_AT",
            show_envvar=True,
            help="The moment of the question, 2026-12-01T12:00:00Z.  [default: now]",
        )(command)
        for name in reversed(names):
            click.option(
                f"--{name.replace('_', '-')}",
                type=_PAIR,
                multiple=True,
                metavar="NAME=VALUE",
                envvar=variable(name),
                show_envvar=True,
                help=_SAID[name],
            )(command)
        return command

    return decorate


_SAID = {
    "property": "A property of the action.",
    "context": "A member of the context.",
    "subject_property": "A property of the subject, as a caller would say it.",
    "resource_property": "A property of the resource, as a caller would say it.",
}


def values(
    pairs: Sequence[tuple[str, str]], declared: Mapping[str, Attribute], option: str
) -> dict[str, object]:
    """Return what was said as JSON would carry it, each by its declared type.

    A name that is not declared is ignored, as it is over HTTP, but with a warning; so is the
    clock, which has an option of its own.

    Args:
        pairs: Names and texts.
        declared: What the schema lets a caller say here.
        option: The name of the option, for the messages.

    Raises:
        UsageError: A text cannot be of its declared type.
    """
    found: dict[str, object] = {}
    known = [name for name in declared if name != "now"]
    for name, text in pairs:
        if name in known:
            found[name] = _typed(name, text, declared[name])
        else:
            said = f"--{option.replace('_', '-')} {shown(name)}"
            click.echo(f"warning: {said} is not declared, ignored{nearest(name, known)}", err=True)
    return found


def _typed(name: str, text: str, declared: Attribute) -> object:
    kind = declared.type.kind
    if kind is Kind.BOOLEAN:
        if text not in _TRUTHS:
            raise click.UsageError(f"{shown(name)} must be true or false, not {shown(text)}")
        return _TRUTHS[text]
    if kind is Kind.INTEGER:
        try:
            return int(text)
        except ValueError:
            message = f"{shown(name)} must be a whole number, not {shown(text)}"
            raise click.UsageError(message) from None
    return text.split(",") if kind is Kind.SET else text


_TRUTHS = {"true": True, "false": False}
