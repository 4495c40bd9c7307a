"""Limits of one worker: sizes of requests, numbers of connections and jobs, and deadlines."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from sidecar.config.settings import Settings
from sidecar.errors import InvalidSettingError

OTHER_DESCRIPTORS = 64
"""Descriptors that a worker needs beside its connections: listeners, logs, files that are read.
A worker of the demo world holds about 25."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one worker accepts; the reason of each value stands at its setting."""

    max_line_bytes: int
    max_header_fields: int
    max_header_bytes: int
    max_head_bytes: int
    max_body_bytes: int
    max_connections: int
    max_waiting: int
    transfer_seconds: float
    request_seconds: float
    idle_seconds: float

    @classmethod
    def from_settings(cls, settings: Settings) -> Limits:
        """Take the limits out of all settings."""
        return cls(**{name: getattr(settings, name) for name in cls.__slots__})


def require_descriptors(max_connections: int) -> None:
    """Raise this process' limit of open files as far as the connections need it.

    Raises:
        InvalidSettingError: The system does not allow so many.
    """
    needed = max_connections + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise InvalidSettingError(
            f"`--max-connections {max_connections}` needs {needed} open files, and the system "
            f"allows {hard}: raise that limit (`ulimit -n`), or allow fewer connections"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
