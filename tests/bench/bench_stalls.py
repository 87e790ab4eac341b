"""How long one large request keeps the event loop from all others, by the shape of its body.

Run as a program: ``python -m tests.bench.bench_stalls [WORD...]`` prints, for every shape and verb
whose name contains one of the words (all if none is said), the answer and the longest stall of the
loop in milliseconds. A stall is measured in CPU time of the whole process between two ticks of a
task that is due every millisecond, so other processes of the machine do not count. The client is a
process of its own.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

from apiserver.schema.structtypes import struct_type
from apiserver.server.serving import freeze_memory
from tests.bench.stall_shapes import NAMESPACE, PROTOBUF, SIZE, STRUCTS, THINGS, shapes
from tests.fuzz.protobuf import envelope
from tests.unit.server.in_process import InProcess, server_in_process

TICK: Final = 0.001
BUDGET_MS: Final = 50.0
WITHOUT_ACCOUNTS: Final = "--disable-admission-plugins=ServiceAccount"
SERVED_WITHIN: Final = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """A request: its verb, path, media type and body; what exists before is of the same name."""

    shape: str
    verb: str
    method: str
    path: str
    media_type: str = "application/json"


def cases(words: list[str]) -> Iterator[Case]:
    """Yield every verb with every shape."""
    for shape, path, _ in shapes():
        for case in _of_shape(shape, path):
            if not words or any(word in f"{shape}: {case.verb}" for word in words):
                yield case


def _of_shape(shape: str, path: str) -> Iterator[Case]:
    one = path + "/big"
    yield Case(shape, "create", "POST", path)
    yield Case(shape, "create as YAML", "POST", path, "application/yaml")
    if path in STRUCTS:
        yield Case(shape, "create as protobuf", "POST", path, PROTOBUF)
    yield Case(shape, "update", "PUT", one)
    yield Case(shape, "merge patch", "PATCH", one, "application/merge-patch+json")
    yield Case(shape, "strategic patch", "PATCH", one, "application/strategic-merge-patch+json")
    yield Case(shape, "JSON patch", "PATCH", one, "application/json-patch+json")
    yield Case(shape, "apply", "PATCH", one + "?fieldManager=m", "application/apply-patch+yaml")
    yield Case(shape, "get", "GET", one)
    yield Case(shape, "list", "GET", path + "?labelSelector=a%3Db")
    yield Case(shape, "delete", "DELETE", one)


def body_of(case: Case) -> bytes:
    """Return the body of a request."""
    if case.method in ("GET", "DELETE"):
        return b""
    body = next(make for shape, _, make in shapes() if shape == case.shape)()
    if case.verb == "create as YAML":
        # Flow style, but not the JSON that is the fast case of YAML.
        return b" " + body
    if case.media_type == PROTOBUF:
        return _as_protobuf(body, case.path)
    if case.verb == "JSON patch":
        return b'[{"op":"add","path":"/x","value":' + body + b"}]"
    if case.verb == "apply" and b'"kind"' not in body[:80]:
        path = case.path.partition("/big")[0]
        version, kind, _ = STRUCTS[path]
        return b'{"kind":"%s","apiVersion":"%s",' % (kind.encode(), version.encode()) + body[1:]
    return body


def _as_protobuf(body: bytes, path: str) -> bytes:
    version, kind, struct = STRUCTS[path]
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return envelope({**document, "apiVersion": version, "kind": kind}, struct_type(struct))[:SIZE]


def send(url: str, case: Case, headers: Mapping[str, str]) -> tuple[int, int]:
    """Send a request; return the status and the size of the answer. It runs in the client."""
    # A hundred warnings are a hundred headers.
    http.client._MAXHEADERS = 1000  # type: ignore[attr-defined]
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=300)
    given = {**headers, "Content-Type": case.media_type, "Authorization": "Bearer secret"}
    connection.request(case.method, case.path, body_of(case), given)
    with connection.getresponse() as answer:
        return answer.status, len(answer.read())


@dataclass(slots=True)
class Ticks:
    """The longest time that a task due every millisecond has waited."""

    longest: float = field(default=0.0)

    async def count(self) -> None:
        """Tick until cancelled."""
        before = time.process_time()
        while True:
            await asyncio.sleep(TICK)
            now = time.process_time()
            self.longest = max(self.longest, now - before)
            before = now


async def stall(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call in another process returns, and the longest stall in milliseconds."""
    ticks = Ticks()
    task = asyncio.create_task(ticks.count())
    try:
        answer = await call()
        # What the request leaves behind is freed as well.
        await asyncio.sleep(0.05)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return answer, ticks.longest * 1000


async def prepare(server: InProcess) -> None:
    """Make admission look at Pods: their security, ranges and quotas."""
    labels = {f"pod-security.kubernetes.io/{mode}": "baseline" for mode in ("enforce", "warn")}
    await server.ask(
        "PATCH", NAMESPACE, {"metadata": {"labels": labels}}, "application/merge-patch+json"
    )
    limits = [{"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"memory": "1"}},
              {"type": "Pod", "max": {"cpu": "1e9"}}]  # fmt: skip
    await server.ask(
        "POST", f"{NAMESPACE}/limitranges", {"metadata": {"name": "r"}, "spec": {"limits": limits}}
    )
    await _define(server)
    hard = {"pods": "9", "requests.cpu": "1e9", "limits.memory": "1e18"}
    await server.ask(
        "POST", f"{NAMESPACE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}}
    )


async def _define(server: InProcess) -> None:
    rule = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "pattern": "^[a-z0-9]+$"},
            "number": {"type": "integer"},
        },
    }
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    properties = {
        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "rules": {"type": "array", "items": rule, **keyed},
    }
    schema = {"openAPIV3Schema": {"type": "object", "properties": properties}}
    spec = {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    await server.ask("POST", path, {"metadata": {"name": "things.example.com"}, "spec": spec})
    async with asyncio.timeout(SERVED_WITHIN):
        while (await server.ask("GET", THINGS)).status != 200:
            await asyncio.sleep(TICK)


async def measure(words: list[str]) -> None:
    """Print the table."""
    loop = asyncio.get_running_loop()
    with (
        tempfile.TemporaryDirectory() as directory,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as client,
    ):
        async with server_in_process(Path(directory), WITHOUT_ACCOUNTS) as server:
            await prepare(server)
            freeze_memory()
            for path in dict.fromkeys(path for _, path, _ in shapes()):
                # What is imported and compiled with the first request of a kind is not counted.
                for case in (*_of_shape("one text", path), *_of_shape("one text", path)):
                    await loop.run_in_executor(client, send, server.url, case, {})
            for case in cases(words):
                for headers in ({}, {"User-Agent": "curl"}) if case.method == "GET" else ({},):
                    ask = partial(loop.run_in_executor, client, send, server.url, case, headers)
                    began = time.monotonic()
                    (status, size), longest = await stall(ask)
                    mark = "  OVER" if longest > BUDGET_MS else ""
                    print(
                        f"{case.shape:26} {case.verb:16} {status} {size:9} "
                        f"{longest:7.1f} ms of {time.monotonic() - began:5.1f} s{mark}",
                        flush=True,
                    )


if __name__ == "__main__":
    uvloop.run(measure(sys.argv[1:]))
