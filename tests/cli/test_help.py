"""The help of each command has an example that the command accepts, and its exit statuses."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from sidecar.cli import main


def leaves(group: click.Group, before: str = "sidecar") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before} {name}")
        elif command is not None:
            yield f"{before} {name}", command


COMMANDS = dict(leaves(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_its_exit_statuses(name: str) -> None:
    statuses = re.search(r"Exit status: (0 .*?; 2 .*?\.)$", help_of(name), re.MULTILINE)

    assert statuses, help_of(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_of_its_options_and_arguments(name: str) -> None:
    found = re.search(rf"^Example: {name}( .+)?$", help_of(name), re.MULTILINE)

    assert found, help_of(name)
    command = COMMANDS[name]
    parser = command.make_parser(click.Context(command, ignore_unknown_options=False))
    parsed, left, _ = parser.parse_args(shlex.split(found[1] or ""))
    assert not left
    demanded = {each.name for each in command.params if each.required}
    assert all(parsed.get(each) for each in demanded)


def help_of(name: str) -> str:
    """Return the help text of a command, with a line for each paragraph."""
    paragraphs = (COMMANDS[name].help or "").split("\n\n")
    return "\n".join(" ".join(each.split()) for each in paragraphs)
