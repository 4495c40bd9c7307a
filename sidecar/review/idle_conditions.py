"""Conditions of a policy without which nothing would be decided otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sidecar.compiler.pack import read_texts
from sidecar.compiler.variant_process import Variants
from sidecar.errors import InvalidPackError
from sidecar.polar.ast import Group, Junction, Rule
from sidecar.polar.parser import parse
from sidecar.polar.reachability import unreached
from sidecar.polar.source import Rule as PolarRule
from sidecar.polar.source import read_source
from sidecar.review.lint import IDLE, Finding
from sidecar.review.mutants import Mutant, mutants_of
from sidecar.review.states import KnownStates
from sidecar.review.witness import changed_entries, compared
from sidecar.schema.messages import shown

DROPPED = "drop the condition"


def idle_conditions(policies: Path, fixtures: Path) -> Iterator[Finding]:
    """Yield the conditions without which nothing would be decided otherwise, in no state.

    They are true wherever they are asked, or others say the same. Each is left out, the policy
    compiled without it, and compared, which takes longer than all the rest. One that looks at
    settings is left alone: another setting may make it matter.

    Raises:
        InvalidPackError: The pack cannot be used.
    """
    pack, sentences = read_texts(policies, fixtures)
    known = KnownStates()
    advice = _Advice(pack.texts)
    with Variants(pack, sentences) as variants:
        for mutant in mutants_of(pack.texts, pack.schema):
            text, span = pack.texts[mutant.file], mutant.edit.span
            dropped = mutant.sentence.startswith(DROPPED)
            fix = advice.of(mutant)
            if not dropped or fix is None or "settings" in text[span.start : span.end]:
                continue
            try:
                without = variants.compile({mutant.file: mutant.applied(text)})
            except InvalidPackError:  # it finds what another condition needs
                continue
            changed = changed_entries(variants.policy, without)
            if not compared(variants.policy, without, changed, known).differs:
                condition = mutant.sentence.removeprefix(DROPPED).strip(" `")
                message = f"the condition {shown(condition)} changes nothing"
                yield Finding(mutant.file, span.line, span.column, IDLE, message, fix)


class _Advice:
    """What to do about a condition that changes nothing.

    Nobody is to delete the condition of a prohibition, of an obligation or of what they ask, nor
    the only one of a grant: without it the rule would hold always, as soon as something changes.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._trees = {file: parse(text, file) for file, text in texts.items()}
        sources = [read_source(file, text)[0] for file, text in texts.items()]
        self._lost = _places_of(unreached(sources))
        self._prohibiting = _places_of(
            rule for source in sources for rule in source.rules
        ) - _places_of(unreached(sources, ("forbid", "oblige")))

    def of(self, mutant: Mutant) -> str | None:
        """Return the advice; None where the rule decides nothing, which is told of the rule."""
        span = mutant.edit.span
        rule = next(
            (
                line
                for line in self._trees[mutant.file].lines
                if line.span.start <= span.start and span.end <= line.span.end
            ),
            None,
        )
        if not isinstance(rule, Rule) or rule.body is None:
            return None
        place = (mutant.file, rule.span.line)
        if place in self._lost:
            return None
        body = rule.body.inner if isinstance(rule.body, Group) else rule.body
        several = isinstance(body, Junction) and body.word == "and"
        if place in self._prohibiting or not several:
            return "mend what it should ask"
        return "delete it, or mend what it should ask"


def _places_of(rules: Iterable[PolarRule]) -> frozenset[tuple[str, int]]:
    return frozenset((rule.file, rule.line) for rule in rules)
