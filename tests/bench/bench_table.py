"""The speed of a server in one table, beside the figures of the last committed run.

    python -m tests.bench.bench_table [--stores sqlite etcd] [--objects N] [--seconds S]
                                      [--watchers N ...] [--only WORD ...] [--workers N] [--write]

Every row is a store and a kind of work: answers a second, CPU microseconds of the server per
answer, p50 and p99 in milliseconds. A figure that is more than 5 % worse than the committed one is
marked `-`, one that is more than 5 % better `+`. ``--write`` commits the figures of this run to
`figures.json`. The client is a process of its own on the same machine: throughput depends on how
many processors there are, CPU per answer does not. Several workers (on etcd alone) are measured as
one server; `least` is the CPU of the least busy one, in percent of an equal share.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import orjson

from tests.bench.fanout import Fanout, run_fanout
from tests.bench.loadclient import Load, Outcome, fill, run_load
from tests.bench.process import cpu_seconds, cpu_seconds_of_each, resident
from tests.bench.workloads import WORKLOADS, Workload
from tests.etcd_process import etcd_process
from tests.server_process import ServerProcess, running_server

FIGURES: Final = Path(__file__).with_name("figures.json")
NOTABLE: Final = 0.05
CONNECTIONS: Final = 16
#: Figures that are better when they are smaller; the others are rates.
_COSTS: Final = ("cpu_us", "cpu_s", "p50_ms", "p99_ms", "lag_ms", "KiB each", "MiB", "ms")
_SETTLED_SECONDS: Final = 1.0
# A server that uses less than this share of a processor is idle; it may take so long to get there.
_IDLE_SHARE: Final = 0.1
_IDLE_SECONDS: Final = 60.0
SERVER_FLAGS: Final = ("--disable-admission-plugins=ServiceAccount",)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: what was measured, and its figures by name."""

    name: str
    figures: dict[str, float]


