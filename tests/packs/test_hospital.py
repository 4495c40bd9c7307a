"""Nested departments, shifts, delegations, consent and break-glass, against plain Python.

The pack was written from `docs/packs.md` alone. Its suites are tests by themselves, which the
plugin of pytest finds.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

from click.testing import CliRunner

from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Obligation, Reason, Reference, Request
from tests.depth import deep
from tests.packs.hospital_model import Hospital, Row, World
from tests.paths import PACKS

PACK = PACKS / "hospital"
START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = [(START + timedelta(hours=hour)).isoformat() for hour in range(4)]
STAFF, PATIENTS, TEAMS = ("ada", "ben", "cleo", "dan"), ("pat", "quinn"), ("red", "blue")
ABOVE = {
    "hospital": None, "medicine": "hospital", "cardiology": "medicine", "ward": "cardiology",
    "too_deep": "ward", "round": "circle", "circle": "round",
}  # fmt: skip
DEPARTMENTS = tuple(ABOVE)
RECORDS = ("r1", "r2", "r3", "r4")
ADDRESSES = ("Ada@clinic.example", "ada@CLINIC.example", "ben@clinic.example")
ACTIONS = {
    "patient": ("view_chart", "discharge", "transfer"),
    "department": ("view", "manage"),
    "record": ("create", "view", "view", "view", "amend", "export", "seal", "destroy"),
    "prescription": ("create", "view"),
}
IDS = {
    "patient": PATIENTS,
    "department": DEPARTMENTS,
    "record": (*RECORDS, "new"),
    "prescription": ("p1", "new"),
}

OWN = re.findall(r"^  (\w+):", (PACK / "fixtures" / "reasons.yaml").read_text(), re.MULTILINE)
"""The reasons and obligations of the pack."""
FEW = 3


@cache
def hospital() -> Policy:
    return load_pack(PACK / "policies", PACK / "fixtures")


class Made:
    """Makes worlds and requests of few names, so that they meet."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311 - the same requests each time

    def row(self, chance: float = 0.6, /, **columns: object) -> Row:
        """Return a row; a column in a list is left out sometimes, else one of its values."""
        pick = self.dice.choice
        kept: dict[str, object] = {}
        for name, values in columns.items():
            if not isinstance(values, list):
                kept[name] = pick(values) if isinstance(values, tuple) else values
            elif self.dice.random() < chance:
                kept[name] = pick(values)
        return {name.removesuffix("_"): value for name, value in kept.items()}

    def span(self) -> Mapping[str, object]:
        return {"from_": tuple(MOMENTS[:2]), "until": tuple(MOMENTS[1:])}

    def world(self) -> World:
        grades, some = ("nurse", "resident", "physician", "physician"), self.dice.randint
        consents = {
            (patient, category): self.dice.randint(0, 2)
            for patient in PATIENTS
            for category in ("psychiatric", "genetic")
        }
        return {
            "staff": [
                self.row(
                    0.8,
                    id=name, grade=grades, email=[*ADDRESSES], licence_until=MOMENTS[2:],
                    max_dose=["0.5", "50.50"], status=["active", "active", "active", "suspended"],
                )
                for name in STAFF
            ],
            "patients": [
                self.row(id=name, email=[*ADDRESSES], attending=[*STAFF], discharged_at=MOMENTS)
                for name in PATIENTS
            ],
            "departments": [
                {**self.row(id=name, head=[*STAFF]), **({"parent": above} if above else {})}
                for name, above in ABOVE.items()
            ],
            "teams": [self.row(id=name, department=DEPARTMENTS) for name in TEAMS],
            "shifts": [
                self.row(id=f"s{at}", staff=STAFF, team=TEAMS, department=DEPARTMENTS,
                    **self.span(),
                )
                for at in range(some(4, 12))
            ],
            "cares": [
                {"patient": patient, "team": team}
                for patient in PATIENTS
                for team in TEAMS
                if self.dice.random() < 0.4
            ],
            "consents": [
                self.row(
                    patient=patient, category=category, until=MOMENTS,
                    status=("granted", "revoked") if at == 0 else "revoked",
                )
                for (patient, category), number in consents.items()
                for at in range(number)
            ],
            "delegations": [
                self.row(id=f"d{at}", principal=STAFF, delegate=STAFF, **self.span())
                for at in range(some(0, 5))
            ],
            "records": [
                self.row(
                    id=name, patient=PATIENTS, department=DEPARTMENTS, author=[*STAFF],
                    category=["general", "psychiatric", "genetic"], sealed=[True, False, False],
                    editable_until=MOMENTS,
                )
                for name in RECORDS
            ],
            "prescriptions": [self.row(id="p1", patient=PATIENTS, dose="1", days=1)],
        }  # fmt: skip

    def request(self) -> Request:
        dice = self.dice
        kind = dice.choice(("staff", "staff", "staff", "patient"))
        names = (*(STAFF if kind == "staff" else PATIENTS) * 4, "nobody")
        resource = dice.choice(("record", "record", "record", *ACTIONS))
        action = dice.choice(ACTIONS[resource])
        properties = {
            ("record", "view"): self.row(
                0.9, emergency=[True, True, False], justification=["unconscious"]
            ),
            ("record", "export"): self.row(0.9, format=["pdf"], pages=[0, 1, 20, 21]),
            ("patient", "transfer"): self.row(0.9, to=[*DEPARTMENTS]),
        }.get((resource, action), {})
        said = {
            "record": self.row(
                0.8, patient=[*PATIENTS], department=[*DEPARTMENTS], category=["genetic", "general"]
            ),
            "prescription": self.row(
                0.9, patient=[*PATIENTS], dose=["0.5", "50.50", "50.51", "0"], days=[1, 30, 31]
            ),
        }.get(resource, {})
        # What only the mount may say is ignored.
        mounted = {"sealed": False, "author": names[0], "attending": names[0]}
        return Request(
            subject=Reference(kind, dice.choice(names)),
            action=action,
            resource=Reference(resource, dice.choice(IDS[resource])),
            action_properties=properties,
            resource_properties={**said, **mounted},
            subject_properties={"status": "active", "grade": "physician", "max_dose": "1000"},
        )


