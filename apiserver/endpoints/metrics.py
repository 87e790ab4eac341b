"""/metrics: metrics of the server in Prometheus' format, with kube-apiserver's names.

Counting must be cheap, so the numbers are kept in plain dicts; prometheus-client, which formats
them, is imported by the first scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

Labels = tuple[str, ...]


class Histogram:
    """Durations in seconds, by labels."""

    def __init__(self) -> None:
        self.counts: dict[Labels, list[int]] = {}
        self.sums: defaultdict[Labels, float] = defaultdict(float)

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count one duration."""
        counts = self.counts.get(labels)
        if counts is None:
            counts = self.counts[labels] = [0] * (len(BUCKETS) + 1)
        counts[bisect_left(BUCKETS, seconds)] += 1
        self.sums[labels] += seconds

    def buckets(self, labels: Labels) -> list[tuple[str, float]]:
        """Return the cumulative count for every bucket."""
        total = 0
        result = []
        bounds = [*map(str, BUCKETS), "+Inf"]
        for bound, count in zip(bounds, self.counts[labels], strict=True):
            total += count
            result.append((bound, float(total)))
        return result


class Metrics:
    """All metrics of a server. ``gauges`` are read at scrape time."""

    def __init__(self) -> None:
        self.requests: defaultdict[Labels, int] = defaultdict(int)
        self.durations = Histogram()
        self.storage = Histogram()
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self.gauges: dict[str, tuple[str, Callable[[], float]]] = {}

    def observe_request(self, labels: Labels, code: int, seconds: float) -> None:
        """Count one request; labels are verb, group, version, resource, subresource."""
        self.requests[*labels, str(code)] += 1
        self.durations.observe(labels, seconds)

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
        for labels, count in metrics.requests.items():
            requests.add_metric(labels, count)
        yield requests
        yield self._histogram(
            HistogramMetricFamily(
                "apiserver_request_duration_seconds",
                "How long requests took; watches are not counted.",
                labels=_REQUEST_LABELS,
            ),
            metrics.durations,
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

    def _histogram(self, family: Metric, histogram: Histogram) -> Metric:
        for labels in histogram.counts:
            family.add_metric(  # type: ignore[attr-defined]
                labels, buckets=histogram.buckets(labels), sum_value=histogram.sums[labels]
            )
        return family
