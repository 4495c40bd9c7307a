"""How old the facts of an answer may be: each way to an answer, remembered ones included."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.settings import Settings
from sidecar.config.variables import FORMS
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.facts import Facts
from sidecar.http import RequestHead, create_app, service_of
from sidecar.http.freshness import MAX_AGE, MIN_REVISION
from sidecar.reload import Pair, Places, Reloading, State
from tests.decision_lines import lines_of_answers
from tests.patience import PATIENCE

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
OLDER, UNKNOWN = "0" * 16, "f" * 16
SHORT = {"subject": "user:ana", "action": "numbers.edit", "resource": "account:acme"}
LONG = {
    "subject": {"type": "user", "id": "ana"},
    "action": {"name": "numbers.edit"},
    "resource": {"type": "account", "id": "acme"},
}
UNDECLARED = {**LONG, "subject": {"type": "thing", "id": "x"}}
DECIDING: Mapping[str, tuple[str, dict[str, Any]]] = {
    "one": ("/v1/authorize", SHORT),
    "explained": ("/v1/authorize", {**SHORT, "explain": True}),
    "several": ("/v1/authorize", {**SHORT, "requests": [{}, {"action": "switch"}]}),
    "evaluation": ("/access/v1/evaluation", LONG),
    "with properties": ("/access/v1/evaluation", {**LONG, "context": {"via_proxy": False}}),
    "batch": ("/access/v1/evaluations", {"evaluations": [LONG, LONG]}),
    "batch with defaults": (
        "/access/v1/evaluations",
        {**LONG, "evaluations": [{}, {"action": {"name": "switch"}}]},
    ),
    "batch that stops": (
        "/access/v1/evaluations",
        {
            "evaluations": [LONG, LONG],
            "options": {"evaluations_semantic": "permit_on_first_permit"},
        },
    ),
    "batch without items": ("/access/v1/evaluations", LONG),
}
LISTING: Mapping[str, tuple[str, dict[str, Any]]] = {
    "permissions": ("/v1/permissions", {"subject": "user:ana", "resource": "account:acme"}),
    "on many": ("/v1/permissions", {"subject": "user:ana", "resources": ["account:acme"]}),
    "subjects": ("/access/v1/search/subject", {**LONG, "subject": {"type": "user"}}),
    "resources": ("/access/v1/search/resource", {**LONG, "resource": {"type": "account"}}),
    "actions": ("/access/v1/search/action", LONG),
}


@dataclass
class Aged:
    """A pair whose age a test sets, and the revisions that came before it."""

    pair: Pair
    seconds: float = 0.0
    before: list[str] = field(default_factory=lambda: [OLDER])

    def current(self) -> Pair:
        return self.pair

    def age(self, snapshot: Facts) -> float:
        return self.seconds if snapshot is self.pair.snapshot else inf

    def follows(self, snapshot: Facts, revision: str) -> bool:
        return revision in {snapshot.revision, *self.before}

    def state(self) -> State:
        return State(self.pair, ())


@pytest.fixture(scope="module")
def pair() -> Pair:
    settings = Settings()
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


@pytest.fixture
def aged(pair: Pair) -> Aged:
    return Aged(pair)


Ask = Callable[..., tuple[int, Any]]


def asker(aged: Aged, max_staleness: float, log: Path | None = None) -> Ask:
    """Return what asks as the worker does, in front, and as Flask does; both must agree."""
    kept = (
        DecisionLog(LineFile(str(log)), Hashing.for_this_start(), OnFailure.REFUSE) if log else None
    )
    app = create_app(aged, lambda: NOW, log=kept, max_staleness=max_staleness)
    service, client = service_of(app), app.test_client()

    def ask(path: str, said: object, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = client.post(path, json=said, headers=named)
        status, told = response.status_code, response.get_json()
        if "search" not in path:
            environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
            head = RequestHead.of({**environ, "CONTENT_TYPE": "application/json"})
            body = json.dumps(said).encode()
            at_once = service.answer_now(path, head, body, NOW)
            if at_once is not None:
                service.write_log(at_once.log_lines)
                assert at_once.status == status
                assert reasons(json.loads(at_once.body)) == reasons(told)
        return status, told

    return ask


def reasons(told: Any) -> list[list[str]]:  # noqa: ANN401  JSON
    """Return the codes of each decision; nothing where it allows."""
    found = []
    for each in told.get("answers", told.get("evaluations", [told])):
        if "decision" in each:
            members = each.get("context", each)
            codes = [reason["code"] for reason in members.get("reasons", ())]
            assert each["decision"] is (not codes and "error" not in members)
            found.append(codes)
    return found


@pytest.mark.parametrize("logged", [False, True])
@pytest.mark.parametrize("name", DECIDING)
def test_beyond_the_bound_every_decision_is_a_denial_though_it_is_remembered(
    aged: Aged, tmp_path: Path, name: str, *, logged: bool
) -> None:
    path, said = DECIDING[name]
    ask = asker(aged, 10.0, tmp_path / "log" if logged else None)
    before = [reasons(ask(path, said)[1]) for _ in range(3)]
    aged.seconds = 10.0
    at_bound = reasons(ask(path, said)[1])
    aged.seconds = 10.1
    beyond = [ask(path, said) for _ in range(3)]
    aged.seconds = 0.0
    after = reasons(ask(path, said)[1])

    assert before == [after] * 3
    assert at_bound == after
    assert all(codes == [] for codes in after)
    for status, told in beyond:
        assert status == 200
        assert {tuple(codes) for codes in reasons(told)} == {("stale_data",)}
        assert "explanation" not in told
    if logged:
        lines = lines_of_answers(tmp_path / "log")
        told = [line["reasons"] for line in lines if line["kind"] == "decision"]
        assert {tuple(each) for each in told} == {(), ("stale_data",)}
        assert [(line["decision"], line["reasons"]) for line in lines if line["decision"]] == [
            (True, [])
        ] * told.count([])


@pytest.mark.parametrize("name", LISTING)
def test_beyond_the_bound_nothing_is_listed(aged: Aged, name: str) -> None:
    path, said = LISTING[name]
    ask = asker(aged, 10.0)
    before = [ask(path, said) for _ in range(2)]
    aged.seconds = 10.1
    beyond = [ask(path, said) for _ in range(2)]

    assert [status for status, _ in before] == [200, 200]
    assert [(status, told["decision"]) for status, told in beyond] == [(503, False)] * 2
    assert "older than they may be" in beyond[0][1]["error"]["message"]


@pytest.mark.parametrize("bound", [inf, 100.0])
@pytest.mark.parametrize("name", [*DECIDING, *LISTING])
def test_every_caller_says_in_a_header_how_old_the_facts_may_be(
    aged: Aged, name: str, bound: float
) -> None:
    path, said = {**DECIDING, **LISTING}[name]
    ask = asker(aged, bound)
    aged.seconds = 5.0
    first = ask(path, said)
    fresh = ask(path, said, Sidecar_Max_Age="5")
    stale = [
        ask(path, said, Sidecar_Max_Age="4.9"),
        ask(path, said, Sidecar_Max_Age="0"),
        ask(path, said, Sidecar_Max_Age="60", Sidecar_Min_Revision=UNKNOWN),
        ask(path, said, Sidecar_Min_Revision=UNKNOWN),
    ]
    newer = ask(path, said, Sidecar_Min_Revision=OLDER)

    assert reasons(first[1]) == reasons(fresh[1]) == reasons(newer[1])
    assert (first[0], fresh[0], newer[0]) == (200, 200, 200)
    for status, told in stale:
        if name in LISTING:
            assert (status, told["decision"]) == (503, False)
        else:
            assert {tuple(codes) for codes in reasons(told)} == {("stale_data",)}


def test_the_smaller_of_the_bounds_counts(aged: Aged) -> None:
    aged.seconds = 5.0
    said = {**SHORT, "max_age": 10}

    assert reasons(asker(aged, 4.0)("/v1/authorize", said)[1]) == [["stale_data"]]
    assert reasons(asker(aged, 6.0)("/v1/authorize", said)[1]) == [[]]
    ask = asker(aged, 6.0)
    assert reasons(ask("/v1/authorize", said, Sidecar_Max_Age="4")[1]) == [["stale_data"]]
    assert reasons(ask("/v1/authorize", {**SHORT, "max_age": 4}, Sidecar_Max_Age="6")[1]) == [
        ["stale_data"]
    ]


@pytest.mark.parametrize("name", ["one", "several", "permissions", "on many"])
def test_the_short_form_says_of_which_revision_the_facts_have_to_be(aged: Aged, name: str) -> None:
    path, said = {**DECIDING, **LISTING}[name]
    ask, own = asker(aged, inf), aged.pair.snapshot.revision
    stale = ask(path, {**said, "min_revision": UNKNOWN})

    assert [ask(path, {**said, "min_revision": each})[0] for each in (own, OLDER)] == [200, 200]
    assert stale[0] == 503 or reasons(stale[1])[0] == ["stale_data"]
    assert (ask(path, {**said, "min_revision": 7})[0] == 400) is (name != "several")


@pytest.mark.parametrize(
    "said", ["-1", "nan", "inf", "1e3", "five", "5, 5", "+5", " ", "", "\u0665"]
)
@pytest.mark.parametrize("name", ["evaluation", "batch", "one", "permissions", "subjects"])
def test_an_age_that_is_no_number_of_seconds_is_refused(aged: Aged, name: str, said: str) -> None:
    path, question = {**DECIDING, **LISTING}[name]

    status, told = asker(aged, inf)(path, question, Sidecar_Max_Age=said)

    assert (status, told["decision"], told["error"]["member"]) == (400, False, MAX_AGE)


def test_a_revision_that_is_none_is_refused(aged: Aged) -> None:
    path, question = DECIDING["evaluation"]

    status, told = asker(aged, inf)(path, question, Sidecar_Min_Revision="newest")

    assert (status, told["error"]["member"]) == (400, MIN_REVISION)


def test_a_malformed_question_stays_one_beyond_the_bound(aged: Aged) -> None:
    aged.seconds = 11.0
    ask = asker(aged, 10.0)
    wrong = {**LONG, "context": {"via_proxy": 7}}

    assert ask("/access/v1/evaluation", wrong)[0] == 400
    assert reasons(ask("/access/v1/evaluation", UNDECLARED)[1]) == [["stale_data"]]


@pytest.mark.parametrize(("seconds", "status"), [(10.0, 200), (10.1, 503), (inf, 503)])
def test_readiness_fails_beyond_the_bound(aged: Aged, seconds: float, status: int) -> None:
    client = create_app(aged, lambda: NOW, max_staleness=10.0).test_client()
    aged.seconds = seconds

    response = client.get("/readyz")
    told = response.get_json()

    assert (response.status_code, told["ready"]) == (status, status == 200)
    assert [each["file"] for each in told["problems"]] == ["facts"] * (status == 503)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "-inf", "", "ten", "1e999"])
def test_a_bound_is_a_positive_number_of_seconds(text: str) -> None:
    with pytest.raises(ValueError, match="is not a positive number of seconds"):
        FORMS["max_staleness"].read(text)


def test_a_request_for_newer_facts_has_the_source_looked_at_once(aged: Aged) -> None:
    looks: list[str] = []

    def look() -> None:
        looks.append("look")
        aged.before.append(UNKNOWN)  # its facts are there then

    app = create_app(
        aged, lambda: NOW, min_revision_seconds=PATIENCE, request_look=look
    ).test_client()
    path, said = DECIDING["one"]

    answers = [
        app.post(path, json={**said, "min_revision": revision}).get_json()
        for revision in (OLDER, UNKNOWN, UNKNOWN)
    ]

    assert [reasons(answer) for answer in answers] == [[[]]] * 3
    assert looks == ["look"]