def mounted(world: World, directory: Path) -> Snapshot:
    directory.mkdir()
    for table, rows in world.items():
        (directory / f"{table}.yaml").write_text(json.dumps(rows))
    return read_directory(hospital().schema, directory)


def test_every_decision_is_that_of_the_requirements(tmp_path: Path) -> None:
    made, met = Made(3), Counter[str]()
    for at in range(deep(8)):
        world = made.world()
        snapshot = mounted(world, tmp_path / str(at))
        for _ in range(300):
            request = made.request()
            tick = timedelta(microseconds=made.dice.choice((-1, 0, 0, 1)))
            now = datetime.fromisoformat(made.dice.choice(MOMENTS)) + tick

            decision = authorize(request, hospital(), snapshot, now)

            subject, resource = request.subject, request.resource
            told = Hospital(world, now).decide(
                (subject.type, subject.id),
                request.action,
                (resource.type, resource.id),
                {**request.action_properties, **sent_of(request)},
            )
            got = decision.allowed, codes(decision.reasons), codes(decision.obligations)
            assert got == told, (request, now)
            met.update(["allowed"] if decision.allowed else told[1])
            met.update(told[2])

    assert {each for each in ("allowed", "data_error", *OWN) if met[each] < FEW} == set()


def sent_of(request: Request) -> Row:
    """Return what a caller may say of the resource."""
    attributes = hospital().schema.types[request.resource.type].attributes
    return {
        name: value
        for name, value in request.resource_properties.items()
        if name in attributes and attributes[name].caller
    }


def codes(found: Iterable[Reason | Obligation]) -> frozenset[str]:
    return frozenset(each.code for each in found)


def test_what_must_always_hold_is_proved() -> None:
    found = CliRunner().invoke(main, ["prove", "--policies", str(PACK / "policies")])

    assert found.exit_code == 0
    assert found.stdout.splitlines()[-1] == "7 of 7 invariants hold in every state"
