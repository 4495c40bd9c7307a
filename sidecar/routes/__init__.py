"""Routes of gateways: which action on which resource the method and the path of a request mean."""

from sidecar.routes.loader import read_routes, routes_of
from sidecar.routes.model import Identification, Match, Route, Routes
from sidecar.routes.target import AmbiguousTargetError, Target, parse_target

__all__ = [
    "AmbiguousTargetError",
    "Identification",
    "Match",
    "Route",
    "Routes",
    "Target",
    "parse_target",
    "read_routes",
    "routes_of",
]