class Table:
    """Prints rows beside those of the committed run as they come."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float]] = {}
        self._before: dict[str, dict[str, float]] = (
            orjson.loads(FIGURES.read_bytes()) if FIGURES.exists() else {}
        )

    def add(self, row: Row) -> None:
        """Print a row and keep it."""
        self.rows[row.name] = row.figures
        before = self._before.get(row.name, {})
        cells = (_cell(name, value, before.get(name)) for name, value in row.figures.items())
        print(f"{row.name:38}{''.join(cells)}".rstrip(), flush=True)

    def write(self) -> None:
        """Commit the figures of this run; rows that were not measured stay."""
        FIGURES.write_bytes(
            orjson.dumps(
                self._before | self.rows, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
            )
            + b"\n"
        )


def _cell(name: str, value: float, before: float | None) -> str:
    if not before:
        return f"{value:10.1f} {name:7}{'':12}"
    change = value / before - 1
    worse = change if name in _COSTS else -change
    mark = " " if abs(change) <= NOTABLE else "-" if worse > 0 else "+"
    return f"{value:10.1f} {name:7}({100 * change:+5.0f} %){mark:2}"


class Bench:
    """One server, its client process, and how much is asked of it."""

    def __init__(self, store: str, server: ServerProcess, client: Executor, table: Table) -> None:
        self._store = store
        self._server = server
        self.client = client
        self._table = table
        self.port = int(server.url.rpartition(":")[2])
        self._sent = 0

    def start(self, milliseconds: float) -> None:
        """Report a start on an empty store, and what the server takes when it idles."""
        time.sleep(_SETTLED_SECONDS)
        self.add("first start, idle", {"ms": milliseconds, "MiB": self.resident()})

    def fill(self, objects: int) -> None:
        """Make the objects that are read and changed, and report what each one takes."""
        before = self.resident()
        self.client.submit(fill, self.port, objects).result()
        kib = 1024 * (self.resident() - before) / objects
        self.add(f"{objects} ConfigMaps", {"KiB each": kib})

    def work(self, workload: Workload, connections: int, seconds: float) -> None:
        """Measure a workload."""
        self._load(workload, connections, seconds / 4)
        self._wait_until_idle()
        before = cpu_seconds_of_each(self.pid)
        outcome = self._load(workload, connections, seconds)
        after = cpu_seconds_of_each(self.pid)
        each = [end - begin for begin, end in zip(before, after, strict=True)]
        figures = {
            "/s": outcome.rate,
            "cpu_us": 1e6 * sum(each) / len(outcome.latencies),
            "p50_ms": outcome.percentile(0.5),
            "p99_ms": outcome.percentile(0.99),
        }
        if workers := each[1:]:
            figures["least"] = 100 * min(workers) * len(workers) / sum(workers)
        self.add(f"{workload.name} x{connections}", figures)

    def watch(self, watchers: int, seconds: float) -> None:
        """Measure how writes reach watchers."""
        before = self.resident()
        cpu = self.cpu_seconds()
        fanout = Fanout(self.port, self.pid, watchers, 4, seconds)
        delivered = self.client.submit(run_fanout, fanout).result()
        spent = self.cpu_seconds() - cpu
        figures = {
            "/s": delivered.writes,
            "events/s": delivered.deliveries,
            "lag_ms": delivered.lag,
            "cpu_s": spent,
            "MiB": self.resident() - before,
        }
        self.add(f"{watchers} watchers", figures)

    def memory(self) -> None:
        """Report the memory of the server."""
        self.add("memory", {"MiB": self.resident()})

    @property
    def pid(self) -> int:
        """The process of the server."""
        assert self._server.process is not None
        return self._server.process.pid

    def _wait_until_idle(self) -> None:
        """Wait until the controllers have done what former writes have left to them."""
        deadline = time.monotonic() + _IDLE_SECONDS
        spent = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(_SETTLED_SECONDS)
            before, spent = spent, self.cpu_seconds()
            if spent - before < _IDLE_SHARE * _SETTLED_SECONDS:
                break

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of the server so far."""
        return cpu_seconds(self.pid)

    def resident(self) -> float:
        """Return the resident memory of the server in MiB."""
        return resident(self.pid)

    def add(self, name: str, figures: dict[str, float]) -> None:
        """Report a row."""
        self._table.add(Row(f"{self._store}: {name}", figures))

    def _load(self, workload: Workload, connections: int, seconds: float) -> Outcome:
        load = Load(self.port, workload.name, connections, seconds, self._sent)
        outcome = self.client.submit(run_load, load).result()
        self._sent += len(outcome.latencies) + connections
        return outcome


@contextmanager
def storage_of(store: str, directory: Path) -> Iterator[str]:
    """Yield the URL of an empty store."""
    if store == "etcd":
        with etcd_process() as etcd:
            yield "etcd://" + etcd.endpoint.removeprefix("http://")
    else:
        yield "memory://" if store == "memory" else f"sqlite:///{directory}/state.db"


def measure(store: str, options: argparse.Namespace, table: Table) -> None:
    """Measure everything on one store."""
    spawn = get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        storage_of(store, Path(name)) as url,
        ProcessPoolExecutor(1, mp_context=spawn) as client,
    ):
        begun = time.perf_counter()
        flags = (f"--storage={url}", f"--workers={options.workers}", *SERVER_FLAGS)
        with running_server(Path(name), *flags, module="apiserver") as server:
            started = 1000 * (time.perf_counter() - begun)
            several = f", {options.workers} workers" if options.workers > 1 else ""
            bench = Bench(store + several, server, client, table)
            bench.start(started)
            bench.fill(options.objects)
            for workload in WORKLOADS:
                if not options.only or any(word in workload.name for word in options.only):
                    bench.work(workload, CONNECTIONS, options.seconds)
                    if workload.name == "create ConfigMap":
                        bench.work(workload, 1, options.seconds)
            for watchers in options.watchers:
                bench.watch(watchers, options.seconds)
            bench.memory()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stores", nargs="+", default=["sqlite", "etcd"])
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--watchers", nargs="*", type=int, default=[1, 100, 1000])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = Table()
    for store in options.stores:
        measure(store, options, table)
    if options.write:
        table.write()


if __name__ == "__main__":
    main()
