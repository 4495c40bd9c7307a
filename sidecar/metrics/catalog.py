"""All metrics: their names, types, labels and meanings; `docs/metrics.md` says the same."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """The type of a metric, as Prometheus has it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """A metric; the name of a counter ends with `_total`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


COUNTER, GAUGE = Kind.COUNTER, Kind.GAUGE

# --- decisions ----------------------------------------------------------------------------------

DECISIONS = Metric(
    "sidecar_decisions_total",
    COUNTER,
    "Decisions in responses, by type of the resource, action, and `allow` or `deny`.",
    ("type", "action", "decision"),
)
REASONS = Metric(
    "sidecar_denial_reasons_total",
    COUNTER,
    "Reasons of denials in responses; a denial counts once for each of its reasons.",
    ("type", "action", "reason"),
)
SOURCES = Metric(
    "sidecar_decision_sources_total",
    COUNTER,
    "Decisions in responses, by what made them: `cache`, `compiled`, `interpreter`, or `none`"
    " where no policy was asked.",
    ("source",),
)
LISTS = Metric(
    "sidecar_permission_lists_total",
    COUNTER,
    "Lists of permissions of one resource in responses, from the `cache` or `new`.",
    ("source",),
)

# --- requests -----------------------------------------------------------------------------------

DURATIONS = Metric(
    "sidecar_request_duration_seconds",
    Kind.HISTOGRAM,
    "Seconds from the arrival of a request up to its response.",
    ("endpoint",),
)
RESPONSES = Metric(
    "sidecar_responses_total",
    COUNTER,
    "Responses by endpoint and status; `unread` is the endpoint of what could not be read.",
    ("endpoint", "code"),
)
REJECTIONS = Metric(
    "sidecar_rejections_total",
    COUNTER,
    "Error responses by their cause, limits and deadlines among them.",
    ("cause",),
)
CONNECTIONS = Metric("sidecar_connections", GAUGE, "Open connections.")
ACCEPTED = Metric("sidecar_connections_accepted_total", COUNTER, "Accepted connections.")
CLOSED = Metric(
    "sidecar_connections_closed_total",
    COUNTER,
    "Connections closed by the sidecar: `idle`, `silent`, `unread` or `lingering` beyond a"
    " deadline, or to make `room`.",
    ("cause",),
)
PAUSES = Metric(
    "sidecar_accept_pauses_total",
    COUNTER,
    "How often no connection was accepted: all are `busy`, or no `descriptor` was left.",
    ("cause",),
)
JOBS = Metric(
    "sidecar_jobs",
    GAUGE,
    "Requests that run in a thread or wait for one: `slow`, or `open` to everybody.",
    ("pool",),
)

# --- logs ---------------------------------------------------------------------------------------

LOG_LINES = Metric(
    "sidecar_decision_log_lines_total",
    COUNTER,
    "Lines of the decision log, those about chains too.",
)
LOG_LOST = Metric(
    "sidecar_decision_log_lost_lines_total",
    COUNTER,
    "Lines that the decision log lacks although their responses were sent.",
)
ACCESS_LOST = Metric(
    "sidecar_access_log_lost_lines_total", COUNTER, "Lines that the access log lacks."
)

# --- policy and facts ---------------------------------------------------------------------------

POLICY = Metric(
    "sidecar_policy_info", GAUGE, "1 for the revision of the policy in use.", ("revision",)
)
FACTS_REVISION = Metric(
    "sidecar_facts_revision",
    GAUGE,
    "The first 12 hexadecimal digits of the revision of the facts, as a number.",
)
FACTS_AGE = Metric(
    "sidecar_facts_age_seconds",
    GAUGE,
    "Seconds since the source was last seen to hold the facts in use, of the worker with the"
    " oldest; infinite without facts.",
)
READY = Metric("sidecar_ready", GAUGE, "1 if `/readyz` answers 200, else 0.")
PROBLEMS = Metric("sidecar_problems", GAUGE, "Problems that `/readyz` reports.")
RELOADS = Metric(
    "sidecar_reloads_total",
    COUNTER,
    "Policies and facts that a process has newly `used`, or `refused` for their faults.",
    ("input", "result"),
)
LOOKS = Metric(
    "sidecar_follower_looks_total",
    COUNTER,
    "Looks of the follower at the source: `completed` or `failed`.",
    ("result",),
)
LOOK_AGE = Metric(
    "sidecar_follower_look_age_seconds",
    GAUGE,
    "Seconds since the follower completed a look; absent without a follower.",
)
POSITION = Metric(
    "sidecar_follower_position",
    GAUGE,
    "The number of the newest revision of the follower's store; absent without a follower.",
)

# --- processes ----------------------------------------------------------------------------------

BUILD = Metric("sidecar_build_info", GAUGE, "1 for the version of the sidecar.", ("version",))
STARTED = Metric(
    "sidecar_start_time_seconds", GAUGE, "When the sidecar started, in seconds of Unix time."
)
EXPIRY = Metric(
    "sidecar_certificate_expiry_timestamp_seconds",
    GAUGE,
    "When the certificate in use expires, in seconds of Unix time, of `callers` or `operators`;"
    " absent without TLS.",
    ("listener",),
)
WORKERS = Metric("sidecar_workers", GAUGE, "Running workers.")
EXITS = Metric(
    "sidecar_process_exits_total",
    COUNTER,
    "Processes that have ended unasked, and are replaced: `worker`, `follower` or `admin`.",
    ("process",),
)

METRICS = (
    *(DECISIONS, REASONS, SOURCES, LISTS),
    *(DURATIONS, RESPONSES, REJECTIONS, CONNECTIONS, ACCEPTED, CLOSED, PAUSES, JOBS),
    *(LOG_LINES, LOG_LOST, ACCESS_LOST),
    *(POLICY, FACTS_REVISION, FACTS_AGE, READY, PROBLEMS, RELOADS, LOOKS, LOOK_AGE, POSITION),
    *(BUILD, STARTED, EXPIRY, WORKERS, EXITS),
)

BUCKETS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""Upper bounds of `DURATIONS`, in seconds; a cached decision is in the first."""

OTHER = "other"
"""The value of a label in place of one that is not declared, which a caller could make up."""
