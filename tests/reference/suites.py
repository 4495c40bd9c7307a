"""Reads suites (docs/packs.md, "Suites") and tells where the interpreter disagrees with them."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tests.reference import Answer, Pack, World, decide
from tests.reference.documents import Document, read_document
from tests.reference.world import read_row, read_tables


class Disagreement(NamedTuple):
    """A cell of a suite whose expectation the interpreter does not share."""

    case: str
    subject: str
    action: str
    resource: str
    answer: Answer


def disagreements(policies: Path, fixtures: Path, suites: Iterable[Path]) -> Iterator[Disagreement]:
    """Yield every cell of the suites of a pack that has another answer than expected.

    Raises:
        PackError: the pack cannot be read.
        WorldError: a world cannot be read.
        ValueError: a suite cannot be read.
    """
    pack = Pack.load(policies, fixtures)
    for path in suites:
        suite = read_document(path)
        tables = read_tables(pack.schema, fixtures / "worlds" / suite["world"])
        for case in suite["cases"]:
            world = World.of_tables(pack, _with_facts(pack, tables, case.get("facts") or {}))
            now = datetime.fromisoformat(str(case.get("now") or suite["now"]))
            yield from _case(pack, world, case, now)


def _with_facts(pack: Pack, tables: Document, facts: Document) -> Document:
    tables = deepcopy(tables)
    types = {declared.table: declared for declared in pack.schema.types.values()}
    for table, rows in facts.items():
        declared = types[table]
        kinds = [declared.attributes[column].kind for column in declared.key]

        def key(row: Document, kinds: Document = kinds, columns: Document = declared.key) -> object:
            texts = zip(kinds, (row[column] for column in columns), strict=True)
            return [pack.schema.key_text(kind, text) for kind, text in texts]

        for changes in rows:
            same = [row for row in tables[table] if key(row) == key(changes)]
            if same:
                same[-1].update(changes)
            else:
                tables[table].append(dict(changes))
        for row in tables[table]:
            read_row(pack.schema, declared, row)
    return tables


def _case(pack: Pack, world: World, case: Document, now: datetime) -> Iterator[Disagreement]:
    resources = case.get("resources") or [case["resource"]]
    subject_types = [name for name, each in pack.schema.types.items() if each.is_subject]
    for subject in case["subjects"]:
        for resource in resources:
            resource_type, _, resource_id = resource.partition(":")
            subject_type, _, subject_id = subject.rpartition(":")
            actions = case["actions"]
            if actions == "all":
                actions = list(pack.schema.types[resource_type].actions)
            for action in actions:
                request = {
                    "subject": {
                        "type": subject_type or subject_types[0],
                        "id": subject_id,
                        "properties": case.get("subject_properties"),
                    },
                    "action": {"name": action, "properties": case.get("properties")},
                    "resource": {
                        "type": resource_type,
                        "id": resource_id,
                        "properties": case.get("resource_properties"),
                    },
                    "context": case.get("context"),
                }
                answer = decide(pack, world, request, now)
                if not _is_expected(case, subject, action, resource, answer):
                    yield Disagreement(case["name"], subject, action, resource, answer)


def _is_expected(
    case: Mapping[str, Document], subject: str, action: str, resource: str, answer: Answer
) -> bool:
    def line(member: str) -> Document:
        expected = (case.get(member) or {}).get(subject) or {}
        if isinstance(expected, Mapping) and any(":" in key for key in expected):
            expected = expected.get(resource) or {}
        return expected

    allow, because = line("allow"), line("because")
    is_allowed = action not in because if allow == "all" else action in allow
    if answer.decision != is_allowed:
        return False
    if is_allowed:
        return "obliges" not in case or answer.obligations == _codes(line("obliges"), action)
    codes = _codes(because, action)
    return answer.reasons == codes if codes else "policy_error" not in answer.reasons


def _codes(expected: Mapping[str, Document], action: str) -> frozenset[str]:
    codes = expected.get(action) or expected.get("all") or []
    return frozenset([codes] if isinstance(codes, str) else codes)
