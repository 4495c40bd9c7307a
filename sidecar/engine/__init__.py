"""Evaluates compiled trees, and single questions of Oso's, on the facts of one request."""

from sidecar.engine.bound_rules import BoundRule
from sidecar.engine.evaluator import evaluate
from sidecar.engine.frame import Frame
from sidecar.engine.request_kind import RequestKind, kind_of, prepare_kinds
from sidecar.engine.validity import Window

__all__ = ["BoundRule", "Frame", "RequestKind", "Window", "evaluate", "kind_of", "prepare_kinds"]
