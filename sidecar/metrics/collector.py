"""The sums of all processes, in the formats of Prometheus and of OpenMetrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from sidecar.metrics.catalog import (
    BUCKETS,
    DECISIONS,
    DURATIONS,
    METRICS,
    REASONS,
    RESPONSES,
    SOURCES,
    WORKERS,
    Kind,
    Metric,
)
from sidecar.metrics.decisions import DecisionClass, read_classes
from sidecar.metrics.layout import BUCKET_CELLS, HISTOGRAM_CELLS
from sidecar.metrics.memory import Block, Memory

Values = Mapping[tuple[str, ...], float]
"""Values of one metric by those of its labels."""

_BOUNDS = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")


class Rendering(NamedTuple):
    """All metrics, written."""

    content_type: str
    body: bytes


class Totals(Collector):
    """Adds up the blocks; each call sees the counts of its moment."""

    def __init__(
        self,
        memory: Memory,
        measure: Callable[[], Iterable[tuple[Metric, Values]]] = tuple,
    ) -> None:
        """Prepare to read.

        Args:
            memory: What the processes share.
            measure: Returns metrics that are not in the memory.
        """
        self._memory = memory
        self._measure = measure
        self._blocks = [memory.block(number) for number in range(memory.blocks)]
        self._classes: list[tuple[list[DecisionClass], int]] = [([], 0) for _ in self._blocks]
        """The classes of each block that have been read, and where the next one begins."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self, accept: str) -> Rendering:
        """Return all metrics in the format that a client wants.

        Args:
            accept: Its header `Accept`; empty where it has none.
        """
        encode, content_type = choose_encoder(accept)
        return Rendering(content_type, encode(self._registry))

    def collect(self) -> Iterator[Family]:
        """Yield all metrics that have values, in the order of the catalog."""
        values = {**self.counted(), **self.decided()}
        values.update(self._measure())
        for metric in METRICS:
            if metric is DURATIONS:
                yield self._durations()
            elif metric in values:
                yield _family(metric, values[metric])

    def _used(self) -> list[Block]:
        """Return the blocks in which a process has begun; it names classes before it counts."""
        return [block for block in self._blocks if block.names[0]]

    def counted(self) -> dict[Metric, Values]:
        """Return what is counted in cells, without decisions."""
        layout, live, used = self._memory.layout, self._memory.live(), self._used()
        running = [self._blocks[number] for number in live]
        values: dict[Metric, Values] = {WORKERS: {(): len(live)}}
        for metric in METRICS:
            blocks = running if metric.kind is Kind.GAUGE else used
            cells = layout.cells(metric)
            if cells and metric is not DURATIONS:
                values[metric] = {
                    labels: sum(block.counts[cell] for block in blocks) for labels, cell in cells
                }
        responses = {labels: count for labels, count in values[RESPONSES].items() if count}
        for (endpoint,), first in layout.cells(DURATIONS):
            answered = sum(sum(block.counts[first : first + BUCKET_CELLS]) for block in used)
            if answered:
                responses[endpoint, "200"] = answered
        values[RESPONSES] = responses
        return values

    def _durations(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(DURATIONS.name, DURATIONS.help, labels=DURATIONS.labels)
        used = self._used()
        for (endpoint,), first in self._memory.layout.cells(DURATIONS):
            cells = [
                block.counts[start : start + BUCKET_CELLS]
                for block in used
                for start in (first, first + BUCKET_CELLS)
            ]
            cumulative = list(accumulate(map(sum, zip(*cells, strict=True))))
            if cumulative and cumulative[-1]:
                seconds = sum(block.reals[first + HISTOGRAM_CELLS - 1] for block in used)
                buckets = list(zip(_BOUNDS, cumulative, strict=True))
                family.add_metric((endpoint,), buckets, seconds)
        return family

    def decided(self) -> dict[Metric, Values]:
        """Return how often what was decided, and why."""
        decisions: Counter[tuple[str, ...]] = Counter()
        reasons: Counter[tuple[str, ...]] = Counter()
        sources: Counter[tuple[str, ...]] = Counter(
            {("cache",): 0, ("compiled",): 0, ("interpreter",): 0, ("none",): 0}
        )
        for number, block in enumerate(self._blocks):
            cell = self._memory.first_class
            for each in self._classes_of(number):
                made, cached = block.counts[cell], block.counts[cell + 1]
                cell += 2
                names = (each.type, each.action)
                if made + cached:
                    decisions[*names, "allow" if each.allowed else "deny"] += made + cached
                    for reason in each.reasons:
                        reasons[*names, reason] += made + cached
                sources[each.source,] += made
                sources["cache",] += cached
        return {DECISIONS: decisions, REASONS: reasons, SOURCES: sources}

    def _classes_of(self, number: int) -> list[DecisionClass]:
        """Return the classes of a block; those that were read before are not read again."""
        known, end = self._classes[number]
        for each, after in read_classes(self._blocks[number], end):
            known.append(each)
            end = after
        self._classes[number] = (known, end)
        return known


def _family(metric: Metric, values: Values) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family
