"""Evaluates compiled trees, and single questions of Oso's, on the facts of one request."""

from sidecar.evaluation.binding import walk
from sidecar.evaluation.frames import Frame
from sidecar.evaluation.kinds import RequestKind, Rule, kind_of, prepare_kinds
from sidecar.evaluation.moments import Window

__all__ = ["Frame", "RequestKind", "Rule", "Window", "kind_of", "prepare_kinds", "walk"]
