"""All checks of the statements of a policy, whose files can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sidecar.errors import Problem
from sidecar.polar.call_checks import (
    check_action_arguments,
    check_blocks,
    check_calls,
    check_heads,
    check_literals,
)
from sidecar.polar.checks import ENTRY_POINTS, check_constructs
from sidecar.polar.names import Names
from sidecar.polar.reachability import refused, unreached
from sidecar.polar.source import Rule, Source
from sidecar.polar.variable_checks import check_variables


def check_file(source: Source, names: Names) -> Iterator[Problem]:
    """Yield what is wrong with one file, whatever stands in the others."""
    yield from names.check(source)
    yield from check_constructs(source)
    yield from check_variables(source)


def check_policy(
    sources: Sequence[Source],
    names: Names,
    probes: Sequence[str] = (),
    check: Callable[[Source, Names], Iterable[Problem]] = check_file,
) -> tuple[list[Problem], list[Rule]]:
    """Check all files of a policy together.

    Args:
        sources: The files.
        names: What they may name.
        probes: Rules that are asked from outside, as the entry points are.
        check: Checks one file; for whoever keeps the results of files that do not change.

    Returns:
        What is wrong, and the rules that no entry point reaches.
    """
    problems = [problem for source in sources for problem in check(source, names)]
    problems += [*check_calls(sources), *check_literals(sources)]
    problems += check_action_arguments(sources)
    problems += [*check_blocks(sources), *check_heads(sources, names)]
    left = unreached(sources, (*ENTRY_POINTS, *probes))
    return [*problems, *refused(left)], left
