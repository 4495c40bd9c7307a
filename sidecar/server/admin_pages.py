"""What is answered at the admin listener: one blueprint for each subject."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from flask import Blueprint

from sidecar.admin import metrics, status
from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog
from sidecar.health import Health, ProcessState, SharedStates, health_of
from sidecar.http import Access, routes_health
from sidecar.metrics import Memory
from sidecar.reload.shared_look import SharedLook
from sidecar.server.config import ServerConfig
from sidecar.watch import elapsed

_OTHER_LIMITS = (
    "workers", "threads", "max_depth", "max_evaluations", "page_size", "max_page_size",
    "min_revision_seconds", "reload_seconds", "stop_seconds",
)  # fmt: skip
"""Settings that are shown beside the limits of connections."""


@dataclass(frozen=True, kw_only=True)
class AdminPages:
    """The pages, and what they are made of."""

    settings: Settings
    config: ServerConfig
    states: SharedStates
    max_staleness: float
    memory: Memory
    look: Callable[[], SharedLook] | None
    """Returns the last look of the follower; None if there is no follower."""
    log: DecisionLog | None

    def health(self) -> Health:
        """Return the health of the sidecar, for both listeners."""
        return self._health_of(self.states.read())

    def _health_of(self, states: Sequence[ProcessState]) -> Health:
        return health_of(states, elapsed(), self.max_staleness)

    def blueprints(self, access: Access) -> list[Blueprint]:
        """Return all pages.

        Args:
            access: Who may ask.
        """
        return [
            routes_health.blueprint(self.health, access),
            status.blueprint(self._configuration(), self.states.read, self._health_of, elapsed),
            metrics.blueprint(self.memory, self._measured),
        ]

    def _measured(self) -> Iterable[metrics.Measurement]:
        states = self.states.read()
        look = None if self.look is None else self.look()
        return metrics.measured(states, self._health_of(states), look, self.log, elapsed())

    def _configuration(self) -> status.Configuration:
        settings, admin = self.settings, self.config.admin
        data = settings.data
        certificate = _text(settings.certificate)
        return status.Configuration(
            policy=str(settings.bundle or settings.policies),
            # What stands behind the scheme of a database may be a password.
            facts=data.partition(":")[0] if isinstance(data, str) else str(settings.mount()),
            max_staleness=settings.max_staleness,
            callers=status.Listener(
                addresses=tuple(map(str, self.config.addresses)),
                tokens=_text(settings.tokens),
                certificate=certificate,
                client_ca=_text(settings.client_ca),
            ),
            operators=status.Listener(
                addresses=tuple(map(str, admin.addresses)) if admin else (),
                tokens=_text(settings.admin_tokens),
                certificate=certificate if admin and admin.tls else None,
                client_ca=None,
            ),
            limits={
                **asdict(self.config.limits),
                **{name: getattr(settings, name) for name in _OTHER_LIMITS},
            },
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
