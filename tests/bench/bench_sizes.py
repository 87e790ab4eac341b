"""The same figures at every size: objects, watchers, a start, and what a long list costs others.

    python -m tests.bench.bench_sizes [--stores sqlite etcd] [--sizes N ...] [--watchers N ...]
                                      [--namespaces N] [--seconds S] [--only WORD ...] [--write]

A store gets as many ConfigMaps as the size says and a tenth as many Pods, which a hundred nodes
share; then the server is started again, so that what is measured has been read from the store.
``--namespaces``: so many namespaces have twenty informers each, in a server of their own. See
`tests.bench.bench_table` for the figures of a row.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from tests.bench.bench_table import CONNECTIONS, SERVER_FLAGS, Bench, Table, storage_of
from tests.bench.beside_lists import Beside, lists_until_killed, run_beside
from tests.bench.fanout import Fanout, run_fanout
from tests.bench.informers import KINDS, Informers, run_informers
from tests.bench.loadclient import fill_nodes, newest_revision
from tests.bench.workloads import NAMESPACE, WORKLOADS
from tests.server_process import ServerProcess, running_server

_MEASURED: Final = (
    "GET", "LIST limit=500", "LIST 1 in 100", "LIST of a node", "create ConfigMap", "merge patch",
    "apply",
)  # fmt: skip
_WRITERS: Final = 4
#: What mixed watchers watch in turn.
_WATCHED: Final = (
    f"{NAMESPACE}/configmaps?watch=1",
    f"{NAMESPACE}/configmaps?watch=1&labelSelector=share%3Dfew",
    f"{NAMESPACE}/configmaps?watch=1&fieldSelector=metadata.name%3Dold-1",
    "/api/v1/configmaps?watch=1",
    "/api/v1/configmaps?watch=1&labelSelector=share%21%3Dmany",
    "/api/v1/namespaces/kube-system/configmaps?watch=1",
    "/api/v1/namespaces/other/configmaps?watch=1",
    f"{NAMESPACE}/configmaps?watch=1&labelSelector=share+in+%28few,some%29",
    "/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Dnode-1",
    f"{NAMESPACE}/secrets?watch=1",
)
#: Shares of the objects that one client lists again and again.
_LISTED: Final = ("", "?limit=500")


class Sizes:
    """Measures servers on one kind of store."""

    def __init__(self, store: str, options: argparse.Namespace, table: Table) -> None:
        self._store = store
        self._options = options
        self._table = table

    def objects(self, objects: int) -> None:
        """Measure a server with so many ConfigMaps."""
        with self._served(f"{objects} objects") as (bench, server):
            empty = bench.resident()
            bench.fill(objects)
            bench.client.submit(fill_nodes, bench.port, objects // 10).result()
            self._restart(bench, server, empty, objects)
            for workload in WORKLOADS:
                if workload.name in _MEASURED and self._wants(workload.name):
                    bench.work(workload, CONNECTIONS, self._options.seconds)
            for watchers in self._options.watchers:
                self._watchers(bench, watchers)
            for query in _LISTED:
                self._beside(bench, query)

    def informers(self, namespaces: int) -> None:
        """Measure a server with so many namespaces of informers."""
        with self._served(f"{namespaces} namespaces") as (bench, _):
            informers = Informers(
                bench.port, bench.pid, namespaces, _WRITERS, self._options.seconds
            )
            found = bench.client.submit(run_informers, informers).result()
            figures = {
                "opened_s": found.opening,
                "/s": found.writes,
                "cpu_us": found.cpu,
                "lag_ms": found.lag,
                "p99_ms": found.longest_lag,
                "KiB each": found.memory,
            }
            bench.add(f"{len(KINDS)} informers each", figures)

    @contextmanager
    def _served(self, what: str) -> Iterator[tuple[Bench, ServerProcess]]:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as name,
            storage_of(self._store, Path(name)) as url,
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as client,
            running_server(
                Path(name), f"--storage={url}", *SERVER_FLAGS, module="apiserver"
            ) as server,
        ):
            yield Bench(f"{self._store}, {what}", server, client, self._table), server

    def _restart(self, bench: Bench, server: ServerProcess, empty: float, objects: int) -> None:
        server.stop()
        begun = time.perf_counter()
        server.start()
        milliseconds = 1000 * (time.perf_counter() - begun)
        cpu = bench.cpu_seconds()
        kib = 1024 * (bench.resident() - empty) / objects
        bench.add("start", {"ms": milliseconds, "cpu_s": cpu, "KiB each": kib})

    def _watchers(self, bench: Bench, watchers: int) -> None:
        if not self._wants("watchers"):
            return
        revision = bench.client.submit(newest_revision, bench.port).result()
        paths = [f"{path}&resourceVersion={revision}" for path in _WATCHED]
        fanout = Fanout(bench.port, bench.pid, watchers, _WRITERS, self._options.seconds, paths)
        found = bench.client.submit(run_fanout, fanout).result()
        figures = {
            "/s": found.writes,
            "events/s": found.deliveries,
            "lag_ms": found.lag,
            "cpu_us": found.cpu,
            "KiB each": found.memory,
        }
        bench.add(f"{watchers} mixed watchers", figures)

    def _beside(self, bench: Bench, query: str) -> None:
        if not self._wants("beside"):
            return
        with lists_until_killed(bench.port, query):
            found = bench.client.submit(run_beside, Beside(bench.port, self._options.seconds))
            for name, outcome in found.result().items():
                figures = {
                    "/s": outcome.rate,
                    "p50_ms": outcome.percentile(0.5),
                    "p99_ms": outcome.percentile(0.99),
                }
                bench.add(f"{name} beside LIST{query}", figures)

    def _wants(self, name: str) -> bool:
        only = self._options.only
        return not only or any(word in name for word in only)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stores", nargs="+", default=["sqlite", "etcd"])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--watchers", type=int, nargs="*", default=[1, 100, 1_000, 5_000])
    parser.add_argument("--namespaces", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = Table()
    for store in options.stores:
        sizes = Sizes(store, options, table)
        for objects in options.sizes:
            sizes.objects(objects)
        if options.namespaces:
            sizes.informers(options.namespaces)
    if options.write:
        table.write()


if __name__ == "__main__":
    main()
