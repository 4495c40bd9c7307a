"""The bundle: a compiled pack as plain data. The seam between the compiler and all the rest."""

from sidecar.bundle.model import UNDECLARED_ACTION, Bundle, Entry, RuleDiagram, Uncompiled

__all__ = ["UNDECLARED_ACTION", "Bundle", "Entry", "RuleDiagram", "Uncompiled"]
