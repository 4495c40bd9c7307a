"""Policy suites: grids of requests with the decisions that reviewers expect."""

from sidecar.suites.junit import junit
from sidecar.suites.loader import read_suite, read_suites
from sidecar.suites.model import Case, Cell, Suite
from sidecar.suites.runner import run_suite, run_suites

__all__ = ["Case", "Cell", "Suite", "junit", "read_suite", "read_suites", "run_suite", "run_suites"]
