"""The metrics of work queues, with the names of client-go's workqueue."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from apiserver.machinery.instruments import COUNTER, Family, Histogram, Labels

_LABELS: Final = ("name",)
# Ten nanoseconds to a thousand seconds.
_BOUNDS: Final = tuple(10.0**exponent for exponent in range(-8, 4))


class QueueMetrics:
    """The metrics of the queues of one name.

    ``depth`` is the number of keys that are due; ``working`` has when the processing of each began.
    """

    def __init__(self, name: str) -> None:
        self.labels: Labels = (name,)
        self.adds = 0
        self.retries = 0
        self.depth = 0
        self.working: dict[str, float] = {}
        self.waited = Histogram(_BOUNDS)
        self.worked = Histogram(_BOUNDS)

    def took(self, key: str, added: float) -> None:
        """Count a key whose processing starts; it was added at a time of `moment`."""
        self.working[key] = now = moment()
        self.depth -= 1
        self.waited.observe(self.labels, now - added)

    def finished(self, key: str) -> None:
        """Count a key whose processing has ended."""
        self.worked.observe(self.labels, moment() - self.working.pop(key))

    def closed(self) -> None:
        """Forget the keys of a queue that nothing will process."""
        self.depth = 0
        self.working.clear()


def moment() -> float:
    """Return seconds that never go back."""
    return time.perf_counter()


def queue_families(queues: Sequence[QueueMetrics]) -> Iterator[Family]:
    """Return the metrics of queues with distinct names."""
    now = moment()
    unfinished = {each.labels: [now - began for began in each.working.values()] for each in queues}
    yield Family(
        "workqueue_depth",
        "Keys that are due.",
        _LABELS,
        {each.labels: each.depth for each in queues},
    )
    yield Family(
        "workqueue_adds",
        "Keys that were added.",
        _LABELS,
        {each.labels: each.adds for each in queues},
        COUNTER,
    )
    yield Family(
        "workqueue_retries",
        "Keys that were added again after a failure.",
        _LABELS,
        {each.labels: each.retries for each in queues},
        COUNTER,
    )
    yield Family(
        "workqueue_unfinished_work_seconds",
        "How long the keys in progress have been worked on in total.",
        _LABELS,
        {labels: sum(times) for labels, times in unfinished.items()},
    )
    yield Family(
        "workqueue_longest_running_processor_seconds",
        "How long the oldest key in progress has been worked on.",
        _LABELS,
        {labels: max(times, default=0.0) for labels, times in unfinished.items()},
    )
    yield Family(
        "workqueue_queue_duration_seconds",
        "How long keys were due before their processing began.",
        _LABELS,
        _combined(each.waited for each in queues),
    )
    yield Family(
        "workqueue_work_duration_seconds",
        "How long the processing of keys took.",
        _LABELS,
        _combined(each.worked for each in queues),
    )


def _combined(histograms: Iterable[Histogram]) -> Histogram:
    whole = Histogram(_BOUNDS)
    for each in histograms:
        whole.series.update(each.series)
    return whole
