"""The requirements of the hospital pack in plain Python: an oracle that shares nothing with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
World = Mapping[str, Sequence[Row]]
DEPTH = 3
"""References to the department above that may follow each other."""


class Hospital:
    """What holds in one world at one moment; members of rows that are absent are left out."""

    def __init__(self, world: World, now: datetime) -> None:
        self._world = world
        self._now = now

    def decide(
        self, subject: tuple[str, str], action: str, resource: tuple[str, str], sent: Row
    ) -> tuple[bool, frozenset[str], frozenset[str]]:
        """Return whether a request is allowed, the reasons, and the obligations.

        Args:
            subject: Type and id.
            action: One of the type of the resource.
            resource: Type and id.
            sent: Properties of the action and of the resource, all inside their domains.
        """
        kind, name = subject
        who = self._row("staff" if kind == "staff" else "patients", name)
        what = self._row(f"{resource[0]}s", resource[1])
        reasons = set(self._always(who, what, creates=action == "create"))
        staff = who if kind == "staff" else None
        asked = _Asked(self, kind, name, staff, {**sent, **(what or {})}, sent)
        if staff and staff.get("status") == "suspended":
            reasons.add("suspended")
        reasons |= set(getattr(asked, f"{resource[0]}_reasons")(action))
        granted = False
        if who and (what or action == "create"):
            try:
                granted = getattr(asked, f"{resource[0]}_granted")(action)
            except RecursionError:
                reasons.add("data_error")
        if not granted or reasons:
            return False, frozenset(reasons or {"not_granted"}), frozenset()
        obliged = resource[0] == "record" and action == "view" and asked.breaks_glass()
        told = {"notify_privacy", "justify"} if obliged and not asked.treats() else set()
        return True, frozenset(), frozenset(told)

    def _always(self, who: Row | None, what: Row | None, *, creates: bool) -> list[str]:
        return [
            *(["unknown_subject"] if who is None else []),
            *(["already_exists"] if creates and what else []),
            *(["unknown_resource"] if not creates and what is None else []),
        ]

    def _row(self, table: str, name: object) -> Row | None:
        return next((row for row in self._world[table] if row["id"] == name), None)

    def patient(self, name: object) -> Row:
        """Return the row of a patient; an empty one where there is none."""
        return self._row("patients", name) or {}

    def holds(self, row: Row) -> bool:
        """Tell whether a row holds now."""
        return bool(_time(row["from"]) <= self._now < _time(row["until"]))

    def is_past(self, text: str | None) -> bool:
        """Tell whether there is such a moment, and it has come."""
        return text is not None and _time(text) <= self._now

    def is_ahead(self, text: str | None) -> bool:
        """Tell whether there is such a moment, and it has not come."""
        return text is not None and _time(text) > self._now

    def rows(self, table: str, **wanted: object) -> list[Row]:
        """Return the rows with these values."""
        return [row for row in self._world[table] if wanted.items() <= row.items()]

    def heads(self, staff: str, department: object) -> bool:
        """Tell whether somebody heads a department or one above it.

        Raises:
            RecursionError: There are too many above it.
        """
        found = False
        row = self._row("departments", department)
        for step in range(DEPTH + 2):
            if row is None:
                return found
            if step > DEPTH:
                raise RecursionError
            found = found or row.get("head") == staff
            row = self._row("departments", row.get("parent"))
        return found


class _Asked:
    """One request: `facts` of the resource, and what was `sent`."""

    def __init__(
        self,
        hospital: Hospital,
        kind: str,
        name: str,
        staff: Row | None,
        facts: Row,
        sent: Row,
    ) -> None:
        self._hospital, self._kind, self._name = hospital, kind, name
        self._staff = staff or {}
        self._facts, self._sent = facts, sent
        self._patient = facts.get("patient", facts.get("id"))

    def _is_shift_now(self, **wanted: object) -> bool:
        shifts = self._hospital.rows("shifts", staff=self._name, **wanted)
        return self._kind == "staff" and any(map(self._hospital.holds, shifts))

    def _cares(self) -> bool:
        cares = self._hospital.rows("cares", patient=self._patient)
        return any(self._is_shift_now(team=care["team"]) for care in cares)

    def _attends(self) -> bool:
        attending = self._hospital.patient(self._patient).get("attending")
        if attending is None or self._kind != "staff":
            return False
        stands_in = self._hospital.rows("delegations", delegate=self._name, principal=attending)
        return attending == self._name or any(map(self._hospital.holds, stands_in))

    def treats(self) -> bool:
        """Tell whether somebody cares for the patient or attends."""
        return self._cares() or self._attends()

    def breaks_glass(self) -> bool:
        """Tell whether a physician may see the record in an emergency."""
        said = self._sent.get("emergency") is True and "justification" in self._sent
        return said and self._is_licensed_physician() and self._is_shift_now()

    def _is_licensed_physician(self) -> bool:
        return self._staff.get("grade") == "physician" and self._is_licensed()

    def _is_licensed(self) -> bool:
        return self._hospital.is_ahead(self._staff.get("licence_until"))

    def patient_granted(self, action: str) -> bool:
        if action == "view_chart":
            return self.treats() or (self._kind, self._name) == ("patient", self._patient)
        if action == "discharge":
            return self._attends()
        attending = self._hospital.patient(self._patient).get("attending")
        own = self._kind == "staff" and attending == self._name
        return own and self._hospital.heads(self._name, self._sent.get("to"))

    def patient_reasons(self, _action: str) -> list[str]:
        return []

    def department_granted(self, action: str) -> bool:
        if action == "manage":
            return self._kind == "staff" and self._facts.get("head") == self._name
        return self._heads(self._facts["id"])

    def _heads(self, department: object) -> bool:
        heads = self._hospital.heads(self._name, department)
        return self._kind == "staff" and heads

    def department_reasons(self, _action: str) -> list[str]:
        return []

    def prescription_granted(self, action: str) -> bool:
        if action == "create":
            return self._staff.get("grade") == "physician" and self.treats()
        return self._cares() or (self._kind, self._name) == ("patient", self._patient)

    def prescription_reasons(self, action: str) -> list[str]:
        if action != "create" or self._kind != "staff":
            return []
        dose, days = self._facts.get("dose"), self._facts.get("days")
        most = Decimal(self._staff.get("max_dose", 0)) if self._staff else None
        fits = dose is not None and most is not None and 0 < Decimal(dose) <= most
        short = days is not None and days <= 30
        reasons = {"licence": self._is_licensed(), "dose_too_high": fits, "too_long": short}
        return [reason for reason, holds in reasons.items() if not holds]

    def record_granted(self, action: str) -> bool:
        own = (self._kind, self._name) == ("patient", self._patient)
        match action:
            case "view":
                return own or self.treats() or self.breaks_glass()
            case "export":
                return own or self._attends()
            case "amend":
                in_time = self._hospital.is_ahead(self._facts.get("editable_until"))
                graded = self._staff.get("grade") in {"physician", "resident"}
                return self._attends() or (self._cares() and graded and in_time)
            case "create":
                return self._staff.get("grade") == "physician" and self.treats()
            case "destroy":
                return False
            case _:
                return self._heads(self._facts.get("department"))

    def record_reasons(self, action: str) -> list[str]:
        patient, category = self._hospital.patient(self._patient), self._facts.get("category")
        is_staff = self._kind == "staff"
        author = self._facts.get("author") if is_staff else None
        sealed = self._facts.get("sealed") is True and author != self._name
        sees = action in {"view", "export"}
        asks = is_staff and sees and category in {"psychiatric", "genetic"}
        excused = action == "view" and self.breaks_glass()
        email, own = self._staff.get("email", ""), patient.get("email", "")
        department = self._facts.get("department")
        reasons = {
            "sealed": (sees or action == "amend") and sealed,
            "no_consent": asks and not excused and not self._has_consented(category),
            "own_record": action == "view" and bool(email) and email.lower() == own.lower(),
            "too_many_pages": action == "export" and not 1 <= self._sent.get("pages", 0) <= 20,
            "format_missing": action == "export" and "format" not in self._sent,
            "not_staffed": is_staff
            and action == "create"
            and not (department and self._is_shift_now(department=department)),
            "discharged": action == "amend"
            and self._hospital.is_past(patient.get("discharged_at")),
        }
        return [reason for reason, holds in reasons.items() if holds]

    def _has_consented(self, category: object) -> bool:
        rows = self._hospital.rows(
            "consents", patient=self._patient, category=category, status="granted"
        )
        return any(not self._hospital.is_past(row.get("until")) for row in rows)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
