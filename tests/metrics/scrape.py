"""What a scrape says, as numbers."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over all its series that have these labels; 0 where there is none."""
        return sum(sample.value for sample in self.samples if sample.name == name and _has(sample.labels, labels))

    def label_names(self) -> set[str]:
        """Return the names of all labels that any series bears."""
        return {name for sample in self.samples for name in sample.labels}

    def values_of(self, label: str) -> set[str]:
        """Return all values of a label."""
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())
