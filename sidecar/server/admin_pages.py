"""What is answered at the admin listener: one blueprint for each subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from flask import Blueprint

from sidecar.admin import metrics, status
from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog
from sidecar.health import Health, ProcessState, SharedStates, health_of
from sidecar.http import Access, routes_health
from sidecar.metrics import Counters
from sidecar.metrics.catalog import DECISIONS, REASONS, RELOADS
from sidecar.metrics.collector import Totals
from sidecar.page import Counts, Page, create_pages
from sidecar.page.reviewer import reviewer_of
from sidecar.reload import Reloading, StoredReloading
from sidecar.reload.shared_look import SharedLook
from sidecar.server.admin_pairs import AdminPairs
from sidecar.server.config import ServerConfig
from sidecar.watch import elapsed

_OTHER_LIMITS = (
    "workers", "threads", "max_depth", "max_evaluations", "page_size", "max_page_size",
    "min_revision_seconds", "reload_seconds", "stop_seconds",
)  # fmt: skip
"""Settings that are shown beside the limits of connections."""

CLOSED = (
    "Callers of this sidecar need a token or a certificate, and operators need none. "
    "Give a file of tokens with `--admin-tokens`, so that not everybody on this machine can see "
    "policy and facts."
)


@dataclass(frozen=True, kw_only=True)
class AdminPages:
    """The pages, and what they are made of."""

    settings: Settings
    config: ServerConfig
    states: SharedStates
    max_staleness: float
    counters: Counters
    reloading: Reloading | StoredReloading
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
            metrics.blueprint(self.counters.memory, self._measured),
            create_pages(self._page(access)),
        ]

    def _page(self, access: Access) -> Page:
        """Return what the web page shows."""
        settings, totals = self.settings, Totals(self.counters.memory)
        configuration = self._configuration()
        is_closed = bool(settings.tokens or settings.client_ca) and not access.asks

        def status_now() -> status.Status:
            states = self.states.read()
            return status.status_of(configuration, states, self._health_of(states), elapsed())

        def counts() -> Counts:
            decided = totals.decided()
            return Counts(decided[DECISIONS], decided[REASONS], totals.counted()[RELOADS])

        return Page(
            pairs=AdminPairs(
                self.reloading,
                self.counters,
                settings.reload_seconds,
                in_use=lambda: self.health().revisions,
            ),
            clock=lambda: datetime.now(UTC),  # noqa: TID251  the wiring reads the clock
            has_tokens=access.asks,
            reviewer=reviewer_of(settings),
            closed=CLOSED if is_closed else "",
            status=status_now,
            counts=counts,
        )

    def _measured(self) -> Iterable[metrics.Measurement]:
        states, look = self.states.read(), self._look()
        return metrics.measured(states, self._health_of(states), look, self.log, elapsed())

    def _look(self) -> SharedLook | None:
        """Return the last look of the follower; None if there is no follower."""
        return self.reloading.look() if isinstance(self.reloading, StoredReloading) else None

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
