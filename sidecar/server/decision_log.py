"""The decision log that the settings ask for."""

from __future__ import annotations

from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog, Hashing, Limits, LineFile, OnFailure
from sidecar.errors import InvalidSettingError


def open_decision_log(settings: Settings) -> DecisionLog | None:
    """Open the log, before the workers are forked: they share its turns and its key.

    Raises:
        InvalidSettingError: The file or the key cannot be used, or the settings contradict.
    """
    if not settings.decision_log:
        return None
    key = settings.decision_log_key
    hashing = Hashing.by_file(key) if key else Hashing.for_this_start()
    limits = Limits(
        max_bytes=settings.decision_log_max_bytes,
        max_seconds=settings.decision_log_max_seconds,
        keep=settings.decision_log_keep,
    )
    if limits.keep and not limits.exist:
        raise InvalidSettingError(
            "`--decision-log-keep` needs `--decision-log-max-bytes` or `--decision-log-max-seconds`"
        )
    try:
        file = LineFile(settings.decision_log, limits)
    except OSError as error:
        message = f"the decision log `{settings.decision_log}` cannot be written: {error.strerror}"
        raise InvalidSettingError(message) from error
    if limits.exist and not file.regular:
        raise InvalidSettingError(
            f"the decision log `{settings.decision_log}` is no file, and cannot be renamed; leave"
            " out `--decision-log-max-bytes` and `--decision-log-max-seconds`"
        )
    return DecisionLog(
        file,
        hashing,
        OnFailure(settings.decision_log_failure),
        searches=settings.decision_log_searches,
    )
