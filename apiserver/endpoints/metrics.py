"""/metrics: metrics of the server in Prometheus' format, with kube-apiserver's names.

Counting must be cheap, so the numbers are kept in plain dicts; prometheus-client, which formats
them, is imported by the first scrape.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from apiserver.machinery.instruments import COUNTER, Family, Histogram, Instrumented, Labels

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


class Metrics:
    """All metrics of a server. ``gauges`` and those of ``parts`` are read at scrape time."""

    def __init__(self) -> None:
        #: The durations of requests, by verb, group, version, resource, subresource and code.
        self.requests = Histogram()
        #: The number of those that are not timed.
        self.untimed: defaultdict[Labels, int] = defaultdict(int)
        self.storage = Histogram()
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.parts: list[Instrumented] = []

    def counted_requests(self) -> dict[Labels, int]:
        """Return the number of requests, by the same labels."""
        counted = {labels: sum(each.counts) for labels, each in self.requests.series.items()}
        for labels, count in self.untimed.items():
            counted[labels] = counted.get(labels, 0) + count
        return counted

    def durations(self) -> Histogram:
        """Return the durations of requests, whatever their code."""
        together = Histogram()
        for labels, each in self.requests.series.items():
            together.add(labels[:-1], each.counts, each.seconds)
        return together

    def observe_storage(self, operation: str, seconds: float, failed: bool) -> None:  # noqa: FBT001
        """Count one call of the store."""
        self.storage.observe((operation, "error" if failed else "ok"), seconds)

    def render(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(_Collector(self))
        return generate_latest(registry), CONTENT_TYPE_LATEST


_REQUEST_LABELS = ("verb", "group", "version", "resource", "subresource")


class _Collector:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        metrics = self._metrics
        requests = CounterMetricFamily(
            "apiserver_request", "Requests answered.", labels=[*_REQUEST_LABELS, "code"]
        )
        for labels, count in metrics.counted_requests().items():
            requests.add_metric(labels, count)
        yield requests
        yield self._histogram(
            HistogramMetricFamily(
                "apiserver_request_duration_seconds",
                "How long requests took; watches are not counted.",
                labels=_REQUEST_LABELS,
            ),
            metrics.durations(),
        )
        yield self._histogram(
            HistogramMetricFamily(
                "apiserver_storage_request_duration_seconds",
                "How long calls of the store took.",
                labels=("operation", "result"),
            ),
            metrics.storage,
        )
        flight = GaugeMetricFamily(
            "apiserver_current_inflight_requests", "Requests open.", labels=("request_kind",)
        )
        for kind, count in metrics.in_flight.items():
            flight.add_metric((kind,), count)
        yield flight
        for name, (text, read) in metrics.gauges.items():
            yield GaugeMetricFamily(name, text, value=read())
        for part in metrics.parts:
            for family in part.families():
                yield self._family(family)

    def _family(self, family: Family) -> Metric:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        values = family.values
        if isinstance(values, Histogram):
            histogram = HistogramMetricFamily(family.name, family.description, labels=family.labels)
            return self._histogram(histogram, values)
        make = CounterMetricFamily if family.kind == COUNTER else GaugeMetricFamily
        metric = make(family.name, family.description, labels=family.labels)
        for labels, value in values.items():
            metric.add_metric(labels, value)
        return metric

    def _histogram(self, family: Metric, histogram: Histogram) -> Metric:
        for labels, series in histogram.series.items():
            family.add_metric(  # type: ignore[attr-defined]
                labels, buckets=histogram.buckets(labels), sum_value=series.seconds
            )
        return family
