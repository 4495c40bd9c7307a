"""The group of all commands, and their exit statuses."""

from __future__ import annotations

from importlib import import_module

import click

from sidecar.errors import OsoMissingError, SidecarError

EXIT_YES, EXIT_NO, EXIT_TROUBLE = 0, 1, 2


COMMANDS = (
    "access",
    "authorize",
    "build",
    "check",
    "diff",
    "explain",
    "fmt",
    "log",
    "lsp",
    "matrix",
    "mutate",
    "page",
    "permissions",
    "prove",
    "replay",
    "review",
    "schemas",
    "serve",
    "source",
    "test",
    "tighten",
    "tree",
    "unused",
)
"""Each command is in the module of its name, which is imported when the command is called."""


_OF_COMPILER = frozenset({"oso", "polar", "lark"})
"""Packages that are installed only where policies can be compiled."""


def _without_compiler(name: str) -> click.Command:
    """Return a command in the place of one that needs what compiles policies, and has it not."""

    def fail(**_: object) -> None:
        raise OsoMissingError

    return click.Command(
        name,
        callback=fail,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
        short_help="Not here: Oso is not installed.",
    )


class _Commands(click.Group):
    """Commands whose errors are printed on standard error, with `EXIT_TROUBLE`."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            try:
                import_module(f"sidecar.cli.{cmd_name}")  # adds it to the group
            except ModuleNotFoundError as error:
                if error.name is None or error.name.partition(".")[0] not in _OF_COMPILER:
                    raise
                return _without_compiler(cmd_name)
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SidecarError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(EXIT_TROUBLE) from error


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="sidecar", prog_name="sidecar", message="%(prog)s %(version)s")
def main() -> None:
    """Answer "may this user do this?" from policy files that reviewers can read.

    A command uses the pack that --policies and --fixtures name (with one of them, the other
    directory beside it); else the nearest parent of the working directory that holds both, up to
    the root of the git repository; else the shipped pack (that of the source checkout, or of the
    installed package). It prints its choice on standard error. `serve` does not search. The demo
    world among the fixtures stands in for a mount.

    Exit status: 0 yes, 1 no, 2 no answer (standard error says why).
    """
