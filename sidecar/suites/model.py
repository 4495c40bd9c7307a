"""Suites, cases, expectations and cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sidecar.model import Reference, Request
from sidecar.schema.messages import in_line
from sidecar.schema.yaml_document import Members

ALL = "all"
"""Stands for each action of the resource's type; in an expectation, for each cell that is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of `allow`, `because` or `obliges`."""

    line: int
    subject: str
    """As the case lists it."""
    resource: str
    """As the case lists it; empty for every resource of the grid."""
    action: str
    """An action, or `ALL` for each cell that no other line names."""
    codes: tuple[str, ...] = ()
    """The reasons or obligations, sorted; empty in `allow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A grid of subjects x actions x resources; cells that are not allowed expect a denial."""

    file: str
    line: int
    name: str
    now: datetime
    subjects: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    subject_properties: Mapping[str, object]
    action_properties: Mapping[str, object]
    resource_properties: Mapping[str, object]
    context: Mapping[str, object]
    facts: Mapping[str, tuple[Members, ...]]
    """Rows, by table, that change the world for this case."""
    allow: tuple[Expectation, ...]
    because: tuple[Expectation, ...]
    obliges: tuple[Expectation, ...] | None
    """None if the case has no `obliges`; otherwise those of every allowed cell are checked."""
    lines: Mapping[tuple[str, str], int]
    """The line of each subject, resource, property and member of the context, by the member of the
    case (``resources`` for both forms) and the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The cases of one file, on one world."""

    name: str
    file: str
    line: int
    """The line that names the world."""
    world: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One request of a grid, its expected decision, and how the actual one differs."""

    suite: str
    case: Case
    subject: Reference
    action: str
    resource: Reference
    allowed: bool
    reasons: tuple[str, ...] | None
    """All codes expected of a denial, sorted; None if any reason will do."""
    obligations: tuple[str, ...] | None
    """All codes expected of an allow, sorted; None if they are not checked."""
    failure: str | None = None
    """How the decision differs; None if it does not, or is not known yet."""

    @property
    def name(self) -> str:
        """The name of the case, and the request."""
        return f"{self.case.name}: {self.subject} {in_line(self.action)} {self.resource}"

    @property
    def accepts_any_reason(self) -> bool:
        """Whether a denial for any reason is expected, so that a mistake would pass for one."""
        return not self.allowed and self.reasons is None

    def request(self) -> Request:
        """Return the request."""
        return Request(
            subject=self.subject,
            action=self.action,
            resource=self.resource,
            subject_properties=self.case.subject_properties,
            action_properties=self.case.action_properties,
            resource_properties=self.case.resource_properties,
            context=self.case.context,
        )
