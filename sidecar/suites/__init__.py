"""Policy suites: grids of requests with the answers that reviewers expect."""

from sidecar.suites.junit import junit
from sidecar.suites.loader import read_suite, read_suites
from sidecar.suites.model import Case, Cell, Suite
from sidecar.suites.runner import ask, cells

__all__ = ["Case", "Cell", "Suite", "ask", "cells", "junit", "read_suite", "read_suites"]
