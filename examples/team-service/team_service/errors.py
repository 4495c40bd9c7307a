"""What can go wrong, and what the caller is told."""

from __future__ import annotations

from typing import ClassVar

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from sidecar.client import UNAVAILABLE, UNFULFILLED, Decision, UnavailableError

STALE = "stale_data"
"""The reason of a denial because the sidecar does not have the facts yet."""


class ServiceError(Exception):
    """Base of all errors; the message says what to do next."""

    code: ClassVar[str]
    status: ClassVar[int]


class InputError(ServiceError):
    """A caller sent something that nobody can use."""

    code, status = "bad_input", 400


class NoSessionError(ServiceError):
    """The caller has not signed in."""

    code, status = "no_session", 401


class RefusedError(ServiceError):
    """Somebody cannot sign up or in."""

    code, status = "refused", 403


class BusyError(ServiceError):
    """Others change the same team all the time."""

    code, status = "busy", 503


class DeniedError(Exception):
    """The sidecar denies a step."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(", ".join(reason.code for reason in decision.reasons))
        self.decision = decision


def handle_errors(app: Flask) -> None:
    """Let the application answer each error in one form."""

    @app.errorhandler(ServiceError)
    def own(error: ServiceError) -> ResponseReturnValue:
        return _reason(error.code, str(error)), error.status

    @app.errorhandler(HTTPException)
    def other(error: HTTPException) -> ResponseReturnValue:
        return _reason("http", error.name), error.code or 500

    @app.errorhandler(DeniedError)
    def denied(error: DeniedError) -> ResponseReturnValue:
        """Tell what the sidecar says: what stands against it, or what to confirm first."""
        decision = error.decision
        if any(reason.code == UNFULFILLED for reason in decision.reasons):
            confirm = [{"code": o.code, "message": o.message} for o in decision.obligations]
            return {"confirm": confirm}, 409
        reasons = [{"code": r.code, "message": r.message} for r in decision.reasons]
        is_temporary = any(reason.code == STALE for reason in decision.reasons)
        return {"reasons": reasons}, 503 if is_temporary else 403

    @app.errorhandler(UnavailableError)
    def unavailable(_: UnavailableError) -> ResponseReturnValue:
        return _reason(UNAVAILABLE, "Access cannot be checked now; try again later."), 503


def _reason(code: str, message: str) -> dict[str, object]:
    return {"reasons": [{"code": code, "message": message}]}
