"""Evaluates compiled trees, and single questions of Oso's, on the facts of one request."""

from sidecar.evaluation.kinds import RequestKind, kind_of
from sidecar.evaluation.reading import Frame

__all__ = ["Frame", "RequestKind", "kind_of"]
