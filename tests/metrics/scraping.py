"""What a scrape sees."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[str, float]
"""Values by the name of a sample and its labels, such as `requests_total code=200 path=/a`."""


def samples_of(text: str) -> Samples:
    """Return the samples of a text in the format of Prometheus."""
    return {
        " ".join([each.name, *(f"{name}={each.labels[name]}" for name in sorted(each.labels))]): (
            each.value
        )
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def total(samples: Samples, name: str, label: str = "") -> float:
    """Return the sum of all samples of a name, or of those that have a label such as `code=200`."""
    return sum(
        value
        for key, value in samples.items()
        if key.split(" ")[0] == name and (not label or label in key.split(" ")[1:])
    )
