"""Plots of a run, as SVG that is the same for the same figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "sidecar"

from matplotlib import pyplot as plt  # noqa: E402  after its backend is chosen

Series = Mapping[str, Sequence[tuple[float, float]]]


def bars(path: Path, title: str, unit: str, values: Mapping[str, float]) -> None:
    """Draw horizontal bars on a logarithmic axis, each with its figure."""
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(values) + 1.4))
    drawn = axes.barh(list(values), list(values.values()))
    axes.bar_label(drawn, [f" {value:,.4g}" for value in values.values()])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel=unit, title=title)
    axes.margins(x=0.2)
    _save(figure, path)


def lines(path: Path, title: str, across: str, unit: str, series: Series) -> None:
    """Draw lines on two logarithmic axes."""
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, points in series.items():
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel=unit, title=title)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)
