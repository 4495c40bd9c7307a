"""Policy suites: grids of requests with the answers that reviewers expect."""

from sidecar.suites.cases import Case, Cell, Suite
from sidecar.suites.junit import junit
from sidecar.suites.reading import read_suite, read_suites
from sidecar.suites.running import ask, cells

__all__ = ["Case", "Cell", "Suite", "ask", "cells", "junit", "read_suite", "read_suites"]
