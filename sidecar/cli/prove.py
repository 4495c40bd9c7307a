"""`sidecar prove`: proofs that the invariants of a pack hold in every state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from sidecar.cli.colours import print_line
from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import (
    JSON,
    MARKDOWN,
    in_line_of_markdown,
    indented,
    output_options,
    print_json,
)
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.progress import Progress
from sidecar.review.clauses import plain
from sidecar.review.example_text import as_json, lines_of
from sidecar.review.invariants import Counterexample, Verdict, prove
from sidecar.review.pack_revisions import NOW, PackPlace
from sidecar.schema import Schema

_UNMET = "no state meets its conditions today"


@main.command("prove")
@output_options(JSON, MARKDOWN)
@setting_options(PACK)
def prove_invariants(output: str, **given: object) -> None:
    """Prove the invariants, *invariants.yaml beside the policies.

    A proof covers every state of the facts. For an invariant that fails, a counterexample is
    shown, and the responsible rules.

    Example: sidecar prove --markdown

    Exit status: 0 all hold; 1 one fails; 2 one could not be proved, whatever else fails.
    """
    settings = pack_settings(given)
    with Progress("proving the invariants"):
        schema, verdicts = prove(PackPlace(NOW, settings.policies, settings.fixtures))
    if not verdicts:
        raise click.UsageError(
            f"there is no invariant in `{settings.policies}`; write an `invariants.yaml`"
        )
    if output == JSON:
        print_json(_as_json(verdicts, schema))
    else:
        lines = _markdown(verdicts) if output == MARKDOWN else _text(verdicts, schema)
        for line in lines:
            print_line(line)
    found = [each for verdict in verdicts for each in verdict.counterexamples]
    if any(verdict.unproved for verdict in verdicts) or any(e.listing.unlisted for e in found):
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_YES if all(verdict.holds for verdict in verdicts) else EXIT_NO)


def _text(verdicts: Sequence[Verdict], schema: Schema) -> Iterator[str]:
    for verdict in verdicts:
        invariant = verdict.invariant
        if verdict.holds:
            yield f"proved  {invariant.name}{f' ({_UNMET})' if verdict.unmet else ''}"
            continue
        head = "FAILS" if verdict.counterexamples else "unproved"
        yield f"{head}   {invariant.name} ({invariant.file}:{invariant.line})"
        for counterexample in verdict.counterexamples:
            yield from _counterexample(counterexample, schema)
        yield from (f"  not proved: {sentence}" for sentence in verdict.unproved)
    yield _summary(verdicts)


def _counterexample(counterexample: Counterexample, schema: Schema) -> Iterator[str]:
    request, actions = counterexample.target, ", ".join(counterexample.actions)
    yield f"  {actions} on {request.resource}, for {request.subject}"
    if counterexample.listing.unlisted:
        yield f"    in states that cannot be listed: {counterexample.listing.unlisted}"
    yield from (f"  {line}" for line in indented(counterexample.listing.clauses))
    if counterexample.example is not None:
        yield "    for example"
        yield from (
            f"      {line}" for line in lines_of(counterexample.example, request.action, schema)
        )
    if counterexample.lines:
        yield "    because of"
        yield from (f"      {line}" for line in counterexample.lines)


def _summary(verdicts: Sequence[Verdict]) -> str:
    proved = sum(verdict.holds for verdict in verdicts)
    unproved = sum(bool(verdict.unproved) for verdict in verdicts)
    summary = f"{proved} of {len(verdicts)} invariants hold in every state"
    return f"{summary}; {unproved} could not be proved completely" if unproved else summary


def _markdown(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"**Invariants:** {_summary(verdicts)}."
    for verdict in verdicts:
        if verdict.holds:
            if verdict.unmet:
                yield ""
                yield f"Holds, {_UNMET}: {verdict.invariant.name}"
            continue
        yield ""
        head = "Fails" if verdict.counterexamples else "Not proved"
        yield f"**{head}:** {verdict.invariant.name}"
        yield ""
        for counterexample in verdict.counterexamples:
            cells = f"{', '.join(counterexample.actions)} on {counterexample.target.resource}"
            if counterexample.listing.unlisted:
                yield f"- {cells}: {counterexample.listing.unlisted}"
            for clauses in counterexample.listing.clauses:
                yield f"- {cells}: {in_line_of_markdown(clauses)}"
            yield from (f"  - `{line}`" for line in counterexample.lines)
        yield from (f"- not proved: {sentence}" for sentence in verdict.unproved)


def _as_json(verdicts: Sequence[Verdict], schema: Schema) -> dict[str, object]:
    return {
        "version": 1,
        "holds": all(verdict.holds for verdict in verdicts),
        "invariants": [
            {
                "name": verdict.invariant.name,
                "file": verdict.invariant.file,
                "line": verdict.invariant.line,
                "holds": verdict.holds,
                "unmet": verdict.unmet,
                "counterexamples": [_members(each, schema) for each in verdict.counterexamples],
                "unproved": verdict.unproved,
            }
            for verdict in verdicts
        ],
    }


def _members(counterexample: Counterexample, schema: Schema) -> dict[str, object]:
    request, listing, example = (
        counterexample.target,
        counterexample.listing,
        counterexample.example,
    )
    return {
        "subject": request.subject,
        "resource": request.resource,
        "actions": counterexample.actions,
        "when": None if listing.unlisted else plain(listing.clauses),
        "example": None if example is None else as_json(example, request.action, schema),
        "lines": counterexample.lines,
    }
