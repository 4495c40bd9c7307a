"""The nouns of policy suites: what a case asks, and what it expects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sidecar.model import Reference, Request
from sidecar.schema.messages import in_line
from sidecar.schema.yaml_document import Members

ALL = "all"
"""Written in place of actions: each action of the resource's type, or each cell that is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One line of `allow`, `because` or `obliges`."""

    line: int
    subject: str
    """As the case lists it."""
    resource: str
    """As the case lists it; empty for each resource of the grid."""
    action: str
    """An action, or `ALL` for each cell that no other line speaks of."""
    codes: tuple[str, ...] = ()
    """The reasons or obligations, sorted; empty in `allow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A grid of subjects x actions x resources; what it does not allow it expects to be denied."""

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
    """None when the case says nothing of obligations; else each allowed cell's are checked."""
    lines: Mapping[tuple[str, str], int]
    """Where each subject, each resource and each member of what the caller says stands, by the
    member of the case (``resources`` for both forms) and the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The cases of one file, on one world."""

    name: str
    file: str
    line: int
    """Where the world is named."""
    world: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One request of a grid, with what is expected, and how the answer differed."""

    suite: str
    case: Case
    subject: Reference
    action: str
    resource: Reference
    allowed: bool
    reasons: tuple[str, ...] | None
    """All codes expected of a denial, sorted; None when the case does not say which."""
    obligations: tuple[str, ...] | None
    """All codes expected of an allow, sorted; None when the case does not say which."""
    failure: str | None = None
    """What came instead of what was expected; None when it came, or has not been asked yet."""

    @property
    def name(self) -> str:
        """The sentence of the case, and the request."""
        return f"{self.case.name}: {self.subject} {in_line(self.action)} {self.resource}"

    @property
    def silent(self) -> bool:
        """Whether a denial is expected for any reason, so that a slip would pass for one."""
        return not self.allowed and self.reasons is None

    def request(self) -> Request:
        """Return what is asked."""
        return Request(
            subject=self.subject,
            action=self.action,
            resource=self.resource,
            subject_properties=self.case.subject_properties,
            action_properties=self.case.action_properties,
            resource_properties=self.case.resource_properties,
            context=self.case.context,
        )
