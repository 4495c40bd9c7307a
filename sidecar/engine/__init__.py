"""Evaluates compiled trees, and single questions of Oso's, on the facts of one request."""

from sidecar.engine.bound_rules import BoundRule
from sidecar.engine.evaluator import evaluate
from sidecar.engine.frame import Frame
from sidecar.engine.request_kind import RequestKind, kind_of, prepare_kinds

__all__ = ["BoundRule", "Frame", "RequestKind", "evaluate", "kind_of", "prepare_kinds"]
