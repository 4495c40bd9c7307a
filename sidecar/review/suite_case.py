"""A witness as a case of a suite: YAML to paste, tried on the worlds of the suites."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import yaml

from sidecar.engine.policy import Policy
from sidecar.errors import InvalidDocumentsError
from sidecar.facts import Quoted, Snapshot
from sidecar.review.example_text import case_of
from sidecar.review.witness import Witness
from sidecar.suites import Cell, Suite, read_suites, run_suites
from sidecar.suites.runner import cells_with_facts

_INDENT = "  "


class _Dumper(yaml.SafeDumper):
    """Writes texts as the mount would hold them: quoted or plain."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # A plain `5` is a number in a mount, and PyYAML would quote it.
    tag = dumper.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if ":" in text:
        # It cannot stand plain within braces, and an instant may be quoted as well.
        tag = dumper.DEFAULT_SCALAR_TAG
    return dumper.represent_scalar(tag, text)


def _quoted(dumper: yaml.SafeDumper, text: Quoted) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Quoted, _quoted)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where cases are pasted, one after the other."""

    suites: Sequence[Suite]
    worlds: Path
    names: set[str]
    """Those that cases have already; each new one is added."""

    def named(self, name: str) -> str:
        """Return a name that no case has."""
        numbered = chain((name,), (f"{name} ({at})" for at in count(2)))
        return next(each for each in numbered if each not in self.names)


def case_to_paste(
    witness: Witness,
    edit: str,
    policies: tuple[Policy, Policy],
    suites: Sequence[Suite],
    worlds: Path,
) -> str:
    """Return a case that the pack passes and its variant does not.

    Args:
        witness: The state.
        edit: What the variant does to the policy, and where; it stands in the case's name.
        policies: The pack and its variant.
        suites: Those of the pack; the case fits into the one that is named above it.
        worlds: Where their worlds stand.
    """
    written = _written([_case(witness, f" ({edit})", policies[0])])
    nearest = _nearest(suites, witness)
    suite = next((each for each in nearest if _tells_apart(written, each, policies, worlds)), None)
    where = f"into {Path(suite.file).name}" if suite else "into a suite on a world without rows"
    return f"# {where}\n{written}"


def case_to_follow(
    witness: Witness,
    sentence: str,
    policy: Policy,
    where: Desk,
    follows: Callable[[Cell, Snapshot], bool],
) -> tuple[str, Sequence[tuple[Cell, Snapshot]]] | None:
    """Return a case that a pack passes, and its cells; None where it fits into no suite.

    Args:
        witness: The state.
        sentence: What the case is about.
        policy: The pack.
        where: Where the case is to be pasted.
        follows: Whether a cell is what the case is for, on the world of a suite.
    """
    case = _case(witness, "", policy)
    case["name"] = where.named(case["name"])
    written = _written([case])
    for suite in _nearest(where.suites, witness):
        with _pasted(written, suite) as read:
            try:
                pasted = read()
                cells = cells_with_facts(pasted, policy, where.worlds)
                answers = run_suites(pasted, policy, where.worlds)
            except InvalidDocumentsError:
                continue
        passes = all(cell.failure is None for cell in answers)
        if passes and all(follows(*each) for each in cells):
            where.names.add(case["name"])
            return f"# into {Path(suite.file).name}; {sentence}\n{written}", cells
    return None


def _nearest(suites: Sequence[Suite], witness: Witness) -> list[Suite]:
    resource = witness.example.request.resource.type
    return sorted(suites, key=lambda suite: -_about(suite, resource))


def _about(suite: Suite, resource: str) -> int:
    """Return how many cases of a suite ask about a type of resource."""
    asked = (each.partition(":")[0] for case in suite.cases for each in case.resources)
    return sum(1 for each in asked if each == resource)


def _case(witness: Witness, more: str, policy: Policy) -> dict[str, Any]:
    expected, request = witness.expected, witness.example.request
    may = "may" if expected.allowed else "may not"
    name = f"{request.subject.id} {may} {witness.action} {request.resource.id}{more}"
    case = case_of(
        witness.example, witness.action, policy.schema, allowed=expected.allowed, name=name
    )
    subject = str(request.subject)
    if expected.allowed:
        codes = [obligation.code for obligation in expected.obligations]
        case["obliges"] = {subject: {witness.action: codes}} if codes else {}
    else:
        reasons = [reason.code for reason in expected.reasons]
        case["because"] = {subject: {witness.action: reasons}}
    return case


def _written(cases: Sequence[Mapping[str, Any]]) -> str:
    return yaml.dump(
        list(cases),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )


def _tells_apart(written: str, suite: Suite, policies: tuple[Policy, Policy], worlds: Path) -> bool:
    """Tell whether the pack passes the case on the world of a suite, and its variant does not."""
    with _pasted(written, suite) as read:
        try:
            suites = read()
            answers = [run_suites(suites, policy, worlds) for policy in policies]
        except InvalidDocumentsError:
            return False
    passes = [all(cell.failure is None for cell in cells) for cells in answers]
    return passes == [True, False]


@contextmanager
def _pasted(written: str, suite: Suite) -> Iterator[Callable[[], Sequence[Suite]]]:
    """Put cases into a suite of their own, on the world of another; gives how to read it."""
    indented = "".join(f"{_INDENT}{line}\n" for line in written.splitlines())
    with tempfile.TemporaryDirectory(prefix="case-") as directory:
        file = Path(directory) / "case_test.yaml"
        file.write_text(f"suite: case\nworld: {suite.world}\ncases:\n{indented}", encoding="utf-8")
        yield lambda: read_suites(Path(directory))
