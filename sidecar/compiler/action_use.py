"""How a result depends on the action of a request, so that one result serves many actions."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ActionUse:
    """What was looked at of an action. The result is the same for every action that looks alike."""

    compared: dict[str, bool] = field(default_factory=dict)
    """Names with which its name was compared, and whether it is that one."""
    is_passed: bool = False
    """Whether its name was handed to a rule as it is, without a look at it."""
    is_whole: bool = False
    """Whether anything else of it was looked at: the result may differ for each action."""

    def __bool__(self) -> bool:
        return bool(self.compared) or self.is_passed or self.is_whole

    def add(self, other: ActionUse) -> None:
        """Add what was looked at elsewhere, for the same action."""
        self.compared.update(other.compared)
        self.is_passed = self.is_passed or other.is_passed
        self.is_whole = self.is_whole or other.is_whole

    def compares_alike(self, action: str) -> bool:
        """Return whether every comparison of the name has the same answer for another action."""
        return all((action == name) is equal for name, equal in self.compared.items())
