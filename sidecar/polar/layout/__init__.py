"""The layout of Polar files: `sidecar fmt`, and the language server."""

from sidecar.polar.layout.formatter import format_polar

__all__ = ["format_polar"]
