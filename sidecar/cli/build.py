"""`sidecar build`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import click

from sidecar.bundle import Bundle
from sidecar.bundle.file import decode, encode, write_bundle
from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.test import failure_line
from sidecar.compiler import load_pack
from sidecar.compiler.child_process import compile_in_child
from sidecar.config.settings import Settings
from sidecar.engine import prepare_kinds
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidDocumentsError, InvalidPackError, InvalidSettingError, Problem
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.yaml_document import Faults, read_document, shown_file
from sidecar.suites import read_suites, run_suites

Action = tuple[str, str]
"""A type of resource, and an action that it declares."""


@main.command()
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    default="policy.bundle",
    show_default=True,
    help="Where the bundle is written; a file that is there is replaced by renaming.",
)
@click.option(
    "--allow-uncompiled",
    "texts",
    multiple=True,
    metavar="TYPE.ACTION",
    help="Build though a rule for ACTION on a TYPE could not be compiled: a server of the bundle "
    "denies it with `policy_error`. Can be repeated.",
)
@setting_options(PACK)
def build(target: Path, texts: tuple[str, ...], **given: object) -> None:
    """Compile the pack into a bundle: a file that `serve --bundle` serves without Oso.

    The pack is checked and its suites are run; nothing is written where something is wrong.
    The same pack gives the same bytes.

    Example: sidecar build --output policy.bundle

    Exit status: 0 the bundle is written; 1 the pack is wrong; 2 it could not be told or
    written.
    """
    settings = pack_settings(given)
    try:
        # Every clause anew: what an edit leaves of an earlier text could order the tests otherwise.
        policy = load_pack(settings.policies, settings.fixtures, compile_in_child)
        accepted = {_action(text, policy) for text in texts}
        content = _content(policy, settings)
        wrong = [*_refused(policy, accepted), *_failures(policy, content, settings)]
    except InvalidDocumentsError as error:
        for problem in error.problems:
            click.echo(str(problem))
        raise SystemExit(EXIT_NO) from error
    for line in wrong:
        click.echo(line)
    if wrong:
        raise SystemExit(EXIT_NO)
    try:
        write_bundle(target, content)
    except OSError as error:
        raise InvalidSettingError(f"`{target}` cannot be written: {error.strerror}") from error
    click.echo(f"policy {policy.revision}")
    click.echo(f"bundle {target}")
    for resource, action in sorted(accepted):
        click.echo(f"denied {resource}.{action}")
    raise SystemExit(EXIT_YES)


def _action(text: str, policy: Policy) -> Action:
    """Return the action that is accepted uncompiled."""
    # The names of actions may have dots in them, and those of types have none.
    resource, _, action = text.partition(".")
    types = policy.schema.types
    if resource not in types:
        mend = nearest(resource, types) or f"; write one of {one_of(types)}"
        raise click.UsageError(f"--allow-uncompiled: there is no type {shown(resource)}{mend}")
    actions = types[resource].actions
    if action not in actions:
        mend = nearest(action, actions) or f"; write one of {one_of(actions)}"
        message = f"--allow-uncompiled: `{resource}` has no action {shown(action)}{mend}"
        raise click.UsageError(message)
    if (resource, action) not in {(each.resource, each.action) for each in policy.uncompiled}:
        click.echo(f"note: `{text}` is compiled; --allow-uncompiled can go", err=True)
    return resource, action


def _refused(policy: Policy, accepted: set[Action]) -> Iterator[str]:
    """Yield each clause that was not compiled for actions that nobody has accepted.

    Actions that are not declared are denied whatever a rule says, so that nobody accepts them.
    """
    found: dict[tuple[str, int, str, str], dict[Action, None]] = {}
    for each in policy.uncompiled:
        action = (each.resource, each.action)
        if action not in accepted and each.action in policy.schema.types[each.resource].actions:
            clause = (each.file, each.line, each.rule, each.cause)
            found.setdefault(clause, {})[action] = None
    for (file, line, rule, cause), actions in found.items():
        names = [f"{resource}.{action}" for resource, action in actions]
        options = " ".join(f"--allow-uncompiled {name}" for name in names)
        message = (
            f"`{rule}` is not compiled for {', '.join(f'`{name}`' for name in names)}: {cause};"
            f" write it otherwise, or have these denied by {options}"
        )
        yield str(Problem(file, line, message))


def _failures(policy: Policy, content: bytes, settings: Settings) -> Iterator[str]:
    """Yield the cells of the suites whose decision is not the expected one.

    What is tried is what will be served, with Oso's answers where a server has none.

    Raises:
        InvalidDocumentsError: The bundle, a suite or a world cannot be used.
    """
    served = replace(Policy.of(decode(content, "bundle")), interpreter=policy.interpreter)
    prepare_kinds(served)
    cells = run_suites(read_suites(settings.policies), served, settings.fixtures / "worlds")
    return (failure_line(cell) for cell in cells if cell.failure is not None)


def _content(policy: Policy, settings: Settings) -> bytes:
    """Return the bytes of the bundle, which are read back as what they were written from.

    Raises:
        InvalidPackError: They are not.
    """
    path = settings.fixtures / "schema.yaml"
    document = read_document(path, Faults(shown_file(path)))
    if document is not None:
        content = encode(policy, document, version("sidecar"))
        read = decode(content, path.name)
        if _parts(read) == _parts(policy):
            return content
    changed = "changed while the bundle was built, or is not read back as it is; build it again"
    raise InvalidPackError([Problem(shown_file(path), 0, changed)])


def _parts(bundle: Bundle) -> tuple[object, ...]:
    routes = None if bundle.routes is None else bundle.routes.document
    return bundle.schema, bundle.settings, bundle.sentences, bundle.entries.keys(), routes
